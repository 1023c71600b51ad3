"""Native segments: tracked loops in which no Python code of ours runs for an item.

The loop is handed one C iterator, a *segment*, at a time: of a sequence, the sequence's own.
Another thread reads ``__length_hint__`` to see how far the loop is, and cuts it short with
``__setstate__`` to cancel or pause; the loop then comes back here for its next segment, which
obeys, or goes on where the cut was made.

Reading the position, cutting, and writing the cut down must be one step: an item handed out between
the first two would be lost or repeated, and a loop that met the end before the cut was written down
would take it for the sequence's own.  One C call does all three, and under the GIL nothing runs
between.  Where there is no GIL, a generator serves these loops too, at twice the cost.

The iterator of a dictionary or a set cannot be cut.  It is handed out along a *tally*, the iterator
of as many bytes, which can: ``zip`` asks that one first, so no item is lost when the tally ends.

The items of anything else are code of the user, and may take long to come.  If a request comes
meanwhile, no work on that item may begin before it is obeyed, and it must not be lost either.  So
its loop has a tally before each item, which counts, and *points* after it, which are cut: they let
the item pass when they have come back here and obeyed.  A generator shows itself whether an item is
being made: it needs no tally, and its points are counted.

A generator that is left is closed at once, and in the job's thread, as in any loop: it may hold a
file or a connection of that thread.  So nothing of ours may have it then but the iterator that the
loop gives up: the traceback of a cancel holds frames of ours, and who looks or asks in another
thread holds the object whose method that is.
"""

from __future__ import annotations

import sys
from collections import deque
from contextlib import suppress
from functools import partial
from itertools import chain, compress, islice
from operator import call, itemgetter
from types import GeneratorType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from jobactors.inside.report.meter import Meter, StageFrame
    from jobactors.inside.signals.control import Control

_GIL: Final = getattr(sys, "_is_gil_enabled", lambda: True)()
_SEQUENCES: Final = frozenset(map(id, (list, tuple, range)))
_NOTHING: Final[dict[Any, Any]] = {}
_VIEWS: Final = (type(_NOTHING.keys()), type(_NOTHING.values()), type(_NOTHING.items()))
_COLLECTIONS: Final = frozenset(map(id, (dict, set, frozenset, str, bytes, deque, *_VIEWS)))
"""Classes by identity: a user's may not let itself be compared or hashed."""


def segments_of(
    iterable: Any, frame: StageFrame, meter: Meter, control: Control
) -> Segments | PointedItems | None:
    """Return the segments of a loop over ``iterable``; None if it has to be counted item by item.

    Of a class derived from a built-in one the items may come from anywhere.
    """
    if not _GIL or control.is_polled:
        return None
    given: object = iterable
    of = type(given)
    if id(of) in _SEQUENCES:
        with suppress(OverflowError):  # range(10**30)
            len(iterable)
            return Segments(iterable, frame, meter, control)
    if id(of) in _COLLECTIONS:
        return TalliedSegments(iterable, frame, meter, control)
    items = iter(iterable)
    has_state = type(items) is GeneratorType  # and not one that says it was one
    return (GeneratedItems if has_state else PointedItems)(items, frame, meter, control)


def enter(meter: Meter, frame: StageFrame, control: Control) -> None:
    """Begin a tracked loop: from here on the job can be paused, if it is in its own thread."""
    if control.is_own:
        meter.pausable = True
    meter.open(frame)


