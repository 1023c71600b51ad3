"""``track``: a loop that says how far it is, and can be cancelled and paused between two items.

Over a list, tuple or range the loop costs almost nothing, because no Python code runs an item: the
loop is handed the sequence's own C iterator.  Another thread reads ``__length_hint__`` to learn how
far it is, and cuts it short with ``__setstate__`` to cancel or pause; the loop then comes back here
for its next *segment*, which obeys, or goes on where the cut was made.

Reading the position and cutting must be one step: an item handed out between the two would be lost
or repeated.  One C call does both, and under the GIL nothing runs between (tried with two million
items and 150 cuts).  Where there is no GIL, a generator serves sequences too.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from functools import partial
from itertools import chain
from operator import call, length_hint
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from .context import CURRENT, Checkpoint
from .meter import Frame

if TYPE_CHECKING:
    from .control import Control
    from .meter import Meter

T = TypeVar("T")
_GIL: Final = getattr(sys, "_is_gil_enabled", lambda: True)()
_SEQUENCES: Final = (list, tuple, range)


def track(
    iterable: Iterable[T] | AsyncIterable[T],
    total: float | None = None,
    label: str | None = None,
    unit: str = "",
) -> Track[T]:
    """Iterate over ``iterable`` and let everybody see how far the loop is.

    Between two items a job in a thread can be cancelled and paused.  A trio job uses
    ``async for x in ja.track(…)`` for that, over ordinary and asynchronous iterables alike; a plain
    ``for`` in it shows progress and is cancelled at its next ``await``.  Loops may be nested: the
    inner one counts as a part of the outer one's present item.  Outside a job it only iterates.

    Args:
        iterable: What to go through.
        total: How many items there are; default: its length or length hint, if any.
        label: A name for the loop, shown while it runs.
        unit: What an item is: "rows", "files".

    Example::

        for row in ja.track(rows, unit="rows"):
            ...
    """
    return Track(iterable, total, label or "", unit)


class Track(Generic[T]):
    """What :func:`track` returns: iterable in both colours, each time from the start."""

    __slots__ = ("_iterable", "_label", "_total", "_unit")

    def __init__(
        self, iterable: Iterable[T] | AsyncIterable[T], total: float | None, label: str, unit: str
    ) -> None:
        if not isinstance(iterable, Iterable | AsyncIterable):
            raise TypeError(f"track() takes something to iterate over, not {iterable!r:.100}")
        self._iterable = iterable
        self._total = total
        self._label = label
        self._unit = unit

    def __len__(self) -> int:
        return len(cast("Any", self._iterable))

    def __iter__(self) -> Iterator[T]:
        iterable = self._iterable
        if not isinstance(iterable, Iterable):
            raise TypeError("this is an asynchronous iterable: use 'async for x in ja.track(…)'")
        context = CURRENT.get()
        if context is None:
            return iter(iterable)
        frame = self._frame()
        if _GIL and type(iterable) in _SEQUENCES and _length(iterable) is not None:
            segments = _Segments(cast("Any", iterable), frame, context.meter, context.control)
            return chain.from_iterable(segments.run())
        return _counted(iterable, frame, context.meter, context.control)

    async def __aiter__(self) -> AsyncIterator[T]:
        context = CURRENT.get()
        if context is None:
            async for item in _either(self._iterable):
                yield item
            return
        meter, control, frame = context.meter, context.control, self._frame()
        _enter(meter, frame)
        try:
            async for item in _either(self._iterable):
                await Checkpoint(control)
                yield item
                frame.done += 1
        finally:
            meter.close(frame)

    def _frame(self) -> Frame:
        total = _length(self._iterable) if self._total is None else self._total
        return Frame(self._label, total, self._unit)


def _length(iterable: object) -> int | None:
    try:
        known = length_hint(iterable, -1)
    except OverflowError:  # range(10**30) is longer than any length can say
        return None
    return None if known < 0 else known


async def _either(iterable: Iterable[T] | AsyncIterable[T]) -> AsyncIterator[T]:
    if isinstance(iterable, AsyncIterable):
        async for item in iterable:
            yield item
    else:
        for item in iterable:
            yield item


def _enter(meter: Meter, frame: Frame) -> None:
    meter.pausable = True
    meter.open(frame)


def _counted(iterable: Iterable[T], frame: Frame, meter: Meter, control: Control) -> Iterator[T]:
    """Go through anything iterable, counting in Python."""
    done = 0
    _enter(meter, frame)
    try:
        for item in iterable:
            if control.asked:
                control.obey()
            yield item
            done += 1
            frame.done = done
    finally:
        meter.close(frame)


class _Segments:
    """The pieces in which a sequence is handed out.

    ``_iterator`` and ``_position`` are written by the job's thread, and by ``cut`` in whichever
    thread asks; the cut is made in one step, so they agree.
    """

    __slots__ = ("_control", "_frame", "_iterator", "_meter", "_position", "_sequence")

    def __init__(
        self,
        sequence: list[Any] | tuple[Any, ...] | range,
        frame: Frame,
        meter: Meter,
        control: Control,
    ) -> None:
        self._sequence = sequence
        self._frame = frame
        self._meter = meter
        self._control = control
        self._iterator: Any = None
        self._position: int | None = 0
        """Where the next segment begins; None while a segment runs to the sequence's own end."""

    def run(self) -> Iterator[Iterator[Any]]:
        """Yield C iterators until the sequence is exhausted."""
        control, frame = self._control, self._frame
        frame.probe = self._done
        _enter(self._meter, frame)
        control.cutters.append(self.cut)
        try:
            while self._position is not None:
                seen = control.requests
                if control.asked:
                    control.obey()
                yield self._next_segment(seen)
            frame.probe, frame.done = None, len(self._sequence)
        finally:
            control.cutters.remove(self.cut)
            self._meter.close(frame)

    def _next_segment(self, seen: int) -> Iterator[Any]:
        iterator: Any = iter(self._sequence)
        iterator.__setstate__(self._position)
        self._iterator, self._position = iterator, None
        if self._control.requests != seen:
            self.cut()  # asked after obeying and before the lines above: too early for the cutter
        return cast("Iterator[Any]", iterator)

    def cut(self) -> None:
        """End the present segment after the item that is being worked on."""
        iterator = self._iterator
        if iterator is None or self._position is not None:
            return
        length = len(self._sequence)
        if isinstance(self._sequence, list):
            # A list can grow later, and an iterator that was only moved to its end would wake up.
            end: Any = partial(deque(maxlen=0).extend, iterator)
        else:
            end = partial(iterator.__setstate__, length)
        left, _ = _in_one_step(iterator.__length_hint__, end)
        if left:
            self._position = length - left

    def _done(self) -> float:
        """Items finished: those handed out, without the one being worked on."""
        position, iterator = self._position, self._iterator
        if iterator is None:
            return 0
        handed = len(self._sequence) - iterator.__length_hint__() if position is None else position
        return max(0, handed - 1)


def _in_one_step(*calls: Any) -> tuple[Any, ...]:
    """Make several C calls in one, so that under the GIL no other thread runs between them."""
    return tuple(map(call, calls))
