"""The record of one job: all that a system holds about it.

One object a job, with slots and with parts that are made when first used: a queued or ended job is
to cost less than two kilobytes, and thousands of them wait.  Rejected: a class for each state of a
job, which the tables (queue, registry, leases, edges of other jobs) would have to exchange at every
move, while other threads look at it.

======================  ==========================================  ================================
fields                  written by                                  read by
======================  ==========================================  ================================
``id``                  the submitting thread, once                 any thread
``snapshot``            the loop, replaced whole                    any thread, without a lock
``function``,           the submitting thread; the loop, when a     any thread
``args``, ``kwargs``,   job from a store is revived
``edges``
``options``,            the submitting thread; the loop (revival,   any thread
``runner``              ``update``)
``context``             the submitting thread; the loop drops it    the loop
                        when the job has ended
``key``                 the submitting thread, once                 the loop
``comparisons``         the submitting thread, between two steps    the loop, in a step
``submit``              the submitting thread, once                 the loop; the store's thread
``settled``             the loop; replaced when a job is resumed    any thread waits for it
``callbacks``           any thread                                  any thread
``inbox``, ``log``      any thread, under :data:`CREATION_LOCK`;    any thread
                        the loop drops them when the job has ended
the rest                the loop                                    the loop; ``refused`` any thread
======================  ==========================================  ================================

An edge holds the record of its upstream, and so the upstream's result, until its own job has ended.
No record holds the jobs that come after it: the job queue has these, by their ids.
"""

from __future__ import annotations

from threading import RLock
from types import FunctionType, MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from jobactors.inside.signals.latch import Latch
from jobactors.inside.signals.mailbox import Inbox
from jobactors.model.error_text import shorten
from jobactors.model.errors import NotResumable
from jobactors.model.events import JobQueued
from jobactors.model.info import NO_METADATA
from jobactors.model.last_references import drop_elsewhere, is_plain
from jobactors.model.log import Log
from jobactors.model.options import DEFAULTS, Options
from jobactors.model.outcome import Outcome
from jobactors.model.states import JobState, Waiting

from .comparisons import Comparisons, CustomKey, as_table_key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextvars import Context

    from jobactors.engine.loop.timers import Timer
    from jobactors.engine.ports.runner import KnownRunner
    from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer
    from jobactors.model.errors import StoreError
    from jobactors.model.info import JobInfo
    from jobactors.model.snapshot import JobSnapshot
    from jobactors.model.spans import StageTurn, Turn
    from jobactors.model.stored_rows import CheckpointRow

    from .running_attempt import RunningAttempt
    from .stored_submit import StoredSubmit

_NO_EDGES: Final[Mapping[str, Edge]] = MappingProxyType({})
_NO_KWARGS: Final[dict[str, Any]] = {}
"""The keyword arguments of all jobs that have none; nothing writes into them."""
CREATION_LOCK: Final = RLock()
"""Held while a part that is made on first use is put into its field, but not while it is made:
making may run other code (a finalizer that prints), which may ask for such a part as well, as may
the handler of a signal that comes while this is held."""


def _holds_objects(
    options: Options,
    _no_metadata: Mapping[str, object] = NO_METADATA,
    _is_plain: Callable[[object], bool] = is_plain,
) -> bool:
    """Whether options hold what is the user's, without asking it anything."""
    return (
        options.on_done is not None
        or options.retry is not None
        or options.metadata is not _no_metadata
        or not _is_plain(options.key)
    )


