"""Everything a system holds about one job."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from msgspec import Struct

from jobactors.inside.signals.latch import Latch
from jobactors.inside.signals.mailbox import Inbox
from jobactors.model.log import Log
from jobactors.model.states import JobState, Request

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from trio import CancelScope

    from jobactors.engine.loop.timers import Timer
    from jobactors.engine.ports.runner import Runner
    from jobactors.inside.context.job_context import JobContext
    from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer
    from jobactors.model.errors import StoreError
    from jobactors.model.events import JobQueued
    from jobactors.model.options import Options
    from jobactors.model.snapshot import JobSnapshot
    from jobactors.model.stored_rows import CheckpointRow

    from .stored_submit import StoredSubmit

FIRST: Final = RLock()
"""Held while a thing is put into its empty place, but not while it is made: making may run somebody
else's code (a finalizer that prints), which may ask for such a thing as well, as may the handler of
a signal that comes while this is held."""


class RunningAttempt(Protocol):
    """The running attempt of a job, as the engine commands it.  In the loop's thread only."""

    request: Request | None
    """Its open request."""
    reason: str | None
    """The reason given for a request to end."""
    asked_at: float | None
    """When it was asked to end, in seconds since the epoch."""
    context: JobContext
    """The job as its own code sees it."""
    phase: CancelScope | None
    """The scope in which a chain waits for a blocking phase."""

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to end, for whatever reason."""
        ...

    def cancel(self, reason: str | None, request: Request = ...) -> None:
        """Ask the attempt to end."""
        ...

    def abandon(self) -> None:
        """Leave the attempt behind, where its runner can do that."""
        ...

    def pause(self) -> None:
        """Ask the attempt to stand still at its next point that can wait."""
        ...

    def resume(self) -> None:
        """Take back a pause that was not reached, or let the attempt go on."""
        ...


class Record:
    """One job: what to do, and how it stands.

    Made by the submitting thread; from then on written by the loop's thread only.  ``snapshot`` is
    replaced in one step, so any thread may read it.
    """

    __slots__ = (
        "actor",
        "args",
        "buffer",
        "context",
        "deadline",
        "edges",
        "function",
        "id",
        "inbox",
        "kwargs",
        "log",
        "options",
        "part",
        "queued",
        "refused",
        "runner",
        "settled",
        "snapshot",
        "snoozes",
        "submit",
        "unshared",
    )

    def __init__(
        self,
        queued: JobQueued,
        snapshot: JobSnapshot,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: Options,
        runner: Runner,
        *,
        context: Context | None,
        edges: tuple[Edge, ...] = (),
        spec: StoredSubmit | None = None,
    ) -> None:
        self.id: str = queued.job_id
        """The job's id."""
        self.queued: JobQueued = queued
        """The first event, until it is told."""
        self.snapshot: JobSnapshot = snapshot
        self.function: Callable[..., Any] = function
        self.args: tuple[Any, ...] = args
        self.kwargs: dict[str, Any] = kwargs
        self.options: Options = options
        self.runner: Runner = runner
        self.context: Context | None = context
        self.edges: tuple[Edge, ...] = edges
        """What it comes after."""
        self.submit: StoredSubmit | None = spec
        """What of the submit is kept; None without a store."""
        self.refused: StoreError | None = None
        """Why it could not be kept, and so is not run."""
        self.inbox: Inbox | None = None
        """Its mailbox, made when it first looks there or is told something."""
        self.settled: Latch = Latch()
        """Set when the job ends or comes to rest; a resumed job gets a new one."""
        self.log: Log | None = None
        """What it printed and logged, in all its attempts; made for the first line."""
        self.snoozes: int = 0
        """How many attempts asked to be run again later: these have not failed."""
        self.deadline: Timer | None = None
        """Rings when it should have started."""
        self.actor: RunningAttempt | None = None
        """The running attempt."""
        self.part: str = ""
        """Which part of its (type, subject) it works at; empty for all of it."""
        self.unshared: Unshared | None = None
        """Its checkpoints, if another job has its place on the table."""
        self.buffer: CheckpointBuffer | None = None
        """What its last attempt has saved."""

    def open_inbox(self) -> Inbox:
        """Return its mailbox, made if need be; from any thread."""
        if self.inbox is None:
            made = Inbox(self.id, self.options.mailbox)
            with FIRST:
                self.inbox = self.inbox or made
        return self.inbox

    def open_log(self) -> Log:
        """Return its log, made if need be; from any thread."""
        if self.log is None:
            made = Log(self.options.log_limit)
            with FIRST:
                self.log = self.log or made
        return self.log

    def forget_deadline(self) -> None:
        """Cancel its start deadline, if it has one: the timer would hold the record until then."""
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def slim(self) -> None:
        """Let go of what an ended job needs no more: thousands of them may wait to be read."""
        if self.inbox is not None:
            self.inbox._close()
            self.inbox = None
        if self.log is not None and not self.log.total:
            self.log = None

    @property
    def settled_for_good(self) -> bool:
        """Whether it has reached its terminal state."""
        return self.snapshot.state.is_terminal


When = Literal["succeeded", "finished"]


class Edge(Struct, frozen=True):
    """One dependency, as the engine keeps it; it keeps the upstream's result alive."""

    upstream: Record
    when: When

    @property
    def broken(self) -> bool:
        """Whether the upstream has ended in a way that this edge does not allow."""
        state = self.upstream.snapshot.state
        return self.when == "succeeded" and state.is_terminal and state is not JobState.SUCCEEDED

    @property
    def reason(self) -> str:
        """Why a broken edge cancels its job."""
        return f"it comes after {self.upstream.id}, which {_ended(self.upstream.snapshot.state)}"


def _ended(state: JobState) -> str:
    return "was cancelled" if state is JobState.CANCELLED else str(state)


class Unshared:
    """The checkpoints of a job that has no place on the table."""

    __slots__ = ("has_files", "job_id", "rows")

    def __init__(self, job_id: str) -> None:
        self.job_id: str = job_id
        """The job that was first without a place; a restart of it goes on with its files."""
        self.rows: dict[str, CheckpointRow] = {}
        self.has_files: bool = False
