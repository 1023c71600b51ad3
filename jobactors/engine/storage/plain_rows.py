"""Plainer rows, for jobs whose own rows cannot be made, or not be stored.

A value that no store takes affects its own job alone: that is stored without what is only shown of
it, and the other jobs of the batch as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from jobactors.engine.records.stored_submit import StoredSubmit
from jobactors.model.checks import class_name_of
from jobactors.model.info import JobInfo
from jobactors.model.outcome import NotKept
from jobactors.model.plain_values import LONGEST_LABEL, LONGEST_MESSAGE, plain_text
from jobactors.model.progress import NO_PROGRESS

if TYPE_CHECKING:
    from jobactors.model.snapshot import JobSnapshot


def plainer(snapshot: JobSnapshot) -> JobSnapshot:
    """Return a snapshot whose row every store takes, for one whose row cannot be made or stored.

    It has the same id, state and outcome; what is only shown to people is cut, or left out.
    """
    info, outcome = snapshot.info, snapshot.outcome
    reason = None if snapshot.reason is None else plain_text(snapshot.reason, LONGEST_MESSAGE)
    if outcome is not None:
        value = None if outcome.value is None else NotKept(class_name_of(outcome.value))
        outcome = replace(outcome, value=value, exception=None, reason=reason)
    return replace(
        snapshot,
        info=JobInfo(
            id=info.id,
            type=info.type,
            name=plain_text(info.name, LONGEST_LABEL),
            submitted_at=info.submitted_at,
            subject=info.subject,
            continues=info.continues,
            schedule=info.schedule,
            occurrence=info.occurrence,
        ),
        reason=reason,
        progress=NO_PROGRESS,
        outcome=outcome,
    )


def plainer_submit(submit: StoredSubmit, why: str) -> StoredSubmit:
    """Return a submit without arguments and options, for one that cannot be stored."""
    lost = f"its submit could not be stored: {plain_text(why, LONGEST_LABEL)}"
    return StoredSubmit("", "{}", submit.after, submit.source, submit.lost or lost)
