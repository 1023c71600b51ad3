"""The jobs as an executor.

The list of behaviours is that of CPython's own executor tests (`test_concurrent_futures`); where
the interpreter has these installed, `test_cpython_executor.py` runs them as they are.
"""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from concurrent import futures
from functools import partial
from typing import Any

import pytest
import trio

import jobactors as ja

FAR = 30.0  # seconds: never reached unless something hangs


class Gate:
    """Calls that stand until they are let through; counts those that have come."""

    def __init__(self) -> None:
        self.come = threading.Semaphore(0)
        self.opened = threading.Event()
        self.calls: list[Any] = []

    def stand(self, value: Any = None) -> Any:
        """Stand here until opened."""
        self.calls.append(value)
        self.come.release()
        assert self.opened.wait(FAR)
        return value

    def wait_for(self, count: int) -> None:
        """Wait until so many calls stand here."""
        for _ in range(count):
            assert self.come.acquire(timeout=FAR)


@pytest.fixture
def gate() -> Gate:
    """A closed gate."""
    return Gate()


def executor_of(jobs: ja.Submitter) -> ja.JobsExecutor:
    """The executor with its own type, which the engine does not know."""
    executor = jobs.as_executor()
    assert isinstance(executor, ja.JobsExecutor)
    return executor


class Thing:
    """Something that can be referred to weakly."""

    def method(self) -> None:
        """Do nothing."""


def make_thing(_: int) -> Thing:
    """Return a new thing."""
    return Thing()


