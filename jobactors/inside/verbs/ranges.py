"""Ranges: one piece of work in parts, each with a checkpoint and a file of its own.

The checkpoint of a part is ``[start, stop, next item, size of its file or null]``.  A part that is
done stays in the checkpoints although its job succeeds, until the parts are merged.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from msgspec import Struct

from jobactors.inside.context.current_job import CURRENT, current_job
from jobactors.inside.report.guarded_log import LOG
from jobactors.model.checkpoint_errors import RangesUnfinished
from jobactors.model.field_docs import documented

from .joined_files import join
from .track import Track

if TYPE_CHECKING:
    from jobactors.inside.context.job_context import JobContext
    from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer

_FILE: Final = "part"
PART: Final = re.compile(r"([1-9]\d*)/([1-9]\d*)")
"""The name of a part: "2/4"."""
_TEXT: Final = re.compile(r":".join([r"(\d{1,18})"] * 4), re.ASCII)
_NO_RANGE: Final = (
    "{} is no range: that has an index from 0 and below its count, and a start from 0 and not "
    'above its stop, as a text "index:count:start:stop"; ja.ranges(total, workers) makes them'
)


@documented
class Range(Struct, frozen=True):
    """The items from ``start`` up to ``stop``: number ``index`` of ``count``; see :func:`ranges`.

    As an argument of a job it makes the job one part of its (type, subject): each part has its own
    checkpoint and its own file, fails alone and is resumed alone.
    """

    index: int
    """Its number among the parts, from 0."""
    count: int
    """The number of parts."""
    start: int
    """The first item."""
    stop: int
    """The item after the last one."""

    def __post_init__(self) -> None:
        for number in (self.index, self.count, self.start, self.stop):
            if isinstance(number, bool) or not isinstance(number, int):
                raise TypeError(f"a range is made of whole numbers, not of {number!r:.100}")
        if not (0 <= self.index < self.count and 0 <= self.start <= self.stop):
            raise ValueError(_NO_RANGE.format(repr(self)))

    @property
    def part(self) -> str:
        """Its name among the parts: "2/4" is the second of four."""
        return f"{self.index + 1}/{self.count}"

    @property
    def slice(self) -> slice:
        """The slice of a sequence that it is: ``films[part.slice]``."""
        return slice(self.start, self.stop)

    def as_text(self) -> str:
        """Return it as text for :meth:`from_text`: "1:4:25:50"."""
        return f"{self.index}:{self.count}:{self.start}:{self.stop}"

    @classmethod
    def from_text(cls, text: str) -> Range:
        """Make a range from the text of :meth:`as_text`.

        Raises:
            ValueError: for any other text.
        """
        numbers = _TEXT.fullmatch(text)
        if numbers is None:
            raise ValueError(_NO_RANGE.format(f"{text!r:.100}"))
        return cls(*map(int, numbers.groups()))

    def __len__(self) -> int:
        return self.stop - self.start

    def __bool__(self) -> bool:
        return True

    def __str__(self) -> str:
        return self.part

    def track(self, label: str | None = None, unit: str = "") -> Track[int]:
        """Iterate over the numbers of the items that are not done yet; ``for`` or ``async for``.

        Each item that is done is saved, together with the size of the file that :meth:`open` has
        opened, so that a later attempt or job goes on with the next one.  It is cancelled and
        paused as ``ja.track`` is.  Outside a job it goes through all of them.

        Args:
            label: A name for the loop; default: "part 2/4", and none in the job of that part, whose
                name has it.
            unit: The noun for items: "films"; default: none.

        Raises:
            RuntimeError: if this part is being gone through already.
        """
        items = range(self.start, self.stop)
        if label is None:
            label = "" if current_job().part == self.part else f"part {self.part}"
        return Track(items, None, label, unit, partial(_open_part, self))

    @property
    def file(self) -> Path:
        """The path of this part's file, in the job that works at it."""
        return _context_of(self).work_file(_FILE)

    @contextmanager
    def open(self, encoding: str | None = "utf-8") -> Generator[IO[Any]]:
        r"""Open this part's file for writing, where the last checkpoint has left it.

        Anything written after that checkpoint is cut off, so that no item is in it twice, whatever
        has happened.  The file stays when the job succeeds, and the part counts as done, until the
        parts are merged or their checkpoint is dropped.

        Args:
            encoding: The text's encoding; its newlines are written as they are; default: UTF-8;
                None for bytes.

        Example::

            with part.open() as out:
                for i in part.track():
                    out.write(f"{films[i]}\n")
        """
        state = _state_of(self)
        path = self.file
        size = state.size_for(path)
        with _opened(path, encoding) as file:
            file.truncate(size)
            file.seek(0, os.SEEK_END)
            state.file = file
            try:
                yield file
            finally:
                state.file = None


