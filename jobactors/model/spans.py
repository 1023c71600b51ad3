"""The spans of a job's life: queued, running, paused, one after the other.

A snapshot has the times of the submit, the first start and the end, and these are all there is to
know about most jobs.  For a job that also waits, pauses, is retried or interrupted, its *turns* are
noted: the moments at which its state or the reason of its waiting changed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from .events import (
    JobCancelling,
    JobPaused,
    JobRequeued,
    JobResumed,
    JobRetried,
    JobStopped,
    JobWaiting,
)
from .field_docs import documented
from .states import JobState, Waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .events import Event
    from .snapshot import JobSnapshot

MOST_TURNS: Final = 500
"""Turns of one job that are noted; of one that changes more often, the later ones run together."""

TURNING: Final[frozenset[type[Event]]] = frozenset(
    (
        *(JobWaiting, JobPaused, JobResumed),
        *(JobRetried, JobStopped, JobRequeued, JobCancelling),
    )
)
"""The events that make turns; a start does so too, after a wait for more than a slot."""

PLAIN_WAITS: Final = (None, Waiting.SLOT)
"""The reasons of waiting that need no turn to be known afterwards."""


class Turn(Struct, frozen=True, gc=False):
    """A moment at which a job began to wait, to run, or to rest."""

    at: float
    """Seconds since the epoch."""
    state: JobState
    """The state from then on."""
    waiting: Waiting | None
    """The reason why it waited from then on; None if it did not wait."""


class StageTurn(Struct, frozen=True, gc=False):
    """A moment at which a job entered or left a stage, as sampled."""

    at: float
    """Seconds since the epoch."""
    label: str
    """The labels of the open stages from then on, outermost first, with slashes between them; empty
    if none was."""


@documented
class StageSpan(Struct, frozen=True, gc=False):
    """A stretch of a job's life in one stage."""

    start: float
    """Its beginning, in seconds since the epoch."""
    end: float
    """Its end, in seconds since the epoch."""
    label: str
    """The labels of the stages that were open, outermost first, with slashes between them."""


@documented
class Span(Struct, frozen=True, gc=False):
    """A stretch of a job's life in one state."""

    start: float
    """Its beginning, in seconds since the epoch."""
    end: float
    """Its end, in seconds since the epoch; now, for the span that goes on."""
    state: JobState
    """The state: queued, running, paused, cancelling or interrupted."""
    waiting: Waiting | None = None
    """The reason why the job waited; None if it did not wait."""

    @property
    def seconds(self) -> float:
        """Its length; 0 if a clock was set back meanwhile."""
        return max(0.0, self.end - self.start)


def plain_turns(snapshot: JobSnapshot) -> tuple[Turn, ...]:
    """Return the turns that a snapshot alone gives."""
    submitted, started = snapshot.info.submitted_at, snapshot.started_at
    waiting = snapshot.waiting if snapshot.state is JobState.QUEUED else None
    turns = [Turn(submitted, JobState.QUEUED, waiting or Waiting.SLOT)]
    if started is not None:
        turns.append(Turn(started, JobState.RUNNING, None))
    state = snapshot.state
    if state in {JobState.PAUSED, JobState.CANCELLING, JobState.INTERRUPTED}:
        turns.append(Turn(snapshot.changed_at, state, None))
    return tuple(turns)


def turns_after(
    turns: tuple[Turn, ...] | None, before: JobSnapshot, after: JobSnapshot, at: float
) -> tuple[Turn, ...]:
    """Return a job's turns after an event.

    Args:
        turns: Its turns before; None for those that ``before`` gives.
        before: Its snapshot before the event.
        after: Its snapshot after the event.
        at: The time of the event.
    """
    if turns is None:
        turns = plain_turns(before)
    last = turns[-1]
    if (after.state, after.waiting) == (last.state, last.waiting):
        return turns
    turn = Turn(at, after.state, after.waiting)
    if len(turns) < MOST_TURNS:
        return (*turns, turn)
    return (*turns[:-1], replace(turn, at=last.at))


def label_of(stages: Sequence[str]) -> str:
    """Return the labels of open stages as one text."""
    return " / ".join(stages)


def stages_after(
    stages: tuple[StageTurn, ...] | None, after: JobSnapshot, at: float
) -> tuple[StageTurn, ...]:
    """Return a job's turns of stages after an event that changed its stages.

    Args:
        stages: Its turns before; None for none.
        after: Its snapshot after the event.
        at: The time of the event.
    """
    stages = () if stages is None else stages
    turn = StageTurn(at, label_of(after.progress.stages))
    if len(stages) < MOST_TURNS:
        return (*stages, turn)
    return (*stages[:-1], replace(turn, at=stages[-1].at))


T = TypeVar("T", Turn, StageTurn)


def with_past(past: Sequence[T], own: Sequence[T] | None, opened: float) -> tuple[T, ...]:
    """Return the turns of a job that was begun by an earlier process.

    Args:
        past: Those of its event log, of all processes.
        own: Those that this process has noted; None if there are none.
        opened: When this process took the job over, in seconds since the epoch.
    """
    found = [turn for turn in past if turn.at < opened]
    found += [turn for turn in own or () if turn.at >= opened]
    return tuple(found)


def stage_spans_of(stages: Sequence[StageTurn] | None, spans: Sequence[Span]) -> list[StageSpan]:
    """Return the stretches of a job's stages, within the spans in which it was at work.

    Args:
        stages: The turns of its stages; None if it had none.
        spans: The spans of its life.
    """
    found: list[StageSpan] = []
    if not stages or not spans:
        return found
    ends = [later.at for _, later in pairwise(stages)] + [spans[-1].end]
    for turn, until in zip(stages, ends, strict=True):
        for span in spans if turn.label else ():
            start, end = max(turn.at, span.start), min(until, span.end)
            if span.state.is_active and start < end:
                found.append(StageSpan(start, end, turn.label))
    return found


def spans_of(snapshot: JobSnapshot, turns: Sequence[Turn] | None, now: float) -> list[Span]:
    """Return the spans of a job up to its end, or to ``now``, without those of no length.

    Args:
        snapshot: The job's present snapshot.
        turns: Its turns, if any were noted.
        now: The end of a span that goes on, in seconds since the epoch.
    """
    noted = plain_turns(snapshot) if turns is None else turns
    end = now if snapshot.finished_at is None else snapshot.finished_at
    ends = [later.at for _, later in pairwise(noted)] + [end]
    return [
        Span(turn.at, until, turn.state, turn.waiting)
        for turn, until in zip(noted, ends, strict=True)
        if until > turn.at
    ]
