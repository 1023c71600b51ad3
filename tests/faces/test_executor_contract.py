"""What every executor promises, tried on the jobs' own and on the standard library's thread pool.

The thread pool stands beside it so that each sentence is true of Python, and not only of us.  Which
of CPython's own tests a sentence takes the place of is said in `test_cpython_executor.py`.
"""

from __future__ import annotations

import itertools
import logging
import math
import re
import threading
import weakref
from concurrent import futures
from typing import TYPE_CHECKING, Any

import pytest

import jobactors as ja

from .test_executor import FAR, Gate, Thing, capture, make_thing

if TYPE_CHECKING:
    from collections.abc import Iterator

    Future = futures.Future[Any]
    Pool = futures.Executor

WAYS = [futures.ALL_COMPLETED, futures.FIRST_COMPLETED, futures.FIRST_EXCEPTION]


@pytest.fixture(params=["jobs", "threads"])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    """An executor of two workers."""
    if request.param == "threads":
        with futures.ThreadPoolExecutor(2) as threads:
            yield threads
        return
    yield ja.start(max_running=2).as_executor()
    ja.stop(math.inf)


@pytest.fixture
def gate() -> Iterator[Gate]:
    """A gate, opened at the end at the latest: a pool waits for its calls."""
    gate = Gate()
    yield gate
    gate.opened.set()


def running(pool: Pool, gate: Gate) -> list[Future]:
    """Return two running futures: nothing else begins until the gate is opened."""
    calls = [pool.submit(gate.stand, n) for n in range(2)]
    gate.wait_for(2)
    return calls


def good(pool: Pool) -> Future:
    """Return a future with a result."""
    future = pool.submit(int)
    futures.wait([future], FAR)
    return future


def bad(pool: Pool) -> Future:
    """Return a future with an exception."""
    future = pool.submit(divmod, 1, 0)
    futures.wait([future], FAR)
    return future


def cancelled(pool: Pool) -> Future:
    """Return a cancelled future of another executor, whose waiters were told."""
    del pool
    future: Future = futures.Future()
    future.cancel()
    future.set_running_or_notify_cancel()
    return future


# --- submit and map ---------------------------------------------------------------------------


def test_arguments_reach_the_function(pool: Pool) -> None:
    """Also under the names of submit's own parameters."""
    assert pool.submit(pow, 2, 8).result(FAR) == 256
    submit: Any = pool.submit
    assert submit(capture, 1, self=2, fn=3).result(FAR) == ((1,), {"self": 2, "fn": 3})
    for wrong in ({"fn": capture, "arg": 1}, {"arg": 1}):
        with pytest.raises(TypeError):
            submit(**wrong)


def test_map_is_the_builtin(pool: Pool) -> None:
    """With any number of iterables, the shortest of which ends it."""
    assert list(pool.map(pow, range(10), range(10))) == list(map(pow, range(10), range(10)))
    assert list(pool.map(pow, range(10), range(9), chunksize=3)) == [n**n for n in range(9)]
    assert list(pool.map(pow, [], [1])) == []
    assert list(pool.map(int)) == []


def test_map_raises_in_its_place(pool: Pool) -> None:
    """After what came before."""
    results = pool.map(divmod, [1, 1, 1, 1], [2, 3, 0, 5])
    assert [next(results), next(results)] == [(0, 1), (0, 1)]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(results) == []


def test_map_gives_up_in_time(pool: Pool, gate: Gate) -> None:
    """At the first result that is not there."""
    results = pool.map(lambda stands: stands and gate.stand(), [0, 1], timeout=0.05)
    with pytest.raises(TimeoutError):
        list(results)


def test_map_cancels_what_it_does_not_come_to(pool: Pool, gate: Gate) -> None:
    """The call waited for, and those after it."""
    calls = running(pool, gate)
    with pytest.raises(TimeoutError):
        next(pool.map(gate.stand, ["second", "third"], timeout=0))
    gate.opened.set()
    assert [call.result(FAR) for call in calls] == [0, 1]
    pool.shutdown()
    assert sorted(gate.calls) == [0, 1]


