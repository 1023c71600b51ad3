"""Civil time: it may be set either way, and what waits for a moment notices."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from jobactors.engine.loop.clock import LONGEST_SLEEP, LoopClock, Reading, WallClock, next_sleep
from jobactors.testing import step_wall_clock

if TYPE_CHECKING:
    from trio.testing import MockClock

HOUR = 3600.0


# --- the decision ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "target", "seconds"),
    [
        (100, 100, 0),
        (100, 50, 0),
        (100, 100.5, 0.5),
        (100, 160, 60),
        (100, 1e9, 60),
        (100, math.inf, 60),
        (100, -math.inf, 0),
    ],
)
def test_the_next_piece_is_the_rest_or_a_minute(now: float, target: float, seconds: float) -> None:
    """Whichever is less."""
    assert next_sleep(now, target) == seconds


@settings(deadline=None)
@given(
    st.integers(-100_000, 100_000),
    st.lists(st.tuples(st.integers(0, 500), st.integers(-100_000, 100_000)), max_size=20),
)
def test_it_wakes_at_the_moment_or_within_a_minute_of_a_step(
    target: int, steps: list[tuple[int, int]]
) -> None:
    """Whatever the clock is set to meanwhile: never early, and late only by a step."""
    wall, loop = 0.0, 0.0
    ahead = sorted(steps)
    reached_at: float | None = 0.0 if target <= 0 else None
    for _ in range(20_000):
        seconds = next_sleep(wall, target)
        if seconds == 0:
            break
        end = loop + seconds
        while ahead and ahead[0][0] <= end:  # the clock is set while it sleeps
            at, step = ahead.pop(0)
            wall, loop = wall + max(0.0, at - loop) + step, max(loop, at)
            reached_at = loop if wall >= target else None
        wall, loop = wall + end - loop, end
        if wall >= target and reached_at is None:
            reached_at = loop
    assert wall >= target
    assert reached_at is not None
    assert loop - reached_at <= LONGEST_SLEEP


@pytest.mark.parametrize(
    ("wall", "loop", "step"),
    [
        (10, 10, 0),
        (10.9, 10, 0),
        (9.1, 10, 0),
        (3610, 10, 3600),
        (-3590, 10, -3600),
        (8000, 0, 8000),
    ],
)
def test_a_step_is_what_the_loop_did_not_see(wall: float, loop: float, step: float) -> None:
    """Less than a second is drift; a machine that slept looks like a clock set on."""
    earlier, later = Reading(1000.0, 50.0), Reading(1000.0 + wall, 50.0 + loop)
    assert earlier.step_until(later) == pytest.approx(step)


# --- on a virtual clock ------------------------------------------------------------------------


async def test_it_follows_the_loop_as_long_as_it_is_not_set(autojump_clock: MockClock) -> None:
    """From the present moment on."""
    loop_clock = LoopClock()
    clock = WallClock(loop_clock)
    assert clock.now() == loop_clock.now()
    assert abs(clock.now() - time.time()) < 60
    begun = clock.now()
    await trio.sleep(HOUR)
    assert clock.now() - begun == pytest.approx(HOUR)


async def test_a_moment_is_met(autojump_clock: MockClock) -> None:
    """However far it is."""
    clock = WallClock(LoopClock())
    at = clock.now() + 30 * 24 * HOUR
    assert await clock.sleep_until(at) == 0
    assert clock.now() == pytest.approx(at, abs=0.001)


async def test_a_clock_set_on_wakes_within_a_minute(autojump_clock: MockClock) -> None:
    """And how far it was set is told."""
    clock = WallClock(LoopClock())
    begun = trio.current_time()
    woke: list[tuple[float, float]] = []

    async def sleeper() -> None:
        step = await clock.sleep_until(clock.now() + 2 * HOUR)
        woke.append((step, trio.current_time() - begun))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleeper)
        await trio.sleep(610)
        step_wall_clock(3 * HOUR)
        await trio.sleep(61)
        [(step, after)] = woke
    assert step == pytest.approx(3 * HOUR)
    assert 610 <= after <= 670


async def test_a_clock_set_back_sleeps_longer(autojump_clock: MockClock) -> None:
    """The moment is a civil one, and comes later."""
    clock = WallClock(LoopClock())
    at, begun = clock.now() + 5 * 60, trio.current_time()
    steps: list[float] = []

    async def sleeper() -> None:
        steps.append(await clock.sleep_until(at))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleeper)
        await trio.sleep(60)
        step_wall_clock(-HOUR)
    assert steps == [pytest.approx(-HOUR)]
    assert trio.current_time() - begun == pytest.approx(65 * 60, abs=0.01)
    assert clock.now() == pytest.approx(at, abs=0.01)


async def test_a_moment_that_has_passed_is_a_cancel_point(autojump_clock: MockClock) -> None:
    """As any call that may wait."""
    clock = WallClock(LoopClock())
    begun = trio.current_time()
    for at in (clock.now(), clock.now() - HOUR, -math.inf):
        with trio.testing.assert_checkpoints():
            await clock.sleep_until(at)
    assert trio.current_time() == begun


async def test_a_sleep_is_cancelled_like_any_other(autojump_clock: MockClock) -> None:
    """Until a moment that never comes, too."""
    clock = WallClock(LoopClock())
    begun = trio.current_time()
    for at in (clock.now() + 100 * HOUR, math.inf):
        with trio.move_on_after(100) as scope:
            await clock.sleep_until(at)
        assert scope.cancelled_caught
    assert trio.current_time() - begun == pytest.approx(200)
    with pytest.raises(ValueError, match="not nan"):
        await clock.sleep_until(math.nan)


async def test_timestamps_do_not_follow_a_test_that_sets_the_clock(
    autojump_clock: MockClock,
) -> None:
    """Durations are the loop's."""
    loop_clock = LoopClock()
    clock = WallClock(loop_clock)
    begun = loop_clock.now()
    step_wall_clock(HOUR)
    step_wall_clock(HOUR)
    assert loop_clock.now() == begun
    assert clock.now() - begun == pytest.approx(2 * HOUR)
    assert await trio.to_thread.run_sync(clock.now) - begun == pytest.approx(2 * HOUR, abs=1)


