"""One schedule of a system: its rule, its job, and how far it is settled.

Written by the loop's thread only, by the schedule table.  ``settled`` never goes back, but for a
job that could not be stored: then its occurrence was not settled on disk either.
"""

from __future__ import annotations

import math
from collections import deque
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Final

from jobactors.engine.storage.row_codec import submit_text
from jobactors.engine.storage.schedule_codec import (
    ScheduleDocument,
    document_from,
    document_of,
    job_row_of,
    policy_as_json,
    rule_as_json,
    rule_from_json,
)
from jobactors.engine.storage.stored_jobs import record_from
from jobactors.model.error_text import shorten
from jobactors.model.schedule_decision import (
    MOST_COUNTED,
    decide,
    moments_after,
    put_off,
    upcoming,
)
from jobactors.model.schedule_policy import SchedulePolicy
from jobactors.model.schedule_rule import Cron
from jobactors.model.schedule_state import ScheduleState
from jobactors.model.states import JobState

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.records.record import Record
    from jobactors.engine.storage.schedule_codec import PausedBy
    from jobactors.model.options import OnCheckpoint
    from jobactors.model.schedule_decision import Decision
    from jobactors.model.schedule_rule import Rule
    from jobactors.model.schedule_state import Standing
    from jobactors.model.stored_rows import DocumentRow, OccurrenceRow

_REMEMBERED: Final = 100
"""Occurrences of a schedule in memory that its history shows."""
_LONGEST_REASON: Final = 500
_COUNT_EVERY: Final = 10.0
"""Seconds between two counts of what a schedule at rest has missed."""


