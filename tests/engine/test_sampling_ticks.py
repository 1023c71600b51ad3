"""Sampling ticks: one look at all jobs that have reported, ten times a second at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from jobactors.engine.records.event_bus import Bus
from jobactors.model.events import Event, JobFinished, JobLogged, JobProgressed

from .test_timers import open_timers

if TYPE_CHECKING:
    from trio.testing import MockClock

    from jobactors.engine.loop.timers import SamplingTicks, Timers


class Witness:
    """Notes when it is looked at, and may join the next tick or fail."""

    def __init__(
        self, ticks: SamplingTicks, *, again: int = 0, fails: bool = False, job_id: str = "job-1"
    ) -> None:
        self.looks: list[float] = []
        self.job_id = job_id
        self._ticks = ticks
        self._again = again
        self._fails = fails

    def look(self, now: float) -> None:
        """Note the time."""
        self.looks.append(now)
        if len(self.looks) <= self._again:
            self._ticks.join(self)
        if self._fails:
            raise ValueError("no")


async def test_who_joins_in_one_step_is_looked_at_in_one_round_at_once(
    autojump_clock: MockClock,
) -> None:
    """At the same moment, and once however often it joins."""
    async with open_timers() as (timers, clock):
        members = [Witness(timers.ticks) for _ in range(3)]
        for member in (*members, *members):
            timers.ticks.join(member)
        await trio.testing.wait_all_tasks_blocked()
        assert [member.looks for member in members] == [[clock.now()]] * 3


async def test_rounds_are_a_tenth_of_a_second_apart(autojump_clock: MockClock) -> None:
    """A source that joins in one joins the next; without a source none is held."""
    async with open_timers() as (timers, _clock):
        member = Witness(timers.ticks, again=3)
        timers.ticks.join(member)
        await trio.sleep(60)
        assert [at - member.looks[0] for at in member.looks] == pytest.approx([0, 0.1, 0.2, 0.3])


async def test_who_leaves_is_not_looked_at(autojump_clock: MockClock) -> None:
    """Until it joins again."""
    async with open_timers() as (timers, _clock):
        member = Witness(timers.ticks)
        timers.ticks.join(member)
        timers.ticks.leave(member)
        await trio.sleep(1)
        assert member.looks == []


async def looks_in_five_seconds(timers: Timers) -> float:
    """Let a source report without end; return the looks at it, the first and last second apart."""
    member = Witness(timers.ticks, again=1_000)
    timers.ticks.join(member)
    await trio.sleep(6)
    timers.ticks.leave(member)
    start = member.looks[0]
    return sum(0.5 < at - start < 5.5 for at in member.looks)


@pytest.mark.parametrize(
    ("kinds", "looks"),
    [(None, 5), ((JobFinished,), 5), ((), 50), ((JobProgressed,), 50), ((JobLogged, Event), 50)],
)
async def test_a_job_is_looked_at_ten_times_a_second_for_a_subscription_to_progress(
    autojump_clock: MockClock, kinds: tuple[type[Event], ...] | None, looks: int
) -> None:
    """And once a second without one, also after that one has left."""
    async with open_timers() as (timers, clock):
        bus = Bus(clock.now, timers.ticks)
        subscription = None if kinds is None else bus.subscribe(kinds)
        assert await looks_in_five_seconds(timers) == pytest.approx(looks, abs=1)
        if subscription is not None:
            bus.unsubscribe(subscription)
        assert await looks_in_five_seconds(timers) == pytest.approx(5, abs=1)


async def test_no_tick_is_held_in_which_nothing_is_looked_at(autojump_clock: MockClock) -> None:
    """A single job out of sight wakes the loop once a second, not ten times."""
    async with open_timers() as (timers, _clock):
        timers.ticks.show(())
        held: list[float] = []
        timers.ticks.held = lambda: held.append(trio.current_time())
        member = Witness(timers.ticks, again=1_000)
        timers.ticks.join(member)
        await trio.sleep(5.5)
        assert len(held) == len(member.looks) <= 7


async def test_each_job_out_of_sight_is_looked_at_within_a_second(
    autojump_clock: MockClock,
) -> None:
    """Whenever it reports, and however long there was nothing to look at."""
    async with open_timers() as (timers, clock):
        timers.ticks.show(())
        for turn in range(40):
            members = [Witness(timers.ticks, job_id=f"job-{turn}-{n}") for n in range(5)]
            reported = clock.now()
            for member in members:
                timers.ticks.join(member)
            await trio.sleep(1.001 + turn % 7 * 0.37)
            for member in members:
                assert len(member.looks) == 1
                assert member.looks[0] - reported <= 1.0001