def test_map_submits_before_it_is_iterated(pool: Pool) -> None:
    """And nobody need iterate at all."""
    seen: list[int] = []
    pool.map(seen.append, range(10))
    pool.shutdown()
    assert sorted(seen) == list(range(10))


def test_results_of_map_are_free_when_their_user_lets_them_go(pool: Pool) -> None:
    """Nothing else holds one, be it for a moment: not the iterator, the future nor a thread."""
    for _ in range(20):
        for thing in pool.map(make_thing, range(10)):
            gone = threading.Event()
            weakref.finalize(thing, gone.set)
            del thing
            assert gone.wait(FAR)


def test_arguments_are_free_when_the_call_has_ended(pool: Pool) -> None:
    """Although the future was dropped, or just because of that."""
    thing = Thing()
    gone = threading.Event()
    weakref.finalize(thing, gone.set)
    pool.submit(thing.method)
    del thing
    assert gone.wait(FAR)


# --- map with a buffer: in Python from 3.14 on ------------------------------------------------


@pytest.fixture
def buffering() -> Iterator[Any]:
    """An executor whose `map` knows buffers: ours on every Python."""
    yield ja.start(max_running=2).as_executor()
    ja.stop(math.inf)


@pytest.mark.parametrize("wrong", ["foo", 2.0])
def test_a_buffer_that_is_no_integer_is_refused(buffering: Any, wrong: object) -> None:
    """At the call, not at the iteration."""
    with pytest.raises(TypeError, match="buffersize must be an integer or None"):
        buffering.map(str, range(4), buffersize=wrong)


@pytest.mark.parametrize("wrong", [0, -1])
def test_a_buffer_without_room_is_refused(buffering: Any, wrong: int) -> None:
    """Nothing could go through it."""
    with pytest.raises(ValueError, match="buffersize must be None or > 0"):
        buffering.map(str, range(4), buffersize=wrong)


@pytest.mark.parametrize("size", [1, 2, 4, 5])
def test_a_buffer_changes_no_result(buffering: Any, size: int) -> None:
    """Smaller or larger than the input, which may be several iterables, or none."""
    assert list(buffering.map(str, range(4), buffersize=size)) == ["0", "1", "2", "3"]
    assert list(buffering.map(pow, range(4), [2, 2, 2], buffersize=size)) == [0, 1, 4]
    assert list(buffering.map(str, [], buffersize=size)) == []
    assert list(buffering.map(str, buffersize=size)) == []


def test_a_buffer_takes_endless_input(buffering: Any) -> None:
    """One item more for each result that is taken out."""
    numbers = itertools.count()
    results = buffering.map(str, numbers, buffersize=2)
    assert next(numbers) == 2
    assert [next(results), next(results)] == ["0", "1"]
    assert next(numbers) == 5
    results.close()


def test_a_full_buffer_takes_no_more_input(buffering: Any) -> None:
    """However long it is not iterated over."""
    numbers = iter(range(4))
    buffering.map(str, numbers, buffersize=2)
    buffering.shutdown()
    assert next(numbers) == 2


# --- wait -------------------------------------------------------------------------------------


def test_the_same_future_twice_counts_once(pool: Pool, gate: Gate) -> None:
    """Both for wait and for as_completed, and an iterator will do."""
    future = running(pool, gate)[0]
    gate.opened.set()
    assert futures.wait([future, future], FAR) == ({future}, set())
    assert list(futures.as_completed(itertools.repeat(future, 3), FAR)) == [future]


def test_wait_for_the_first_returns_with_it(pool: Pool, gate: Gate) -> None:
    """Whether it ends now or has ended."""
    standing = pool.submit(gate.stand)
    gate.wait_for(1)
    for quick in (pool.submit(pow, 21, 2), good(pool), cancelled(pool)):
        both = [quick, standing]
        done, others = futures.wait(both, FAR, futures.FIRST_COMPLETED)
        assert (done, others) == ({quick}, {standing})


