"""A command as a job while another process owns its store: it is shown and cancelled there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

import jobactors as ja
from jobactors.hosts.guest_jobs import GOES_ON, MOST_GUESTS, Guest, Reception
from jobactors.stores.read_only import StoreView
from tests.engine.stored_jobs_samples import registered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PROGRAM = """
import sys, time
import jobactors as ja

def work(how):
    ja.current_job().write_log("a line of the command\\n", "out")
    for page in (1, 2, 3):
        time.sleep(0.3)  # as long as a silence takes: each is heard of by itself
        ja.progress(page, 10, f"page {page}", unit="pages", broken=1)
    if how in {"wait", "killed", "told to end"}:
        while True:
            time.sleep(0.01)
            ja.progress(3)
    if how == "ask":
        ja.current_job().cancel_event.wait(300)
        return {"success": False, "cancelled": True}
    if how == "input":
        sys.stdin.readline()
        ja.progress(4)
    if how == "fail":
        raise ValueError("no such page")
    return {"pages": 10}

print(ja.track_as_job(work, metadata={"how": sys.argv[1]})(sys.argv[1]))
"""


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[ja.Jobs]:
    """The owner of the store, as a notebook is."""
    path = tmp_path / "jobs.db"
    yield ja.start(store=path, display=None, unread_failures="ignore")
    ja.stop(0)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start commands, all of which end with the test."""
    commands: list[subprocess.Popen[str]] = []

    def start(how: str) -> subprocess.Popen[str]:
        store = {"JOBACTORS_AS_JOB": "1", "JOBACTORS_STORE": str(tmp_path / "jobs.db")}
        pipe = subprocess.PIPE
        command = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, how],
            env={**os.environ, **store}, stdin=pipe, stdout=pipe, stderr=pipe, text=True,
        )  # fmt: skip
        commands.append(command)
        return command

    yield start
    for command in commands:
        command.kill()
        command.communicate()


