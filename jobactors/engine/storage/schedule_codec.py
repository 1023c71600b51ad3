"""Schedules as documents of a store, and documents as schedules again.

The job of a schedule is the text that a job's own row has for its submit: it is revived by the same
code, when the schedule is due for the first time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, cast

from attrs import asdict
from msgspec import Struct

from jobactors.model.exact import from_json
from jobactors.model.options import OnCheckpoint
from jobactors.model.schedule_policy import SchedulePolicy
from jobactors.model.schedule_rule import Cron, Interval, Moment, Rule
from jobactors.model.states import JobState
from jobactors.model.stored_rows import SCHEDULES, DocumentRow, JobRow

from .row_structs import convert, encode

if TYPE_CHECKING:
    from collections.abc import Mapping

PausedBy = Literal["", "person", "failures", "obstacle"]
_RULES: Final[Mapping[str, type[Cron | Interval | Moment]]] = {
    "cron": Cron,
    "interval": Interval,
    "moment": Moment,
}
_DEFAULT: Final = asdict(SchedulePolicy())


class ScheduleDocument(Struct, frozen=True, omit_defaults=True):
    """A schedule as its document has it."""

    rule: dict[str, Any]
    job: str
    """JSON: the submit of its jobs, as a job's row has it."""
    settled: float
    """The moment up to which all occurrences are settled, in seconds since the epoch."""
    policy: dict[str, Any] = {}
    on_checkpoint: OnCheckpoint | None = None
    runs: int = 0
    failures: int = 0
    last: str = ""
    paused_by: PausedBy = ""
    reason: str = ""
    open: tuple[str, ...] = ()
    """The ids of jobs whose ends are not counted yet."""


def rule_as_json(rule: Rule) -> dict[str, Any]:
    """Return a rule as JSON."""
    kind = next(name for name, kind in _RULES.items() if type(rule) is kind)
    return {"kind": kind, **asdict(rule)}


def rule_from_json(read: Mapping[str, Any]) -> Rule:
    """Return a rule from its JSON.

    Raises:
        ValueError, TypeError, ImportError: if it is none, or cannot be followed here.
    """
    fields = dict(read)
    kind = _RULES.get(fields.pop("kind", ""))
    if kind is None:
        raise ValueError("it has no rule that is known here")
    return kind(**fields)


def policy_as_json(policy: SchedulePolicy) -> dict[str, Any]:
    """Return what a policy has changed."""
    return {name: value for name, value in asdict(policy).items() if value != _DEFAULT[name]}


def document_of(name: str, document: ScheduleDocument, at: float) -> DocumentRow:
    """Return the row of a schedule.

    Args:
        name: Its name.
        document: What is stored of it.
        at: The present moment.
    """
    return DocumentRow(SCHEDULES, name, encode(document), at)


def document_from(row: DocumentRow) -> ScheduleDocument:
    """Return a schedule's document from its row.

    Raises:
        ValueError: if no schedule could have it.
    """
    return convert(from_json(row.value), ScheduleDocument, [])


def job_row_of(name: str, job: str) -> JobRow:
    """Return the row that a job of a schedule would have, to be read as any other one.

    Raises:
        ValueError: if the text is no submit.
    """
    read = from_json(job)
    kind: Any = cast("dict[str, Any]", read).get("type") if isinstance(read, dict) else None
    if not isinstance(kind, str):
        raise ValueError("its job has no type")  # noqa: TRY004 - the value is wrong, not its type
    return JobRow(
        id=f"of the schedule {name}",
        type=kind,
        subject="",
        state=JobState.QUEUED,
        submitted_at=0.0,
        changed_at=0.0,
        finished_at=None,
        read=False,
        spec=job,
        status="{}",
    )
