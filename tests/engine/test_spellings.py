"""The spellings that users try first: of futures, of collections, of times, of plain values."""

from __future__ import annotations

import asyncio
import gc
import json
import math
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

import jobactors as ja
from tests.engine.stored_jobs_samples import registered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


async def double(number: int) -> int:
    """Twice the number."""
    await trio.lowlevel.checkpoint()
    return 2 * number


def halve(number: int) -> float:
    """Half the number."""
    return number / 2


@pytest.fixture
def started() -> Iterator[ja.Jobs]:
    """Jobs beside this program."""
    jobs = ja.start(display=None)
    yield jobs
    ja.stop(0)


# -- as a block


def test_a_started_system_is_a_block_that_waits_for_its_jobs() -> None:
    """And is stopped then."""
    ended: list[int] = []
    with ja.start(display=None) as jobs:
        job = jobs.submit(ended.append, 1)
    assert ended == [1]
    assert job.state == "succeeded"
    assert repr(jobs) == "<Jobs closed>"


def test_a_block_that_raises_stops_its_jobs_at_once() -> None:
    """As a block of ``open_jobs`` does."""
    jobs = ja.start(display=None)
    job = jobs.submit(trio.sleep_forever)
    with pytest.raises(LookupError), jobs:
        raise LookupError
    assert job.state == "cancelled"


def test_a_block_may_have_stopped_its_system_already() -> None:
    """Then its end has nothing to do."""
    with ja.start(display=None):
        ja.stop()


async def test_the_jobs_of_a_trio_block_are_ended_by_that_block() -> None:
    """The error says so."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match="end with it"), jobs:
            pass


# -- as futures


async def test_a_job_is_done_once_it_has_ended() -> None:
    """``done()``, as futures have it."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(double, 1)
        assert not job.done()
        await job
        assert job.done()


def test_a_callback_is_called_once_in_a_thread_that_may_block(started: ja.Jobs) -> None:
    """Before the end, after it, and after that of the system."""
    called: list[tuple[str, str]] = []
    done = threading.Event()

    def note(job: ja.Job[float]) -> None:
        called.append((job.id, threading.current_thread().name))
        done.set()

    job = started.submit(halve, 4)
    job.add_done_callback(note)
    assert done.wait(30)
    done.clear()
    job.add_done_callback(note)  # it has ended
    assert done.wait(30)
    ja.stop()
    assert [job_id for job_id, _ in called] == [job.id, job.id]
    assert {thread for _, thread in called} == {f"on_done {job.id}"}
    job.add_done_callback(note)  # and so has its system
    assert called[-1] == (job.id, threading.current_thread().name)


async def test_an_async_callback_is_awaited_in_the_loop_and_one_may_be_taken_back() -> None:
    """The end of the block waits for it."""
    called: list[str] = []

    async def note(job: ja.Job[int]) -> None:
        await trio.lowlevel.checkpoint()
        called.append(job.id)

    async def never(job: ja.Job[int]) -> None:
        raise AssertionError(job)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(double, 1)
        job.add_done_callback(note)
        job.add_done_callback(never)
        assert job.remove_done_callback(never) == 1
        assert job.remove_done_callback(never) == 0
    assert called == [job.id]


