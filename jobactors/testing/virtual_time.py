"""Sets the civil clock of a test that runs on trio's ``MockClock``."""

from __future__ import annotations

from typing import Any

import trio

from jobactors.engine.loop.clock import VirtualStep


def step_wall_clock(seconds: float) -> None:
    """Set the civil clock on, or back, as an administrator, NTP or a sleeping laptop would.

    Durations, timeouts and retries do not follow: they run on the loop's own clock.  What waits for
    a civil moment notices within a minute of the loop's time.

    Args:
        seconds: How far to set it on; below 0: back.

    Raises:
        RuntimeError: outside a trio loop that runs on a ``MockClock``: no test sets the clock of
            the machine.

    Example::

        async def test_an_hour_that_is_missing(autojump_clock):
            ja.testing.step_wall_clock(3600)
    """
    from trio.testing import MockClock

    clock: Any = trio.lowlevel.current_clock()
    if not isinstance(clock, MockClock):
        # Not a TypeError: nothing of a wrong type was given.
        raise RuntimeError(  # noqa: TRY004
            "the civil clock is set in a test only, on trio.testing.MockClock"
        )
    VirtualStep.of_this_run().seconds += seconds
