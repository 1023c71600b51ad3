"""Named, weighted parts of one function's progress."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobactors.inside.context.current import CURRENT
from jobactors.inside.report.meter import StageFrame

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def stage(label: str, weight: float = 50) -> Generator[None]:
    """Make a block a stage: ``weight`` percent of what surrounds it.

    Progress reported inside counts for the stage, and its share is complete when the block ends
    normally.  Stages may be nested.  Inside a tracked loop, or where progress was reported already,
    it is ``weight`` percent of the present item or unit.  Outside a job it does nothing.

    Args:
        label: What a person reads while the block runs.
        weight: Percent of the surrounding stage, or of the job; the weights side by side should
            add up to 100.

    Raises:
        ValueError: for a weight that is not above 0.

    Example::

        with ja.stage("download", weight=30):
            ...
        with ja.stage("index", weight=70):
            ...
    """
    if not weight > 0:
        raise ValueError(f"a stage's weight is a percentage above 0, not {weight!r}")
    context = CURRENT.get()
    if context is None:
        yield
        return
    meter = context.meter
    around = meter.frames[-1]
    if around.divisible and around.total is None and not around.done:
        # A level that holds stages is measured in percent, and is not what a person counts in.
        around.total, around.unit, around.counts = 100, "%", False
    inside = StageFrame(label, worth=weight / 100 if around.counts else weight)
    meter.open(inside)
    try:
        yield
        if not around.counts:
            around.done += weight
    finally:
        meter.close(inside)
