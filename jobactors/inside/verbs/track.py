"""``track``: a loop that reports its progress, and can be cancelled and paused between two items.

Over a list, a dictionary and their like the loop costs almost nothing, and over anything else about
what a generator costs that hands items on; see :mod:`.native_segments`.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from itertools import chain
from operator import length_hint
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.report.meter import StageFrame
from jobactors.inside.signals.cancel_point import CancelPoint
from jobactors.inside.signals.latch import PASSED
from jobactors.model.checks import has_method, shown

from .native_segments import enter, segments_of
from .resumable_loop import open_loop, rest_of

if TYPE_CHECKING:
    from jobactors.inside.context.job_context import JobContext
    from jobactors.inside.report.meter import Meter
    from jobactors.inside.signals.control import Control

    from .resumable_loop import Opening, ResumableLoop

T = TypeVar("T")
_END: Final = object()


def track(
    iterable: Iterable[T] | AsyncIterable[T],
    total: float | None = None,
    label: str | None = None,
    unit: str = "",
    *,
    resumable: bool = False,
) -> Track[T]:
    """Iterate over ``iterable`` and show the progress of the loop.

    Between two items a job in a thread can be cancelled and paused.  A trio job uses
    ``async for x in ja.track(…)`` for that, over ordinary and asynchronous iterables alike; a plain
    ``for`` in it shows progress and is cancelled at its next ``await``.  Loops may be nested: the
    inner one counts as a part of the outer one's present item.  Outside a job it only iterates.

    Args:
        iterable: Any iterable, or asynchronous iterable.
        total: The number of items; default: its length or length hint, if any.
        label: A name for the loop, shown while it runs; default: none.
        unit: The noun for items: "rows", "files"; default: none.
        resumable: Whether to save a checkpoint after each item, and to leave out the items that an
            earlier attempt, or the job that this one goes on from, has done; default: not.  For
            sequences, and all else that has the same items in the same order again.  One such loop
            at a time; several may come one after the other.  It costs about a microsecond an item.

    Raises:
        TypeError: for something that is not iterable.
        RuntimeError: for a resumable loop inside another one.

    Example::

        for row in ja.track(rows, unit="rows"):
            ...
    """
    return Track(iterable, total, label or "", unit, open_loop if resumable else None)


class Track(Generic[T]):
    """A tracked iterable, for ``for`` and ``async for``, each time from the start.

    Made by :func:`track`.
    """

    __slots__ = ("_iterable", "_label", "_opening", "_total", "_unit")

    def __init__(
        self,
        iterable: Iterable[T] | AsyncIterable[T],
        total: float | None,
        label: str,
        unit: str,
        opening: Opening | None = None,
    ) -> None:
        if not _is_iterable(iterable) and not has_method(iterable, "__aiter__"):
            raise TypeError(f"track() takes something to iterate over, not {shown(iterable)}")
        self._iterable = iterable
        self._total = total
        self._label = label
        self._unit = unit
        self._opening = opening

    def __len__(self) -> int:
        return len(cast("Any", self._iterable))

    def __iter__(self) -> Iterator[T]:
        iterable: Any = self._iterable
        if not _is_iterable(iterable):
            raise TypeError("this is an asynchronous iterable: use 'async for x in ja.track(…)'")
        context = CURRENT.get()
        if context is None:
            return iter(iterable)
        frame = self._frame()
        if self._opening is not None:
            return _resumed(iterable, frame, context, self._opening)
        segments = segments_of(iterable, frame, context._meter, context._control)
        if segments is not None:
            return chain.from_iterable(segments.run())
        return _counted(iterable, frame, context._meter, context._control)

    def __aiter__(self) -> AsyncIterator[T]:
        context = CURRENT.get()
        if context is None:
            return _AsyncTrack(self._iterable, None, StageFrame())
        return _AsyncTrack(self._iterable, context, self._frame(), self._opening)

    def _frame(self) -> StageFrame:
        total = _length(self._iterable) if self._total is None else self._total
        return StageFrame(self._label, total, self._unit, divisible=False)


def _is_iterable(iterable: object) -> bool:
    """Whether ``for`` takes it; it takes sequences of the old kind as well."""
    return has_method(iterable, "__iter__") or has_method(iterable, "__getitem__")


def _length(iterable: object) -> int | None:
    try:
        known = length_hint(iterable, -1)
    except Exception:  # range(10**30) has no length that fits, and a __len__ may raise anything
        return None
    return None if known < 0 else known


class _AsyncTrack(Generic[T]):
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
        frame: StageFrame,
        opening: Opening | None = None,
    ) -> None:
        self._context = context
        self._frame = frame
        self._started = False
        self._asynchronous = has_method(iterable, "__aiter__")
        self._opening = opening
        self._loop: ResumableLoop | None = None
        items: Any = iterable
        if opening is None:
            items = aiter(items) if self._asynchronous else iter(items)
        self._items: Any = items

    def __aiter__(self) -> _AsyncTrack[T]:
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
                enter(context._meter, self._frame, context._control)
                await self._begin(context)
        try:
            await (PASSED if context is None else CancelPoint(context._control))
            item: T = await anext(self._items) if self._asynchronous else next(self._items)
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
        if not self._asynchronous:
            self._items = iter(())  # as in a plain loop; a traceback may hold this object
        context, self._context = self._context, None
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.close()
        if context is not None and self._started:
            context._meter.close(self._frame)

    def __del__(self) -> None:
        self._close()


def _resumed(
    iterable: Iterable[T], frame: StageFrame, context: JobContext, opening: Opening
) -> Iterator[T]:
    """Iterate over the items that an earlier attempt has left, and save each one's number."""
    loop = opening(context)
    if loop is None:
        items = _counted(iterable, frame, context._meter, context._control)
        del iterable
        yield from items
        return
    control, done = context._control, loop.done
    frame.done = done
    enter(context._meter, frame, control)
    try:
        for item in rest_of(iterable, done):
            if control.asked:
                control.obey()
            yield item
            done += 1
            frame.done = done
            loop.reached(done)
    finally:
        del iterable  # closes a generator now: a traceback may hold this frame
        loop.close()
        context._meter.close(frame)


def _counted(
    iterable: Iterable[T], frame: StageFrame, meter: Meter, control: Control
) -> Iterator[T]:
    """Iterate over anything, counting in Python."""
    done = 0
    enter(meter, frame, control)
    try:
        for item in iterable:
            if control.asked:
                control.obey()
            yield item
            done += 1
            frame.done = done
    finally:
        del iterable  # closes a generator now: a traceback may hold this frame
        meter.close(frame)
