"""Rates: so many starts a period, in turn, beside capacities, and across restarts."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

import jobactors as ja
from jobactors.model.rate import Rate, RateWindow
from jobactors.model.stored_rows import DocumentRow, PutDocument
from tests.engine.stored_jobs_samples import registered

if TYPE_CHECKING:
    from trio.testing import MockClock

API = {"api": ja.Rate(2, per=10.0)}


async def work() -> None:
    await trio.lowlevel.checkpoint()


def starts(jobs: ja.Jobs, **which: Any) -> list[float]:
    """Return when jobs have started, from the first start on, in order."""
    times = sorted(one.started_at for one in jobs.list(**which) if one.started_at is not None)
    return [round(time - times[0], 3) for time in times]


async def test_no_more_jobs_start_in_a_period_than_the_rate_has(autojump_clock: MockClock) -> None:
    """Whether the earlier ones have ended or not."""
    async with ja.open_jobs(resources=API) as jobs:
        for _ in range(5):
            jobs.options(resources="api").submit(work)
    assert starts(jobs) == [0, 0, 10, 10, 20]


async def test_a_waiting_job_shows_when_its_turn_comes(autojump_clock: MockClock) -> None:
    async with ja.open_jobs(resources=API) as jobs:
        made = [jobs.options(resources="api").submit(work) for _ in range(7)]
        await trio.sleep(1)
        waits = [job.snapshot() for job in made[2:]]
        assert {(one.waiting, one.waits_for) for one in waits} == {("rate", ("api",))}
        begun = made[0].snapshot().started_at or 0
        assert [round((one.due or 0) - begun, 3) for one in waits] == [10, 10, 20, 20, 30]
        (state,) = jobs.resources()
        assert (state.name, state.capacity, state.per, state.used) == ("api", 2, 10.0, 2)
        assert (state.free, state.busy, state.holders) == (0, True, ())
        await made[2]
        assert made[2].snapshot().due is None


async def test_jobs_take_their_turns_in_order_within_their_priority(
    autojump_clock: MockClock,
) -> None:
    order: list[str] = []

    async def note(name: str) -> None:
        order.append(name)

    async with ja.open_jobs(resources={"api": ja.Rate(1, per=5)}) as jobs:
        for name in ("first", "second", "third"):
            jobs.options(resources="api").submit(note, name)
        jobs.options(resources="api", priority="high").submit(note, "urgent")
    assert order == ["first", "urgent", "second", "third"]


async def test_a_rate_and_a_capacity_are_needed_together(autojump_clock: MockClock) -> None:
    async with ja.open_jobs(resources={**API, "gpu": 1}) as jobs:
        for _ in range(3):
            jobs.options(resources={"api": 1, "gpu": 1}).submit(trio.sleep, 4)
        other = jobs.options(resources="gpu").submit(work)
        await trio.sleep(9)
        assert other.state == "succeeded"
    assert starts(jobs, type=trio.sleep) == [0, 4, 10]


async def test_a_running_job_acquires_from_a_rate_in_its_turn(autojump_clock: MockClock) -> None:
    """What it took comes back with time, and by no release."""
    taken: list[float] = []

    async def caller() -> None:
        context = ja.current_job()
        for _ in range(5):
            async with context.acquire("api"):
                taken.append(trio.current_time())

    async with ja.open_jobs(resources=API) as jobs:
        job = jobs.submit(caller)
        await trio.sleep(1)
        snapshot = job.snapshot()
        assert (snapshot.waiting, snapshot.waits_for) == ("rate", ("api",))
        await job
    assert [round(time - taken[0], 3) for time in taken] == [0, 0, 10, 10, 20]


async def test_each_attempt_takes_its_turn(autojump_clock: MockClock) -> None:
    began: list[float] = []

    async def flaky() -> None:
        began.append(trio.current_time())
        if len(began) < 3:
            raise ValueError("not yet")

    async with ja.open_jobs(resources={"api": ja.Rate(1, per=60)}) as jobs:
        await jobs.options(resources="api", retry=ja.Retry(base=1, jitter=0)).submit(flaky)
    assert [round(time - began[0], 3) for time in began] == [0, 60, 120]


async def test_a_job_that_will_not_wait_is_refused(autojump_clock: MockClock) -> None:
    async with ja.open_jobs(resources=API) as jobs:
        strict = jobs.options(resources={"api": 2}, on_busy="raise")
        await strict.submit(work)
        with pytest.raises(ja.ResourceBusy):
            strict.submit(work)
        await trio.sleep(10)
        await strict.submit(work)
        with pytest.raises(ja.TooMuch, match=r"at once: its rate is 2 in .*ja\.Rate\(3, per="):
            jobs.options(resources={"api": 3}).submit(work)


async def test_a_rate_counts_on_across_a_restart(autojump_clock: MockClock) -> None:
    """Of a store; another rate under its name, or none, is no trouble."""
    store = ja.MemoryStore()
    with registered(work=work):
        async with ja.open_jobs(store=store, resources=API) as jobs:
            for _ in range(2):
                await jobs.options(resources="api").submit(work)
            begun = jobs.list()[0].started_at or 0
            await trio.sleep(4)
        async with ja.open_jobs(store=store, resources=API) as jobs:
            third = jobs.options(resources="api").submit(work)
            await third
            assert round((third.snapshot().started_at or 0) - begun, 3) == 10
        async with ja.open_jobs(store=store) as jobs:
            await jobs.options(resources="api").submit(work)
        async with ja.open_jobs(store=store, resources={"api": ja.Rate(9, per=1)}) as jobs:
            await jobs.options(resources="api").submit(work)


async def test_what_a_store_has_of_a_rate_and_makes_no_sense_is_left_out(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    for value in ("{", "[]", '{"taken": 3}', '{"taken": ["now"]}'):
        store = ja.MemoryStore()
        store.open()
        store.apply([PutDocument(DocumentRow("rate", "api", value, 0.0))])
        store.close()
        async with ja.open_jobs(store=store, resources=API) as jobs:
            await jobs.options(resources="api").submit(work)
    assert caplog.text.count("what the rate 'api' has counted cannot be read") == 4


@settings(deadline=None)
@given(
    count=st.integers(1, 4),
    per=st.floats(0.5, 20),
    steps=st.lists(st.tuples(st.floats(0, 10), st.integers(1, 4)), max_size=40),
)
def test_in_no_period_more_units_are_taken_than_the_rate_has(
    count: int, per: float, steps: list[tuple[float, int]]
) -> None:
    """And the turn that is foretold is one at which the units are free."""
    window, now = RateWindow(Rate(count, per)), 0.0
    taken: list[float] = []
    for step, units in steps:
        now += step
        window.advance(now)
        if units <= window.free:
            window.take(units)
            taken += [now] * units
        elif units <= count:
            later = RateWindow(Rate(count, per))
            later.load(window.as_json())
            later.advance(window.turn_of(units) + 1e-6)
            assert later.free >= units
    for place in range(len(taken) - count):
        assert taken[place + count] - taken[place] >= per * (1 - 1e-9)


@pytest.mark.parametrize(
    ("count", "per", "error"),
    [
        (0, 1, ValueError),
        (1.5, 1, TypeError),
        (True, 1, TypeError),
        (1, 0, ValueError),
        (1, float("inf"), ValueError),
        (1, "s", TypeError),
    ],
)
def test_a_rate_is_checked_where_it_is_written(
    count: Any, per: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"Rate\("):
        ja.Rate(count, per)


def test_a_rate_among_the_needs_of_a_job_is_refused_with_the_cure() -> None:
    with pytest.raises(TypeError, match=r"where capacities are, ja.start\(resources=\{'api': Rate"):
        ja.Options(resources={"api": ja.Rate(5, per=1.0)})
