"""Tools for testing your own job functions, programs that use jobs, and runners.

A job function is a plain function, so most tests need nothing from here: call it.  These tools are
for what it says of itself (:func:`run_inside`), for what a system says of its jobs
(:func:`record_events`), and for what a runner of your own promises (:class:`RunnerConformance`).
Time-dependent programs are tested on trio's ``MockClock``: retries, timeouts and start times follow
it; the civil clock beside it can be set (:func:`step_wall_clock`).

Nothing here needs pytest to be imported; each tool is loaded when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .inside_job import Inside as Inside
    from .inside_job import run_inside as run_inside
    from .recorded_events import record_events as record_events
    from .runner_conformance import RunnerConformance as RunnerConformance
    from .virtual_time import step_wall_clock as step_wall_clock

_HOMES = {
    "Inside": "inside_job",
    "RunnerConformance": "runner_conformance",
    "record_events": "recorded_events",
    "run_inside": "inside_job",
    "step_wall_clock": "virtual_time",
}

__all__ = ["Inside", "RunnerConformance", "record_events", "run_inside", "step_wall_clock"]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value
