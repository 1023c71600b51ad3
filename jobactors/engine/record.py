"""Everything a system holds about one job."""

from __future__ import annotations

from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from jobactors.inside.inbox import Inbox
from jobactors.inside.latch import Latch
from jobactors.model.log import Log

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from jobactors.inside.checkpoint import Saver
    from jobactors.model.errors import StoreError
    from jobactors.model.events import JobQueued
    from jobactors.model.options import Options
    from jobactors.model.snapshot import JobSnapshot

    from .actor import Actor
    from .alarms import Alarm
    from .attempt import Runner
    from .checkpoints import Apart
    from .dependencies import Edge
    from .spec import Spec

FIRST: Final = RLock()
"""Held while a thing is put into its empty place, but not while it is made: making may run somebody
else's code (a finalizer that prints), which may ask for such a thing as well, as may the handler of
a signal that comes while this is held."""


class Record:
    """One job: what to do, and how it stands.

    Made by the submitting thread; from then on written by the loop's thread only.  ``snapshot`` is
    replaced in one step, so any thread may read it.
    """

    __slots__ = (
        "actor",
        "apart",
        "args",
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
        "saver",
        "settled",
        "snapshot",
        "snoozes",
        "spec",
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
        spec: Spec | None = None,
    ) -> None:
        self.id = queued.job_id
        """The job's id."""
        self.queued = queued
        """The first event, until it is told."""
        self.snapshot = snapshot
        self.function = function
        self.args = args
        self.kwargs = kwargs
        self.options = options
        self.runner = runner
        self.context = context
        self.edges = edges
        """What it comes after."""
        self.spec = spec
        """What of the submit is kept; None without a store."""
        self.refused: StoreError | None = None
        """Why it could not be kept, and so is not run."""
        self.inbox: Inbox | None = None
        """Its mailbox, made when it first looks there or is told something."""
        self.settled = Latch()
        """Set when the job ends or comes to rest; a resumed job gets a new one."""
        self.log: Log | None = None
        """What it printed and logged, in all its attempts; made for the first line."""
        self.snoozes = 0
        """How many attempts asked to be run again later: these have not failed."""
        self.deadline: Alarm | None = None
        """Rings when it should have started."""
        self.actor: Actor | None = None
        """The running attempt."""
        self.part = ""
        """Which part of its (type, subject) it works at; empty for all of it."""
        self.apart: Apart | None = None
        """Its checkpoints, if another job has its place on the shelf."""
        self.saver: Saver | None = None
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

    def slim(self) -> None:
        """Let go of what an ended job needs no more: thousands of them may wait to be read."""
        if self.inbox is not None:
            self.inbox.close()
            self.inbox = None
        if self.log is not None and not self.log.total:
            self.log = None

    @property
    def settled_for_good(self) -> bool:
        """Whether it has reached its terminal state."""
        return self.snapshot.state.is_terminal