class Record:
    """One job: its function and arguments, its state, and the parts of its attempts.

    See the module's table for the threads.
    """

    __slots__ = (
        "actor",
        "are_arguments_dropped",
        "args",
        "buffer",
        "callbacks",
        "came_after",
        "checkpoint_key",
        "comparisons",
        "context",
        "deadline",
        "edges",
        "function",
        "id",
        "inbox",
        "is_awaited",
        "key",
        "kwargs",
        "log",
        "options",
        "part",
        "place",
        "refused",
        "runner",
        "settled",
        "snapshot",
        "snoozes",
        "span",
        "stages",
        "submit",
        "turns",
        "unshared",
        "works",
    )

    def __init__(  # noqa: PLR0915 - a statement a field
        self,
        snapshot: JobSnapshot,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        options: Options,
        runner: KnownRunner,
        *,
        context: Context | None,
        edges: tuple[Edge, ...] = (),
        submit: StoredSubmit | None = None,
    ) -> None:
        self.id: str = snapshot.info.id
        """The job's id."""
        self.snapshot: JobSnapshot = snapshot
        self.function: Callable[..., Any] = function
        self.args: tuple[Any, ...] = args
        self.kwargs: dict[str, Any] = kwargs or _NO_KWARGS
        self.are_arguments_dropped: bool = False
        """Whether the job has ended, and its arguments were let go."""
        self.options: Options = options
        self.runner: KnownRunner = runner
        self.context: Context | None = context
        self.edges: Mapping[str, Edge] = (
            {edge.upstream.id: edge for edge in edges} if edges else _NO_EDGES
        )
        """Its dependencies: the jobs it comes after."""
        self.came_after: tuple[str, ...] = ()
        """The ids of its dependencies, once it has ended and holds them no more."""
        self.submit: StoredSubmit | None = submit
        """The part of the submit that a store holds; None without a store."""
        self.comparisons: Comparisons | None = None
        """The verdicts of its submitter about other jobs, while that waits for its answer."""
        self.refused: StoreError | None = None
        """The error for which the store could not hold it, so that it is not run."""
        self.inbox: Inbox | None = None
        """Its mailbox, made at the first message or the first look."""
        self.is_awaited: bool = False
        """Whether a thread waits for its end, to read it at once; written by such threads."""
        self.settled: Latch = Latch()
        """Set when the job ends or comes to rest; a resumed job gets a new one."""
        self.log: Log | None = None
        """The lines it printed and logged, in all its attempts; made for the first line."""
        self.snoozes: int = 0
        """The number of attempts that raised ``Snooze``: these have not failed."""
        self.deadline: Timer | None = None
        """The timer of its start deadline."""
        self.actor: RunningAttempt | None = None
        """The running attempt."""
        self.part: str = ""
        """Its part of its (type, subject); empty for all of it."""
        self.works: tuple[tuple[str, str, str], ...] = ()
        """The works whose checkpoints it may find, its own first; set by ``checkpoint_key``."""
        self.checkpoint_key: tuple[str, str, str, str] | None = None
        """The first of these, and its part; set with them."""
        self.turns: tuple[Turn, ...] | None = None
        """The turns of its life, once its snapshot does not give them all."""
        self.stages: tuple[StageTurn, ...] | None = None
        """The moments at which its stages changed; None if it has none."""
        self.span: Any = None
        """Its unfinished span of OpenTelemetry, if the program uses that."""
        self.place: str = ""
        """The place in the keys of its checkpoints, see ``checkpoint_key``."""
        self.unshared: Unshared | None = None
        """Its checkpoints, while another job has the lease on their key."""
        self.buffer: CheckpointBuffer | None = None
        """The checkpoint buffer of its last attempt, from that attempt's end to the job's."""
        self.callbacks: list[Any] | None = None
        """The callbacks that handles of it have added, in any thread; none is taken out."""
        key = snapshot.info.key
        self.key: object = None if key is None else as_table_key(key)  # by its own __hash__
        """Its unique key, as one of a table; None for no key."""

    # The defaults, because the interpreter's end may come before the end of this.
    def __del__(
        self,
        _defaults: Options = DEFAULTS,
        _function: type = FunctionType,
        _plain: Callable[[object], bool] = is_plain,
        _objects_in: Callable[[Options], bool] = _holds_objects,
        _drop: Callable[[object], None] = drop_elsewhere,
    ) -> None:
        function, options = self.function, self.options
        if (
            (self.args and not all(map(_plain, self.args)))
            or (self.kwargs and not all(map(_plain, self.kwargs.values())))
            or type(function) is not _function
            or function.__closure__
            or function.__defaults__
            or function.__kwdefaults__
            or (options is not _defaults and _objects_in(options))
            or self.callbacks
            or self.context
        ):
            _drop((self.args, self.kwargs, function, options, self.callbacks, self.context))

    @property
    def present(self) -> JobSnapshot:
        """The snapshot with all that the job has reported, sampled yet or not; from any thread.

        For whoever asks.  What the engine decides and publishes goes by :attr:`snapshot`.
        """
        snapshot, actor = self.snapshot, self.actor
        if actor is None or snapshot.attempt != actor.context.attempt:
            return snapshot
        return actor.toolbox.newest(snapshot)

    def first_event(self) -> JobQueued:
        """Return the only event of a new job; made when asked for, as thousands may be queued."""
        info, waiting = self.snapshot.info, self.snapshot.waiting or Waiting.SLOT
        return JobQueued(self.id, info.submitted_at, info, waiting)

    def open_inbox(self) -> Inbox:
        """Return the mailbox, made if need be; from any thread."""
        if self.inbox is None:
            made = Inbox(self.id, self.options.mailbox)
            with CREATION_LOCK:
                self.inbox = self.inbox or made
        return self.inbox

    def open_log(self) -> Log:
        """Return the log, made if need be; from any thread."""
        if self.log is None:
            made = Log(self.options.log_limit)
            with CREATION_LOCK:
                self.log = self.log or made
        return self.log

    def compare_outside(self) -> Comparisons:
        """Have comparisons for its admission made by its submitter's thread."""
        self.comparisons = Comparisons()
        if isinstance(self.key, CustomKey):
            self.key.comparisons = self.comparisons
        return self.comparisons

    def is_in_attempt(self, number: int) -> bool:
        """Return whether the attempt of this number is under way.

        Asked by the job's own code, some of which goes on after its attempt.
        """
        return self.actor is not None and self.actor.context.attempt == number

    def forget_deadline(self) -> None:
        """Cancel the start deadline, whose timer would hold the record until then."""
        if self.deadline is not None:
            self.deadline.cancel()
            self.deadline = None

    def drop_context(self) -> Context | None:
        """Drop the context of an ended job, which may hold anything; return it for the hook."""
        context, self.context = self.context, None
        if context:
            drop_elsewhere(context)
        return context

    def slim(self) -> None:
        """Drop the parts that an ended job needs no more: thousands of them may wait to be read."""
        if self.inbox is not None:
            drop_elsewhere(self.inbox._close())
            self.inbox = None
        if self.log is not None and not self.log.total:
            self.log = None

    @property
    def settled_for_good(self) -> bool:
        """Whether it has reached its terminal state."""
        return self.snapshot.state.is_terminal


