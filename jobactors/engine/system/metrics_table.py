"""The metrics of one system: what ended jobs have taken, by hour and job type.

Each ended job is counted once, in the tally of its hour and type.  The tallies are stored beside
the jobs, a few seconds later and all at once; so they outlive the jobs, which retention removes.
With them goes a *mark*, the moment up to which jobs are counted.  A job that ended after the mark
and before a crash is counted from its row when the store is opened again: none is lost, and none
counts twice.

The tallies of the present hour and its neighbours are *open*, and grow; all others are settled, and
their sum for each type is at hand: a scrape for monitoring adds up two hours, and not three months.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import msgspec
from msgspec import Struct

from jobactors.inside.report.guarded_log import LOG
from jobactors.model.spans import spans_of
from jobactors.model.stored_rows import DocumentRow, DropDocument, PutDocument, column
from jobactors.model.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from jobactors.engine.loop.timers import Timers
    from jobactors.engine.records.record import Record
    from jobactors.engine.storage.journal import Journal
    from jobactors.model.stored_rows import JobRow

KIND: Final = "metrics"
"""The kind of the documents in a store."""
_MARK: Final = "counted until"
_HOUR: Final = 3600.0
_FLUSH_AFTER: Final = 5.0
"""Seconds until tallies are stored, at most, after a job has ended."""
SERVERS: Final = frozenset({"server"})
"""The runners whose jobs are not counted: these serve as long as the program runs, do no work of
their own, and would stand in all tables of hours at work as the largest."""
HOURS_KEPT: Final = 90 * 24
"""Hours for which tallies stay."""
MOST_TYPES: Final = 100
"""Job types with tallies of their own in one hour; others are counted together."""
OTHER: Final = "other"
"""The name under which types beyond the first hundred are counted."""


class MetricsTable:
    """Counts ended jobs by hour and type.  In the loop's thread only.

    Args:
        now: Returns the present moment, in seconds since the epoch.
        journal: Takes the tallies; None if they are not stored.
        timers: Tell when to store them; None if they are not.
    """

    def __init__(
        self,
        now: Callable[[], float],
        journal: Journal | None = None,
        timers: Timers | None = None,
    ) -> None:
        self._journal = journal
        self._now = now
        self._timers = timers
        self._hours: dict[tuple[int, str], Tally] = {}
        self._open: dict[tuple[int, str], Tally] = {}
        """Those of them that may grow."""
        self._settled: Mapping[str, Tally] = {}
        """By type, the sum of all that are not open, dropped ones included; replaced, and never
        changed, for other threads read it."""
        self._present: dict[str, Tally] = {}
        """Those of the present hour, by type."""
        self._since = self._until = 0.0
        """The present hour's beginning and end, in seconds since the epoch."""
        self._past: Mapping[str, Tally] = {}
        """By type, the hours that were dropped since the system was opened: totals never sink."""
        self._is_due = False
        self._last = 0.0
        """When the last counted job ended, in seconds since the epoch."""
        self._last_ids: list[str] = []
        """The counted jobs that ended at that very moment."""

    # -- counting

    def count(self, record: Record) -> None:
        """Count a job that has just ended."""
        snapshot, turns = record.snapshot, record.turns
        if snapshot.runner in SERVERS:
            return
        end = snapshot.finished_at or snapshot.changed_at
        tally = self._present.get(snapshot.info.type)
        if tally is None or not self._since <= end < self._until:
            tally = self._tally_of(end, snapshot.info.type)
        tally.add(snapshot, None if turns is None else spans_of(snapshot, turns, end))
        if self._journal is None or self._timers is None:
            return
        tally.is_stored = False
        if end > self._last:
            self._last, self._last_ids = end, [record.id]
        elif end == self._last:
            self._last_ids.append(record.id)
        if not self._is_due:
            self._is_due = True
            self._timers.set(end + _FLUSH_AFTER, self.flush)

    def _tally_of(self, end: float, kind: str) -> Tally:
        """Return the tally of a job that ended then; its hour is the present one from now on."""
        hour = int(end // _HOUR)
        if not self._since <= end < self._until:
            self._begin(hour)
        if kind not in self._present and len(self._present) >= MOST_TYPES:
            kind = OTHER
        tally = self._present.get(kind)
        if tally is None:
            tally = self._present[kind] = Tally()
            self._hours[hour, kind] = self._open[hour, kind] = tally
        return tally

    def _begin(self, hour: int) -> None:
        """Count in this hour from now on."""
        self._since, self._until = hour * _HOUR, (hour + 1) * _HOUR
        self._reopen(hour)
        over = [key for key in self._open if abs(key[0] - hour) > 1]
        self._settled = _with(self._settled, ((key[1], self._open.pop(key)) for key in over))
        self._present = {key[1]: tally for key, tally in self._open.items() if key[0] == hour}
        self._drop_old(hour)

    def _reopen(self, hour: int) -> None:
        """Let the tallies of an hour grow again that were settled: the clock was set back."""
        settled = [key for key in self._hours if key[0] == hour and key not in self._open]
        if not settled:
            return
        for key in settled:
            tally = self._hours[key].copy()
            tally.is_stored = self._hours[key].is_stored
            self._hours[key] = self._open[key] = tally
        rest = ((key[1], one) for key, one in self._hours.items() if key not in self._open)
        self._settled = _with(self._past, rest)

    def _drop_old(self, hour: int) -> None:
        """Drop settled tallies that are too old."""
        for key in [key for key in self._hours if key[0] < hour - HOURS_KEPT]:
            self._past = _with(self._past, [(key[1], self._hours.pop(key))])
            if self._journal is not None:
                self._journal.write(DropDocument(KIND, _name_of(key)))

    # -- the store

    def flush(self) -> None:
        """Store the tallies that have changed, with the mark, in one batch."""
        self._is_due = False
        unstored = [(key, tally) for key, tally in self._hours.items() if not tally.is_stored]
        if self._journal is None or not unstored:
            return
        import json  # for a store alone

        now = self._now()
        for key, tally in unstored:
            text = tally.to_json()
            self._journal.write(PutDocument(DocumentRow(KIND, _name_of(key), text, now)))
            tally.is_stored = True
        mark = json.dumps([self._last, self._last_ids])
        self._journal.write(PutDocument(DocumentRow(KIND, _MARK, mark, now)))

    def load(self, stored: StoredMetrics, records: Iterable[Record]) -> None:
        """Take the tallies of a store over, and count the jobs that ended after its mark.

        Args:
            stored: What :func:`read_metrics` has read.
            records: The jobs of its rows.
        """
        self._hours.update(stored.tallies)
        self._open.update(stored.open)
        self._settled = stored.settled
        self._last, self._last_ids = stored.last, list(stored.last_ids)
        counted = frozenset(stored.last_ids)
        for record in records:
            if record.id not in counted:
                self.count(record)

    # -- reading

    def counted(self) -> Counted:
        """Return all that is counted, for another thread: what may still grow is copied."""
        growing = {key: tally.copy() for key, tally in self._open.items()}
        return Counted({**self._hours, **growing}, self._settled, growing)


class Counted(Struct, frozen=True):
    """The counts of a system at one moment."""

    hours: Mapping[tuple[int, str], Tally] = {}
    """The tally of each hour, in hours since the epoch, and type: tens of thousands, where 90 days
    had many types."""
    settled: Mapping[str, Tally] = {}
    """By type, the sum of those that do not grow any more, and of hours that were dropped since
    the system was opened."""
    open: Mapping[tuple[int, str], Tally] = {}
    """Those that grew at that moment."""

    def totals(self) -> Mapping[str, Tally]:
        """Return all that was ever counted, by type; it never sinks while the system is open."""
        return _with(self.settled, ((key[1], tally) for key, tally in self.open.items()))


def _with(totals: Mapping[str, Tally], more: Iterable[tuple[str, Tally]]) -> dict[str, Tally]:
    """Return new totals by type, to which more tallies are added."""
    added: dict[str, Tally] = {}
    for kind, tally in more:
        total = added.get(kind)
        if total is None:
            before = totals.get(kind)
            total = added[kind] = Tally() if before is None else before.copy()
        total.merge(tally)
    return {**totals, **added}


class StoredMetrics:
    """The metrics of a store, as read in its own thread."""

    def __init__(self) -> None:
        self.tallies: dict[tuple[int, str], Tally] = {}
        """The stored tallies, by hour and type."""
        self.open: dict[tuple[int, str], Tally] = {}
        """Those of them that may grow."""
        self.settled: dict[str, Tally] = {}
        """The sum of the others, by type."""
        self.last: float = 0.0
        """The end of the last job that is counted in them, in seconds since the epoch."""
        self.last_ids: list[str] = []
        """The counted jobs that ended at that very moment."""
        self.uncounted: list[JobRow] = []
        """The jobs that have ended since, and those of ``last_ids``, the oldest end first."""


class _Readable(Protocol):
    """A store, or a look into the file of one."""

    def documents(self, kind: str) -> list[DocumentRow]: ...
    def finished(self, limit: int, *, since: float | None = None) -> list[JobRow]: ...


def read_metrics(store: _Readable) -> StoredMetrics:
    """Read the metrics of a store, in its own thread.

    What cannot be read is named in the log, and left out.
    """
    stored = StoredMetrics()
    for row in store.documents(KIND):
        try:
            if row.name == _MARK:
                stored.last, stored.last_ids = _mark_from(row.value)
            else:
                stored.tallies[_key_from(row.name)] = Tally.from_json(row.value)
        except ValueError as exc:
            LOG.warning("the metrics %.100r in the store cannot be read: %s", row.name, exc)
    first = int(stored.last // _HOUR) - 1
    stored.open = {key: tally for key, tally in stored.tallies.items() if key[0] >= first}
    rest = ((key[1], tally) for key, tally in stored.tallies.items() if key[0] < first)
    stored.settled = _with({}, rest)
    stored.uncounted = store.finished(2**31, since=stored.last)
    stored.uncounted.reverse()
    return stored


def _name_of(key: tuple[int, str]) -> str:
    return f"{key[0]} {column(key[1])}"


def _key_from(name: str) -> tuple[int, str]:
    hour, _, kind = name.partition(" ")
    return int(hour), kind


def _mark_from(text: str) -> tuple[float, list[str]]:
    return msgspec.json.decode(text.encode(), type=tuple[float, list[str]])