def capture(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Return what it was called with."""
    return args, kwargs


def exit_now() -> None:
    """Raise what is no Exception."""
    raise SystemExit(3)


# --- submit -----------------------------------------------------------------------------------


def test_submit_returns_a_real_future_with_the_result(jobs: ja.Jobs) -> None:
    """What concurrent.futures and asyncio ask for is `isinstance`."""
    future = executor_of(jobs).submit(pow, 2, 8)
    assert isinstance(future, futures.Future)
    assert future.result() == 256
    assert future.done()
    assert future.exception() is None


def test_all_keywords_belong_to_the_function(jobs: ja.Jobs) -> None:
    """`self` and `fn` are ordinary argument names of somebody's function."""
    executor: Any = executor_of(jobs)
    assert executor.submit(capture, 1, self=2, fn=3).result() == ((1,), {"self": 2, "fn": 3})
    with pytest.raises(TypeError):
        executor.submit(fn=capture, arg=1)


def test_a_call_that_cannot_work_fails_in_its_future(jobs: ja.Jobs) -> None:
    """As in a thread pool, and otherwise than in `jobs.submit`, which refuses it."""
    future = executor_of(jobs).submit(pow, 1, 2, 3, 4, 5)
    with pytest.raises(TypeError):
        future.result()


def test_an_exception_is_the_one_the_function_raised(jobs: ja.Jobs) -> None:
    """It arrives as itself, with the job's traceback as a note."""
    future = executor_of(jobs).submit(divmod, 1, 0)
    error = future.exception()
    assert isinstance(error, ZeroDivisionError)
    assert "raised in job" in error.__notes__[0]
    with pytest.raises(ZeroDivisionError):
        future.result()


def test_what_is_no_exception_arrives_as_itself_too(jobs: ja.Jobs) -> None:
    """As in a thread pool; `job.result()` would wrap it."""
    assert isinstance(executor_of(jobs).submit(exit_now).exception(), SystemExit)


def test_a_stray_cancellation_of_an_event_loop_never_reaches_the_waiter(jobs: ja.Jobs) -> None:
    """Raised there, it would end the waiter's own loop."""

    def stray() -> None:
        raise asyncio.CancelledError

    assert isinstance(executor_of(jobs).submit(stray).exception(), ja.JobFailed)


def test_an_async_function_runs_in_trio(jobs: ja.Jobs) -> None:
    """The future holds what it returns, not a coroutine."""

    async def double(x: int) -> int:
        await trio.lowlevel.checkpoint()
        return 2 * x

    assert executor_of(jobs).submit(double, 21).result() == 42


def test_options_are_those_of_the_submitter(jobs: ja.Jobs) -> None:
    """`executor_of(jobs.options(…))` gives every job the same."""
    executor = executor_of(jobs.options(tags="pool", name="power"))
    assert executor.submit(pow, 2, 2).result() == 4
    assert [job.name for job in jobs.list(tag="pool")] == ["power"]


def test_a_job_is_named_after_its_function(jobs: ja.Jobs) -> None:
    """Not after what stands between it and the runner."""
    executor = executor_of(jobs)
    futures.wait([executor.submit(pow, 2, 2), executor.submit(partial(capture, 1))])
    assert [job.type for job in jobs.list()] == ["pow", "capture"]


def test_a_registered_type_keeps_its_own_options(jobs: ja.Jobs) -> None:
    """A type's job has its type, and its result can be found at the job as well."""

    @ja.job("face_double", label="Double")
    def double(x: int) -> int:
        return 2 * x

    future = executor_of(jobs).submit(double, 4)
    assert future.result() == 8
    assert (future.job.info.type, future.job.name) == ("face_double", "Double")
    assert future.job.result() == 8


def test_two_futures_of_one_unique_job_get_the_same_result(jobs: ja.Jobs, gate: Gate) -> None:
    """A second submit with the key of an unfinished job is that job."""
    executor = executor_of(jobs.options(key="one"))
    kind = ja.job("face_unique")(gate.stand.__func__)  # type: ignore[attr-defined]
    first, second = executor.submit(kind, gate, 5), executor.submit(kind, gate, 5)
    gate.opened.set()
    assert (first.result(), second.result()) == (5, 5)
    assert gate.calls == [5]


def test_a_retried_call_succeeds_in_its_one_future(jobs: ja.Jobs) -> None:
    """The future stays running between the attempts."""
    calls: list[int] = []

    def second_time() -> str:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("not yet")
        return "now"

    executor = executor_of(jobs.options(retry=ja.Retry(base=0)))
    assert executor.submit(second_time).result() == "now"
    assert len(calls) == 2


# --- map --------------------------------------------------------------------------------------


def test_map_yields_results_in_order(jobs: ja.Jobs) -> None:
    """As the builtin does; `chunksize` changes nothing."""
    executor = executor_of(jobs)
    expected = list(map(pow, range(10), range(10)))
    assert list(executor.map(pow, range(10), range(10))) == expected
    assert list(executor.map(pow, range(10), range(10), chunksize=3)) == expected


def test_map_raises_where_the_failed_call_is(jobs: ja.Jobs) -> None:
    """What came before it is yielded."""
    results = executor_of(jobs).map(divmod, [1, 1, 1, 1], [2, 3, 0, 5])
    assert [next(results), next(results)] == [(0, 1), (0, 1)]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_map_submits_before_it_is_iterated(jobs: ja.Jobs) -> None:
    """All calls are made even if nobody asks for the results."""
    finished: list[int] = []
    with executor_of(jobs) as executor:
        executor.map(finished.append, range(10))
    assert sorted(finished) == list(range(10))


def test_map_times_out_and_cancels_what_has_not_started(jobs: ja.Jobs, gate: Gate) -> None:
    """The call that was waited for and the ones after it never run."""
    jobs.scale(1)
    executor = executor_of(jobs)
    first = executor.submit(gate.stand, "first")
    gate.wait_for(1)
    results = executor.map(gate.stand, ["second", "third"], timeout=0)
    with pytest.raises(TimeoutError):
        next(results)
    gate.opened.set()
    assert first.result() == "first"
    executor.shutdown()
    assert gate.calls == ["first"]


# --- cancel -----------------------------------------------------------------------------------


def test_a_pending_future_can_be_cancelled_and_its_job_never_runs(
    jobs: ja.Jobs, gate: Gate
) -> None:
    """The job is cancelled with it, for everybody to see."""
    executor = executor_of(jobs)
    running = [executor.submit(gate.stand) for _ in range(2)]
    gate.wait_for(2)
    pending = executor.submit(gate.stand, "never")
    assert not pending.running()
    assert pending.cancel()
    assert pending.cancelled()
    with pytest.raises(futures.CancelledError):
        pending.result()
    with pytest.raises(futures.CancelledError):
        pending.exception()
    assert pending.job.state is ja.JobState.CANCELLED
    assert pending.cancel()  # a second time is no error
    gate.opened.set()
    executor.shutdown()
    assert [future.result() for future in running] == [None, None]
    assert "never" not in gate.calls


def test_a_running_future_cannot_be_cancelled(jobs: ja.Jobs, gate: Gate) -> None:
    """The answer is False, and the job goes on."""
    future = executor_of(jobs).submit(gate.stand, 1)
    gate.wait_for(1)
    assert future.running()
    assert not future.cancel()
    gate.opened.set()
    assert future.result() == 1
    assert not future.cancel()


def test_a_queued_job_that_somebody_cancels_is_a_cancelled_future(
    jobs: ja.Jobs, gate: Gate
) -> None:
    """A button on the board does what `future.cancel()` does."""
    executor = executor_of(jobs)
    running = [executor.submit(gate.stand) for _ in range(2)]
    pending = executor.submit(gate.stand)
    pending.job.cancel("a button")
    with pytest.raises(futures.CancelledError):
        pending.result(FAR)
    gate.opened.set()
    futures.wait(running)


def test_a_running_job_that_somebody_cancels_raises_job_cancelled(jobs: ja.Jobs) -> None:
    """A running future has no way to become cancelled."""
    begun = threading.Event()

    def endless() -> None:
        begun.set()
        while True:
            ja.current_job().check()

    future = executor_of(jobs).submit(endless)
    assert begun.wait(FAR)
    future.job.cancel("enough")
    with pytest.raises(ja.JobCancelled, match="enough"):
        future.result(FAR)
    assert not future.cancelled()


def test_waiters_of_a_cancelled_future_are_told(jobs: ja.Jobs, gate: Gate) -> None:
    """`wait` counts a cancelled future once it is notified, which nobody else would do."""
    executor = executor_of(jobs)
    running = [executor.submit(gate.stand) for _ in range(2)]
    pending = executor.submit(gate.stand)
    pending.cancel()
    assert futures.wait([pending], timeout=FAR).done == {pending}
    assert list(futures.as_completed([pending], timeout=FAR)) == [pending]
    gate.opened.set()
    futures.wait(running)


# --- wait and as_completed --------------------------------------------------------------------


def test_wait_for_all(jobs: ja.Jobs) -> None:
    """A failed one is done as well, and the same one twice counts once."""
    executor = executor_of(jobs)
    failed, done = executor.submit(divmod, 2, 0), executor.submit(pow, 2, 2)
    assert futures.wait([failed, done, done], FAR) == ({failed, done}, set())


def test_wait_for_the_first(jobs: ja.Jobs, gate: Gate) -> None:
    """It returns while another one still runs."""
    executor = executor_of(jobs)
    standing = executor.submit(gate.stand)
    gate.wait_for(1)
    quick = executor.submit(pow, 21, 2)
    done, waiting = futures.wait([quick, standing], FAR, futures.FIRST_COMPLETED)
    assert (done, waiting) == ({quick}, {standing})
    gate.opened.set()


def test_wait_for_the_first_exception(jobs: ja.Jobs, gate: Gate) -> None:
    """A success does not end this wait; a failure does."""
    executor = executor_of(jobs)
    standing = executor.submit(gate.stand)
    good = executor.submit(pow, 2, 2)
    assert good.result(FAR) == 4
    bad = executor.submit(divmod, 2, 0)
    done, waiting = futures.wait([standing, good, bad], FAR, futures.FIRST_EXCEPTION)
    assert (done, waiting) == ({good, bad}, {standing})
    gate.opened.set()


def test_wait_gives_up_in_time(jobs: ja.Jobs, gate: Gate) -> None:
    """What has not ended is reported as such."""
    future = executor_of(jobs).submit(gate.stand)
    assert futures.wait([future], timeout=0.01) == (set(), {future})
    with pytest.raises(TimeoutError):
        future.result(timeout=0.01)
    with pytest.raises(TimeoutError):
        next(futures.as_completed([future], timeout=0.01))
    gate.opened.set()


def test_many_futures_end_in_one_moment(jobs: ja.Jobs, gate: Gate) -> None:
    """No waiter is lost in the race of a hundred ends (CPython's issue 14406)."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        executor = executor_of(jobs)
        many = {executor.submit(gate.stand) for _ in range(100)}
        gate.opened.set()
        assert futures.wait(many, FAR).done == many
    finally:
        sys.setswitchinterval(before)


def test_as_completed_yields_each_once_in_the_order_of_the_ends(jobs: ja.Jobs, gate: Gate) -> None:
    """The one that stands comes last, however early it was submitted."""
    executor = executor_of(jobs)
    standing = executor.submit(gate.stand)
    gate.wait_for(1)
    quick = executor.submit(pow, 2, 2)
    completed = futures.as_completed([standing, quick, quick], FAR)
    assert next(completed) is quick
    gate.opened.set()
    assert list(completed) == [standing]


# --- callbacks --------------------------------------------------------------------------------


def test_a_callback_is_called_with_the_future_and_may_block(jobs: ja.Jobs, gate: Gate) -> None:
    """It runs in a worker thread, so it may even wait for another job of the same system."""
    executor = executor_of(jobs)
    seen: list[int] = []
    done = threading.Event()

    def then(future: futures.Future[int]) -> None:
        seen.append(executor.submit(pow, future.result(), 2).result(FAR))
        done.set()

    standing = executor.submit(gate.stand, 3)
    standing.add_done_callback(then)
    gate.opened.set()
    assert done.wait(FAR)
    assert seen == [9]


def test_a_future_can_be_awaited_in_asyncio(jobs: ja.Jobs) -> None:
    """`loop.run_in_executor` takes the executor as any other."""

    async def main() -> int:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(executor_of(jobs), pow, 2, 5)

    assert asyncio.run(main()) == 32


# --- nothing is kept alive --------------------------------------------------------------------


def test_neither_function_nor_arguments_outlive_the_call(jobs: ja.Jobs) -> None:
    """Although the finished job is still in the registry."""
    thing = Thing()
    gone = threading.Event()
    kept = weakref.ref(thing, lambda _: gone.set())
    executor_of(jobs).submit(thing.method)
    del thing
    assert gone.wait(FAR)
    assert kept() is None
    assert len(jobs.list()) == 1


def test_the_results_of_map_are_not_kept(jobs: ja.Jobs) -> None:
    """Once the caller lets go of one it is gone, although its job is still known."""
    for result in executor_of(jobs).map(make_thing, range(5)):
        gone = threading.Event()
        weakref.finalize(result, gone.set)
        del result
        gc.collect()
        assert gone.wait(FAR)


# --- shutdown ---------------------------------------------------------------------------------


def test_nothing_is_taken_after_shutdown(jobs: ja.Jobs) -> None:
    """The executor is shut, the jobs behind it are not."""
    executor = executor_of(jobs)
    executor.shutdown()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.submit(pow, 2, 5)
    assert jobs.submit(pow, 2, 5).result() == 32


def test_nothing_is_taken_after_the_jobs_have_closed() -> None:
    """The error is the one every executor raises."""
    executor = executor_of(ja.start())
    ja.stop()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        executor.submit(pow, 2, 5)


def test_shutdown_waits_for_all_futures(jobs: ja.Jobs) -> None:
    """Running and pending ones; and the block of `with` is the same."""
    with executor_of(jobs) as executor:
        submitted = [executor.submit(pow, 2, n) for n in range(20)]
    assert repr(executor) == "<JobsExecutor shut down, 0 unfinished>"
    assert all(future.done() for future in submitted)
    executor.shutdown()  # a second time is no error


def test_shutdown_cancels_what_has_not_started_if_asked(jobs: ja.Jobs, gate: Gate) -> None:
    """What runs is waited for, and ends by itself."""
    executor = executor_of(jobs)
    running = [executor.submit(gate.stand, n) for n in range(2)]
    gate.wait_for(2)
    pending = [executor.submit(gate.stand, n) for n in range(20)]
    executor.shutdown(wait=False, cancel_futures=True)
    assert all(future.cancelled() for future in pending)
    gate.opened.set()
    executor.shutdown()
    assert [future.result() for future in running] == [0, 1]


def test_shutdown_does_not_hang_on_a_future_just_cancelled(jobs: ja.Jobs) -> None:
    """CPython's issue 94440."""
    executor = executor_of(jobs)
    future = executor.submit(int)
    future.cancel()
    executor.shutdown()
    assert future.done()


def test_shutdown_without_waiting_lets_the_work_end(jobs: ja.Jobs, gate: Gate) -> None:
    """The jobs belong to the system, which lets them finish."""
    executor = executor_of(jobs)
    future = executor.submit(gate.stand, 7)
    executor.shutdown(wait=False)
    gate.opened.set()
    assert future.result(FAR) == 7


SCRIPT = """
import jobactors as ja, sys, atexit
@atexit.register
def last():
    try:
        executor.submit(id, None)
    except RuntimeError:
        print("runtime-error", flush=True)
def say(what):
    import time
    time.sleep(0.2)
    print(what, flush=True)
executor = ja.start().as_executor()
executor.submit(say, "apple").add_done_callback(lambda future: say("pear"))
executor.shutdown(wait=False)
"""


def test_a_script_that_ends_lets_its_calls_and_their_callbacks_end() -> None:
    """After that nothing is taken any more."""
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout.split() == ["apple", "pear", "runtime-error"]
    assert run.stderr == ""


# --- in the jobs' own loop --------------------------------------------------------------------


async def test_waiting_in_the_jobs_own_loop_is_refused_with_the_way_to_do_it() -> None:
    """It would wait for ever."""
    async with ja.open_jobs() as jobs:
        executor = executor_of(jobs)
        opened = trio.Event()
        future = executor.submit(opened.wait)
        with pytest.raises(ja.WrongThread, match=r"await future\.job"):
            future.result()
        with pytest.raises(ja.WrongThread, match=r"executor.shutdown\(\)"):
            executor.shutdown()
        opened.set()
        await future.job
    assert future.result() is None


async def test_a_failure_that_nobody_asks_for_is_not_lost() -> None:
    """It leaves the block, as that of any job; a future that was asked does not."""

    async def program() -> None:
        async with ja.open_jobs() as jobs:
            executor = executor_of(jobs)
            read, unread = executor.submit(divmod, 1, 0), executor.submit(divmod, 2, 0)
            await trio.to_thread.run_sync(read.exception)
            await unread.job.wait()

    with pytest.raises(ExceptionGroup) as caught:
        await program()
    assert len(caught.value.exceptions) == 1


def test_a_job_that_waits_for_a_future_gives_its_slot_to_it(jobs: ja.Jobs) -> None:
    """Otherwise a pool of one would wait for itself, as thread pools do."""
    jobs.scale(1)
    executor = executor_of(jobs)

    def outer() -> int:
        power: int = executor.submit(pow, 2, 3).result(FAR)
        return power

    assert executor.submit(outer).result(FAR) == 8
