"""``track``: a loop that says how far it is, and can be cancelled and paused between two items.

Over a list, tuple or range the loop costs almost nothing, because no Python code runs an item: the
loop is handed the sequence's own C iterator.  Another thread reads ``__length_hint__`` to learn how
far it is, and cuts it short with ``__setstate__`` to cancel or pause; the loop then comes back here
for its next *segment*, which obeys, or goes on where the cut was made.

Reading the position, cutting, and writing the cut down must be one step: an item handed out between
the first two would be lost or repeated, and a loop that met the end before the cut was written down
would take it for the sequence's own.  One C call does all three, and under the GIL nothing runs
between.  Where there is no GIL, a generator serves sequences too.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from functools import partial
from itertools import chain
from operator import call, length_hint
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from .context import CURRENT
from .meter import Frame
from .resuming import open_loop, rest_of
from .waits import Checkpoint

if TYPE_CHECKING:
    from .context import JobContext
    from .control import Control
    from .meter import Meter
    from .resuming import Loop, Opening

T = TypeVar("T")
_GIL: Final = getattr(sys, "_is_gil_enabled", lambda: True)()
_SEQUENCES: Final = (list, tuple, range)
_END: Final = object()


def track(
    iterable: Iterable[T] | AsyncIterable[T],
    total: float | None = None,
    label: str | None = None,
    unit: str = "",
    *,
    resumable: bool = False,
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
        resumable: Whether to save a checkpoint after each item, and to leave out what an earlier
            attempt, or the job that this one goes on from, has done.  For sequences, and whatever
            else has the same items in the same order again.  One such loop at a time; several may
            come one after the other.  It costs about a microsecond an item.

    Raises:
        RuntimeError: for a resumable loop inside another one.

    Example::

        for row in ja.track(rows, unit="rows"):
            ...
    """
    return Track(iterable, total, label or "", unit, open_loop if resumable else None)


class Track(Generic[T]):
    """What :func:`track` returns: iterable in both colours, each time from the start."""

    __slots__ = ("_iterable", "_label", "_opening", "_total", "_unit")

    def __init__(
        self,
        iterable: Iterable[T] | AsyncIterable[T],
        total: float | None,
        label: str,
        unit: str,
        opening: Opening | None = None,
    ) -> None:
        if not isinstance(iterable, Iterable | AsyncIterable) and not _is_indexed(iterable):
            raise TypeError(f"track() takes something to iterate over, not {iterable!r:.100}")
        self._iterable = iterable
        self._total = total
        self._label = label
        self._unit = unit
        self._opening = opening

    def __len__(self) -> int:
        return len(cast("Any", self._iterable))

    def __iter__(self) -> Iterator[T]:
        iterable: Any = self._iterable
        if not isinstance(iterable, Iterable) and not _is_indexed(iterable):
            raise TypeError("this is an asynchronous iterable: use 'async for x in ja.track(…)'")
        context = CURRENT.get()
        if context is None:
            return iter(iterable)
        frame = self._frame()
        if self._opening is not None:
            return _resumed(iterable, frame, context, self._opening)
        if _GIL and type(iterable) in _SEQUENCES and _length(iterable) is not None:
            segments = _Segments(cast("Any", iterable), frame, context.meter, context.control)
            return chain.from_iterable(segments.run())
        return _counted(iterable, frame, context.meter, context.control)

    def __aiter__(self) -> AsyncIterator[T]:
        context = CURRENT.get()
        if context is None:
            return _Awaited(self._iterable, None, Frame())
        return _Awaited(self._iterable, context, self._frame(), self._opening)

    def _frame(self) -> Frame:
        total = _length(self._iterable) if self._total is None else self._total
        return Frame(self._label, total, self._unit, divisible=False)


def _is_indexed(iterable: object) -> bool:
    """Whether this is a sequence of the old kind, which ``for`` takes as well."""
    return hasattr(type(iterable), "__getitem__")


def _length(iterable: object) -> int | None:
    try:
        known = length_hint(iterable, -1)
    except Exception:  # range(10**30) is too long to say, and a __len__ may raise anything
        return None
    return None if known < 0 else known


