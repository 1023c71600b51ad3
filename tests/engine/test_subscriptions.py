"""``on_change``: the whole list, coalesced."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import trio
import trio.testing

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Sequence


async def test_the_whole_list_is_told_now_and_after_changes_at_most_once_an_interval(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The present state first, the last state always, nothing after it was ended."""
    told: list[tuple[float, list[str]]] = []

    async def note(snapshots: Sequence[ja.JobSnapshot]) -> None:
        told.append((trio.current_time(), [snapshot.state for snapshot in snapshots]))

    async with ja.open_jobs() as jobs:
        await jobs.run(trio.sleep, 1)
        end = jobs.on_change(note, interval=0.5)
        await jobs.map(trio.sleep, [0.01 * n for n in range(20)])
        await trio.sleep(1)
        heard = len(told)
        end()
        await jobs.run(trio.sleep, 1)
        await trio.sleep(1)
    times = [at for at, _ in told]
    assert told[0][1][0] == "succeeded"
    assert told[-1][1] == ["succeeded"] * 21
    assert len(told) == heard
    assert all(b - a >= 0.499 for a, b in itertools.pairwise(times))


async def test_the_last_state_is_told_although_the_interval_has_not_passed() -> None:
    """In a thread, and at the end of the system."""
    told: list[list[str]] = []

    def note(snapshots: Sequence[ja.JobSnapshot]) -> None:
        told.append([snapshot.state for snapshot in snapshots])

    async with ja.open_jobs() as jobs:
        jobs.on_change(note, interval=3600)
        jobs.submit(int, "7")
    assert told[-1] == ["succeeded"]
