"""The conformance suite of runners: what :class:`jobactors.Runner` promises, tried on one."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import weakref
from typing import TYPE_CHECKING, Any, ClassVar

import trio

from jobactors.model.errors import JobCancelled, JobFailed, JobTimedOut
from jobactors.model.events import JobStarted
from jobactors.model.exception_tree import is_group, members_of
from jobactors.model.retry import Retry
from jobactors.model.runner_value import check_runner

from . import conformance_functions as functions
from .conformance_bench import (
    Bench,
    depth,
    kept_cancellation,
    logged_levels,
    raised_by,
    row,
    until,
)

if TYPE_CHECKING:
    from jobactors.engine.ports.runner import Runner

    from .conformance_functions import Colour


class RunnerConformance:
    """Derive a test class of this, and pytest runs the suite on your runner.

    Each row opens a system of its own beside a job that nothing may disturb, in real time, and
    fails after ``patience`` seconds instead of hanging.  The rows are plain functions: no plugin is
    needed, nor pytest itself (``unittest.TestCase`` mixes in as well).  What a runner cannot do is
    stated by attributes of the class; the rows for it are then not there at all.

    In ``conftest.py``, ``pytest.register_assert_rewrite("jobactors.testing")`` lets a failed row
    show its values.

    Example::

        class TestMyRunner(ja.testing.RunnerConformance):
            shares_memory = False

            def make_runner(self):
                return MyRunner(cluster)
    """

    functions: ClassVar[Colour] = "plain"
    """The functions it calls: "plain" ones, or ``async def`` for "trio" or "asyncio"."""
    shares_memory: ClassVar[bool] = True
    """Whether functions run in this process, so that arguments and results are the very objects."""
    pauses: ClassVar[bool] = True
    """Whether a function can stand still in ``ja.track``."""
    abandons: ClassVar[bool] = True
    """Whether it leaves a stuck attempt behind (``can_abandon``), or ends it by force."""
    patience: ClassVar[float] = 30.0
    """Seconds that one row may take."""

    def make_runner(self) -> Runner | str:
        """Return the runner, or the name of one of ours; called once for each row."""
        raise NotImplementedError(f"{type(self).__name__} is to return its runner here")

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        for name, test in vars(RunnerConformance).items():
            needs = getattr(test, "needs", "")
            if needs and not getattr(cls, needs):
                setattr(cls, name, None)
            elif needs and getattr(cls, name) is None:  # the class between cannot, this one can
                setattr(cls, name, test)

    # -- what it is

    @row()
    async def test_it_has_what_a_runner_has(self, bench: Bench) -> None:
        """Name, flags and an async ``run``; and it is shown by its name."""
        check_runner("make_runner()", bench.runner)
        job = bench.submit(functions.identity, 7)
        assert await job == 7
        assert job.snapshot().runner == bench.name

    @row()
    async def test_a_job_is_running_when_its_function_runs(self, bench: Bench) -> None:
        """It has started exactly once, and before its first line."""
        async with bench.recorded(JobStarted) as events:
            job = await bench.submit_waiting(functions.WAIT)
            assert job.state == "running", "its function runs: await attempt.started() before it"
            job.cancel()
            await job.wait()
        assert [event.job_id for event in events] == [job.id]
        assert job.snapshot().attempt == 1

    @row()
    async def test_many_jobs_run_at_once(self, bench: Bench) -> None:
        """One runner serves them all, and none gets another one's value."""
        jobs = [bench.submit(functions.identity, i) for i in range(20)]
        assert [await job for job in jobs] == list(range(20))

    # -- the ways to raise

    @row()
    async def test_a_waiter_gets_the_jobs_own_exception(self, bench: Bench) -> None:
        """With a note of where it was raised; time after time."""
        errors: list[Exception] = [
            ValueError("x"),
            ExceptionGroup("g", [ValueError("x"), OSError("y")]),
        ]
        if self.shares_memory:
            errors.append(functions.Uncopyable())
        for error in errors:
            job = bench.submit(functions.raise_, error)
            for _ in range(3):
                raised = await raised_by(job)
                assert type(raised) is type(error)
                assert raised is error or not self.shares_memory
                (note,) = raised.__notes__
                assert note.startswith(f"raised in job {job.id}:")
                assert "in raise_" in note
            assert job.state == "failed"

    @row()
    async def test_an_exception_arrives_whole_whatever_its_constructor_takes(
        self, bench: Bench
    ) -> None:
        """Its class, so that ``except`` and ``Retry(on=…)`` find it, and its attributes."""
        raised = await raised_by(bench.submit(functions.raise_coded, "hello", 12))
        assert isinstance(raised, functions.Coded)
        assert (str(raised), raised.code, raised.first_attempt) == ("hello", 12, 1)
        retry = Retry(max=2, base=0.001, on=(functions.Coded,))
        assert await bench.submit(functions.raise_coded, "hello", 12, retry=retry) == 2

    @row()
    async def test_causes_contexts_members_and_notes_arrive(self, bench: Bench) -> None:
        """Of groups, too."""
        raised = await raised_by(bench.submit(functions.raise_chained))
        assert is_group(raised)
        assert [repr(error) for error in members_of(raised)] == ["Coded('a')", "ValueError('b')"]
        assert raised.__notes__[0] == "a note"
        assert repr(raised.__cause__) == "Coded('second')"
        assert raised.__cause__ is not None
        assert repr(raised.__cause__.__context__) == "KeyError('first')"

    @row()
    async def test_a_waiter_gets_anything_else_wrapped(self, bench: Bench) -> None:
        """It would end the waiter's own process, generator or loop; so it arrives as JobFailed."""
        for error in _others():
            job = bench.submit(functions.raise_, error)
            raised = await raised_by(job)
            assert isinstance(raised, JobFailed)
            assert type(error).__name__ in str(raised)
            assert raised.__cause__ is error or not self.shares_memory
            assert job.state == "failed"

    @row(needs="shares_memory")
    async def test_a_cancellation_of_another_place_fails_its_job_alone(self, bench: Bench) -> None:
        """One that was kept and raised again is an error, and cancels nothing."""
        job = bench.submit(functions.raise_, await kept_cancellation())
        raised = await raised_by(job)
        assert isinstance(raised, JobFailed)
        assert "Cancelled" in str(raised)
        assert job.state == "failed"

    @row()
    async def test_an_exception_with_harmful_code_fails_its_job_alone(self, bench: Bench) -> None:
        """Its waiter gets an exception all the same, and never hangs."""
        for which in range(len(functions.HARMFUL)):
            job = bench.submit(functions.raise_harmful, which)
            assert (await job.wait()).state == "failed"
            assert isinstance(await trio.to_thread.run_sync(job.exception), Exception)

    @row()
    async def test_stop_iteration_is_a_failure(self, bench: Bench) -> None:
        """It would end a generator that waits; its cause is what the function raised."""
        raised = await raised_by(bench.submit(functions.raise_, StopIteration("x")))
        assert isinstance(raised, JobFailed)
        assert isinstance(raised.__cause__, StopIteration)
        assert raised.__cause__.value == "x"

    @row(needs="shares_memory")
    async def test_frames_are_let_go(self, bench: Bench) -> None:
        """A failure that is not read keeps no data alive."""

        class Data:
            """Something large."""

        kept: list[weakref.ref[Data]] = []

        def fail() -> None:
            data = Data()
            kept.append(weakref.ref(data))
            raise ValueError

        job = bench.submit(fail)
        assert (await job.wait()).state == "failed"
        gc.collect()
        # Else the runner, or a context it has kept, holds the frames.  The system lets them go in a
        # thread of its own, a moment later.
        await until(lambda: kept[0]() is None)

    @row()
    async def test_traceback_notes_do_not_grow(self, bench: Bench) -> None:
        """Fifty readers later the exception is as long as at first."""
        job = bench.submit(functions.raise_, ValueError("x"))
        seen = set[tuple[int, int]]()
        for _ in range(50):
            raised = await raised_by(job)
            seen.add((depth(raised), len(raised.__notes__)))
        assert len(seen) == 1

    # -- the ways to return

    @row()
    async def test_a_result_arrives_whatever_it_is(self, bench: Bench) -> None:
        """An exception is a value like any other."""
        for value in (None, bytes(10_000_000), {"a": [1]}, "text"):
            result = await bench.submit(functions.identity, value)
            assert result == value
            assert result is value or not self.shares_memory
        assert isinstance(await bench.submit(functions.identity, ValueError("x")), ValueError)

    @row(needs="shares_memory")
    async def test_a_result_is_the_very_object(self, bench: Bench) -> None:
        """One that cannot be copied, too."""
        for value in (threading.Lock(), object()):
            assert await bench.submit(functions.identity, value) is value

    @row()
    async def test_a_partial_result_is_kept(self, bench: Bench) -> None:
        """``return ja.cancelled(x)`` ends as cancelled and keeps what there is."""
        job = bench.submit(functions.return_partial)
        raised = await raised_by(job)
        assert isinstance(raised, JobCancelled)
        assert raised.partial == [1, 2]
        outcome = job.snapshot().outcome
        assert outcome is not None
        assert outcome.value == [1, 2]

    # -- cancel, pause, timeout, abandon

    @row()
    async def test_a_cancel_ends_the_job(self, bench: Bench) -> None:
        """The waiter gets the reason."""
        job = await bench.submit_waiting(functions.WAIT)
        job.cancel("enough")
        raised = await raised_by(job)
        assert isinstance(raised, JobCancelled)
        assert "enough" in str(raised)

    @row()
    async def test_a_return_after_a_swallowed_cancel_is_cancelled(self, bench: Bench) -> None:
        """It was notified of the cancel: it has stopped, and its value is a partial result."""
        job = await bench.submit_waiting(functions.SWALLOW)
        job.cancel("enough")
        raised = await raised_by(job)
        assert isinstance(raised, JobCancelled)
        assert raised.partial == "swallowed"
        assert job.snapshot().explanation == "enough (it stopped when told)"

    @row()
    async def test_a_return_after_a_polite_question_is_cancelled(self, bench: Bench) -> None:
        """A library that asks ``cancel_checker``, saves and returns; what it has saved is kept."""
        job = await bench.submit_waiting(functions.POLL, "partial")
        job.cancel("enough")
        raised = await raised_by(job)
        assert isinstance(raised, JobCancelled)
        assert raised.partial == "partial"
        (checkpoint,) = bench.jobs.checkpoints(job.snapshot().type)
        assert checkpoint.value == {"rows": 7}

    @row()
    async def test_a_job_can_say_that_it_has_finished_all_the_same(self, bench: Bench) -> None:
        """``return ja.succeeded(value)``, after a cancel, too."""
        job = await bench.submit_waiting(functions.POLL, "whole")
        job.cancel("enough")
        assert await job == "whole"
        assert job.snapshot().explanation == "it was told to stop, and has finished all the same"

    @row()
    async def test_a_job_that_never_looks_has_succeeded(self, bench: Bench) -> None:
        """A cancel is never faked."""
        job = await bench.submit_waiting(functions.FINISH, str(bench.release))
        job.cancel("enough")
        bench.release.touch()
        assert await job == "finished"
        assert job.snapshot().explanation == "it had finished before it looked"

    @row()
    async def test_a_cancel_before_the_first_line_is_honest(self, bench: Bench) -> None:
        """Submitted, but not yet running: it never runs a line."""
        job = bench.submit(functions.touch, str(bench.begun))
        job.cancel()
        assert (await job.wait()).state == "cancelled"
        assert not bench.begun.exists()

    @row(needs="pauses")
    async def test_a_paused_job_stands_still_and_goes_on(self, bench: Bench) -> None:
        """The function waits in its own ``track``; ``run`` is not notified."""
        job = await bench.submit_waiting(functions.WAIT)
        job.pause()
        await until(lambda: job.state == "paused")
        job.resume()
        await until(lambda: job.state == "running")
        job.pause()
        job.cancel("enough")
        assert isinstance(await raised_by(job), JobCancelled)

    @row()
    async def test_a_timeout_ends_the_job(self, bench: Bench) -> None:
        """As a cancel does, and it has failed."""
        job = await bench.submit_waiting(functions.WAIT, timeout=0.2)
        assert isinstance(await raised_by(job), JobTimedOut)
        assert job.state == "failed"

    @row(needs="abandons")
    async def test_a_stuck_attempt_does_not_hold_up_the_end(self, bench: Bench) -> None:
        """When the system closes it is left behind, or ended by force."""
        job = await bench.submit_waiting(functions.IGNORE, str(bench.release), grace=0.1)
        try:
            await bench.jobs.close()
            assert (await job.wait()).state == "cancelled"
        finally:
            bench.release.touch()

    # -- inside

    @row()
    async def test_the_code_sees_its_own_job(self, bench: Bench) -> None:
        """Id, name, subject and attempt."""
        job = bench.submit(functions.look_around, name="n", subject="wiki")
        assert tuple(await job) == (job.id, "n", "wiki", 1)

    @row()
    async def test_the_last_progress_is_delivered(self, bench: Bench) -> None:
        """However fast the job was."""
        last = (await bench.submit(functions.report_a_thousand).wait()).progress
        assert (last.done, last.total, last.unit) == (1000, 1000, "rows")
        assert (last.message, last.counters) == ("counting", {"odd": 500})

    @row()
    async def test_what_it_writes_is_in_its_log(self, bench: Bench) -> None:
        """All of it, when it has ended."""
        job = bench.submit(functions.write_a_line)
        await job
        assert job.logs() == "from the job\n"

    @row()
    async def test_a_second_attempt_finds_the_checkpoint_of_the_first(self, bench: Bench) -> None:
        """The second attempt has the number 2."""
        job = bench.submit(functions.fail_once, retry=Retry(max=2, base=0.001))
        attempt, checkpoint = await job
        assert (attempt, checkpoint) == (2, {"rows": 7})

    @row()
    async def test_nonsense_reports_hurt_nothing(self, bench: Bench) -> None:
        """The job goes on, and so does everything else."""
        with logged_levels() as levels:
            for which in range(len(functions.NONSENSE)):
                assert await bench.submit(functions.report_nonsense, which) == "done"
        assert levels <= {logging.ERROR}


def _others() -> list[BaseException]:
    """Make one of each kind that is no ``Exception``, or a group of such."""
    return [
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        asyncio.CancelledError(),
        BaseExceptionGroup("g", [KeyboardInterrupt(), ValueError()]),
        BaseException("bare"),
    ]
