"""The errors a caller can meet.  Each message names a cure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .nearest import or_nearest
from .pickling import reduced

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .chain_result import ChainResult
    from .phases import ChainProblem


class JobactorsError(Exception):
    """The base of all errors this package raises on its own account."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # written down for help(): a builtin has no signature

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self)


class JobFailed(JobactorsError):
    """The job ended with something that is not an ordinary exception; ``__cause__`` holds it.

    An ordinary :class:`Exception` reaches a waiter as itself.  ``SystemExit``,
    ``KeyboardInterrupt``, a cancellation of some event loop, or an exception that only exists as
    text, would do harm if they were raised in the waiter's code, and arrive wrapped in this.
    """

    def __init__(self, job_id: str, message: str) -> None:
        super().__init__(f"job {job_id} failed: {message}")
        self.job_id = job_id


class JobTimedOut(JobFailed, TimeoutError):
    """The job was stopped because its ``timeout`` or ``start_deadline`` passed."""


class JobCancelled(JobactorsError):
    """The job was cancelled; ``reason`` is why, ``partial`` its partial result, or None.

    An ordinary exception, on purpose: it never is the cancellation of trio or asyncio, so a waiter
    can catch it without disturbing its own event loop.
    """

    def __init__(self, job_id: str, reason: str | None = None, partial: object = None) -> None:
        super().__init__(f"job {job_id} was cancelled" + (f": {reason}" if reason else ""))
        self.job_id = job_id
        self.reason = reason
        self.partial = partial


class JobInterrupted(JobactorsError):
    """The process stopped under the job: ``resume()`` goes on, ``discard()`` ends it."""

    def __init__(self, job_id: str, reason: str | None = None) -> None:
        why = f" ({reason})" if reason else ""
        super().__init__(
            f"job {job_id} was interrupted{why}; call resume() to go on or discard() to end it"
        )
        self.job_id = job_id
        self.reason = reason


class WorkerDied(JobactorsError):
    """A job's process ended before its function did; the message names the cause and a cure.

    Only that job fails.  An ordinary exception, so ``retry`` may try again.
    """

    def __init__(self, message: str, exitcode: int | None = None) -> None:
        super().__init__(message)
        self.exitcode = exitcode
        """The exit code of the process; negative: the number of the signal that killed it."""


class ClusterLost(JobactorsError):
    """The cluster that a job was given to is out of reach, and with it all that ran there.

    A job that is stored, or has saved a checkpoint, is interrupted instead: it can be resumed on
    another cluster.
    """


class IllegalMove(JobactorsError):
    """A job in this state cannot go there."""

    def __init__(self, job_id: str, old: str, new: str) -> None:
        super().__init__(f"job {job_id} is {old}: it cannot become {new}")
        self.job_id = job_id


class IllegalVerb(JobactorsError):
    """A command does not suit a job's state; the message names what does."""

    def __init__(self, job_id: str, state: str, verb: str, instead: str) -> None:
        super().__init__(f"cannot {verb} job {job_id}: it is {state}; {instead}")
        self.job_id = job_id


class UnknownJob(JobactorsError, KeyError):
    """No job with this id is known here (any more)."""

    def __init__(self, job_id: object) -> None:
        super().__init__(job_id)
        self.job_id = job_id

    def __str__(self) -> str:
        return (
            f"no job {self.job_id!r} here: jobs.list() shows the known ones; "
            "a finished job that was read may have been let go"
        )


class UnknownJobType(JobactorsError, KeyError):
    """No job type is registered under this name, or several have it as an alias: ``meant``."""

    def __init__(self, name: str, known: tuple[str, ...], meant: tuple[str, ...] = ()) -> None:
        super().__init__(name)
        self.name = name
        self.known = known
        self.meant = meant
        self.is_template: bool = False
        """Whether a template has this name, in the job system that was asked for the type."""

    def __str__(self) -> str:
        if self.is_template:
            by_name = f"jobs.template({self.name!r}).submit()"
            return f"{self.name!r} is a template, and no job type: {by_name}"
        if self.meant:
            return (
                f"{self.name!r} is an alias of the job types {' and '.join(self.meant)}: take the "
                "name of one of them"
            )
        shown = ", ".join(self.known) or "none yet"
        meant = or_nearest(self.name, self.known)
        return (
            f"no job type {self.name!r}{meant}: import the module that declares it with @ja.job "
            f"(registered: {shown})"
        )