def shown(jobs: ja.Jobs, how: str) -> ja.Job[Any]:
    """The job that stands for a command, once it has reported."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for job in jobs:
            snapshot = job.snapshot()
            if snapshot.info.metadata.get("how") == how and snapshot.progress.done == 3:
                return job
        time.sleep(0.01)
    raise TimeoutError(f"{how} is not shown")


def test_commands_of_other_processes_are_jobs_of_the_owner_of_their_store(
    jobs: ja.Jobs, run: Callable[[str], subprocess.Popen[str]]
) -> None:
    """They report there, are cancelled from there, and end there as they end."""
    names = ("wait", "killed", "told to end", "ask", "fail", "succeed")
    commands = {how: run(how) for how in names}
    there = {how: shown(jobs, how) for how in names}
    wait = there["wait"]
    progress = wait.snapshot().progress
    assert (wait.info.type, wait.name, wait.state) == ("work", "work", "running")
    assert (progress.done, progress.total, progress.message) == (3, 10, "page 3")
    assert (progress.unit, progress.counters) == ("pages", {"broken": 1})
    assert "a line of the command" in wait.logs()

    for how in ("wait", "ask"):
        there[how].cancel("enough")
        assert there[how].wait().result(60).state == "cancelled"
    commands["told to end"].terminate()
    assert there["told to end"].wait().result(60).state == "cancelled"
    assert there["told to end"].snapshot().reason == "its program was told to end (SIGTERM)"
    commands["killed"].kill()
    with pytest.raises(ja.JobFailed, match="its process has ended without a word"):
        there["killed"].result(60)
    with pytest.raises(ja.JobFailed, match="ValueError: no such page"):
        there["fail"].result(60)
    assert there["succeed"].result(60) == {"pages": 10}

    said = {how: command.communicate(timeout=60) for how, command in commands.items()}
    assert "work: " in said["wait"][1]
    assert "enough" in said["wait"][1]
    assert "'cancelled': True" in said["ask"][0]  # it saw the request, and returned
    with pytest.raises(ja.JobCancelled) as caught:
        there["ask"].result(60)
    assert caught.value.partial == {"success": False, "cancelled": True}
    assert said["succeed"][0] == "{'pages': 10}\n"
    ends = {how: command.returncode for how, command in commands.items()}
    assert ends == {"wait": 1, "killed": -9, "told to end": -15, "ask": 0, "fail": 1, "succeed": 0}


def test_a_command_goes_on_alone_when_its_owner_has_ended(
    jobs: ja.Jobs, run: Callable[[str], subprocess.Popen[str]], tmp_path: Path
) -> None:
    """The owner does not wait for it; its row says so, also after the next opening."""
    command = run("input")
    job = shown(jobs, "input")
    ja.stop(60)
    assert (job.state, job.snapshot().reason) == (ja.JobState.INTERRUPTED, GOES_ON)
    with ja.start(store=tmp_path / "jobs.db", display=None) as again:
        assert again.get(job.id).snapshot().reason == GOES_ON
        assert again.resumable() == []
    out, err = command.communicate("go on\n", timeout=60)
    assert (command.returncode, out) == (0, "{'pages': 10}\n")
    assert "this one goes on alone" in err


def test_a_command_whose_process_is_killed_is_settled_when_its_store_is_opened_again(
    tmp_path: Path, run: Callable[[str], subprocess.Popen[str]]
) -> None:
    """Nothing can resume it, and no job type of its name is taken for it."""

    def work(how: str = "") -> None:
        raise AssertionError("the command is another thing")

    command = run("killed")
    wait_until_stored(tmp_path / "jobs.db")
    command.kill()
    command.wait(60)
    with registered(work=work):
        jobs = ja.start(store=tmp_path / "jobs.db", display=None, recover="auto")
        (job,) = jobs
        assert job.state is ja.JobState.CANCELLED
        assert job.snapshot().reason == "its process ended while it was running"
        assert jobs.resumable() == []
        ja.stop(0)


def wait_until_stored(path: Path) -> None:
    """Wait until a store, which is being made, holds a running job."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with suppress(ja.StoreError), StoreView(path) as view:
            if any(row.state == "running" for row in view.unfinished()):
                return
        time.sleep(0.05)
    raise TimeoutError("no job is stored")


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ({"verb": "report"}, "opens one job"),
        ({"verb": "open", "type": 3}, "opens one job"),
        ({"verb": "open", "type": "work", "options": {"name": 3}}, "name"),
    ],
)
def test_what_is_no_guest_is_refused(jobs: ja.Jobs, message: Mapping[str, Any], why: str) -> None:
    """With a sentence, and nothing is opened."""
    with pytest.raises((TypeError, ValueError), match=why):
        Guest(jobs, Reception()).answer(message)
    assert jobs.list() == []


def test_a_guest_can_only_report_numbers_and_texts_and_there_are_not_many_guests(
    jobs: ja.Jobs,
) -> None:
    """A job whose guest leaves has failed; its place is free again."""
    reception = Reception()
    guests = [Guest(jobs, reception) for _ in range(MOST_GUESTS)]
    hello = {"verb": "open", "type": "work", "options": {"retry": 3, "subject": "wiki"}}
    for guest in guests:
        guest.answer(hello)
    with pytest.raises(ValueError, match="shown already"):
        Guest(jobs, reception).answer(hello)
    for bad in ({"done": "3"}, {"done": True}, {"message": 3}):
        with pytest.raises(ValueError, match=r"are (numbers|texts)"):
            guests[0].answer({"verb": "report", "progress": bad})
    with pytest.raises(ValueError, match="a source and a text"):
        guests[0].answer({"verb": "report", "lines": ["a line"]})
    for guest in guests:
        guest.close()
    jobs.select().cancel()
    assert {job.wait().result(60).state for job in jobs} == {"failed"}
    guest = Guest(jobs, reception)
    job = jobs.get(guest.answer(hello)["id"])
    guest.answer({"verb": "end", "state": "succeeded", "result": 3})
    assert job.result(60) == 3
    guest.close()