async def test_a_callback_that_raises_costs_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged."""

    def broken(job: ja.Job[int]) -> None:
        raise ValueError(job.id)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(double, 1)
        job.add_done_callback(broken)
        assert await job == 2
    assert "ValueError" in caplog.text


def test_asyncio_waits_for_jobs(started: ja.Jobs) -> None:
    """``asyncio.wait`` gives jobs back."""

    async def main() -> None:
        one, two = started.submit(halve, 4), started.submit(trio.sleep_forever)
        done, pending = await asyncio.wait([one, two], return_when=asyncio.FIRST_COMPLETED)  # type: ignore[type-var]
        assert (done, pending) == ({one}, {two})
        two.cancel()
        done, pending = await asyncio.wait([one, two])  # type: ignore[type-var]
        assert (done, pending) == ({one, two}, set())

    asyncio.run(main())


# -- as a collection


async def test_jobs_are_counted_and_gone_through() -> None:
    """``len``, ``for`` and ``in``."""
    async with ja.open_jobs() as jobs:
        assert bool(jobs)
        assert len(jobs) == 0
        made = [jobs.submit(double, n) for n in range(3)]
        assert len(jobs) == 3
        assert list(jobs) == made
        assert made[0] in jobs
        assert made[0].id in jobs
        assert "double-1-none" not in jobs


async def test_a_filter_takes_several_states_and_a_function() -> None:
    """In every call that has a filter."""
    async with ja.open_jobs() as jobs:
        with registered(double=double):
            running = jobs.submit(trio.sleep_forever)
            queued = jobs.options(hold=True, subject="wiki").submit(double, 1)
            ended = jobs.options(subject="wiki").submit(halve, 1)
            await ended
            await trio.testing.wait_all_tasks_blocked()

            def ids(**wanted: Any) -> list[str]:
                return [snapshot.id for snapshot in jobs.list(**wanted)]

            assert ids(state=["queued", "running"]) == [running.id, queued.id]
            assert ids(state={ja.JobState.SUCCEEDED}) == [ended.id]
            assert ids(type=double) == ids(type="double") == [queued.id]
            assert ids(type=halve) == [ended.id]
            assert [job.id for job in jobs.select(type=trio.sleep_forever)] == [running.id]
            latest = jobs.latest(halve, "wiki")
            assert latest is not None
            assert latest.id == ended.id
            assert [s.id for s in jobs.history(state=["succeeded", "failed"], type=halve)] == [
                ended.id
            ]
            assert ids(state="unfinished") == [running.id, queued.id]
            assert ids(state=["finished", "queued"]) == [queued.id, ended.id]
            assert [job.id for job in jobs.select(state="finished")] == [ended.id]
            assert [s.id for s in jobs.history(state="finished", type=halve)] == [ended.id]
            assert jobs.clear(type=double) == 0
            assert jobs.clear(type=halve, state=["succeeded"]) == 1
            with pytest.raises(ValueError, match="none is unfinished"):
                jobs.clear(state="unfinished")
            with pytest.raises(ValueError, match=r"'ended' is no state; .* unfinished, finished"):
                jobs.list(state=["queued", "ended"])
            with pytest.raises(TypeError, match="takes a state, or several"):
                jobs.list(state=3)  # type: ignore[arg-type]
            with pytest.raises(TypeError, match="name of a job type, or a function"):
                jobs.list(type=3)  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="none is queued"):
                jobs.history(state=["queued"])
        jobs.select().cancel()


async def test_the_jobs_at_work_are_one_call_and_a_cancel_takes_an_id() -> None:
    """``active``, ``cancel``, and numbers by name."""
    async with ja.open_jobs(max_running=1, resources={"gpu": 2}) as jobs:
        running = jobs.options(subject="wiki", resources="gpu").submit(trio.sleep_forever)
        queued = jobs.options(subject="films").submit(double, 1)
        await trio.testing.wait_all_tasks_blocked()
        assert [snapshot.id for snapshot in jobs.active()] == [running.id, queued.id]
        assert [snapshot.id for snapshot in jobs.active(subject="wiki")] == [running.id]
        assert (jobs.stats().running, jobs.stats().queued, jobs.stats().failed) == (1, 1, 0)
        assert jobs.resources().is_busy("gpu")
        assert not jobs.resources().is_busy("disk")
        assert jobs.cancel(running.id, "enough").reason == "enough"
        with pytest.raises(ja.UnknownJob):
            jobs.cancel("double-1-none")
        await queued
        assert jobs.active() == []


# -- as plain values


async def test_a_snapshot_is_plain_values() -> None:
    """``to_dict``, ``dict(snapshot)``, and what JSON and data frames make of these."""

    class Patient:
        """Not JSON."""

    async with ja.open_jobs() as jobs:
        options: dict[str, Any] = {
            "tags": ["x"],
            "metadata": {"who": Patient(), "n": [1, 2]},
            "key": ("a", 1),
        }

        def report() -> None:
            ja.progress(1, math.inf, message="so far", rows=math.nan)

        job = jobs.options(**options).submit(report)
        await job
        plain = job.to_dict()
        assert json.loads(json.dumps(plain, allow_nan=False)) == plain
        assert dict(job.snapshot()) == plain == job.snapshot().to_dict()
        assert json.loads(json.dumps(job.snapshot(), default=dict)) == plain
        assert plain["id"] == job.id
        assert (plain["state"], plain["tags"], plain["key"]) == ("succeeded", ["x"], "('a', 1)")
        assert plain["metadata"] == {
            "who": f"{__name__}.{Patient.__qualname__}", "n": [1, 2]
        }  # fmt: skip
        assert (plain["done"], plain["total"], plain["counters"]) == (1, None, {"rows": None})
        assert isinstance(job.snapshot(), Mapping)
        assert set(job.snapshot()) == set(plain)
        assert job.snapshot()["name"] == "report"


async def test_the_names_of_metadata_become_text_whatever_they_are() -> None:
    """Their own code may raise."""

    class Nameless:
        """Has no text."""

        def __repr__(self) -> str:
            raise LookupError

        __str__ = __repr__

    async with ja.open_jobs() as jobs:
        metadata: Any = {7: "a", Nameless(): "b", ("x", 1): "c", "n": "d"}
        job = jobs.options(metadata=metadata, hold=True).submit(double, 1)
        plain = job.to_dict()["metadata"]
        assert json.loads(json.dumps(plain)) == plain
        assert plain == {
            "7": "a",
            f"a {__name__}.{Nameless.__qualname__} that has no repr": "b",
            "('x', 1)": "c",
            "n": "d",
        }
        job.cancel()


async def test_a_snapshot_tells_its_times_to_people() -> None:
    """As datetimes of the local zone."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(double, 1)
        assert job.snapshot().finished_time is None
        await job
        snapshot = job.snapshot()
        for at, time in (
            (snapshot.info.submitted_at, snapshot.submitted_time),
            (snapshot.started_at, snapshot.started_time),
            (snapshot.finished_at, snapshot.finished_time),
        ):
            assert at is not None
            assert time is not None
            assert time.timestamp() == pytest.approx(at, abs=1e-3)
            assert time.utcoffset() == datetime.fromtimestamp(at).astimezone().utcoffset()
        assert snapshot.due_time is None


