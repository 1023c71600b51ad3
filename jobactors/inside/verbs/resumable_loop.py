"""Resumable loops: the number of items that each has done is its checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from jobactors.model.checks import is_one_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jobactors.inside.context.job_context import JobContext
    from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer

_LIGHT: Final = (list, tuple, range)


class ResumableLoop(Protocol):
    """One open loop, and the number of items it has done."""

    done: int
    """Items done before this attempt."""

    def reached(self, done: int) -> None:
        """Save that ``done`` items are done."""
        ...

    def close(self) -> None:
        """End the loop, wherever it is."""
        ...


class Opening(Protocol):
    """Opens a loop when its first item is asked for."""

    def __call__(self, context: JobContext) -> ResumableLoop | None:
        """Return the loop; None where no checkpoints are saved."""
        ...


def rest_of(iterable: Iterable[Any], done: int) -> Iterator[Any]:
    """Return an iterator over ``iterable`` without its first ``done`` items."""
    if not done:
        return iter(iterable)
    if is_one_of(iterable, Sequence) and not isinstance(iterable, _LIGHT):
        return _from(cast("Sequence[Any]", iterable), done)  # its items may be costly to make
    return islice(iterable, done, None)


def _from(sequence: Sequence[Any], start: int) -> Iterator[Any]:
    for i in range(start, len(sequence)):
        yield sequence[i]


def open_loop(context: JobContext) -> ResumableLoop | None:
    """Open the next resumable loop of this part of the job.

    Raises:
        RuntimeError: if another one is open.
    """
    buffer = context._buffer
    if buffer is None:
        return None
    part = f"{context.part}:track" if context.part else "track"
    loops: _Loops | None = buffer.open.get(part)
    if loops is None:
        loops = buffer.open[part] = _Loops(buffer, part)
    return loops.next()


class _Loops:
    """The resumable loops of one part, which come one after the other.

    The checkpoint is the number of items each has done: a number for a single loop, a list for
    several.
    """

    def __init__(self, buffer: CheckpointBuffer, part: str) -> None:
        self._buffer = buffer
        self._part = part
        self._stored = _counts(buffer.value_of(part))
        self._ended: list[int] = []
        self._open: _OneOf | None = None

    def next(self) -> _OneOf:
        if self._open is not None:
            raise RuntimeError(
                "a resumable loop is open already: leave resumable=True out of the inner one, "
                "whose item of the outer one is then done again as a whole; loops in threads side "
                "by side take ja.ranges"
            )
        number = len(self._ended)
        done = self._stored[number] if number < len(self._stored) else 0
        self._open = _OneOf(self, done)
        return self._open

    def reached(self, done: int, more: int) -> None:
        ended = self._ended
        self._buffer.save(self._part, [*ended, done] if ended else done, more)

    def close(self, done: int) -> None:
        self._open = None
        self._ended.append(done)


def _counts(stored: Any) -> list[int]:
    match stored:
        case None:
            counts: list[Any] = []
        case [*counts]:
            pass
        case _:
            counts = [stored]
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError(
            f"the checkpoint of a resumable loop is no number of items: {stored!r:.100}; submit "
            'with on_checkpoint="fresh" to begin anew'
        )
    return counts


class _OneOf:
    """One of the loops of a part."""

    __slots__ = ("_loops", "done")

    def __init__(self, loops: _Loops, done: int) -> None:
        self._loops = loops
        self.done = done

    def reached(self, done: int) -> None:
        more, self.done = done - self.done, done
        self._loops.reached(done, more)

    def close(self) -> None:
        self._loops.close(self.done)
