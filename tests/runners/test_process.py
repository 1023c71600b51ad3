"""Process jobs: their arguments, their results, and their reports meanwhile."""

from __future__ import annotations

import logging
import os
import sys
import threading
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import psutil
import pytest
import trio

import jobactors as ja


def processes(jobs: ja.Jobs, **options: Any) -> ja.Submitter:
    """What the tests submit with."""
    return jobs.options(runner="process", **options)


# -- results


async def test_a_function_runs_in_a_process_and_a_session_of_its_own() -> None:
    """Neither Ctrl-C in the terminal nor an Interrupt of the kernel reaches it."""

    def where(x: int) -> tuple[int, int, int, int]:
        return x, os.getpid(), os.getpgrp(), os.getsid(0)

    async with ja.open_jobs() as jobs:
        x, pid, group, session = await processes(jobs).run(where, x=3)
    assert (x, group, session) == (3, pid, pid)
    assert pid != os.getpid()


async def test_a_child_loads_no_engine() -> None:
    """It starts quickly: the model, the inside of a job, cloudpickle."""

    def loaded() -> set[str]:
        for _ in ja.track(range(3)):
            pass
        return {name for name in sys.modules if name.startswith(("jobactors.engine", "trio"))}

    async with ja.open_jobs() as jobs:
        assert await processes(jobs).run(loaded) == set()


async def test_closures_and_classes_of_a_cell_travel_both_ways() -> None:
    """What comes back is an instance of the very class that was sent."""

    @dataclass(frozen=True)
    class Point:
        x: int

    offset = 5

    def move(point: Point) -> Point:
        return Point(point.x + offset)

    async with ja.open_jobs() as jobs:
        moved = await processes(jobs).run(move, Point(1))
    assert moved == Point(6)


async def test_the_job_knows_itself() -> None:
    """`current_job` has the same answers as in the parent."""

    def who() -> tuple[object, ...]:
        job = ja.current_job()
        return job.id, job.name, job.type, job.subject, job.attempt

    async with ja.open_jobs() as jobs:
        job = processes(jobs, name="Who?", subject="us").submit(who)
        assert await job == (job.id, "Who?", "who", "us", 1)


async def test_huge_arguments_and_results_stream() -> None:
    """Both ways are larger than any pipe."""
    size = 30_000_000
    async with ja.open_jobs() as jobs:
        back = await processes(jobs).run(lambda data: data[::-1], b"ab" * size)
    assert back == b"ba" * size


async def test_what_cannot_be_sent_fails_with_a_message_that_helps() -> None:
    """On the way there, on the way back, and when it is rebuilt."""

    class Grenade:
        def __reduce__(self) -> tuple[Any, ...]:
            return divmod, (1, 0)

    async with ja.open_jobs() as jobs:
        run = processes(jobs).run
        with pytest.raises(TypeError, match=r"cannot be sent to a process.*lock"):
            await run(print, threading.Lock())
        with pytest.raises(TypeError, match="of type generator, cannot be sent back from its"):
            await run(lambda: (x for x in "ab"))
        with pytest.raises(ZeroDivisionError) as caught:
            await run(Grenade)
        assert any("was rebuilt here" in note for note in caught.value.__notes__)
        with pytest.raises(ZeroDivisionError) as caught:
            await run(print, Grenade())
        assert any("rebuilt its function and arguments" in note for note in caught.value.__notes__)


async def test_an_async_function_is_refused_with_the_right_runner() -> None:
    """A coroutine cannot be sent back, and was not meant to be."""

    async def work() -> None: ...

    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match='runner="trio" or "asyncio"'):
            await processes(jobs).run(work)


