"""``batches``: incremental work, a batch of items at a time, with a checkpoint after each."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.report.meter import StageFrame
from jobactors.inside.signals.cancel_point import CancelPoint
from jobactors.inside.signals.latch import PASSED

from .native_segments import enter
from .resumable_loop import open_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from jobactors.inside.context.job_context import JobContext

    from .resumable_loop import ResumableLoop

T = TypeVar("T")


def batches(
    items: Iterable[T],
    size: int = 100,
    *,
    done: Callable[[T], bool] | Container[T] | None = None,
    label: str | None = None,
    unit: str = "",
) -> Batches[T]:
    """Iterate over the items that are not done yet, in lists of ``size`` items.

    A checkpoint is written after every batch.  Which items are done is decided by ``done``, which
    looks where the work leaves its results, so that an item added since is worked on, and one that
    is there already is not.  Without it, as many items are left out as an earlier attempt has done,
    as with ``ja.track(…, resumable=True)``.  Between two batches a job can be cancelled and paused:
    ``for`` in a thread, ``async for`` in trio code.  Outside a job it only iterates.

    Args:
        items: All of them; gone through once, at the beginning.
        size: Items of a batch; the last one may have fewer; default: 100.
        done: Whether an item is done already: a function, or a set or table that contains it;
            default: the number of items in the checkpoint decides.
        label: A name for the loop, shown while it runs; default: none.
        unit: The noun for items: "pages"; default: none.

    Raises:
        TypeError, ValueError: for a size below 1, or a ``done`` that is neither.

    Example::

        for batch in ja.batches(pages, done=index.ids(), unit="pages"):
            index.add(batch)
    """
    return Batches(items, size, done, StageFrame(label or "", None, unit, divisible=False))


class Batches(Generic[T]):
    """A loop over batches; iterable once, in either colour.  Made by :func:`batches`."""

    def __init__(
        self,
        items: Iterable[T],
        size: int,
        done: Callable[[T], bool] | Container[T] | None,
        frame: StageFrame,
    ) -> None:
        if isinstance(size, bool) or not isinstance(size, int):
            raise TypeError(f"size is a whole number, not {size!r:.100}")
        if size < 1:
            raise ValueError(f"size is at least 1, not {size}")
        if not (done is None or callable(done) or isinstance(done, Container)):
            raise TypeError(f"done is a function or a set, not {done!r:.100}")
        self._items = items
        self._size = size
        self._is_done = done
        self._frame = frame

    def _pending(self) -> list[T]:
        is_done: Any = self._is_done
        if is_done is None:
            return list(self._items)
        if not callable(is_done):
            is_done = is_done.__contains__
        return [item for item in self._items if not is_done(item)]

    def _begin(self, context: JobContext) -> _Walk[T]:
        pending = self._pending()
        loop = open_loop(context)
        skipped = 0
        if loop is not None and self._is_done is None:
            skipped = min(loop.done, len(pending))
        self._frame.total, self._frame.done = len(pending), skipped
        enter(context._meter, self._frame, context._control)
        return _Walk(pending, skipped, self._size, self._frame, context, loop)

    def __iter__(self) -> Iterator[list[T]]:
        context = CURRENT.get()
        if context is None:
            yield from _cut(self._pending(), 0, self._size)
            return
        walk = self._begin(context)
        try:
            for batch in walk.batches():
                if context._control.asked:
                    context._control.obey()
                yield batch
                walk.end_batch(batch)
        finally:
            walk.close()

    def __aiter__(self) -> AsyncIterator[list[T]]:
        return _AsyncBatches(self)


class _Walk(Generic[T]):
    """One pass through the batches: its items, its place in the progress and in the checkpoint."""

    def __init__(
        self,
        pending: list[T],
        skipped: int,
        size: int,
        frame: StageFrame,
        context: JobContext,
        loop: ResumableLoop | None,
    ) -> None:
        self._pending = pending
        self._skipped = skipped
        self._size = size
        self._frame = frame
        self.context = context
        self._loop = loop

    def batches(self) -> Iterator[list[T]]:
        return _cut(self._pending, self._skipped, self._size)

    def end_batch(self, batch: list[T]) -> None:
        self._frame.done += len(batch)
        if self._loop is not None and self.context._buffer is not None:
            self._loop.reached(self._loop.done + len(batch))
            self.context._buffer.write()

    def close(self) -> None:
        if self._loop is not None:
            self._loop.close()
        self.context._meter.close(self._frame)


def _cut(items: list[T], start: int, size: int) -> Iterator[list[T]]:
    for i in range(start, len(items), size):
        yield items[i : i + size]


class _AsyncBatches(Generic[T]):
    """One ``async for`` loop; no asynchronous generator, as in ``track``."""

    def __init__(self, batches: Batches[T]) -> None:
        self._batches = batches
        self._walk: _Walk[T] | None = None
        self._source: Iterator[list[T]] | None = None
        self._last: list[T] | None = None

    def __aiter__(self) -> _AsyncBatches[T]:
        return self

    async def __anext__(self) -> list[T]:
        if self._source is None:
            self._source = self._begin()
        if self._walk is not None and self._last is not None:
            self._walk.end_batch(self._last)
        walk = self._walk
        try:
            await (PASSED if walk is None else CancelPoint(walk.context._control))
        except BaseException:
            self._close()
            raise
        self._last = next(self._source, None)
        if self._last is None:
            self._close()
            raise StopAsyncIteration
        return self._last

    def _begin(self) -> Iterator[list[T]]:
        context = CURRENT.get()
        if context is None:
            return _cut(self._batches._pending(), 0, self._batches._size)
        self._walk = self._batches._begin(context)
        return self._walk.batches()

    def _close(self) -> None:
        walk, self._walk, self._last = self._walk, None, None
        if walk is not None:
            walk.close()

    def __del__(self) -> None:
        self._close()