def ranges(total: int, workers: int) -> list[Range]:
    """Divide ``total`` items among ``workers``, as evenly as can be; no part is empty.

    Submit a job a part; each can fail, and be submitted again, alone.  Merge their files when all
    are done.

    Args:
        total: The number of items.
        workers: The number of parts, at most.

    Raises:
        TypeError, ValueError: for a negative total, or fewer workers than 1.

    Example::

        def tag(part: ja.Range) -> None:
            with part.open() as out:
                for i in part.track(unit="films"):
                    out.write(tags_of(films[i]))

        jobs.options(subject="films").map(tag, ja.ranges(len(films), 4)).result()
        jobs.merge("tag", "films", into="tags.tsv")
    """
    for name, value, least in (("total", total, 0), ("workers", workers, 1)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} is a whole number, not {value!r:.100}")
        if value < least:
            raise ValueError(f"{name} is at least {least}, not {value}")
    count = min(total, workers)
    bounds = [total * i // count for i in range(count + 1)] if count else []
    return [Range(i, count, bounds[i], bounds[i + 1]) for i in range(count)]


def merge(parts: Iterable[Range], into: str | os.PathLike[str]) -> Path:
    """Join the files of parts of the current job's work into one, whole or not; drop the parts.

    The parts are the job's own, given to its threads; or were jobs of its function and subject,
    and it has ``on_checkpoint="resume"``: so the files are joined on a cluster, with
    ``DaskRunner(client, shared_folder=…)``.  :meth:`Jobs.merge` joins them outside a job.
    Merge at the end: a later attempt finds no parts any more.

    Args:
        parts: The parts, from :func:`ranges`.
        into: The file to write, in the order of the parts; an existing one is replaced.

    Raises:
        RangesUnfinished: if a part has items left, or has written no file.
        OSError: if it cannot be written; the parts stay then.

    Example::

        def tag(part: ja.Range | None = None) -> None:
            if part is None:
                ja.merge(ja.ranges(len(films), 4), "/shared/tags.tsv")

        on_cluster.options(on_checkpoint="resume").submit(tag).result()
    """
    listed = list(parts)
    states = [_state_of(part) for part in listed]
    unfinished = [state.range.part for state in states if not state.is_done]
    if unfinished and not any(state.is_known for state in states):
        raise RangesUnfinished(current_job().type, unfinished, _UNKNOWN_HERE)
    if unfinished:
        raise RangesUnfinished(current_job().type, unfinished)
    lost = [state.range.part for state in states if not state.has_file]
    if lost:
        raise RangesUnfinished(current_job().type, lost, LEFT_NO_FILE)
    target = join([part.file for part in listed], into)
    for state in states:
        state.drop()
    return target


def file_in(folder: Path) -> Path:
    """Return the file of a part, given the part's folder."""
    return folder / _FILE


def is_done(value: Any) -> bool:
    """Return whether the checkpoint of a part shows that all its items are done."""
    match value:
        case [_, stop, following, _]:
            return bool(stop == following)
        case _:
            return False


def wrote_file(value: Any) -> bool:
    """Return whether the checkpoint of a part that is done shows that it wrote a file."""
    return value[3] is not None


def is_whole(file: Path, value: Any) -> bool:
    """Return whether the file of a part that wrote one is there, and at least as long as it was."""
    try:
        return file.stat().st_size >= (value[3] or 0)
    except FileNotFoundError:
        return False


LEFT_NO_FILE: Final = (
    "{} left no file: a part writes it with part.open(), and a merge takes it away"
)
"""The reason for which parts cannot be merged although they are done."""
_UNKNOWN_HERE: Final = (
    "this job has nothing of {}: parts that were jobs are merged by a job of the same function "
    'and subject, submitted with on_checkpoint="resume", and once'
)


def _opened(path: Path, encoding: str | None) -> IO[Any]:
    if encoding is None:
        return path.open("r+b" if path.exists() else "w+b")
    return path.open("r+" if path.exists() else "w+", encoding=encoding, newline="")


def _context_of(part: Range) -> JobContext:
    """Return the current job, as this part of it."""
    context = current_job()
    return context if context.part == part.part else context._for_part(part.part)


def _state_of(part: Range) -> _State:
    context = _context_of(part)
    buffer = context._buffer
    if buffer is None:
        return _State(part, None, context.part)
    state: _State | None = buffer.open.get(context.part)
    if state is None:
        state = buffer.open[context.part] = _State(part, buffer, context.part)
    return state


class _State:
    """The state of one part: the next item, and the size of the whole items in its file."""

    def __init__(self, part: Range, buffer: CheckpointBuffer | None, name: str) -> None:
        self.range = part
        self.file: IO[Any] | None = None
        self._buffer = buffer
        self._name = name
        self._begin_anew()
        stored = None if buffer is None else buffer.value_of(name)
        if stored is not None:
            self._go_on_from(stored)

    def _begin_anew(self) -> None:
        self.done = 0
        self._size: int | None = None
        self._open = False

    def _go_on_from(self, stored: Any) -> None:
        part = self.range
        match stored:
            case [part.start, part.stop, int(following), int() | None as size]:
                self.done, self._size = following - part.start, size
            case [int(start), int(stop), _, _]:
                raise ValueError(
                    f"the checkpoint of part {part.part} is about the items {start} to {stop}, not "
                    f'{part.start} to {part.stop}: submit with on_checkpoint="fresh", or divide '
                    "the work as before"
                )
            case _:
                raise ValueError(
                    f"part {part.part} has a checkpoint of another kind: {stored!r:.100}; leave "
                    "save_checkpoint out, part.track() saves by itself"
                )

    @property
    def is_done(self) -> bool:
        return self.done == len(self.range)

    @property
    def is_known(self) -> bool:
        return self.done > 0 or self._size is not None

    @property
    def has_file(self) -> bool:
        return self._size is not None

    def size_for(self, path: Path) -> int:
        """Return the size to cut the file to; if the file is not there, the part begins anew."""
        found = path.stat().st_size if path.exists() else 0
        if self.done and (self._size is None or found < self._size):
            LOG.warning("the file of part %s is not there: it begins anew", self.range.part)
            self._begin_anew()
        if self._buffer is not None:
            self._buffer.set_lasting(self._name, True)
        self._size = self._size or 0
        self._save(0)
        return self._size

    def open(self) -> None:
        if self._open:
            raise RuntimeError(f"part {self.range.part} is being gone through already")
        self._open = True

    def reached(self, done: int) -> None:
        self.done = done
        if self.file is not None:
            self.file.flush()  # the checkpoint must not be ahead of the file
            self._size = os.fstat(self.file.fileno()).st_size
        self._save(1)

    def close(self) -> None:
        self._open = False

    def drop(self) -> None:
        if self._buffer is not None:
            self._buffer.set_lasting(self._name, False)
            self._buffer.drop(self._name)

    def _save(self, items: int) -> None:
        if self._buffer is not None:
            part = self.range
            value = [part.start, part.stop, part.start + self.done, self._size]
            self._buffer.save(self._name, value, items)


def _open_part(part: Range, context: JobContext) -> _State:
    token = CURRENT.set(context)
    try:
        state = _state_of(part)
    finally:
        CURRENT.reset(token)
    state.open()
    return state