async def test_a_partial_result_comes_back() -> None:
    """`cancelled(x)` means the same as in a thread."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.JobCancelled) as caught:
            await processes(jobs).run(lambda: ja.cancelled([1, 2]))
    assert caught.value.partial == [1, 2]


# -- exceptions


async def test_an_exception_arrives_as_itself_with_the_childs_traceback() -> None:
    """Its class is the one of this side, its frames are told as text."""

    class Broken(Exception):
        pass

    def deep() -> None:
        raise Broken("so it goes")

    def shallow() -> None:
        deep()

    async with ja.open_jobs() as jobs:
        job = processes(jobs).submit(shallow)
        with pytest.raises(Broken, match="so it goes") as caught:
            await job
        outcome = job.snapshot().outcome
    assert "in deep" in caught.value.__notes__[0]
    assert outcome is not None
    assert outcome.error is not None
    assert outcome.error.message == "so it goes"
    assert "in shallow" in outcome.error.traceback
    assert "process_child" not in outcome.error.traceback


async def test_of_an_exception_all_that_can_travel_arrives() -> None:
    """Its class is found by ``except``; what stays behind is named in a note."""

    class Locked(Exception):
        def __init__(self, number: int) -> None:
            super().__init__("hands off")
            self.lock: object = threading.Lock()
            self.number = number

    def locked() -> None:
        raise Locked(3)

    async with ja.open_jobs() as jobs:
        with pytest.raises(Locked, match="hands off") as caught:
            await processes(jobs).run(locked)
    assert (caught.value.number, caught.value.lock) == (3, "<_thread.lock>")
    stays, traceback = caught.value.__notes__
    assert stays.startswith("its lock could not be sent by its process: TypeError: ")
    assert "in locked" in traceback


async def test_an_exception_whose_class_cannot_travel_arrives_as_text() -> None:
    """Of a class that belongs to its process there is only the text."""

    def fail() -> None:
        lock = threading.Lock()

        class Here(Exception):
            def hold(self) -> object:
                return lock

        class Near(Here, KeyError): ...

        raise Here("hands off") if ja.current_job().attempt == 1 else Near("k")

    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.JobFailed, match="Here: hands off") as caught:
            await processes(jobs).run(fail)
        assert "in fail" in caught.value.__notes__[0]
        with pytest.raises(KeyError) as nearest:
            await processes(jobs, retry=ja.Retry(max=2, base=0.001)).run(fail)
        assert "Near, whose class could not be sent" in nearest.value.__notes__[0]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit])
async def test_what_would_end_a_program_ends_the_job_alone(kind: type[BaseException]) -> None:
    """It arrives wrapped, as from any other runner."""

    def leave() -> None:
        raise kind(3)

    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.JobFailed) as caught:
            await processes(jobs).run(leave)
    assert type(caught.value.__cause__) is kind


async def test_a_retry_gets_a_fresh_process() -> None:
    """Nothing is left of the attempt before."""

    def work() -> int:
        if ja.current_job().attempt == 1:
            os._exit(1)
        return ja.current_job().attempt

    async with ja.open_jobs() as jobs:
        again = ja.Retry(max=2, base=0.0, on=(ja.WorkerDied,))
        assert await processes(jobs, retry=again).run(work) == 2


# -- progress and output


async def test_the_last_progress_arrives() -> None:
    """However quickly the function ended after it."""

    def count() -> None:
        for n in range(1, 8):
            ja.progress(n, 10, message=f"number {n}", unit="rows", broken=2)

    async with ja.open_jobs() as jobs:
        job = processes(jobs).submit(count)
        await job
        progress = job.snapshot().progress
    assert (progress.done, progress.total, progress.unit) == (7, 10, "rows")
    assert (progress.message, progress.counters) == ("number 7", {"broken": 2})


async def test_progress_is_seen_while_the_job_runs() -> None:
    """A tracked loop says nothing itself: the child looks, and tells."""

    def loop() -> None:
        for _ in ja.track(range(10**9), label="round"):
            threading.Event().wait(0.001)

    async with ja.open_jobs() as jobs:
        job = processes(jobs).submit(loop)
        seen = set[float]()
        async with jobs.subscribe(ja.JobProgressed) as batches:
            async for batch in batches:
                told = [e.progress for e in batch if isinstance(e, ja.JobProgressed)]
                seen |= {progress.done for progress in told if progress.stages == ("round",)}
                if len(seen) >= 3:
                    break
        job.cancel()
        await job.wait()


async def test_numbers_that_are_no_plain_numbers_are_told_as_such() -> None:
    """Nothing of the child's own classes is loaded here for a progress bar."""

    def count() -> None:
        ja.progress(Fraction(1, 2), 2, part=Fraction(1, 4))  # type: ignore[arg-type]

    async with ja.open_jobs() as jobs:
        job = processes(jobs).submit(count)
        await job
        progress = job.snapshot().progress
    assert (progress.done, progress.fraction, progress.counters) == (0.5, 0.25, {"part": 0.25})