def test_wait_for_the_first_exception_returns_with_it(pool: Pool, gate: Gate) -> None:
    """Not with a success, and not with a cancelled one; also with one that has failed before."""
    standing = pool.submit(gate.stand)
    gate.wait_for(1)
    for failed in (pool.submit(divmod, 2, 0), bad(pool)):
        fine = [good(pool), cancelled(pool)]
        done, others = futures.wait([*fine, failed, standing], FAR, futures.FIRST_EXCEPTION)
        assert others == {standing}
        assert failed in done


@pytest.mark.parametrize("return_when", WAYS)
def test_wait_for_what_has_ended_returns_at_once(pool: Pool, return_when: str) -> None:
    """Whatever it waits for, and however it ended."""
    ended = {good(pool), bad(pool), cancelled(pool)}
    assert futures.wait(ended, 0, return_when) == (ended, set())


def test_wait_for_all_waits_for_the_last(pool: Pool, gate: Gate) -> None:
    """Together with those of other executors."""
    calls = {*running(pool, gate), cancelled(pool)}
    assert len(futures.wait(calls, 0.01).not_done) == 2
    gate.opened.set()
    assert futures.wait(calls, FAR) == (calls, set())


# --- as_completed -----------------------------------------------------------------------------


def test_as_completed_yields_what_has_ended_and_what_ends(pool: Pool, gate: Gate) -> None:
    """Each once."""
    ended = {good(pool), bad(pool), cancelled(pool)}
    calls = running(pool, gate)
    completed = futures.as_completed([*ended, *calls], FAR)
    assert {next(completed) for _ in range(3)} == ended
    gate.opened.set()
    assert set(completed) == set(calls)


def test_as_completed_says_how_many_are_missing(pool: Pool, gate: Gate) -> None:
    """When its time is over, after those that have ended."""
    ended = [good(pool), cancelled(pool)]
    completed = futures.as_completed([*ended, *running(pool, gate)], timeout=0)
    assert {next(completed), next(completed)} == set(ended)
    with pytest.raises(TimeoutError, match=re.escape("2 (of 4) futures unfinished")):
        next(completed)


def test_as_completed_holds_none_that_it_has_yielded(pool: Pool) -> None:
    """A result is free as soon as its user has done with it."""
    for future in futures.as_completed([pool.submit(make_thing, n) for n in range(10)], FAR):
        gone = threading.Event()
        weakref.finalize(future, gone.set)
        del future
        assert gone.wait(FAR)


# --- a future ---------------------------------------------------------------------------------


def test_a_future_tells_its_state(pool: Pool, gate: Gate) -> None:
    """Pending, running, cancelled, failed, succeeded; and shows it."""
    fine, failed, runs = good(pool), bad(pool), running(pool, gate)[0]
    pending, off = pool.submit(int), pool.submit(int)
    off.cancel()
    every = [pending, runs, off, failed, fine]
    assert [future.running() for future in every] == [False, True, False, False, False]
    assert [future.done() for future in every] == [False, False, True, True, True]
    assert [future.cancelled() for future in every] == [False, False, True, False, False]
    states = [re.sub(r"<\w+ at 0x[0-9a-f]+ |>", "", repr(future)) for future in every]
    assert states == [
        "state=pending",
        "state=running",
        "state=cancelled",
        "state=finished raised ZeroDivisionError",
        "state=finished returned int",
    ]


def test_only_a_pending_future_can_be_cancelled(pool: Pool, gate: Gate) -> None:
    """A second time is as good as the first."""
    fine, failed, runs = good(pool), bad(pool), running(pool, gate)[0]
    pending = pool.submit(int)
    assert [future.cancel() for future in (fine, failed, runs)] == [False, False, False]
    assert [pending.cancel(), pending.cancel()] == [True, True]


@pytest.mark.parametrize("ask", ["result", "exception"])
def test_an_outcome_that_is_not_there_in_time_is_a_timeout(
    pool: Pool, gate: Gate, ask: str
) -> None:
    """Pending or running; a cancelled one says so."""
    runs = running(pool, gate)[0]
    pending, off = pool.submit(int), pool.submit(int)
    off.cancel()
    for future in (runs, pending):
        with pytest.raises(TimeoutError):
            getattr(future, ask)(timeout=0)
    with pytest.raises(futures.CancelledError):
        getattr(off, ask)(timeout=0)


