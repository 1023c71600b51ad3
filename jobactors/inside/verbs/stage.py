"""``stage``: named, weighted parts of one function's progress."""

from __future__ import annotations

from contextlib import ContextDecorator
from typing import TYPE_CHECKING, Any

from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.report.meter import StageFrame

if TYPE_CHECKING:
    from types import TracebackType

    from jobactors.inside.report.meter import Meter
    from jobactors.inside.signals.control import Control


def stage(label: str, weight: float = 50) -> Stage:
    """Make a block a stage: ``weight`` percent of what surrounds it.

    Progress reported inside counts for the stage, and its share is complete when the block ends
    normally; an exception leaves the share as it is, and passes.  So does a cancel of which the
    block was notified, see ``JobContext.cancel_requested``.  Stages may be nested.  Inside a
    tracked loop, or where progress was reported already, it is ``weight`` percent of the present
    item or unit.  Outside a job it does nothing.

    Args:
        label: Shown to people while the block runs.
        weight: Percent of the surrounding stage, or of the job; the weights side by side should
            add up to 100; default: 50.

    Raises:
        ValueError: for a weight that is no number above 0.

    Example::

        with ja.stage("download", weight=30):
            ...
        with ja.stage("index", weight=70):
            ...
    """
    return Stage(label, weight)


class Stage(ContextDecorator):
    """A block that is one stage of the job's progress; made by :func:`stage`, entered once.

    As a decorator it makes each call of a function a stage.
    """

    def __init__(self, label: str, weight: float) -> None:
        try:  # a number of any kind, such as numpy's
            is_percentage = weight > 0
        except TypeError:
            is_percentage = False
        if not is_percentage:
            raise ValueError(f"a stage's weight is a percentage above 0, not {weight!r:.100}")
        self._label = label
        self._weight = weight
        self._opened: tuple[Control, int, Meter, StageFrame, StageFrame] | None = None
        """The requests and how often their answer was given, the meter, the surrounding frame, and
        the stage's own, while the block runs in a job."""

    def __enter__(self) -> None:
        if self._opened is not None:
            raise RuntimeError(f"the stage {self._label!r} is open already: make a second one")
        context = CURRENT.get()
        if context is None:
            return
        meter = context._meter
        around = meter.frames[-1]
        if around.divisible and around.total is None and not around.done:
            # A level that holds stages is measured in percent, and is not what a person counts in.
            around.total, around.unit, around.counts = 100, "%", False
        worth = self._weight / 100 if around.counts else self._weight
        inside = StageFrame(self._label, worth=worth)
        meter.open(inside)
        control = context._control
        self._opened = control, control.answers, meter, around, inside

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        opened, self._opened = self._opened, None
        if opened is None:
            return
        control, answers, meter, around, inside = opened
        if kind is not None or control.answers != answers:
            meter.hold()  # a block that was told to stop, and returns, has not come to its end
        elif not around.counts:
            around.done += self._weight
        meter.close(inside)

    def _recreate_cm(self) -> Any:
        """Make a fresh stage for each call of a decorated function."""
        return Stage(self._label, self._weight)