async def test_an_update_reads_each_value_once() -> None:
    """An iterator is used up by that."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(hold=True).submit(double, 1)
        assert job.update(tags=iter(["a", "b"]), priority="high").info.tags == ("a", "b")
        assert jobs.get(job.id).snapshot().info.priority == 10
        job.release()


# -- times


def test_waits_in_threads_take_a_timedelta(started: ja.Jobs) -> None:
    """Wherever seconds are waited for."""
    soon = timedelta(milliseconds=1)
    job = started.submit(trio.sleep_forever)
    for wait in (job.result, job.exception, job.wait().result):
        with pytest.raises(TimeoutError):
            wait(soon)
    with pytest.raises(ja.NoAnswer):
        job.ask("?").result(soon)
    job.cancel()
    job.wait().result(timedelta(seconds=30))
    gc.collect()


def test_a_wait_in_a_thread_refuses_what_is_no_length_of_time(started: ja.Jobs) -> None:
    """At once, with what to write instead, and for a job that has ended as well."""
    job = started.submit(halve, 1)
    batch = started.map(halve, [1])
    future = started.as_executor().submit(halve, 1)
    reply = started.options(hold=True).submit(halve, 1).ask("?")
    stop_request = ja.current_job().wait_cancel_requested()
    inbox = ja.current_job().inbox
    waits: list[Callable[[Any], object]] = [
        job.result,
        job.exception,
        job.wait().result,
        batch.result,
        future.result,
        future.exception,
        reply.result,
        stop_request.result,
        inbox.receive_in_thread,
        lambda timeout: started.as_executor().map(halve, [1], timeout=timeout),
    ]
    for _ in range(2):
        for wait in waits:
            with pytest.raises(ValueError, match="not nan: None is as long as it takes"):
                wait(math.nan)
            with pytest.raises(TypeError, match="not '5': write a number"):
                wait("5")
        job.result(30)  # and once they have ended
        batch.result(30)
        future.result(30)
    started.select().cancel()


async def test_an_end_and_a_view_refuse_what_is_no_length_of_time() -> None:
    """And the jobs go on."""
    async with ja.open_jobs() as jobs:
        for wrong in (math.nan, -1):
            with pytest.raises(ValueError, match="grace is a number of seconds of at least 0"):
                await jobs.close(wrong)
            with pytest.raises(ValueError, match="grace is a number of seconds of at least 0"):
                ja.stop(wrong)
            with pytest.raises(ValueError, match="interval is a number of seconds of at least 0"):
                jobs.on_change(print, interval=wrong)
        assert await jobs.run(double, 1) == 2
        await jobs.close(timedelta(seconds=1))


async def test_an_inbox_is_drained_in_one_call() -> None:
    """It may be empty."""

    async def read() -> list[object]:
        inbox = ja.current_job().inbox
        return [inbox.drain(), inbox.drain(), inbox.unread]

    async with ja.open_jobs() as jobs:
        job = jobs.options(hold=True).submit(read)
        for message in ("a", "b"):
            job.tell(message)
        job.release()
        assert await job == [["a", "b"], [], 0]