class _Awaited(Generic[T]):
    """One ``async for`` loop.

    No asynchronous generator: a loop left with ``break`` would leave one behind, open until the
    event loop finds it, and with a ResourceWarning.
    """

    __slots__ = (
        "_asynchronous",
        "_context",
        "_frame",
        "_items",
        "_loop",
        "_opening",
        "_started",
    )

    def __init__(
        self,
        iterable: Iterable[T] | AsyncIterable[T],
        context: JobContext | None,
        frame: Frame,
        opening: Opening | None = None,
    ) -> None:
        self._context = context
        self._frame = frame
        self._started = False
        self._asynchronous = isinstance(iterable, AsyncIterable)
        items: Any = iterable
        if opening is None:
            items = aiter(items) if self._asynchronous else iter(items)
        self._items: Any = items
        self._opening = opening
        self._loop: Loop | None = None

    def __aiter__(self) -> _Awaited[T]:
        return self

    async def __anext__(self) -> T:
        context = self._context
        if context is not None:
            if self._started:
                self._frame.done += 1
                if self._loop is not None:
                    self._loop.reached(int(self._frame.done))
            else:
                self._started = True
                _enter(context.meter, self._frame)
                await self._begin(context)
        try:
            item: T = await anext(self._items) if self._asynchronous else next(self._items)
            if context is not None:
                await Checkpoint(context.control)
        except StopIteration:
            self._close()
            raise StopAsyncIteration from None
        except BaseException:
            self._close()
            raise
        return item

    async def _begin(self, context: JobContext) -> None:
        if self._opening is None:
            return
        try:
            self._loop = self._opening(context)
            done = 0 if self._loop is None else self._loop.done
            self._frame.done = done
            if not self._asynchronous:
                self._items = rest_of(self._items, done)
                return
            self._items = aiter(self._items)
            for _ in range(done):
                if await anext(self._items, _END) is _END:
                    break
        except BaseException:
            self._close()
            raise

    def _close(self) -> None:
        context, self._context = self._context, None
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.close()
        if context is not None and self._started:
            context.meter.close(self._frame)

    def __del__(self) -> None:
        self._close()


def _enter(meter: Meter, frame: Frame) -> None:
    meter.pausable = True
    meter.open(frame)


def _resumed(
    iterable: Iterable[T], frame: Frame, context: JobContext, opening: Opening
) -> Iterator[T]:
    """Go through what an earlier attempt has left, and save how far this one is."""
    loop = opening(context)
    if loop is None:
        yield from _counted(iterable, frame, context.meter, context.control)
        return
    control, done = context.control, loop.done
    frame.done = done
    _enter(context.meter, frame)
    try:
        for item in rest_of(iterable, done):
            if control.asked:
                control.obey()
            yield item
            done += 1
            frame.done = done
            loop.reached(done)
    finally:
        loop.close()
        context.meter.close(frame)


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

    ``_segment`` is the iterator handed out last, and the mark of its cut: empty, or the length of
    the sequence and what was left of it.  A segment is made by the job's thread, and marked by
    ``cut`` in whichever thread asks.
    """

    __slots__ = ("_control", "_frame", "_meter", "_segment", "_sequence")

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
        self._segment: tuple[Any, list[int]] | None = None

    def run(self) -> Iterator[Iterator[Any]]:
        """Yield C iterators until the sequence is exhausted."""
        control, frame = self._control, self._frame
        frame.probe = self._done
        _enter(self._meter, frame)
        control.cutters.append(self.cut)
        try:
            start: int | None = 0
            while start is not None:
                seen = control.requests
                if control.asked:
                    control.obey()
                iterator, mark = self._segment = (self._iterator_from(start), [])
                if control.requests != seen:
                    self.cut()  # asked after obeying and before that line: too early for the cutter
                yield iterator
                start = _cut_at(mark)
            frame.done, frame.probe = len(self._sequence), None
        finally:
            control.cutters.remove(self.cut)
            self._meter.close(frame)

    def _iterator_from(self, start: int) -> Any:
        iterator: Any = iter(self._sequence)
        iterator.__setstate__(start)
        return iterator

    def cut(self) -> None:
        """End the present segment after the item that is being worked on."""
        if self._segment is None:
            return
        iterator, mark = self._segment
        if mark:
            return
        if isinstance(self._sequence, list):
            # A list can grow later, and an iterator that was only moved to its end would wake up.
            end: Any = partial(deque(maxlen=0).extend, iterator)
        else:
            end = partial(iterator.__setstate__, len(self._sequence))
        # The one step: list.extend, map and all that they call are C.
        mark.extend(map(call, (self._sequence.__len__, iterator.__length_hint__, end)))

    def _done(self) -> float:
        """Items finished: those handed out, without the one being worked on."""
        if self._segment is None:
            return 0
        iterator, mark = self._segment
        handed = _cut_at(mark)
        if handed is None:
            handed = len(self._sequence) - iterator.__length_hint__()
        return max(0, handed - 1)


def _cut_at(mark: list[int]) -> int | None:
    """How many items had been handed out at the cut; None without a cut."""
    return mark[0] - mark[1] if mark else None