async def test_a_report_that_makes_no_sense_harms_nobody() -> None:
    """The function goes on, and its result arrives."""

    def nonsense() -> int:
        ja.progress(object(), 5, message=object())  # type: ignore[arg-type]
        ja.progress("many", 5, {1, 2})  # type: ignore[arg-type]
        return 1

    async with ja.open_jobs() as jobs:
        assert await processes(jobs).run(nonsense) == 1


async def test_printed_lines_are_not_lost(capsys: pytest.CaptureFixture[str]) -> None:
    """Both streams, a last line without its end included."""

    def talk() -> None:
        print("one\ntwo", end="")  # noqa: T201 - a job may print
        print("oh", file=sys.stderr)  # noqa: T201
        logging.getLogger("mine").warning("%s!", "careful")

    async with ja.open_jobs() as jobs:
        job = processes(jobs).submit(talk)
        await job
        lines = [(line.source, line.text) for line in job.log_lines()]
    assert lines == [
        ("out", "one"),
        ("err", "oh"),
        ("WARNING", "WARNING mine: careful!"),
        ("out", "two"),
    ]
    captured = capsys.readouterr()
    assert captured.out == "one\ntwo"
    assert captured.err == "oh\nWARNING mine: careful!\n"


async def test_very_much_output_waits_for_its_reader() -> None:
    """The child's queue is bounded; nothing is dropped."""
    lines: list[str] = []

    class Slow:
        def write(self, text: str) -> int:
            lines.append(text)
            return len(text)

        def flush(self) -> None: ...

    def chatter() -> None:
        for n in range(5000):
            print(n)  # noqa: T201

    async with ja.open_jobs() as jobs:
        before, sys.stdout = sys.stdout, Slow()
        try:
            await processes(jobs).run(chatter)
        finally:
            sys.stdout = before
    assert "".join(lines).split() == [str(n) for n in range(5000)]


# -- many


@pytest.mark.slow
async def test_a_hundred_jobs_leave_nothing_behind() -> None:
    """No descriptors, no threads that grow with the jobs, no processes, no zombies."""
    me = psutil.Process()

    async def some(count: int) -> None:
        async with ja.open_jobs(max_running=5) as jobs:
            each = [processes(jobs, fresh=n % 10 == 0).submit(os.getpid) for n in range(count)]
            assert count / 10 <= len({await job for job in each}) <= count

    await some(5)
    before, threads = (me.num_fds(), len(me.children(recursive=True))), _own_threads()
    await some(100)
    assert (me.num_fds(), len(me.children(recursive=True))) == before
    assert _own_threads() <= threads  # those that were idle meanwhile have gone


def _own_threads() -> int:
    # trio's cache keeps idle threads for ten seconds; they are not ours.
    return sum(t.name.startswith("jobactors") for t in threading.enumerate())


async def test_many_at_once_do_not_disturb_each_other() -> None:
    """Each conversation has its own socket, and closes those of the others in its child."""
    async with ja.open_jobs(max_running=8) as jobs:
        each = [processes(jobs).submit(lambda n: [n] * 50_000, n) for n in range(16)]
        with trio.fail_after(60):
            assert [(await job)[0] for job in each] == list(range(16))
