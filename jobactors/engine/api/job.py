"""``Job``: the handle of one job, usable from any thread and any event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, final

from jobactors.engine.attempt.slot_loan import slot_loan_for
from jobactors.engine.system.commands import Commands
from jobactors.inside.signals.mailbox import Question, Reply
from jobactors.model.errors import WrongThread
from jobactors.model.log import as_text
from jobactors.model.outcome import error_for_waiter, unwrap

from .display import mimebundle_of
from .stored_wait import Stored
from .waits import Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from jobactors.engine.records.record import Record
    from jobactors.model.info import JobInfo
    from jobactors.model.log import LogLine
    from jobactors.model.snapshot import JobSnapshot
    from jobactors.model.states import JobState
    from jobactors.model.stored_rows import EventRow

    from .jobs import Jobs

T_co = TypeVar("T_co", covariant=True)


@final
class Job(Generic[T_co]):
    """The handle of one job.  Got from ``submit`` or ``jobs.get(id)``, never built by hand.

    Commands (``cancel``, ``pause``, …) act at once and return; what waits can be awaited, in the
    jobs' own trio loop, in another one, and in asyncio, or waited for with ``.result(timeout)`` in
    a thread.  A waiter does not own the job: cancelling the wait leaves the job alone.

    The handle keeps the job's outcome for as long as it lives, whatever the registry lets go.
    """

    __slots__ = ("_jobs", "_record")

    def __init__(self, jobs: Jobs, record: Record) -> None:
        self._jobs = jobs
        self._record = record

    @property
    def id(self) -> str:
        """Readable and unique across processes and restarts."""
        return self._record.snapshot.info.id

    @property
    def info(self) -> JobInfo:
        """Identity and labels."""
        return self._record.snapshot.info

    @property
    def name(self) -> str:
        """What a person reads."""
        return self._record.snapshot.info.name

    @property
    def state(self) -> JobState:
        """Where the job is in its life, at this moment."""
        return self._record.snapshot.state

    @property
    def jobs(self) -> Jobs:
        """The system it belongs to."""
        return self._jobs

    @property
    def arguments(self) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What its function is called with: positional and keyword arguments."""
        return self._jobs._as_given(self._record.args, self._record.kwargs)

    def snapshot(self) -> JobSnapshot:
        """How the job stands at this moment; immediate, from any thread."""
        return self._record.snapshot

    # -- waiting

    def __await__(self) -> Generator[Any, Any, T_co]:
        return self._outcome().__await__()

    async def _outcome(self) -> T_co:
        await self._settle()
        self._note_reading()
        result: T_co = unwrap(self.id, self._settled_outcome())
        return result

    def wait(self) -> Wait:
        """Wait until the job has ended or rests interrupted: ``await``, or ``.result(timeout)``.

        Either gives its snapshot, raises nothing for a failed job, and does not count as reading
        it.

        Example::

            state = job.wait().result(timeout=60).state
        """
        return Wait(self)

    async def _settle(self) -> None:
        settled = self._record.settled
        if not settled.is_set:
            self._jobs._system.portal.check("end a job")
        loan = None if settled.is_set else slot_loan_for(self._jobs._system, self._record)
        if loan is None:
            await settled
        else:
            async with loan:
                await settled

    def result(self, timeout: float | None = None) -> T_co:
        """Block this thread until the job has ended, and return its result.

        In a notebook's cell, *Interrupt* stops the waiting and leaves the job alone.

        Args:
            timeout: Seconds to wait; default: as long as it takes.

        Raises:
            TimeoutError: if it has not ended in time; the job goes on.
            JobCancelled, JobInterrupted: if it was; else the exception the job raised.
            WrongThread: in the jobs' own loop, which has to run for the job to end.
        """
        self._block(timeout, "job.result()", "'await job'")
        self._note_reading()
        result: T_co = unwrap(self.id, self._settled_outcome())
        return result

    def exception(self, timeout: float | None = None) -> Exception | None:
        """Block this thread until the job has ended; return what ``result`` would raise, or None.

        Raises:
            TimeoutError, WrongThread: as :meth:`result`.
        """
        self._block(timeout, "job.exception()", "'await job' in a try block")
        self._note_reading()
        return error_for_waiter(self.id, self._settled_outcome())

    def _block(self, timeout: float | None, call: str, instead: str) -> None:
        settled = self._record.settled
        if settled.is_set:
            return
        portal = self._jobs._system.portal
        portal.check("end a job")
        if portal.is_home:
            raise WrongThread(call, instead)
        if not self._wait_in_thread(timeout):
            raise TimeoutError(
                f"job {self.id} is {self.state} after {timeout:g} s of waiting; it goes on"
            )

    def _wait_in_thread(self, timeout: float | None) -> bool:
        settled = self._record.settled
        loan = slot_loan_for(self._jobs._system, self._record)
        if loan is None:
            return settled.wait_in_thread(timeout)
        with loan:
            return loan.control.wait_in_thread(settled, timeout)

    def _settled_outcome(self) -> Any:
        return self._record.snapshot.outcome

    def _note_reading(self) -> None:
        self._jobs._note_reading(self._record)

    def call_when_settled(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback()`` in the loop's thread once the job has ended, or now if it has.

        It may be called twice when the job ends in this very moment, so it must not mind.

        Returns:
            A function that takes the callback back.
        """
        return self._record.settled.call_when_set(callback)

    # -- verbs

    def cancel(self, reason: str | None = None) -> JobSnapshot:
        """Ask the job to end, and return how it stands now.

        A queued job never starts.  A trio job is cancelled at its next cancel point, a thread at
        its next ``track``, ``progress`` or ``check``; what it returns normally still counts.  A job
        that has ended stays as it ended.

        Args:
            reason: Shown, and told to whoever waits.
        """
        return self._tell("cancel", reason)

    def pause(self) -> JobSnapshot:
        """Ask the job to stand still at its next point that can wait; its slot becomes free.

        Raises:
            IllegalVerb: if it does not run.
        """
        return self._tell("pause")

    def resume(self) -> JobSnapshot:
        """Let a paused or interrupted job go on as soon as a slot is free, or take back a pause.

        An interrupted job, whose process stopped under it, goes on with its next attempt, from its
        last checkpoint if it has one.

        Raises:
            IllegalVerb: if there is nothing to resume.
            NotResumable: if it is interrupted and cannot go on here; the message says why.
        """
        return self._tell("resume")

    def discard(self) -> JobSnapshot:
        """End an interrupted job: it is cancelled, its checkpoint and work files are dropped.

        Raises:
            IllegalVerb: if it is not interrupted.
        """
        return self._tell("discard")

    def hold(self) -> JobSnapshot:
        """Keep a queued job from starting until it is released.

        Raises:
            IllegalVerb: if it is not queued.
        """
        return self._tell("hold")

    def release(self) -> JobSnapshot:
        """Let a held job start in its turn.

        Raises:
            IllegalVerb: if it is not queued.
        """
        return self._tell("release")

    def update(self, **changes: Any) -> JobSnapshot:
        """Change options after the submit: priority, name, tags, …; a new priority counts at once.

        Raises:
            TypeError, ValueError: for an unknown option or a wrong value.
            IllegalVerb: if the job has finished.
        """
        return self._tell("update", changes)

    # -- the log

    def logs(self, since: int = 0) -> str:
        """Return what the job has printed and logged so far, as text.

        Args:
            since: Leave out so many lines of all ever written, as ``snapshot().log_lines`` counts.
        """
        return as_text(self.log_lines(since))

    def log_lines(self, since: int = 0) -> Sequence[LogLine]:
        """The same line by line, with time and source."""
        log = self._record.log
        return () if log is None else log.lines(since)

    # -- the mailbox

    def tell(self, message: Any) -> None:
        """Put a message into the job's mailbox; the job reads it from ``ja.current_job().inbox``.

        Messages arrive in order.  Before the job starts they wait for it; what it has not read when
        it ends is dropped.

        Raises:
            MailboxFull: if as many messages wait as the option ``mailbox`` allows.
            IllegalVerb: if the job has ended.
        """
        system = self._jobs._system
        system.portal.call(Commands(system).tell, self._record, message)

    def ask(self, message: Any) -> Reply:
        """Put a question into the job's mailbox; the answer is awaited, or ``.result(timeout)``.

        The job finds a ``Question`` in its inbox and calls its ``reply(value)``.

        Raises:
            MailboxFull, IllegalVerb: as :meth:`tell`.  The reply raises ``NoAnswer`` when the job
                ends without answering.

        Example::

            accuracy = job.ask("accuracy").result(timeout=5)
        """
        reply = Reply(self.id)
        self.tell(Question(message, reply))
        return reply

    def restart(self, *, from_checkpoint: bool = True) -> Job[T_co]:
        """Submit the work of this ended job again, as a new job that ``continues`` this one.

        It has the same function, arguments and options.

        Args:
            from_checkpoint: Whether to go on from what the job had saved, if it had.

        Raises:
            IllegalVerb: if it has not ended.
        """
        return self._jobs._restart(self._record, from_checkpoint=from_checkpoint)

    def delete(self) -> JobSnapshot:
        """Forget the ended job, in the registry and in the store; this handle keeps its outcome.

        Raises:
            IllegalVerb: if it has not ended, or an unfinished job comes after it.
            UnknownJob: if it has been removed already.
        """
        self._jobs._delete(self._record)
        return self._record.snapshot

    # -- the store

    def stored(self) -> Stored:
        """Wait until the store keeps the job as it stands now: ``await``, or ``.result(timeout)``.

        In a cell ``submit`` has waited already; in trio a job starts only once it is kept.

        Raises:
            NoStore: if the job system has none.  The waiting raises ``StoreError`` if the job could
                not be kept.
        """
        return Stored(self._jobs._system, self._record)

    def events(self) -> Sequence[EventRow]:
        """What has happened to the job, oldest first, as the store keeps it.

        Raises:
            NoStore: if the job system has none.
            StoreError: if it cannot be read.
        """
        return self._jobs._events(self.id)

    def _tell(self, verb: str, *args: Any) -> JobSnapshot:
        if not self._record.snapshot.state.is_terminal or verb != "cancel":
            system = self._jobs._system
            system.portal.call(getattr(Commands(system), verb), self._record, *args)
        return self._record.snapshot

    # -- looks

    def __repr__(self) -> str:
        return f"<Job {repr(self._record.snapshot)[len('<JobSnapshot ') :]}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and other._record is self._record

    def __hash__(self) -> int:
        return hash(self.id)

    def _repr_mimebundle_(self, **_: object) -> dict[str, object] | None:
        return mimebundle_of(self)
