"""The checkpoints of one attempt on their way from the job's code to the checkpoint writer.

``ja.save_checkpoint`` may be called a million times a second, and writing takes milliseconds.  So a
save only replaces the last value of its part, and the writer takes all of them at once, when it is
due: after some seconds (its own timer), some items, at the end, at a pause.

=====================  ================================  ===========================================
field                  written by                        read by
=====================  ================================  ===========================================
``_saved``             the job's threads, one            the writer, over a copy
                       assignment a save
``_taken``             the writer                        the writer
``_unwritten``,        both; a lost update means a       the job's threads
``_woken``, ``_due``   write early or late, and the
                       last value is never lost
``files``, ``lasting`` the job's threads, under a lock   the writer; replaced whole
``open``               the job's threads (``setdefault`` the job's threads
                       where two may come first)
=====================  ================================  ===========================================

Without a lock, because taking one would cost more than the save.  Threads of one job that save to
one part at the same moment may lose a count of items, and nothing else; ranges give each thread a
part of its own.  Encoding happens in the save, not in the writer: the value is the user's, and may
change after it.  An int or a text cannot change, and is encoded when it is taken.

A job in a process of its own has a buffer in each process: ``news`` of the child's is JSON, for
``take_in`` of the parent's, which alone decides when to write.
"""

from __future__ import annotations

import math
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import Struct

from jobactors.model.checks import shown
from jobactors.model.exact import NotExact, exact_json, from_json
from jobactors.model.plain_values import plain_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from jobactors.model.every import Every

    from .meter import Meter


class Unlimited(Struct, frozen=True):
    """Stands for :class:`Every` in the job's own process, which need not load ``attrs`` for it."""

    items: float = math.inf


class SavedCheckpoint(NamedTuple):
    """The stored checkpoint of one part, as it was when the attempt began."""

    value: str
    """JSON."""
    items: float
    """Items done until then."""
    fraction: float | None = None
    """The progress of the job then, from 0 to 1; None if it had reported none."""
    saved_at: float = 0
    """When it was saved, in seconds since the epoch."""


class Saved(Struct, frozen=True):
    """The last save of one part; replaced whole, so that any thread sees all of it."""

    value: object
    """The value: JSON text, unless ``plain``."""
    plain: bool
    """Whether ``value`` is an int or str that has still to be encoded."""
    items: float
    """Items done until then, earlier attempts included."""
    fraction: float | None
    """The job's progress at about that moment; None where it is unknown."""
    dropped: bool = False
    """Whether the part has come to its end, and its checkpoint is to be removed."""

    @property
    def text(self) -> str:
        """The value as JSON."""
        return exact_json(self.value) if self.plain else str(self.value)


