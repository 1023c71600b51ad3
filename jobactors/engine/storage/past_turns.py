"""The turns of a job's life out of the lines of its event log, in this process and earlier ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from jobactors.model.spans import StageTurn, Turn
from jobactors.model.states import JobState, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobactors.model.stored_rows import EventRow

_STATES: Final = {
    "JobQueued": JobState.QUEUED,
    "JobStarted": JobState.RUNNING,
    "JobPaused": JobState.PAUSED,
    "JobResumed": JobState.RUNNING,
    "JobCancelling": JobState.CANCELLING,
    "JobRetried": JobState.QUEUED,
    "JobStopped": JobState.INTERRUPTED,
    "JobRequeued": JobState.QUEUED,
}
"""The state after each kind of line in an event log that makes a turn."""


def turns_from(lines: Iterable[EventRow]) -> tuple[Turn, ...]:
    """Return the turns that the lines of an event log give."""
    turns: list[Turn] = []
    for line in lines:
        state = _STATES.get(line.kind)
        if state is None:
            continue
        waiting = Waiting.SLOT if state is JobState.QUEUED else None
        if line.kind == "JobRetried":
            waiting = Waiting.RETRY
        turns.append(Turn(line.at, state, waiting))
    return tuple(turns)


def stages_from(lines: Iterable[EventRow]) -> tuple[StageTurn, ...]:
    """Return the turns of stages that the lines of an event log give; an attempt begins in none."""
    return tuple(
        [
            StageTurn(line.at, _stages_of(line))
            for line in lines
            if line.kind in {"JobProgressed", "JobStarted"}
        ]
    )


def _stages_of(line: EventRow) -> str:
    """Return the stages that a line about a job's progress has: their labels, as one text."""
    try:
        detail: Any = json.loads(line.detail)
        stages = detail["stages"]
    except (ValueError, RecursionError, TypeError, KeyError):
        return ""
    return stages if isinstance(stages, str) else ""