class ScheduleEntry:
    """One schedule.  In the loop's thread only."""

    def __init__(
        self,
        name: str,
        rule: Rule,
        policy: SchedulePolicy,
        prototype: Record,
        settled: float,
        in_memory: str,
    ) -> None:
        self.name: str = name
        self.rule: Rule = rule
        self.policy: SchedulePolicy = policy
        self.prototype: Record = prototype
        """The function, arguments and options of its jobs; never submitted itself."""
        self.settled: float = settled
        """The moment up to which all occurrences are settled, in seconds since the epoch."""
        self.in_memory: str = in_memory
        """The reason for which it is not stored; empty if it is."""
        self.on_checkpoint: OnCheckpoint | None = prototype.options.on_checkpoint
        """The option, which a stored job's own row leaves out."""
        self.runs: int = 0
        self.failures: int = 0
        """Runs that have failed in a row."""
        self.open: dict[str, Record] = {}
        """Jobs whose ends are not counted yet, in the order of their submission."""
        self.last: str = ""
        """The id of its last job."""
        self.paused_by: PausedBy = ""
        self.reason: str = ""
        self.rests: bool = False
        """Whether it came from a store, and nothing has resumed it yet."""
        self.wake: float = -math.inf
        """When to look at it next; before the first look, at once."""
        self._counted: tuple[int, float] = (0, -math.inf)
        """The occurrences that were missed while it rests, and when they were counted."""
        self.remembered: deque[OccurrenceRow] = deque(maxlen=_REMEMBERED)
        """Its last occurrences, if it is not stored."""

    @property
    def is_live(self) -> bool:
        """Whether it submits jobs."""
        return not (self.paused_by or self.rests)

    @property
    def unfinished(self) -> list[Record]:
        """Its jobs that have not ended, the oldest first."""
        return [one for one in self.open.values() if not one.settled_for_good]

    def decide(self, now: float) -> Decision:
        """Decide what becomes of the occurrences that are due."""
        return decide(
            self.name,
            self.rule,
            self.policy,
            self.settled,
            now,
            running=bool(self.unfinished),
            runs=self.runs,
        )

    def preview(self, now: float, count: int, after: float | None = None) -> list[float]:
        """Return the next moments at which it is due, or those after a moment of any time."""
        return upcoming(
            self.name,
            self.rule,
            self.policy,
            now,
            count,
            after=after,
            settled=self.settled,
            runs=self.runs,
        )

    def count_ends(self) -> list[Record]:
        """Count the ends of its jobs, in the order of their submission; return those that failed.

        The count of failures in a row begins anew with each success; a cancelled job changes
        nothing.
        """
        failed: list[Record] = []
        for job_id, record in list(self.open.items()):
            state = record.snapshot.state
            if not state.is_terminal:
                continue
            del self.open[job_id]
            if state is JobState.FAILED:
                self.failures += 1
                failed.append(record)
            elif state is JobState.SUCCEEDED:
                self.failures = 0
        most = self.policy.pause_on_failures
        if failed and most is not None and self.failures >= most and not self.paused_by:
            error = shorten(str(failed[-1].snapshot.error), _LONGEST_REASON)
            runs = "1 run has" if self.failures == 1 else f"{self.failures} runs in a row have"
            self.pause("failures", f"{runs} failed, the last {failed[-1].id}: {error}")
        return failed

    def pause(self, by: PausedBy, reason: str) -> None:
        """Submit no more jobs until it is resumed."""
        self.paused_by, self.reason = by, reason

    def document(self, now: float) -> DocumentRow:
        """Return its row in a store."""
        prototype = self.prototype
        submit = prototype.submit
        assert submit is not None  # noqa: S101 - only a schedule whose job can be stored is
        return document_of(
            self.name,
            ScheduleDocument(
                rule=rule_as_json(self.rule),
                job=submit_text(prototype.snapshot.info, submit),
                settled=self.settled,
                policy=policy_as_json(self.policy),
                on_checkpoint=self.on_checkpoint,
                runs=self.runs,
                failures=self.failures,
                last=self.last,
                paused_by=self.paused_by,
                reason=self.reason,
                open=tuple(self.open),
            ),
            now,
        )

    def state(self, now: float) -> ScheduleState:
        """Return its state for displays, with what it has missed as that was counted last."""
        info = self.prototype.snapshot.info
        overdue = self.is_live and self.wake <= now
        coming = self.wake
        if self.is_live and not now < coming < math.inf:  # it was not looked at, or has ended
            coming = next(iter(self.preview(now, 1)), math.inf)
        return ScheduleState(
            name=self.name,
            rule=str(self.rule),
            in_words=self.rule.in_words,
            zone=self.rule.zone if isinstance(self.rule, Cron) else "",
            type=info.type,
            label=info.name,
            subject=info.subject,
            standing=self._standing(coming < math.inf or overdue),
            reason=self.reason,
            next=coming if self.is_live and coming < math.inf else None,
            missed=self._counted[0] if self.rests and not self.paused_by else 0,
            runs=self.runs,
            failures=self.failures,
            unfinished=tuple(record.id for record in self.unfinished),
            last=self.last,
            in_memory=self.in_memory,
        )

    def _standing(self, is_due_again: bool) -> Standing:
        if self.paused_by:
            return "paused"
        if self.rests:
            return "resting"
        return "active" if is_due_again else "ended"

    def counted_at(self, now: float) -> float:
        """Return when was last counted what it has missed; infinite if that need not be done now.

        A display asks often, and a rule is followed step by step.
        """
        counted, at = self._counted
        rests = self.rests and not self.paused_by
        is_old = counted < MOST_COUNTED and now >= at + _COUNT_EVERY
        return at if rests and is_old else math.inf

    def count_missed(self, now: float) -> None:
        """Count what it has missed."""
        due = islice(moments_after(self.rule, self.policy, self.settled), MOST_COUNTED)
        is_due = (put_off(self.name, moment, self.policy.jitter) <= now for moment in due)
        self._counted = sum(takewhile(bool, is_due)), now


def entry_from(row: DocumentRow, find: Callable[[str], Record | None]) -> ScheduleEntry:
    """Return a schedule from its document.

    Args:
        row: The document.
        find: Returns the record of a job by its id, or None.

    Raises:
        ValueError, TypeError, ImportError: if no schedule could have it, or it cannot be followed
            here.
    """
    document = document_from(row)
    prototype = record_from(job_row_of(row.name, document.job))
    rule, policy = rule_from_json(document.rule), SchedulePolicy(**document.policy)
    entry = ScheduleEntry(row.name, rule, policy, prototype, document.settled, "")
    entry.on_checkpoint = document.on_checkpoint
    entry.runs, entry.failures, entry.last = document.runs, document.failures, document.last
    entry.paused_by, entry.reason = document.paused_by, document.reason
    found = ((job_id, find(job_id)) for job_id in document.open)
    entry.open.update((job_id, record) for job_id, record in found if record is not None)
    return entry