def to_send(
    stored: Mapping[str, SavedCheckpoint], folder: str, words: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the contents for a buffer in the job's own process, as JSON.

    Args:
        stored: The checkpoints to go on from, by part.
        folder: The folder of the job's work files; with words, the one that it is in.
        words: What it is named after.  Most jobs have no files, so their process makes the name.
    """
    return {"stored": stored, "folder": folder, "words": words}


class CheckpointBuffer:
    """The last saves of one attempt, one a part; see the module's table for the threads."""

    __slots__ = (
        "_due",
        "_folder",
        "_fraction",
        "_limit",
        "_meter",
        "_next_look",
        "_number",
        "_saved",
        "_stored",
        "_taken",
        "_unwritten",
        "_woken",
        "files",
        "lasting",
        "open",
        "wake",
    )

    def __init__(
        self,
        meter: Meter,
        every: Every | Unlimited,
        wake: Callable[[bool], None],
        stored: Mapping[str, SavedCheckpoint] | None = None,
        folder: Callable[[], str] = str,
    ) -> None:
        self.wake: Callable[[bool], None] = wake
        """Called when something is unwritten; with True, when it is to be written now."""
        self._folder = folder
        self.files: frozenset[str] = frozenset()
        """The parts that have asked for a work file."""
        self.lasting: frozenset[str] = frozenset()
        """The parts that stay although the job succeeds, until they are merged."""
        self.open: dict[str, Any] = {}
        """The state of the resumable loops, ranges and collected errors, by part."""
        self._meter = meter
        self._limit = every.items
        self._stored: Mapping[str, SavedCheckpoint] = {} if stored is None else stored
        self._saved: dict[str, Saved] = {}
        self._number = 0
        self._taken: dict[str, Saved] = {}
        self._unwritten: float = 0
        self._woken = False
        self._due = False
        self._fraction: float | None = None
        self._next_look = 0

    # -- the job's side

    @property
    def folder(self) -> str:
        """The folder of the job's work files, with one folder a part; empty if there is none."""
        return self._folder()

    def value_of(self, part: str) -> Any:
        """Return the checkpoint of ``part`` when the attempt began; a fresh copy at each call."""
        stored = self._stored.get(part)
        return None if stored is None else from_json(stored.value)

    def last_of(self, part: str) -> Any:
        """Return the last checkpoint of ``part``, of this attempt or an earlier one."""
        saved = self._saved.get(part)
        if saved is None:
            return self.value_of(part)
        return None if saved.dropped else from_json(saved.text)

    def has(self, part: str) -> bool:
        """Return whether anything of ``part`` is stored or saved."""
        saved = self._saved.get(part)
        return part in self._stored if saved is None else not saved.dropped

    def save(self, part: str, value: object, items: float = 1) -> None:
        """Save ``value`` as the checkpoint of ``part``.

        Args:
            part: The part; empty for the whole job.
            value: Exact JSON; it is taken as it is in this moment.
            items: Items done since the last save of the part.

        Raises:
            TypeError: for a value that is no exact JSON, or items that are no number.
            ValueError: for items below 0 or without end, and for a value that is too large.
        """
        kind = type(value)
        plain = (kind is int and -_SHORT < value < _SHORT) or (  # type: ignore[operator]
            kind is str and len(value) < _SHORT_TEXT  # type: ignore[arg-type]
        )
        if items != 1:
            items = _checked_items(items)
        self._number = number = self._number + 1
        if number >= self._next_look:
            # Not at every save, because it costs more than all the rest: once in a hundredth.
            self._fraction = _fraction(self._meter)
            self._next_look = number + (number >> 7) + 1
        text = value if plain else _encoded(value)
        self._saved[part] = Saved(text, plain, self._done(part) + items, self._fraction)
        self._count(items)

    def _done(self, part: str) -> float:
        saved = self._saved.get(part)
        if saved is not None:
            return saved.items
        stored = self._stored.get(part)
        return 0 if stored is None else stored.items

    def _count(self, items: float) -> None:
        self._unwritten += items
        if not self._woken:
            self._woken = True
            self.wake(False)
        if self._unwritten >= self._limit and not self._due:
            self.write()

    def drop(self, part: str) -> None:
        """Drop the checkpoints of a part that has ended, and of those in it, with work files."""
        for inner in self.parts_within(part):
            self._saved[inner] = Saved(None, False, 0, None, dropped=True)
        self.write()

    def parts_within(self, part: str) -> list[str]:
        """Return the parts that are stored or saved: ``part``, and those in it."""
        known = {*self._stored, *self._saved.copy(), *self.files}
        inside = f"{part}:"
        return [
            p for p in sorted(known) if (p == part or p.startswith(inside)) and self._is_there(p)
        ]

    def _is_there(self, part: str) -> bool:
        saved = self._saved.get(part)
        return saved is None or not saved.dropped

    @property
    def has_any(self) -> bool:
        """Whether a checkpoint of any part is stored or saved."""
        return any(not saved.dropped for saved in self._saved.copy().values()) or any(
            part not in self._saved for part in self._stored
        )

    def measure(self) -> None:
        """Let the next save read the job's progress, which has just made a good step."""
        self._next_look = 0

    def write(self) -> None:
        """Have everything written now."""
        self._woken = self._due = True
        self.wake(True)

    def has_files(self, part: str) -> None:
        """Note that ``part`` has asked for a work file."""
        with _MARKING:
            self.files |= {part}

    def set_lasting(self, part: str, lasting: bool) -> None:
        """Let ``part`` stay although the job succeeds, or not any more."""
        with _MARKING:
            self.lasting = self.lasting | {part} if lasting else self.lasting - {part}

    # -- the writer's side

    def take(self) -> list[tuple[str, Saved]]:
        """Return the saves since the last call; parts that are dropped come last."""
        self._woken = self._due = False  # before looking: a save that comes meanwhile wakes again
        self._unwritten = 0
        saved, before = self._saved.copy(), self._taken
        self._taken = saved
        news = [(part, last) for part, last in saved.items() if before.get(part) is not last]
        return sorted(news, key=_dropped)

    # -- across processes

    def to_send(self) -> dict[str, Any]:
        """Return the contents for the buffer in the job's own process, as JSON."""
        return to_send(self._stored, self.folder)

    @classmethod
    def received(
        cls,
        meter: Meter,
        wake: Callable[[bool], None],
        sent: dict[str, Any],
        folder: Callable[[], str],
    ) -> CheckpointBuffer:
        """Make the buffer of the job's own process; the parent's decides when to write."""
        stored = {part: SavedCheckpoint(*fields) for part, fields in sent["stored"].items()}
        return cls(meter, Unlimited(), wake, stored, folder)

    def news(self) -> Iterator[dict[str, Any]]:
        """Yield the saves since the last call, as JSON."""
        now = self._due
        for part, saved in self.take():
            yield {
                "part": part,
                "value": None if saved.dropped else saved.text,
                "items": saved.items,
                "fraction": saved.fraction,
                "dropped": saved.dropped,
                "files": sorted(self.files),
                "lasting": sorted(self.lasting),
                "now": now,
            }

    def take_in(self, news: dict[str, Any]) -> None:
        """Take over a save of the buffer in the job's own process."""
        self.files, self.lasting = frozenset(news["files"]), frozenset(news["lasting"])
        part, items, fraction = news["part"], news["items"], news["fraction"]
        if self._meter.polled:  # it is of a phase, and its progress a part of the chain's
            fraction = _fraction(self._meter)
        more = items - self._done(part)
        self._saved[part] = Saved(news["value"], False, items, fraction, news["dropped"])
        self._count(max(0, more))
        if news["now"]:
            self.write()


def _dropped(news: tuple[str, Saved]) -> bool:
    return news[1].dropped


_SHORT: Final = 2**63
_SHORT_TEXT: Final = 1_000_000
LARGEST: Final = 64 * 2**20
"""Characters of JSON of one checkpoint: larger data belongs in a work file."""
_MOST_ITEMS: Final = 2**53
_MARKING: Final = Lock()
"""Held for changes that come once a part; threads of one job begin parts at the same moment."""


def _encoded(value: object) -> str:
    try:
        text = exact_json(value, "the checkpoint")
    except NotExact as exc:
        raise TypeError(
            f"{exc}: save None, bool, int, finite float, str, list or dict (with text keys) only"
        ) from None
    if len(text) > LARGEST:
        raise ValueError(
            f"the checkpoint is of {len(text):,} characters, and {LARGEST:,} are the most: write "
            "the data to ja.current_job().work_file(…), and save where it has got to"
        )
    return text


def _checked_items(items: object) -> float:
    if isinstance(items, bool) or not isinstance(items, int | float):
        raise TypeError(f"items is a number, not {shown(items)}")
    if not 0 <= items <= _MOST_ITEMS:
        raise ValueError(
            f"items is how many are done since the last save, at most {_MOST_ITEMS:,}, "
            f"not {shown(items)}"
        )
    return items


def _fraction(meter: Meter) -> float | None:
    try:
        fraction = plain_number(meter.read().fraction)
    except Exception:  # the job may have reported no numbers at all
        return None
    return float(fraction) if fraction is not None and 0 <= fraction <= 1 else None
