"""The submits of schedules: what a decision becomes, in one commit with what it settles.

::

    decide ─► jobs admitted ─┐
         └──► settled ───────┴─► one batch of the journal ─► one transaction

If the process dies, the occurrence is unsettled and has no job, or it is settled and has one.  The
store refuses a second job for one occurrence besides.

A job that the store could not take takes its occurrence back: that is due again, once the store can
be written.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import TYPE_CHECKING

from jobactors.engine.records.comparisons import CompareFirst
from jobactors.engine.records.record import Edge
from jobactors.inside.report.guarded_log import LOG
from jobactors.model.errors import JobactorsError
from jobactors.model.job_type import job_type_named
from jobactors.model.schedule_decision import MOST_COUNTED
from jobactors.model.stored_rows import AddOccurrence, OccurrenceRow, PutDocument

from .scheduled_job import make_scheduled

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from jobactors.engine.records.record import Record
    from jobactors.model.schedule_decision import Decision
    from jobactors.model.states import JobState

    from .admission import Admission
    from .core import Core
    from .parts import Parts
    from .recovery import Recovery
    from .schedule_entry import ScheduleEntry

_ONE_WAITS = "one run waits for the end of another one already"


class ScheduleRuns:
    """Submits the jobs of schedules.  In the loop's thread only, in steps."""

    def __init__(self, parts: Parts, core: Core, recovery: Recovery, admission: Admission) -> None:
        self._parts = parts
        self._core = core
        self._recovery = recovery
        self._admission = admission

    def in_one_commit(self) -> AbstractContextManager[None]:
        """Write all that is changed inside in one commit."""
        journal = self._parts.journal
        return nullcontext() if journal is None else journal.in_one_commit()

    def write(self, entry: ScheduleEntry) -> None:
        """Write a schedule as it is now, if it is stored."""
        journal = self._parts.journal
        if journal is not None and not entry.in_memory:
            journal.write(PutDocument(entry.document(self._core.clock.now())))

    def revive(self, entry: ScheduleEntry) -> None:
        """Look up the function of a schedule that came from a store.

        Raises:
            NotResumable: if it is not registered (yet), or its job makes no sense.
        """
        prototype = entry.prototype
        self._recovery.revive(prototype)
        if prototype.options.on_checkpoint != entry.on_checkpoint:
            prototype.options = prototype.options.changed(on_checkpoint=entry.on_checkpoint)

    def settle(self, entry: ScheduleEntry, decision: Decision) -> None:
        """Submit what is due, and settle it.

        Raises:
            JobsClosed: when no more jobs are taken; nothing is settled.
            StoreError: if the store cannot be written; nothing is settled.
            NotResumable: if the function cannot be found; nothing is settled.
        """
        self._core.check_open()
        self.revive(entry)
        entry.settled = decision.settled
        with self.in_one_commit():
            self._note_missed(entry, decision)
            for at in decision.skipped:
                self._note(entry, at, "skipped", *_in_the_way(entry))
            if decision.submit and entry.policy.overlap == "replace":
                for record in entry.unfinished:
                    self._core.cancel(record, "replaced by the next run of its schedule")
            for at in decision.submit:
                self._submit(entry, at, is_late=len(decision.submit) > 1)
            self.write(entry)

    def _submit(self, entry: ScheduleEntry, at: float, *, is_late: bool) -> None:
        unfinished = entry.unfinished
        if entry.policy.overlap == "queue" and len(unfinished) > 1 and not is_late:
            self._note(entry, at, "skipped", unfinished[-1].id, _ONE_WAITS)
            return
        follows = entry.policy.overlap != "allow"
        edges = (Edge(unfinished[-1], "finished"),) if follows and unfinished else ()
        try:
            record = self._accept(entry, at, edges)
        except (JobactorsError, CompareFirst, ValueError) as exc:
            self._note(entry, at, "skipped", "", str(exc))
            return
        if record.snapshot.info.occurrence != at or record.snapshot.info.schedule != entry.name:
            self._note(entry, at, "skipped", record.id, "an unfinished job has its key")
            return
        entry.runs += 1
        _add(entry, record)
        self._note(entry, at, "submitted", record.id)

    def run_now(self, entry: ScheduleEntry) -> Record:
        """Submit a job by hand, whatever else runs; the rhythm is not moved.

        Raises:
            JobactorsError: as a submit.
        """
        self._core.check_open()
        self.revive(entry)
        with self.in_one_commit():
            record = self._accept(entry, None, ())
            _add(entry, record)
            self._note(entry, self._core.clock.now(), "manual", record.id)
            self.write(entry)
        return record

    def _accept(self, entry: ScheduleEntry, at: float | None, edges: tuple[Edge, ...]) -> Record:
        prototype = entry.prototype
        submit = prototype.submit
        if submit is None or submit.lost:
            arguments = prototype.args, dict(prototype.kwargs)
        else:
            kind = job_type_named(prototype.snapshot.type)
            arguments = self._recovery.arguments_of(submit, kind)
        now = self._core.clock.now()
        made = make_scheduled(prototype, arguments, now, entry.name, at, edges)
        return self._admission.accept(made)

    def take_back(self, entry: ScheduleEntry, record: Record) -> bool:
        """Take the occurrence of a job back that was not stored; return whether it is due again.

        Nothing later is stored either: a batch fails with the one ahead of it.
        """
        journal, at = self._parts.journal, record.snapshot.info.occurrence
        entry.open.pop(record.id, None)
        if at is None or journal is None or journal.trouble is None:
            return False  # the store takes others, and never this one
        entry.settled = min(entry.settled, math.nextafter(at, -math.inf))
        entry.runs = max(0, entry.runs - 1)
        self.write(entry)
        return True

    # -- the history

    def _note_missed(self, entry: ScheduleEntry, decision: Decision) -> None:
        if not decision.missed:
            return
        count = MOST_COUNTED if decision.more_missed else len(decision.missed)
        instead = "one run stands for them" if decision.submit else ""
        detail = "; ".join(filter(None, ("or more" if decision.more_missed else "", instead)))
        self._note(entry, decision.missed[-1], "missed", "", detail, count)

    def _note(
        self,
        entry: ScheduleEntry,
        at: float,
        kind: str,
        job_id: str = "",
        detail: str = "",
        count: int = 1,
    ) -> None:
        row = OccurrenceRow(entry.name, at, kind, job_id, detail, count)
        if self._parts.journal is None or entry.in_memory:
            entry.remembered.append(row)
        else:
            self._parts.journal.write(AddOccurrence(row))


def _add(entry: ScheduleEntry, record: Record) -> None:
    entry.open[record.id] = record
    entry.last = record.id


def _in_the_way(entry: ScheduleEntry) -> tuple[str, str]:
    """Return the job because of which an occurrence is skipped, and what it does."""
    unfinished = entry.unfinished
    if not unfinished:
        return "", ""
    state: JobState = unfinished[-1].snapshot.state
    return unfinished[-1].id, f"the run before is {state}"


def log_failures(entry: ScheduleEntry, failed: list[Record]) -> None:
    """Log each failed run: nothing else may wait for it."""
    for record in failed:
        LOG.error("schedule %r: job %s failed: %s", entry.name, record.id, record.snapshot.error)
