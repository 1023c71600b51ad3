"""A program that serves schedules until it is told to end, and where it takes its zone from."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest
import trio

import jobactors as ja
from jobactors.engine.loop.host_zone import host_zone
from tests.engine.scripts import Script

if TYPE_CHECKING:
    from pathlib import Path

SERVICE = """
    @ja.job("forever_index")
    async def index(folder):
        ja.save_checkpoint({{"folder": folder}})
        print("go")
        try:
            await trio.sleep(60)
        finally:
            print("cleaned up")

    async def main():
        async with ja.open_jobs(store={store!r}) as jobs:
            jobs.schedule("often", ja.every(seconds=0.2)).submit(index, "wiki")
            await jobs.forever()
            print("the body ends")
        print("the block has ended")

    trio.run(main)
"""


def test_ctrl_c_ends_a_service_cleanly_and_its_job_can_go_on(tmp_path: Path) -> None:
    """Without a traceback, and with the exit status of success."""
    store = str(tmp_path / "jobs.db")
    with Script(SERVICE.format(store=store)) as script:
        script.wait_for("go")
        script.send(signal.SIGINT)
        ended = script.end()
    assert ended.said == ["go", "cleaned up", "the body ends", "the block has ended"]
    assert (ended.code, ended.errors) == (0, "")
    _check_interrupted(store, "Ctrl-C")


def test_sigterm_ends_a_service_cleanly_and_its_job_can_go_on(tmp_path: Path) -> None:
    """By that signal, as it ends any block."""
    store = str(tmp_path / "jobs.db")
    with Script(SERVICE.format(store=store)) as script:
        script.wait_for("go")
        script.send(signal.SIGTERM)
        ended = script.end()
    assert ended.said == ["go", "cleaned up"]
    assert (ended.code, ended.errors) == (-signal.SIGTERM, "")
    _check_interrupted(store, "its program was told to end (SIGTERM)")


def _check_interrupted(store: str, reason: str) -> None:
    """Its occurrence is settled once, by this job, which has its checkpoint."""

    async def index(folder: str) -> object:
        return ja.current_job().checkpoint

    async def check() -> None:
        async with ja.open_jobs(store=store) as jobs:
            (job,) = jobs.list()
            assert (job.state, job.reason) == ("interrupted", reason)
            schedule = jobs.schedules()["often"]
            assert (schedule.state().runs, schedule.state().standing) == (1, "resting")
            submitted = [row for row in schedule.history() if row.kind == "submitted"]
            assert [(row.job_id, row.at) for row in submitted] == [(job.id, job.info.occurrence)]
            ja.job("forever_index")(index)
            jobs.get(job.id).resume()
            assert await jobs.get(job.id) == {"folder": "wiki"}

    trio.run(check)


async def test_a_body_that_waits_goes_on_when_the_jobs_are_closed() -> None:
    async with ja.open_jobs() as jobs, trio.open_nursery() as nursery:
        assert repr(jobs.forever()) == "<Forever, still serving>"
        nursery.start_soon(jobs.close)
        await jobs.forever()
        assert repr(jobs.forever()) == "<Forever, over>"


def test_a_thread_waits_for_the_end_too() -> None:
    jobs = ja.start(store=None)
    with pytest.raises(TimeoutError, match="still serves"):
        jobs.forever().result(timeout=0.01)
    ja.stop()
    jobs.forever().result(timeout=60)


async def test_waiting_in_the_loop_itself_is_refused() -> None:
    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.WrongThread, match=r"await jobs\.forever"):
            jobs.forever().result()


# --- the zone of the machine ---------------------------------------------------------------------


def test_the_zone_is_that_of_the_environment_before_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for value in ("Asia/Tokyo", ":Asia/Tokyo"):
        monkeypatch.setenv("TZ", value)
        assert host_zone(tmp_path, tmp_path) == "Asia/Tokyo"


def test_the_zone_is_the_one_that_the_machine_links_to_or_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TZ", raising=False)
    database = tmp_path / "zoneinfo" / "Europe"
    database.mkdir(parents=True)
    (database / "Berlin").write_bytes(b"")
    link, name = tmp_path / "localtime", tmp_path / "timezone"
    link.symlink_to(database / "Berlin")
    name.write_text("America/New_York\n")
    assert host_zone(link, name) == "Europe/Berlin"
    link.unlink()
    assert host_zone(link, name) == "America/New_York"


def test_a_machine_without_a_name_for_its_zone_is_at_utc_or_has_to_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setattr(time, "daylight", 0)
    monkeypatch.setattr(time, "timezone", 0)
    assert host_zone(tmp_path / "none", tmp_path / "none") == "UTC"
    monkeypatch.setattr(time, "timezone", -3600)
    with pytest.raises(ValueError, match=r"no IANA key here.*zone=\"Europe/Berlin\""):
        host_zone(tmp_path / "none", tmp_path / "none")
