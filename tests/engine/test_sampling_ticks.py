"""Sampling ticks: one look at all jobs that have reported, ten times a second at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio

from .test_timers import open_timers

if TYPE_CHECKING:
    from trio.testing import MockClock

    from jobactors.engine.loop.timers import SamplingTicks


class Witness:
    """Notes when it is looked at, and may join the next tick or fail."""

    job_id = "job-1"

    def __init__(self, ticks: SamplingTicks, *, again: int = 0, fails: bool = False) -> None:
        self.looks: list[float] = []
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
