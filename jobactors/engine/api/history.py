"""The history of a job system: ended jobs, work that can go on, and cleaning up."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from jobactors.engine.records.filters import as_states
from jobactors.engine.system.job_system import JobSystem
from jobactors.model.checks import (
    Seconds,
    as_seconds,
    as_seconds_or_none,
    check_count,
    check_seconds,
)
from jobactors.model.errors import NoStore, UnknownJob
from jobactors.model.field_docs import documented
from jobactors.model.identity import type_names
from jobactors.model.job_list import JobList
from jobactors.model.states import TERMINAL, JobState
from jobactors.model.stored_rows import column

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobactors.engine.ports.store import Store
    from jobactors.engine.records.filters import States
    from jobactors.engine.records.record import Record
    from jobactors.engine.records.registry import Registry
    from jobactors.model.identity import TypeOrFunction
    from jobactors.model.snapshot import JobSnapshot
    from jobactors.model.stored_rows import JobRow

    from .resumable import Resumable

WEEK: Final = 7 * 86400.0
_ALL: Final = 2**31
"""More jobs than a store has."""


@documented
class StoreState(Struct, frozen=True):
    """The state of a job system's store."""

    name: str
    """Its path, or "memory"."""
    trouble: str | None = None
    """The cause, and the cure, if nothing can be written at the moment; None if all is well."""
    lost: bool = False
    """Whether another process owns it now, so that nothing is stored any more."""
    offer: str | None = None
    """The store that could be taken over, and how; None if there is none."""


class History:
    """The part of :class:`~jobactors.Jobs` that reads the store, and cleans it up."""

    _system: JobSystem

    @property
    def store(self) -> StoreState | None:
        """The state of the store; None without one."""
        journal = self._system.parts.journal
        trouble, offered = self._system.store_note
        if journal is None:
            return None if trouble is None else StoreState("memory", trouble)
        trouble = None if journal.trouble is None else str(journal.trouble)
        return StoreState(journal.name, trouble, journal.lost, offered)

    def history(
        self,
        limit: int = 50,
        *,
        max_age: Seconds | None = WEEK,
        state: States | None = None,
        type: TypeOrFunction | None = None,
        subject: str | None = None,
    ) -> list[JobSnapshot]:
        """Return ended jobs that match all conditions, newest end first.

        Those of earlier processes as well, if there is a store; otherwise those the registry has.

        Args:
            limit: So many at most; default: 50.
            max_age: Seconds since their end, at most; default: 7 days; None for any age.
            state: Only jobs that ended so, or in one of several ways.
            type: Only jobs of this type, by its name or its function; those of its aliases, too.
            subject: Only jobs about this.

        Raises:
            ValueError: for a state that is not terminal.
            TypeError, ValueError: for a number that is none, or negative; for a type that is none.
            StoreError: if the store cannot be read.
        """
        types = None if type is None else type_names(type)
        check_count("limit", limit)
        max_age = as_seconds_or_none(max_age)
        if max_age is not None:
            check_seconds("max_age", max_age)
        wanted = _ended_states(state)
        since = None if max_age is None else self._system.core.clock.now() - max_age
        journal = self._system.parts.journal
        if journal is None or self._system.parts.portal.is_closed:
            found = [
                record.snapshot
                for record in self._system.parts.portal.look(
                    lambda: list(self._system.parts.registry)
                )
                if _matches(record.snapshot, wanted, since, types, subject)
            ]
            found.sort(key=lambda snapshot: snapshot.finished_at or 0)
            return JobList(found[::-1][:limit])
        rows = journal.read(partial(_ended_rows, limit, types, subject, since=since, states=wanted))
        return JobList(record.snapshot for record in _records_from(rows))

    def resumable(self) -> Sequence[Resumable]:
        """List the work that can go on: interrupted jobs, and checkpoints of ended ones.

        Each has its progress, its age, and the obstacle to going on, if there is one; newest first.

        Example::

            for work in jobs.resumable():
                print(work)  # index wiki: interrupted at 45 %, 2 h ago
                work.resume()
        """
        from .resumable import find_resumable

        return self._system.parts.portal.look(find_resumable, self._system)

    def clear(
        self,
        *,
        state: States | None = None,
        type: TypeOrFunction | None = None,
        subject: str | None = None,
        older_than: Seconds = 0.0,
    ) -> int:
        """Delete all ended jobs that match, from registry and store; returns their number.

        Unfinished jobs stay, and those that an unfinished one comes after.

        Args:
            state: Only jobs that ended so, or in one of several ways; default: however they ended.
            type: Only jobs of this type, by its name or its function; those of its aliases, too.
            subject: Only jobs about this.
            older_than: Only jobs that ended at least so many seconds ago.

        Raises:
            ValueError: for a state that is not terminal.
            TypeError, ValueError: for a time that is none, or negative; for a type that is none.
        """
        older_than = as_seconds(older_than)
        check_seconds("older_than", older_than)
        types = None if type is None else type_names(type)
        wanted = _ended_states(state)
        until = self._system.core.clock.now() - older_than
        return self._system.parts.portal.move(
            self._system.core.ended.clear,
            self._ended_ids(wanted, types, subject, until),
            partial(_matches, states=wanted, since=None, types=types, subject=subject),
            until,
        )

    def _ended_ids(
        self,
        states: frozenset[JobState],
        types: frozenset[str] | None,
        subject: str | None,
        until: float,
    ) -> list[str]:
        """Return the ids of the stored jobs that match; their rows are not decoded."""
        journal = self._system.parts.journal
        if journal is None:
            return []
        rows = journal.read(partial(_ended_rows, _ALL, types, subject, states=states))
        return [row.id for row in rows if (row.finished_at or 0) <= until]

    def vacuum(self) -> None:
        """Remove old jobs and checkpoints, and give their space back to the disk.

        Blocks until that is done, which takes seconds for a large file; jobs go on meanwhile.

        Raises:
            NoStore: if there is none.
            StoreError: if the file cannot be written.
        """
        journal = self._system.parts.journal
        if journal is None:
            raise NoStore("jobs.vacuum()")
        now = self._system.core.clock.now()

        def clean(store: Store) -> None:
            while store.prune(now):
                pass
            store.vacuum()

        journal.read(clean)

    # -- one job

    def _find(self, job_id: str) -> Record:
        """Return the record of a job in the registry or in the store, or raise UnknownJob."""
        if not isinstance(job_id, str):
            kind = type(job_id).__name__
            raise TypeError(f"a job is found by its id, which is text, not by {kind}: pass job.id")
        portal, ended = self._system.parts.portal, self._system.core.ended
        record = portal.look(self._system.core.find, job_id)
        if record is None and not portal.is_closed:
            record = ended.find_stored(job_id)
        if record is None:
            raise UnknownJob(job_id)
        return record

    def _find_latest(self, type: TypeOrFunction, subject: str) -> Record | None:
        parts, types = self._system.parts, type_names(type)
        record = parts.portal.look(_latest_here, parts.registry, types, subject)
        journal = parts.journal
        if record is None and journal is not None and not parts.portal.is_closed:
            stored = _records_from(journal.read(partial(_ended_rows, 1, types, subject)))
            if stored:
                stored[0].settled.set()
                return stored[0]
        return record


