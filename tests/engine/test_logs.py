"""Logs: the lines that a job prints and logs land in that job, from every runner."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import trio

import jobactors as ja


def speak() -> None:
    """Say something in every way there is."""
    print("printed")
    print("complained", file=sys.stderr)
    logging.getLogger("library").warning("logged %d", 3)
    print("no end", end="")


async def speak_in_trio() -> None:
    """The same, in trio."""
    await trio.lowlevel.checkpoint()
    speak()


async def speak_in_asyncio() -> None:
    """The same, in asyncio."""
    await asyncio.sleep(0)
    speak()


@pytest.mark.parametrize(
    ("runner", "work"),
    [
        ("trio", speak_in_trio),
        ("thread", speak),
        ("process", speak),
        ("asyncio", speak_in_asyncio),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_everything_a_job_says_is_in_its_log(runner: str, work: object) -> None:
    """Prints, complaints, log records, and a last line without an end."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=runner).submit(work)  # type: ignore[arg-type, call-overload]
        with trio.fail_after(60):
            await job
    lines = job.logs().splitlines()
    for line in ("printed", "complained", "WARNING library: logged 3", "no end"):
        assert lines.count(line) == 1, lines
    assert job.snapshot().log_lines == len(job.log_lines())


async def test_neighbours_do_not_hear_each_other() -> None:
    """Each job has its own log; outside jobs nothing changes."""
    barrier = threading.Barrier(2)

    def say(word: str) -> None:
        for _ in range(50):
            print(word)
        barrier.wait()

    async with ja.open_jobs() as jobs:
        one, two = jobs.submit(say, "one"), jobs.submit(say, "two")
        await one
        await two
    assert one.logs() == "one\n" * 50
    assert two.logs() == "two\n" * 50


async def test_a_log_is_bounded_and_counts_what_was_cut() -> None:
    """The newest lines are kept."""

    def chatter() -> None:
        for number in range(1_000):
            print(f"line {number}")

    async with ja.open_jobs() as jobs:
        job = jobs.options(log_limit=100).submit(chatter)
        await job
    assert job.logs().endswith("line 998\nline 999\n")
    assert len(job.logs()) <= 100
    snapshot = job.snapshot()
    assert snapshot.log_lines == 1_000
    assert snapshot.log_cut == 1_000 - len(job.log_lines())
    assert job.logs(since=999) == "line 999\n"


async def test_a_carriage_return_overwrites_as_on_a_screen() -> None:
    """A bar drawn with carriage returns is one line: the last one."""

    def bar() -> None:
        for percent in (10, 50, 100):
            print(f"\r{percent} %", end="")
        print()

    async with ja.open_jobs() as jobs:
        job = jobs.submit(bar)
        await job
    assert job.logs() == "100 %\n"


async def test_a_jobs_own_threads_speak_for_it_when_bound() -> None:
    """``ja.bind_context``."""

    def work() -> None:
        thread = threading.Thread(target=ja.bind_context(print), args=("from a thread",))
        thread.start()
        thread.join()

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await job
    assert job.logs() == "from a thread\n"


def test_in_a_script_prints_also_go_where_they_would_have_gone() -> None:
    """And after the block the streams are what they were."""
    script = (
        "import sys, trio, jobactors as ja\n"
        "before = sys.stdout\n"
        "async def main():\n"
        "    async with ja.open_jobs() as jobs:\n"
        "        await jobs.run(print, 'hello')\n"
        "trio.run(main)\n"
        "print(sys.stdout is before)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "hello\nTrue\n"


def test_prints_of_jobs_at_once_do_not_share_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Each writes whole lines, in its order; what it leaves unfinished is a line of its own."""
    turns = [threading.Event() for _ in range(4)]

    def first() -> None:
        print("first: ", end="")
        turns[0].set()
        turns[1].wait()
        print("one line")
        print("shown", end="", flush=True)
        turns[2].set()
        turns[3].wait()
        print(" and left")

    def second() -> None:
        turns[0].wait()
        print("second: one line")
        turns[1].set()
        turns[2].wait()
        print("second: another")
        print("without an end", end="")

    async def main() -> None:
        async with ja.open_jobs() as jobs:
            one, two = jobs.submit(first), jobs.submit(second)
            await two
            turns[3].set()
            await one
            assert one.logs() == "first: one line\nshown and left\n"
            print("the program: ", end="")
            await jobs.run(print, "third")
            print("goes on")

    trio.run(main)
    assert capsys.readouterr().out.splitlines() == [
        "second: one line", "first: one line", "shown", "second: another", "without an end",
        " and left", "the program: ", "third", "goes on",
    ]  # fmt: skip


def test_warnings_and_records_that_cannot_be_formatted_are_kept() -> None:
    """In a script: pytest has ways of its own with both."""
    script = (
        "import logging, warnings, trio, jobactors as ja\n"
        "def work():\n"
        "    warnings.warn('careful')\n"
        "    logging.getLogger('library').warning('%d', 'no number')\n"
        "async def main():\n"
        "    async with ja.open_jobs() as jobs:\n"
        "        job = jobs.submit(work)\n"
        "        await job\n"
        "        assert 'UserWarning: careful' in job.logs(), job.logs()\n"
        "        assert 'not formatted' in job.logs(), job.logs()\n"
        "trio.run(main)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_threads_that_write_their_first_line_at_once_share_one_log() -> None:
    """The log is made for the first line, and nothing that is written meanwhile is lost."""
    together = threading.Barrier(4)

    def say(number: int) -> None:
        together.wait()
        sys.stdout.write(f"{number}\n")

    def work() -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(ja.bind_context(say), range(4)))

    async def main() -> None:
        async with ja.open_jobs() as jobs:
            for _ in range(50):
                job = jobs.submit(work)
                await job
                assert sorted(job.logs().split()) == ["0", "1", "2", "3"]

    trio.run(main)


async def test_a_job_that_says_one_line_and_nothing_else_is_heard() -> None:
    """The counter of lines is made for the first one, and counts it."""
    async with ja.open_jobs() as jobs:
        for work in (speak_once, speak_once_in_trio):
            job = jobs.submit(work)
            await job
            assert job.snapshot().log_lines == 1
            assert job.logs() == "once\n"


def speak_once() -> None:
    """Print a line, and report nothing."""
    print("once")


async def speak_once_in_trio() -> None:
    """The same in trio."""
    speak_once()


async def test_the_streams_of_one_capture_are_those_of_the_next() -> None:
    """A ``print`` of another thread may still be in them: were they let go, CPython would crash."""
    seen: list[object] = []
    for _ in range(2):
        async with ja.open_jobs():
            seen += [sys.stdout, sys.stderr]
    assert seen[0] is seen[2]
    assert seen[1] is seen[3]