class DuplicateJob(JobactorsError):
    """An unfinished job has this key, and differs in function or arguments, or was not wanted."""

    def __init__(
        self, key: object, job_id: str, difference: str, *, interrupted: bool = False
    ) -> None:
        what = "interrupted" if interrupted else "unfinished"
        first = "resume() or discard() that job" if interrupted else "wait for that job"
        super().__init__(
            f"key {key!r} belongs to the {what} job {job_id}: {difference}; {first}, "
            'choose another key, or submit with on_duplicate="replace"'
        )
        self.key = key
        self.job_id = job_id


class TooMuch(JobactorsError, ValueError):
    """More units of a resource were asked for than there are at all."""

    def __init__(self, name: str, units: int, capacity: int, per: float | None = None) -> None:
        if per is None:
            there = f"free: there {'is' if capacity == 1 else 'are'} {capacity}"
            more = f"{units}"
        else:
            there = f"taken at once: its rate is {capacity} in {per:g} s"
            more = f"ja.Rate({units}, per={per:g})"
        super().__init__(
            f"{units} of {name!r} can never be {there}; declare more "
            f"(resources={{{name!r}: {more}}} when opening the system), or ask for less"
        )
        self.name = name


class ResourceBusy(JobactorsError):
    """A resource is held, and the submitter did not want to wait for it."""

    def __init__(self, name: str, holders: tuple[str, ...]) -> None:
        held = f"held by {', '.join(holders)}" if holders else "wanted by others before"
        super().__init__(f'{name!r} is busy: {held}; wait for that, or submit with on_busy="wait"')
        self.name = name
        self.holders = holders


class Deadlock(JobactorsError):
    """Refuses a wait that closes a circle, timeout or not: its jobs would stand still."""

    def __init__(self, job_id: str, name: str, circle: tuple[str, ...]) -> None:
        super().__init__(
            f"job {job_id} cannot wait for {name!r}, which would close a circle: "
            f"{', '.join(circle)}; acquire resources together or in one order everywhere, "
            "and give them back before waiting for a job that needs them"
        )
        self.job_id = job_id
        """The job that was about to wait."""
        self.circle = circle
        """The circle in words: for each job, its holdings and its wait."""


class MailboxFull(JobactorsError):
    """The job's mailbox has no room: it reads more slowly than it is written to."""

    def __init__(self, job_id: str, size: int) -> None:
        super().__init__(
            f"the mailbox of job {job_id} is full ({size} messages unread): send it less, let the "
            "job read its inbox, or submit it with a larger mailbox="
        )
        self.job_id = job_id


class NoAnswer(JobactorsError):
    """The job ended, or its time passed, before it answered a question."""

    def __init__(self, job_id: str, why: str) -> None:
        super().__init__(f"job {job_id} did not answer: {why}")
        self.job_id = job_id


class JobsClosed(JobactorsError):
    """The job system has stopped taking work, or has ended."""

    def __init__(self, doing: str = "take a job") -> None:
        super().__init__(
            f"this job system is closed and cannot {doing}: open a new one "
            "(open_jobs() in a trio program, ja.start() elsewhere), where jobs.get(id) finds a job "
            "that is stored"
        )


class EngineFailed(JobactorsError):
    """The engine of a job system has failed on its own account, which no job should bring about.

    Every job that had not ended is interrupted, the store is released, and a new system can be
    opened at once.  ``__cause__`` holds the error: please report it.
    """

    def __init__(self, cause: BaseException) -> None:
        super().__init__(
            f"the job engine has failed ({type(cause).__name__}); its jobs are interrupted, and "
            "what was saved is safe: open a new system (open_jobs() in a trio program, ja.start() "
            "elsewhere) and resume them there; please report the traceback"
        )


class AlreadyStarted(JobactorsError):
    """``ja.start`` was called again with other arguments than before."""

    def __init__(self, difference: str, name: str = "") -> None:
        one, stop = (f"a job system {name!r}", f"name={name!r}") if name else ("a job system", "")
        super().__init__(f"{one} is already running with {difference}; call ja.stop({stop}) first")