class Segments:
    """The segments of a sequence.

    ``_segment`` is the iterator handed out last, the mark of its cut (empty, or the length of the
    sequence and what was left of it), and the items before it.  A segment is made by the job's
    thread, and marked by ``cut`` in whichever thread asks.
    """

    __slots__ = ("_before", "_control", "_frame", "_meter", "_segment", "_sequence")

    def __init__(
        self,
        sequence: list[Any] | tuple[Any, ...] | range | bytes,
        frame: StageFrame,
        meter: Meter,
        control: Control,
    ) -> None:
        self._sequence = sequence
        self._frame = frame
        self._meter = meter
        self._control = control
        self._segment: tuple[Any, list[int], int] | None = None
        self._before = 0
        """Items that the positions of the present segment do not count."""

    def run(self) -> Iterator[Iterator[Any]]:
        """Yield C iterators until the sequence is exhausted."""
        control, frame = self._control, self._frame
        frame.probe = self._done
        enter(self._meter, frame, control)
        control.request_hooks.append(self.cut)
        try:
            start: int | None = 0
            while start is not None:
                seen = control.requests
                if control.asked:
                    control.obey()
                self._segment = (self._iterator_from(start), [], self._before)
                iterator, mark, _ = self._segment
                if control.requests != seen:
                    self.cut()  # asked after obeying and before that line: too early for the hook
                yield self._handed_out(iterator)
                start = self._goes_on_at(_cut_at(mark))
            frame.done, frame.probe = self._length(), None
        finally:
            control.request_hooks.remove(self.cut)
            if frame.probe is not None:  # left early: as a cycle, items would be let go late
                frame.done, frame.probe = self._done(), None
            self._meter.close(frame)

    def _iterator_from(self, start: int) -> Any:
        iterator: Any = iter(self._sequence)
        iterator.__setstate__(start)
        return iterator

    def _handed_out(self, iterator: Any) -> Iterator[Any]:
        """Return the iterator for the loop: here the one that is cut."""
        return iterator  # type: ignore[no-any-return]

    def _goes_on_at(self, cut_at: int | None) -> int | None:
        """Return the position at which the next segment begins; None at the end."""
        return cut_at

    def _length(self) -> int:
        """Return the number of items, at the end."""
        return len(self._sequence)

    def cut(self) -> None:
        """End the present segment after its present item; called in the thread that asks."""
        if self._segment is None:
            return
        iterator, mark, _ = self._segment
        if mark:
            return
        if isinstance(self._sequence, list):
            # A list can grow later, and an iterator that was only moved to its end would wake up.
            sink: deque[Any] = deque(maxlen=0)
            end: Any = partial(sink.extend, iterator)
        else:
            end = partial(iterator.__setstate__, len(self._sequence))
        # The one step: list.extend, map and all that they call are C.
        mark.extend(map(call, (self._sequence.__len__, iterator.__length_hint__, end)))

    def _done(self) -> float:
        """Return the number of finished items: those handed out, without the present one."""
        return max(0, self._handed() - 1)

    def _handed(self) -> int:
        if self._segment is None:
            return 0
        iterator, mark, before = self._segment
        handed = _cut_at(mark)
        if handed is None:
            handed = len(self._sequence) - iterator.__length_hint__()
        return int(before + handed)


class TalliedSegments(Segments):
    """The segments of a collection without positions.

    The tally is cut.  Each segment has a new one, and begins with an item that was taken to
    see whether there are more: a tally that has ended does not show why.
    """

    __slots__ = ("_count", "_first", "_items")

    def __init__(
        self, collection: Collection[Any], frame: StageFrame, meter: Meter, control: Control
    ) -> None:
        self._count = len(collection)
        super().__init__(bytes(self._count + 1), frame, meter, control)
        self._items = iter(collection)
        self._first: tuple[Any, ...] = ()

    def _handed_out(self, iterator: Any) -> Iterator[Any]:
        items = map(itemgetter(1), zip(iterator, self._items, strict=False))
        return chain(self._first, items) if self._first else items

    def _goes_on_at(self, cut_at: int | None) -> int | None:
        del cut_at  # whether it was cut or has ended: there may be more items
        self._before = self._handed()
        self._first = tuple(islice(self._items, 1))
        return 1 if self._first else None

    def _length(self) -> int:
        # Where the items ended before the tally did, that one has counted one too many.
        return min(self._before, max(self._count, self._before - 1))


_POINTS: Final = (True,) * 1_000
_SPENT: Final[Any] = (_ for _ in _POINTS[:0])
"""In the place of items that were let go; for a generator that was left with an item, the next."""
_LEFT: Final[Any] = (_ for _ in _POINTS)
next(_LEFT)