When = Literal["succeeded", "finished"]


class Edge(Struct, frozen=True):
    """One dependency; it holds the upstream's record, and so its result."""

    upstream: Record
    """The job that has to end first."""
    when: When
    """Whether any end will do, or only success."""

    @property
    def broken(self) -> bool:
        """Whether the upstream has ended in a way that this edge does not allow."""
        state = self.upstream.snapshot.state
        return self.when == "succeeded" and state.is_terminal and state is not JobState.SUCCEEDED

    def break_outcome(self) -> Outcome:
        """Return the outcome of a job that this broken edge cancels, with its cause.

        The cause is the error at the root: of jobs that depend on each other, each has the error of
        the first.
        """
        snapshot = self.upstream.snapshot
        ended, error = snapshot.outcome, snapshot.error
        reason = f"it comes after {_label(snapshot.info)}, which {_verb_of(snapshot.state)}"
        why = snapshot.reason if error is None and ended and ended.cause_id is None else error
        if why is not None:
            reason += f": {shorten(str(why), _LONGEST_REASON)}"
        if ended is None:
            return Outcome(JobState.CANCELLED, error=error, reason=reason)
        return Outcome(
            JobState.CANCELLED,
            exception=ended.exception,
            error=error,
            reason=reason,
            cause_id=ended.cause_id or snapshot.info.id,
        )


_LONGEST_REASON: Final = 500
"""Characters of an upstream's error or reason that are shown in the reason of the next job."""


def _label(info: JobInfo) -> str:
    return info.id if info.name in {info.type, info.id} else f"{info.name!r} ({info.id})"


def _verb_of(state: JobState) -> str:
    return "was cancelled" if state is JobState.CANCELLED else str(state)


class Unshared:
    """The checkpoints of a job without a lease: they serve its own later attempts alone."""

    __slots__ = ("has_files", "job_id", "rows")

    def __init__(self, job_id: str) -> None:
        self.job_id: str = job_id
        """The first job that worked so; a restart of it goes on with its files."""
        self.rows: dict[str, CheckpointRow] = {}
        """Its last checkpoint of each part."""
        self.has_files: bool = False
        """Whether it has asked for work files, which go when it succeeds."""


def unrevived(*_: object, **__: object) -> None:
    """Stand in for the function of a job that came from a store, until it is revived."""
    raise NotResumable("", "its function has not been looked up")