class WrongThread(JobactorsError):
    """A blocking call was made where it would stop the event loop that has to answer it."""

    def __init__(self, call: str, instead: str) -> None:
        super().__init__(f"{call} would block the event loop it waits for; use {instead} here")


class WrongProcess(JobactorsError):
    """A job system was used in a forked child: its loop lives in the parent only."""

    def __init__(self) -> None:
        super().__init__(
            "this job system belongs to the parent process and does not work after fork(): "
            "open one of its own in the child, or start the child with the 'spawn' method"
        )


class NoJobSystem(JobactorsError):
    """There is no job system to use here."""

    def __init__(self, call: str) -> None:
        super().__init__(
            f"{call} needs a job system: call ja.start() first, or use it inside "
            "'async with ja.open_jobs()'"
        )


class StoreError(JobactorsError):
    """The base of all errors of a store; ``store`` is its name."""

    def __init__(self, store: str, message: str) -> None:
        super().__init__(message)
        self.store = store


class StoreBusy(StoreError):
    """The store has another owner: one process at a time writes a file."""

    def __init__(self, store: str, owner: str) -> None:
        super().__init__(
            store,
            f"{store} belongs to {owner}: end that first, wait for it, or open another file",
        )
        self.owner = owner


class StoreTooNew(StoreError):
    """A newer version of this package has written the store."""

    def __init__(self, store: str, version: int, known: int) -> None:
        super().__init__(
            store,
            f"{store} has schema {version}, this package knows up to {known}: "
            "upgrade jobactors, or open another file",
        )


class StoreDamaged(StoreError):
    """The contents of the store cannot be read; they are left as they are."""

    def __init__(self, store: str, why: str) -> None:
        super().__init__(
            store,
            f"{store} cannot be read ({why}): it is left as it is; restore a copy of it, "
            "or move it away to begin anew",
        )


class StoreFailed(StoreError):
    """The store could not be written: nothing of this change is stored."""

    def __init__(self, store: str, why: str, cure: str) -> None:
        super().__init__(store, f"{store} cannot be written ({why}): {cure}")
        self.why = why
        self.cure = cure


class StoreLost(StoreError):
    """Another process has become the store's owner; this one writes no more."""

    def __init__(self, store: str) -> None:
        super().__init__(
            store,
            f"another process has taken over {store}: this one stores nothing any more; "
            "restart it, or open another file",
        )


class NoStore(JobactorsError):
    """This job system stores nothing beyond its process."""

    def __init__(self, call: str) -> None:
        super().__init__(
            f"{call} needs a store, and this job system has none: open it with store=, for "
            'example ja.start(store="jobs.db")'
        )


class NotResumable(JobactorsError):
    """An interrupted job cannot go on, or an ended one cannot start again; names what is missing.

    The message has a cure as well.
    """

    def __init__(self, job_id: str, why: str, *, verb: str = "be resumed") -> None:
        super().__init__(f"job {job_id} cannot {verb}: {why}")
        self.job_id = job_id


class ResultNotKept(JobactorsError):
    """The job succeeded in an earlier process, and JSON could not hold its result."""

    def __init__(self, job_id: str, type: str) -> None:
        super().__init__(
            f"job {job_id} succeeded in an earlier process, and of its result only the name of its "
            f"type is stored, {type}: run it again with job.restart(), or let it write a "
            "file and return the path"
        )
        self.job_id = job_id


class ChainInvalid(JobactorsError, ValueError):
    """A chain cannot be run as it is; ``problems`` lists what is wrong with it."""

    def __init__(self, label: str, problems: Iterable[ChainProblem]) -> None:
        self.problems: tuple[ChainProblem, ...] = tuple(problems)
        super().__init__(f"chain {label}: {'; '.join(map(str, self.problems))}")


class ChainFailed(JobactorsError):
    """A phase of a chain has raised; ``__cause__`` is its error, ``result`` the chain's so far.

    Restart the job, or submit the chain again: it goes on in that phase.  ``Retry(on=…)`` is asked
    of its error as well.
    """

    def __init__(self, result: ChainResult) -> None:
        super().__init__(result.message)
        self.result = result