def test_an_outcome_is_there_for_all_that_ask(pool: Pool) -> None:
    """As often as they ask, without a wait."""
    fine, failed = good(pool), bad(pool)
    for _ in range(2):
        assert (fine.result(timeout=0), fine.exception(timeout=0)) == (0, None)
        assert isinstance(failed.exception(timeout=0), ZeroDivisionError)
        with pytest.raises(ZeroDivisionError):
            failed.result(timeout=0)


@pytest.mark.parametrize("ask", ["result", "exception"])
def test_who_waits_for_a_future_is_woken_by_its_cancel(pool: Pool, gate: Gate, ask: str) -> None:
    """From another thread, in the middle of the wait or before it."""
    running(pool, gate)
    pending = pool.submit(int)
    threading.Thread(target=pending.cancel).start()
    with pytest.raises(futures.CancelledError):
        getattr(pending, ask)(FAR)


def test_an_outcome_is_set_once(pool: Pool) -> None:
    """By the executor, and by nobody after it."""
    future = good(pool)
    for again in (future.set_result, future.set_exception):
        with pytest.raises(futures.InvalidStateError, match=r"FINISHED: <.*returned int>"):
            again(ValueError())
    assert future.result() == 0


# --- callbacks --------------------------------------------------------------------------------


def test_a_callback_is_called_once_with_its_future(pool: Pool, gate: Gate) -> None:
    """Whether the future succeeds, fails or is cancelled, later or before."""
    called: list[Future] = []
    all_called = threading.Semaphore(0)

    def callback(future: Future) -> None:
        called.append(future)
        all_called.release()

    ended = [good(pool), bad(pool)]
    calls = [*ended, *running(pool, gate), pool.submit(divmod, 1, 0), pool.submit(int)]
    for future in calls:
        future.add_done_callback(callback)
    assert called == ended
    assert calls[-1].cancel()
    assert called == [*ended, calls[-1]]
    gate.opened.set()
    for _ in calls:
        assert all_called.acquire(timeout=FAR)
    assert sorted(map(id, called)) == sorted(map(id, calls))


def test_a_callback_that_raises_is_logged(
    pool: Pool, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    """The next one is called all the same, and the outcome stands."""
    done = threading.Event()
    future = running(pool, gate)[0]
    with caplog.at_level(logging.ERROR, "concurrent.futures"):
        future.add_done_callback(lambda _: 1 // 0)
        future.add_done_callback(lambda _: done.set())
        gate.opened.set()
        assert done.wait(FAR)
        future.add_done_callback(lambda _: 1 // 0)
    assert [record.exc_info is not None for record in caplog.records] == [True, True]
    assert future.result(FAR) == 0


# --- shutdown ---------------------------------------------------------------------------------


def test_nothing_is_taken_after_a_shutdown(pool: Pool) -> None:
    """A second shutdown is no error, with or without a wait."""
    pool.shutdown(wait=False)
    pool.shutdown()
    for use in (lambda: pool.submit(int), lambda: pool.map(str, [1])):
        with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
            use()


def test_a_shutdown_waits_for_all_calls(pool: Pool) -> None:
    """Also for those of a map, and as the end of a block."""
    with pool:
        calls = [pool.submit(int) for _ in range(20)]
        pool.map(str, range(3))
    assert all(call.done() for call in calls)


@pytest.mark.parametrize("wait", [True, False])
def test_a_shutdown_cancels_what_has_not_begun_if_asked(pool: Pool, gate: Gate, wait: bool) -> None:
    """What runs goes on to its end."""
    calls = running(pool, gate)
    pending = [pool.submit(gate.stand) for _ in range(20)]
    closing = threading.Thread(target=pool.shutdown, args=(wait,), kwargs={"cancel_futures": True})
    closing.start()
    for future in pending:
        with pytest.raises(futures.CancelledError):
            future.result(FAR)
    gate.opened.set()
    closing.join(FAR)
    assert [call.result(FAR) for call in calls] == [0, 1]
    assert sorted(gate.calls) == [0, 1]