class PointedItems:
    """The items of any iterator, each counted before it is fetched, and with a point after that.

    ``_tally`` is the present iterator of the tally, and the items before it.
    """

    __slots__ = ("_control", "_frame", "_items", "_meter", "_points", "_tally")

    def __init__(
        self, items: Iterator[Any], frame: StageFrame, meter: Meter, control: Control
    ) -> None:
        self._items = items
        self._frame = frame
        self._meter = meter
        self._control = control
        self._tally: tuple[Any, int] = (iter(_POINTS), 0)
        self._points: tuple[Any, list[int], int] = (iter(_POINTS), [], 0)
        """The present iterator of the points, the mark of its cut, and the items before it."""

    def run(self) -> Iterator[Iterator[Any]]:
        """Yield one C iterator over all items."""
        control, frame = self._control, self._frame
        frame.probe = self._done
        enter(self._meter, frame, control)
        control.request_hooks.append(self.cut)
        try:
            yield self._handed_out(chain.from_iterable(self._cut_points()))
        finally:
            control.request_hooks.remove(self.cut)
            done = self._done()
            self._let_go()  # before the level is closed: loops inside a generator are closed by it
            frame.done, frame.probe = done, None
            self._meter.close(frame)

    def _let_go(self) -> None:
        """Hold the items no longer; a generator that was left is closed now."""
        self._items = _SPENT

    def _handed_out(self, points: Iterator[bool]) -> Iterator[Any]:
        tally = chain.from_iterable(self._tallies())
        return map(itemgetter(1), zip(tally, self._items, points, strict=False))

    def _tallies(self) -> Iterator[Iterator[bool]]:
        while True:
            yield self._tally[0]
            self._tally = (iter(_POINTS), self._tally[1] + len(_POINTS))

    def _cut_points(self) -> Iterator[Iterator[bool]]:
        control = self._control
        while True:
            # First: what is asked after this line cuts the new ones, and brings the loop back here.
            self._points = (iter(_POINTS), [], self._passed())
            if control.asked:
                control.obey()
            yield self._points[0]

    def cut(self) -> None:
        """Have the next item obey before it is handed out; called in the thread that asks."""
        points, mark, _ = self._points
        if not mark:
            end = partial(points.__setstate__, len(_POINTS))
            # One step, as in a sequence.
            mark.extend(map(call, (_POINTS.__len__, points.__length_hint__, end)))

    def _passed_here(self) -> int:
        points, mark, _ = self._points
        passed = _cut_at(mark)
        return len(_POINTS) - int(points.__length_hint__()) if passed is None else passed

    def _passed(self) -> int:
        """Return the number of points that have let an item pass."""
        return self._points[2] + self._passed_here()

    def _done(self) -> float:
        """Return the number of finished items: those asked for, without the present one."""
        tally, before = self._tally
        return max(0, int(before + len(_POINTS) - tally.__length_hint__() - 1))


class GeneratedItems(PointedItems):
    """The items of a generator."""

    __slots__ = ("_most",)

    _items: GeneratorType[Any, Any, Any]

    def __init__(
        self, items: Iterator[Any], frame: StageFrame, meter: Meter, control: Control
    ) -> None:
        super().__init__(items, frame, meter, control)
        self._most = 0
        """What was said last: between two looks of ``_done`` the loop may have gone on."""

    def _handed_out(self, points: Iterator[bool]) -> Iterator[Any]:
        return compress(self._items, points)

    def _done(self) -> float:
        """Return the number of finished items: those handed out, without the present one.

        None is present while the generator makes one, after its end, and while an item waits for
        the first of new points.
        """
        passed = self._passed()
        if self._passed_here() and self._items.gi_suspended:  # not held: it may be left meanwhile
            passed -= 1
        self._most = max(self._most, passed)
        return self._most

    def _let_go(self) -> None:
        # Who has begun to look is told the same after this.
        self._items = _LEFT if self._items.gi_suspended else _SPENT


def _cut_at(mark: list[int]) -> int | None:
    """Return the number of items handed out before the cut; None without a cut."""
    return mark[0] - mark[1] if mark else None
