"""``Job``: the handle of one job, usable from any thread and any event loop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, Unpack, final

from jobactors.engine.ports.runner import message_for
from jobactors.engine.records.references import JobReference, without_references
from jobactors.engine.system.commands import checked_update
from jobactors.inside.signals.mailbox import Question, Reply
from jobactors.model.option_types import UpdatableOptions, names_options
from jobactors.model.outcome import error_for_waiter, unwrap
from jobactors.model.plain_values import checked_reason
from jobactors.model.upstream import Upstream

from .display import mimebundle_of
from .log_reader import LogReader
from .passed_handle import Handle
from .waits import Stored, Wait, block_until_read, wait_settled

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from jobactors.engine.records.record import Record
    from jobactors.engine.system.job_system import JobSystem
    from jobactors.model.checks import Seconds
    from jobactors.model.info import JobInfo
    from jobactors.model.snapshot import JobSnapshot
    from jobactors.model.states import JobState

T_co = TypeVar("T_co", covariant=True)
_ADDING: Final = threading.RLock()  # a signal handler or finalizer may add one, too


@final
class Job(Upstream, LogReader, Generic[T_co]):
    """The handle of one job.  Got from ``submit`` or ``jobs.get(id)``, never built by hand.

    Commands (``cancel``, ``pause``, …) act at once and return; what waits can be awaited, in the
    jobs' own trio loop, in another one, and in asyncio, or waited for with ``.result(timeout)`` in
    a thread.  A waiter does not own the job: cancelling the wait leaves the job alone.

    The handle holds the job's outcome for as long as it lives, also once the registry has dropped
    the job.
    """

    __slots__ = ("_is_new", "_record", "_system")

    def __init__(self, system: JobSystem, record: Record, *, is_new: bool = False) -> None:
        self._system = system
        self._record = record
        self._is_new = is_new

    @property
    def id(self) -> str:
        """Readable and unique across processes and restarts."""
        return self._record.snapshot.info.id

    @property
    def is_new(self) -> bool:
        """Whether the call that returned this handle made the job.

        False if it was there already: a submit with the ``key`` of an unfinished job returns that
        one, and so do calls that find a job, such as ``jobs.get``.
        """
        return self._is_new

    @property
    def info(self) -> JobInfo:
        """Identity and labels."""
        return self._record.snapshot.info

    @property
    def name(self) -> str:
        """The name that is shown."""
        return self._record.snapshot.info.name

    @property
    def state(self) -> JobState:
        """The job's state at this moment."""
        return self._record.snapshot.state

    @property
    def jobs(self) -> Any:
        """The job system it belongs to, a :class:`~jobactors.Jobs`."""
        return self._system.jobs

    @property
    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The positional and keyword arguments; none if they were released, see ``Retention``."""

        def given(reference: JobReference) -> object:
            job = Job[Any](self._system, reference.record)
            return Handle(job) if reference.gives == "handle" else job

        return without_references(self._record.args, self._record.kwargs, given)

    def snapshot(self) -> JobSnapshot:
        """Return the job's snapshot at this moment; immediate, from any thread."""
        return self._record.present

    def to_dict(self) -> dict[str, object]:
        """Return the job's snapshot as plain values, see :meth:`JobSnapshot.to_dict`."""
        return self._record.present.to_dict()

    # -- waiting

    def done(self) -> bool:
        """Return whether the job has ended, or rests interrupted: a wait returns at once."""
        return self._record.settled.is_set

    def add_done_callback(self, callback: Callable[[Job[T_co]], object]) -> None:
        """Call ``callback(job)`` once the job has ended or rests interrupted; soon, if it has.

        Added in an asyncio loop, it is called there, so that ``asyncio.wait`` takes jobs.
        Elsewhere, a plain function is called in a worker thread and may block, and an ``async def``
        function is awaited in the jobs' own loop; the end of the system waits for them.  If that
        has ended already, it is called at once, in this thread.  An error it raises is logged.

        Args:
            callback: Takes the job; calling it does not count as reading.
        """
        from .done_callback import DoneCallback

        made = DoneCallback(self._system, self._record, callback, self)
        with _ADDING:
            if self._record.callbacks is None:
                self._record.callbacks = []
        self._record.callbacks.append(made)
        made.add()

    def remove_done_callback(self, callback: Callable[[Job[T_co]], object]) -> int:
        """Call ``callback`` no more; returns how often it had been added and not been called."""
        added = list(self._record.callbacks or ())
        return sum(made.take_back() for made in added if made.function == callback)

    def __await__(self) -> Generator[Any, Any, T_co]:
        return self._outcome().__await__()

    async def _outcome(self) -> T_co:
        await wait_settled(self._system, self._record)
        return self._read_outcome()

    def wait(self) -> Wait:
        """Wait until the job has ended or rests interrupted: ``await``, or ``.result(timeout)``.

        Either gives its snapshot, raises nothing for a failed job, and does not count as reading
        it.

        Example::

            state = job.wait().result(timeout=60).state
        """
        return Wait(self._system, self._record)

    def result(self, timeout: Seconds | None = None) -> T_co:
        """Block this thread until the job has ended, and return its result.

        In a notebook's cell, *Interrupt* stops the waiting and leaves the job alone.

        Args:
            timeout: Seconds to wait, or a ``timedelta``; default: as long as it takes.

        Raises:
            TimeoutError: if it has not ended in time; the job goes on.
            JobCancelled, JobInterrupted: if it was; else the exception the job raised.
            TypeError, ValueError: for a timeout that is no length of time, or not a number.
            WrongThread: in the jobs' own loop, which has to run for the job to end.
        """
        block_until_read(self._system, self._record, timeout, "job.result()", "'await job'")
        return self._read_outcome()

    def exception(self, timeout: Seconds | None = None) -> Exception | None:
        """Block this thread until the job has ended; return what ``result`` would raise, or None.

        Raises:
            TimeoutError, WrongThread: as :meth:`result`.
        """
        instead = "'await job' in a try block"
        block_until_read(self._system, self._record, timeout, "job.exception()", instead)
        self._note_reading()
        settled: Any = self._record.snapshot
        return error_for_waiter(settled.info.id, settled.outcome)

    def _read_outcome(self) -> T_co:
        self._note_reading()
        snapshot: Any = self._record.snapshot  # one with an outcome: it has been waited for
        result: T_co = unwrap(snapshot.info.id, snapshot.outcome)
        return result

    def _note_reading(self) -> None:
        if self._record.snapshot.read:
            return
        portal, ended = self._system.parts.portal, self._system.core.ended
        if portal.is_home:
            portal.command(ended.read, self._record)
        else:
            portal.post_quietly(ended.read_posted, self._record)

    # -- commands

    def cancel(self, reason: str | None = None) -> JobSnapshot:
        """Ask the job to end, and return its snapshot.

        A queued job never starts.  A trio job is cancelled at its next cancel point, a thread at
        its next ``track``, ``progress`` or ``check``.  What it returns counts if it was not
        notified of the cancel, or returns ``ja.succeeded(value)``; after an answer it is the
        partial result of a cancelled job.  A job that has ended stays as it ended.

        Args:
            reason: A text that is shown, and given to waiters; default: none.

        Raises:
            TypeError: for a reason that is no text.
        """
        reason = checked_reason(reason)
        if self._record.snapshot.state.is_terminal:
            return self._record.snapshot
        return self._command(self._system.commands.cancel, reason)

    def pause(self) -> JobSnapshot:
        """Ask the job to stand still at its next point that can wait; its slot becomes free.

        Raises:
            IllegalVerb: if it does not run.
        """
        return self._command(self._system.commands.pause)

    def resume(self) -> JobSnapshot:
        """Let a paused or interrupted job go on as soon as a slot is free, or take back a pause.

        An interrupted job, whose process stopped under it, goes on with its next attempt, from its
        last checkpoint if it has one.  One that was held is held again, until :meth:`release`; one
        that had not begun waits for its start time.

        Raises:
            IllegalVerb: if there is nothing to resume.
            NotResumable: if it is interrupted and cannot go on here; the message states why.
        """
        return self._command(self._system.commands.resume)

    def discard(self) -> JobSnapshot:
        """End an interrupted job: it is cancelled, its checkpoint and work files are dropped.

        Raises:
            IllegalVerb: if it is not interrupted.
        """
        return self._command(self._system.commands.discard)

    def hold(self) -> JobSnapshot:
        """Hold a queued job, so that it does not start until it is released.

        Raises:
            IllegalVerb: if it is not queued.
        """
        return self._command(self._system.commands.hold)

    def release(self) -> JobSnapshot:
        """Let a held job start in its turn.

        Raises:
            IllegalVerb: if it is not queued.
        """
        return self._command(self._system.commands.release)

    @names_options
    def update(self, **changes: Unpack[UpdatableOptions]) -> JobSnapshot:
        """Change options after the submit: priority, name, tags, …; a new priority counts at once.

        A job that waits on a cluster keeps its place there: the priority counts from its next
        attempt on.

        Raises:
            TypeError, ValueError: for an unknown option or a wrong value.
            IllegalVerb: if the job has finished.
        """
        changed = checked_update(self._record, dict(changes))
        return self._command(self._system.commands.update, changed, tuple(changes))

    def set_operation(self, resource: str, operation: str) -> JobSnapshot:
        """Record for what the job holds a resource from now on; shown by ``jobs.resources()``.

        Args:
            resource: The name of a resource that it holds.
            operation: What it does with it, such as "build index".

        Raises:
            IllegalVerb: if it holds none of it.
            TypeError: for an operation that is no text.
        """
        for what, text in (("a resource's name", resource), ("an operation", operation)):
            if not isinstance(text, str):
                raise TypeError(f"{what} is text, not {text!r:.100}")
        # Plain texts: the hash of a derived class would be code of the user in the loop.
        plain = str.__str__(resource), str.__str__(operation)
        return self._command(self._system.commands.set_operation, *plain)

    # -- the mailbox

    def tell(self, message: Any) -> None:
        """Put a message into the job's mailbox; the job reads it from ``ja.current_job().inbox``.

        Messages arrive in order.  Before the job starts they wait for it; what it has not read when
        it ends is dropped.

        Raises:
            MailboxFull: if as many messages wait as the option ``mailbox`` allows.
            IllegalVerb: if the job has ended.
            TypeError: if the job has a process of its own, and the message cannot be pickled.
        """
        self._put(message_for(self._record.runner, message))

    def _put(self, message: Any, verb: str = "tell") -> None:
        self._system.parts.portal.move(self._system.commands.tell, self._record, message, verb)

    def ask(self, message: Any) -> Reply:
        """Put a question into the job's mailbox; the answer is awaited, or ``.result(timeout)``.

        The job finds a ``Question`` in its inbox and calls its ``reply(value)``.

        Raises:
            MailboxFull, IllegalVerb, TypeError: as :meth:`tell`.  The reply raises ``NoAnswer``
                when the job ends without answering.

        Example::

            accuracy = job.ask("accuracy").result(timeout=5)
        """
        reply = Reply(self.id)
        self._put(Question(message_for(self._record.runner, message), reply), "ask")
        return reply

    def restart(self, *, from_checkpoint: bool = True) -> Job[T_co]:
        """Submit this ended job's work, arguments and options again: a job that ``continues`` it.

        Args:
            from_checkpoint: Whether to go on from the job's last checkpoint, if there is one.

        Raises:
            IllegalVerb: if it has not ended.
            NotResumable: if its arguments are no longer there, or if it was a block or a command,
                which are run again where they stand; the message has the reason.
        """
        restart = self._system.commands.restart
        record, is_new = self._system.parts.portal.move(restart, self._record, from_checkpoint)
        return Job(self._system, record, is_new=is_new)

    def delete(self) -> JobSnapshot:
        """Delete the ended job from registry and store; this handle still has its outcome.

        Raises:
            IllegalVerb: if it has not ended, or an unfinished job comes after it.
            UnknownJob: if it has been removed already.
        """
        self._system.parts.portal.move(self._system.commands.delete, self._record)
        return self._record.snapshot

    # -- the store

    def stored(self) -> Stored:
        """Wait until the store holds the job as it is now: ``await``, or ``.result(timeout)``.

        In a cell ``submit`` has waited already; in trio a job starts only once it is stored.

        Raises:
            NoStore: if the job system has none.  The waiting raises ``StoreError`` if the job could
                not be stored.
        """
        return Stored(self._system, self._record)

    def _command(self, command: Callable[..., None], *args: Any) -> JobSnapshot:
        self._system.parts.portal.command(command, self._record, *args)
        return self._record.snapshot

    # -- looks

    def __repr__(self) -> str:
        return f"<Job {repr(self._record.present)[len('<JobSnapshot ') :]}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and other._record is self._record

    def __hash__(self) -> int:
        return hash(self.id)

    def __reduce__(self) -> Any:
        raise TypeError(
            f"the handle of job {self.id} cannot leave its process: send job.id and look it up "
            "there with jobs.get(id), or pass the job as an argument, which gives its result"
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, object] | None:
        return mimebundle_of(self)