def _records_from(rows: list[JobRow]) -> list[Record]:
    from jobactors.engine.storage.stored_jobs import records_from  # loaded by the journal

    return records_from(rows)


def _latest_here(registry: Registry, types: frozenset[str], subject: str) -> Record | None:
    for record in reversed(registry):
        info = record.snapshot.info
        if info.type in types and info.subject == subject:
            return record
    return None


def _ended_rows(
    limit: int,
    types: frozenset[str] | None,
    subject: str | None,
    store: Store,
    *,
    since: float | None = None,
    states: frozenset[JobState] | None = None,
) -> list[JobRow]:
    """Return the rows of ended jobs that match, newest end first, under any name of their type."""
    find = partial(
        store.finished,
        limit,
        since=since,
        states=states,
        subject=None if subject is None else column(subject),
    )
    if types is None:
        return find()
    found = [find(type=column(name)) for name in sorted(types)]
    if len(found) == 1:
        return found[0]
    return sorted(chain(*found), key=lambda row: -(row.finished_at or 0))[: max(0, limit)]


def _ended_states(state: States | None) -> frozenset[JobState]:
    if state is None:
        return TERMINAL
    wanted = as_states(state)
    if wanted - TERMINAL:
        one = state if isinstance(state, str) else min(wanted - TERMINAL)
        raise ValueError(f"history holds ended jobs, and none is {one}: use jobs.list()")
    return wanted


def _matches(
    snapshot: JobSnapshot,
    states: frozenset[JobState],
    since: float | None,
    types: frozenset[str] | None,
    subject: str | None,
) -> bool:
    return (
        snapshot.state in states
        and (since is None or (snapshot.finished_at or 0) >= since)
        and (types is None or snapshot.info.type in types)
        and (subject is None or snapshot.info.subject == subject)
    )
