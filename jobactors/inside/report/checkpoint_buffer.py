"""``save_checkpoint``: how far a job has come, so that a later attempt, or job, can go on there."""

from __future__ import annotations

import math
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from jobactors.model.checkpoint import Every
from jobactors.model.exact import NotExact, exact_json, from_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from .meter import Meter


class SavedCheckpoint(NamedTuple):
    """What was kept of one part when the attempt began."""

    value: str
    """JSON."""
    items: float


class Saved(NamedTuple):
    """The last save of one part; replaced whole, so that any thread sees all of it."""

    value: object
    """What was saved: JSON text, unless ``plain``."""
    plain: bool
    """Whether ``value`` is an int or str that has still to be encoded."""
    items: float
    fraction: float | None
    dropped: bool = False
    """Whether the part has come to its end, and is to be forgotten."""

    @property
    def text(self) -> str:
        """The value as JSON."""
        return exact_json(self.value) if self.plain else str(self.value)


class CheckpointBuffer:
    """The last checkpoints of one attempt: saved by the job's code, taken by the engine.

    No locks: a save is one assignment.  Threads of one job that save to one part at the same moment
    may lose a count of items, and nothing else; ranges give each thread a part of its own.
    """

    __slots__ = (
        "_due",
        "_folder",
        "_fraction",
        "_kept",
        "_limit",
        "_meter",
        "_next_look",
        "_number",
        "_saved",
        "_taken",
        "_told",
        "_unwritten",
        "files",
        "lasting",
        "open",
        "wake",
    )

    def __init__(
        self,
        meter: Meter,
        every: Every,
        wake: Callable[[bool], None],
        kept: Mapping[str, SavedCheckpoint] | None = None,
        folder: Callable[[], str] = str,
    ) -> None:
        self.wake = wake
        """Tells the engine that something is unwritten; with True, that it is to be written now."""
        self._folder = folder
        self.files: frozenset[str] = frozenset()
        """The parts that have asked for a work file."""
        self.lasting: frozenset[str] = frozenset()
        """The parts that are kept although the job succeeds, until somebody merges them."""
        self.open: dict[str, Any] = {}
        """What the resumable loops and ranges of each part know."""
        self._meter = meter
        self._limit = every.items
        self._kept: Mapping[str, SavedCheckpoint] = {} if kept is None else kept
        self._saved: dict[str, Saved] = {}
        self._number = 0
        self._taken: dict[str, Saved] = {}
        self._unwritten: float = 0
        self._told = False
        self._due = False
        self._fraction: float | None = None
        self._next_look = 0

    # -- the job's side

    @property
    def folder(self) -> str:
        """Where the job's work files are, in one folder a part; empty if there is no place."""
        return self._folder()

    def value_of(self, part: str) -> Any:
        """Return what was kept of ``part`` when the attempt began; a fresh copy at each call."""
        kept = self._kept.get(part)
        return None if kept is None else from_json(kept.value)

    def has(self, part: str) -> bool:
        """Whether anything is kept or saved of ``part``."""
        saved = self._saved.get(part)
        return part in self._kept if saved is None else not saved.dropped

    def save(self, part: str, value: object, items: float = 1) -> None:
        """Save ``value`` as the checkpoint of ``part``."""
        kind = type(value)
        plain = (kind is int and -_SHORT < value < _SHORT) or kind is str  # type: ignore[operator]
        if items != 1:
            _check_items(items)
        self._number = number = self._number + 1
        if number >= self._next_look:
            # Not at every save, because it costs more than all the rest: once in a hundredth.
            self._fraction = _fraction(self._meter)
            self._next_look = number + (number >> 7) + 1
        text = value if plain else _encoded(value)
        self._saved[part] = Saved(text, plain, self._done(part) + items, self._fraction)
        self._tell(items)

    def _done(self, part: str) -> float:
        saved = self._saved.get(part)
        if saved is not None:
            return saved.items
        kept = self._kept.get(part)
        return 0 if kept is None else kept.items

    def _tell(self, items: float) -> None:
        self._unwritten += items
        if not self._told:
            self._told = True
            self.wake(False)
        if self._unwritten >= self._limit and not self._due:
            self.write()

    def drop(self, part: str) -> None:
        """Forget a part that has come to its end, and what is in it; its work files go as well."""
        for inner in self.parts_within(part):
            self._saved[inner] = Saved(None, False, 0, None, dropped=True)
        self.write()

    def parts_within(self, part: str) -> list[str]:
        """Return the parts of which something is kept or saved: ``part``, and those in it."""
        known = {*self._kept, *self._saved.copy(), *self.files}
        inside = f"{part}:"
        return [
            p for p in sorted(known) if (p == part or p.startswith(inside)) and self._is_there(p)
        ]

    def _is_there(self, part: str) -> bool:
        saved = self._saved.get(part)
        return saved is None or not saved.dropped

    def measure(self) -> None:
        """Let the next save look how far the job is: it has just come a good deal further."""
        self._next_look = 0

    def write(self) -> None:
        """Have everything written down now."""
        self._told = self._due = True
        self.wake(True)

    def has_files(self, part: str) -> None:
        """``part`` has asked for a work file."""
        with _MARKING:
            self.files |= {part}

    def keep_after_success(self, part: str, keep: bool) -> None:
        """Let ``part`` stay although the job succeeds, or not any more."""
        with _MARKING:
            self.lasting = self.lasting | {part} if keep else self.lasting - {part}

    # -- the engine's side

    def take(self) -> list[tuple[str, Saved]]:
        """Return what was saved since the last call; what is to be forgotten comes last."""
        self._told = self._due = False  # before looking: a save that comes meanwhile wakes us again
        self._unwritten = 0
        saved, before = self._saved.copy(), self._taken
        self._taken = saved
        news = [(part, last) for part, last in saved.items() if before.get(part) is not last]
        return sorted(news, key=_dropped)

    # -- across processes

    def to_send(self) -> dict[str, Any]:
        """Return what the buffer in the job's own process needs to know, for JSON."""
        return {"kept": self._kept, "folder": self.folder}

    @classmethod
    def received(
        cls, meter: Meter, wake: Callable[[bool], None], sent: dict[str, Any]
    ) -> CheckpointBuffer:
        """Make the buffer of the job's own process; when to write is the other one's to decide."""
        kept = {part: SavedCheckpoint(*fields) for part, fields in sent["kept"].items()}
        return cls(meter, Every(math.inf, math.inf), wake, kept, lambda: sent["folder"])

    def news(self) -> Iterator[dict[str, Any]]:
        """Yield what was saved since the last call, for JSON."""
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
        """Take what the buffer in the job's own process has said."""
        self.files, self.lasting = frozenset(news["files"]), frozenset(news["lasting"])
        part, items = news["part"], news["items"]
        more = items - self._done(part)
        self._saved[part] = Saved(news["value"], False, items, news["fraction"], news["dropped"])
        self._tell(max(0, more))
        if news["now"]:
            self.write()

    @property
    def parts(self) -> frozenset[str]:
        """The parts of which this attempt has saved something, or has work files."""
        return self.files.union(self._saved.copy())


def _dropped(news: tuple[str, Saved]) -> bool:
    return news[1].dropped


_SHORT: Final = 2**63
_MARKING: Final = Lock()
"""Held for what is done once a part; threads of one job begin their parts at the same moment."""


def _encoded(value: object) -> str:
    try:
        return exact_json(value, "the checkpoint")
    except NotExact as exc:
        raise TypeError(
            f"{exc}: save None, bool, int, finite float, str, list or dict (with text keys) only"
        ) from None


def _check_items(items: object) -> None:
    if isinstance(items, bool) or not isinstance(items, int | float):
        raise TypeError(f"items is a number, not {items!r:.100}")
    if not 0 <= items < math.inf:
        raise ValueError(f"items is how many are done since the last save, not {items}")


def _fraction(meter: Meter) -> float | None:
    try:
        return meter.read().fraction
    except Exception:  # what the job has reported may be no numbers at all
        return None