async def test_all_wall_clocks_of_a_run_are_set_together(autojump_clock: MockClock) -> None:
    """Those that are made later, too: it is one civil time."""
    first = WallClock(LoopClock())
    step_wall_clock(HOUR)
    second = WallClock(LoopClock())
    assert first.now() == pytest.approx(second.now(), abs=1)
    assert second.now() - time.time() == pytest.approx(HOUR, abs=60)


def test_the_next_run_begins_anew() -> None:
    """A test leaves no clock set."""

    async def run(step: float) -> float:
        clock = WallClock(LoopClock())
        step_wall_clock(step)
        return clock.now() - time.time()

    for step in (HOUR, -HOUR):
        found = trio.run(run, step, clock=trio.testing.MockClock())
        assert found == pytest.approx(step, abs=60)


# --- on the machine's clock --------------------------------------------------------------------


async def test_it_is_the_machines_clock_outside_tests() -> None:
    """And it is never early."""
    clock = WallClock(LoopClock())
    at = time.time() + 0.02
    await clock.sleep_until(at)
    assert time.time() >= at
    assert clock.now() == pytest.approx(time.time(), abs=5)


async def test_no_test_sets_the_machines_clock() -> None:
    """It needs a virtual one."""
    with pytest.raises(RuntimeError, match="MockClock"):
        step_wall_clock(1)


async def test_a_step_of_the_machines_clock_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine has slept, or was set."""
    clock = WallClock(LoopClock())
    real, began = time.time, time.time()
    monkeypatch.setattr(time, "time", lambda: real() + (2 * HOUR if real() > began + 0.05 else 0))
    assert await clock.sleep_until(began + 0.1) == pytest.approx(2 * HOUR, abs=1)
