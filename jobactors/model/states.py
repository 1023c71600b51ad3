"""The life of a job: one enum, one table of legal moves, one drawing.

::

            submit
              │
              ▼     slot free           returns
           queued ─────────► running ───────────► succeeded
            │ ▲  ◄───────────┘ │  │ ▲  raises
            │ │   retry, snooze│  │ └──┐───────► failed
            │ │resume          │  ▼    │resume
            │ │                │ paused┘
            │ interrupted ◄────┤  │
            │ (process stopped)▼  ▼
            └──────────────► cancelling ────────► cancelled

A *request* is not a state: a running job that was asked to pause is running until it has really
paused, with :attr:`Request.PAUSE` shown beside it.

A paused job goes the ways of a running one.  A retry does not undo the pause: it is queued, held.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from .errors import IllegalMove

if TYPE_CHECKING:
    from collections.abc import Mapping


class JobState(StrEnum):
    """The state of a job, from submit to its one terminal state."""

    QUEUED = "queued"
    """Accepted, not started; :class:`Waiting` is the reason."""
    RUNNING = "running"
    """An attempt has begun and has not ended."""
    PAUSED = "paused"
    """The attempt stands still where it can wait.  Its slot is free, its resources are not."""
    CANCELLING = "cancelling"
    """Asked to cancel, not ended yet.  It may still succeed, by returning normally."""
    INTERRUPTED = "interrupted"
    """At rest, not ended: the process stopped under the job.  Resume goes on, discard ends it."""
    SUCCEEDED = "succeeded"
    """Terminal: the function returned."""
    FAILED = "failed"
    """Terminal: the function raised, or ran out of time, or its worker died."""
    CANCELLED = "cancelled"
    """Terminal: it ended, or never began, on request."""

    __hash__ = str.__hash__  # as equal texts have it; an enum's own is slow, and asked all the time

    # Attributes, not properties: each job is asked several times.
    def __init__(self, text: str) -> None:
        self.is_terminal: bool = text in {"succeeded", "failed", "cancelled"}
        """Whether this state is final: no event leads out of it."""
        self.is_active: bool = text in {"running", "paused", "cancelling"}
        """Whether an attempt exists."""


TERMINAL = frozenset(state for state in JobState if state.is_terminal)
UNFINISHED = frozenset(JobState) - TERMINAL
ACTIVE = frozenset(state for state in JobState if state.is_active)

LEGAL_MOVES: Mapping[JobState, frozenset[JobState]] = MappingProxyType(
    {
        JobState.QUEUED: frozenset(
            {JobState.RUNNING, JobState.INTERRUPTED, JobState.FAILED, JobState.CANCELLED}
        ),
        JobState.RUNNING: frozenset(
            {
                JobState.QUEUED,
                JobState.PAUSED,
                JobState.CANCELLING,
                JobState.INTERRUPTED,
                *TERMINAL,
            }
        ),
        # Interrupted by the end of its system it goes on to unwind, and may return normally.  Its
        # process may die, or another of its tasks raise: then a retry may follow.
        JobState.PAUSED: frozenset(
            {
                JobState.QUEUED,
                JobState.RUNNING,
                JobState.CANCELLING,
                JobState.INTERRUPTED,
                *TERMINAL,
            }
        ),
        # An error after the request counts as cancelled; a process that dies meanwhile is settled
        # as cancelled when its store is next opened.  So nothing but these two can follow.
        JobState.CANCELLING: frozenset({JobState.SUCCEEDED, JobState.CANCELLED}),
        JobState.INTERRUPTED: frozenset({JobState.QUEUED, JobState.CANCELLED}),
        JobState.SUCCEEDED: frozenset(),
        JobState.FAILED: frozenset(),
        JobState.CANCELLED: frozenset(),
    }
)
"""From each state, the states an event may lead to."""


def check_move(job_id: str, old: JobState, new: JobState) -> None:
    """Raise :class:`IllegalMove` unless a job may go from ``old`` to ``new``."""
    if new not in LEGAL_MOVES[old]:
        raise IllegalMove(job_id, old, new)


class Request(StrEnum):
    """A request that a job has not fulfilled yet."""

    CANCEL = "cancel"
    """It is to end."""
    PAUSE = "pause"
    """It is to stand still; shown as "pausing…" until it does."""
    RESUME = "resume"
    """A paused job may go on as soon as a slot is free."""
    TIME_OUT = "time out"
    """Its ``timeout`` has passed; it is being stopped and will count as failed."""
    INTERRUPT = "interrupt"
    """Its process is about to stop; it will rest as interrupted."""


class Waiting(StrEnum):
    """The reason why a queued job has not started, or why a running one waits."""

    SLOT = "slot"
    """``max_running`` jobs are running."""
    RESOURCE = "resource"
    """Another job holds a resource it needs."""
    RATE = "rate"
    """As many units of a rate it needs were taken as its period allows; the next ones come back
    with time."""
    DEPENDENCY = "dependency"
    """A job it comes ``after``, or awaits, has not ended."""
    RETRY = "retry delay"
    """Its last attempt failed; the next one is due later."""
    HOLD = "hold"
    """It is held until it is released."""
    START_TIME = "start time"
    """Its ``start_at`` has not come."""
    STORE = "store"
    """Its start cannot be written down: the disk is full, or read-only, or gone."""
    CLUSTER = "cluster"
    """Its runner has handed it on, to a cluster or a queue elsewhere, where it has not begun; of a
    running chain, that of its phase."""
