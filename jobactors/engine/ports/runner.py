"""The seam between the engine and the runners: ours, and those of other packages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import trio
from msgspec import Struct

from jobactors.inside.context.job_context import JobContext
from jobactors.inside.signals.mailbox import Packed
from jobactors.model.field_docs import documented
from jobactors.model.options import DEFAULTS, Options
from jobactors.model.plain_values import LONGEST_MESSAGE, plain_text
from jobactors.model.runner_value import RunnerValue


async def _has_started(where: str) -> None:
    """Return at once: the attempt started before it was given to its runner."""
    del where


def _needs_no_reason(reason: str | None) -> None:
    """Drop a reason: the attempt started before it was given to its runner."""
    del reason


@documented
class Attempt(Struct, frozen=True):
    """One run of a job's function, as a runner gets it.

    Everything a runner needs is here; what it finds beyond may change.  Used in the task that
    called :meth:`Runner.run`, unless stated otherwise.
    """

    context: JobContext
    """The job as its own code sees it: its id and name, and whether its cancel was requested.

    It is the current job of the task that runs ``run``, in a context variable.  Code in another
    thread has it with ``contextvars.copy_context().run(…)``, and can then report progress, save
    checkpoints, and be paused and cancelled at its own ``ja.track`` and ``ja.progress``."""
    function: Callable[..., Any]
    """The function to call."""
    args: tuple[Any, ...]
    """Its positional arguments; results of other jobs are in their places already."""
    kwargs: dict[str, Any]
    """Its named arguments."""
    abandon: Callable[[], trio.CancelScope]
    """Makes the scope that is cancelled when the system can no longer wait for a stuck attempt.

    A runner that ``can_abandon`` waits in it once it has been cancelled, and when it is left that
    way raises :class:`Abandoned`."""
    options: Options = DEFAULTS
    """The job's options, of which a runner reads ``grace`` and ``limits``."""
    _start: Callable[[str], Awaitable[None]] = _has_started
    _explain: Callable[[str | None], None] = _needs_no_reason

    async def started(self, where: str = "") -> None:
        """Report to the engine that the attempt starts, and wait until it may.

        For a runner that ``waits_elsewhere``: until then its job is queued, and waits for the
        cluster.  With this call it is running; its timeout and its duration begin.  When the call
        returns, the start is stored, so that no attempt starts twice, whatever is killed: let the
        function begin after it, and not before.  A second call with another ``where`` shows that
        the attempt has moved there; any other does nothing, and so does one by any other runner.

        If ``run`` ends without it, the engine makes up for it: the attempt counts, unless it was
        cancelled.

        Args:
            where: The place where it runs, such as a worker's address: ``snapshot.where``, and
                shown on the job's row; default: none is shown.

        Raises:
            trio.Cancelled: if the job was cancelled while it waited; it does not start any more.
            BaseException: the same, where the caller is shielded from it.  Let it go on.
            StoreError: if the start could not be stored.
        """
        await self._start(where)

    def explain_wait(self, reason: str) -> None:
        """Report why nothing begins the attempt, for a runner that ``waits_elsewhere``.

        Until it has started that is ``snapshot.reason``, and shown on the job's row.  A later call
        replaces it.  Once it has started this does nothing, and so it does for any other runner.

        Args:
            reason: In words, with the cure, such as "the cluster has no workers yet: …"; empty: no
                reason is known any more.
        """
        self._explain(plain_text(reason, LONGEST_MESSAGE) or None)


class Abandoned(BaseException):
    """Raised by a runner that did not wait for its attempt to end by itself.

    Args:
        how: Empty if it left the attempt behind, because that scope was cancelled.  If it ended the
            attempt by force: in which way; shown with the reason of the cancel.
    """

    def __init__(self, how: str = "") -> None:
        super().__init__(how)


class AttemptLost(BaseException):
    """Raised by a runner that has lost its attempt with all that could run it: the whole cluster.

    If the job can go on elsewhere, since it is stored or has saved a checkpoint, it is interrupted
    with the error as its reason; any other job fails with it.  No retry follows: it would find
    nothing that could run it either.

    Args:
        error: The error that a waiter of a job gets that has failed by it.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Runner(Protocol):
    """Executes attempts.  One runner serves any number of jobs at once.

    ``jobs.options(runner=MyRunner())`` takes any value that has these attributes; it need not be
    derived from this class.  They are read once, when the value is first given.

    A job is stored with the ``name`` of its runner alone.  In a later process it is not resumable
    until a runner of that name is given again: on the job type (``@ja.job("index", runner=…)``),
    with which a store opened with ``recover="auto"`` finds it, or once in ``jobs.options``.  If
    several values had one name, the newest counts.

    ``run`` is an async function, called in the job's own trio task with the job's context
    variables.  It returns what the function returns and raises what it raises.  It promises:

    * *Cancel* cancels the task: the next ``await`` raises ``trio.Cancelled``.  ``run`` then ends
      the function as its kind of work can be ended, waits until it *has* ended (in a shielded
      scope), and lets ``Cancelled`` go on.  If the function has returned all the same, ``run``
      returns its value, which counts as a partial result if the function was notified of the
      cancel; where that is known elsewhere only, ``run`` returns ``ja.cancelled(value)``.  If it
      was unwound by its own ``ja.track``, ``run`` raises what it was unwound with.  The job ends
      with ``run`` and not before: while the function goes on after its ``grace``, the job shows as
      stuck.
    * *Pause* does not reach ``run``, which goes on waiting: the function stands still in its own
      ``ja.track``, ``ja.progress`` or ``check``.
    * *Abandon*: when the system closes on a stuck attempt, the scope of ``attempt.abandon()`` is
      cancelled.  A runner with ``can_abandon`` then leaves the function behind and raises
      :class:`Abandoned`.  One without it is waited for.

    Example::

        class OwnThread:
            name = "own thread"
            takes_slot = True
            can_abandon = False

            async def run(self, attempt):
                call = partial(attempt.function, *attempt.args, **attempt.kwargs)
                with trio.CancelScope(shield=True):
                    return await trio.to_thread.run_sync(call)

        jobs.options(runner=OwnThread()).submit(work)

    A runner that hands its attempts on, to a cluster or a queue of its own, has a further
    attribute, ``waits_elsewhere = True``, and calls ``await attempt.started()`` when one begins
    there.  Until then the job is queued and waits for the cluster: it holds its slot and its
    resources, can be cancelled, but neither held nor paused, and has used up no attempt.  A runner
    that knows why nothing begins it says so with ``attempt.explain_wait(reason)``.  If all that
    could run its attempts is gone, it raises :class:`AttemptLost`.

    Such a runner may also have a method ``capacity()`` that returns how many attempts it executes
    at once, or None: ``map`` takes three times as many jobs in, where its caller does not say how
    many.

    A runner whose functions run in other processes may have a method ``pack_message(message)`` that
    returns bytes: a message to one of its jobs is then packed by the thread that sends it.

    :class:`jobactors.testing.RunnerConformance` tests all of it.
    """

    @property
    def name(self) -> str:
        """The name for ``runner=``, which is stored and shown; not that of a built-in runner."""
        ...

    @property
    def takes_slot(self) -> bool:
        """Whether its attempts count for ``max_running``; False for work that needs nothing here.

        Its jobs wait for dependencies, resources and start times all the same.
        """
        ...

    @property
    def can_abandon(self) -> bool:
        """Whether a stuck attempt can be left behind when the system closes."""
        ...

    async def run(self, attempt: Attempt, /) -> Any:
        """Execute one attempt."""
        ...


class KnownRunner(Runner, Protocol):
    """A runner as the engine holds it: a built-in one, or the attributes of a given one."""

    @property
    def waits_elsewhere(self) -> bool:
        """Whether its attempts start only when it calls ``attempt.started()``."""
        ...

    @property
    def runs_already(self) -> bool:
        """Whether it only follows work that runs where it stands: such jobs start at once."""
        ...


def message_for(runner: KnownRunner, message: object) -> object:
    """Return a message to a runner's job as it goes there: packed, if its process is another one.

    In the sending thread: packing runs the message's own code.

    Raises:
        TypeError: if it cannot be pickled.
    """
    pack: Callable[[object], bytes] | None = getattr(runner, "pack_message", None)
    return message if pack is None else Packed(pack(message))


def is_service(runner: KnownRunner) -> bool:
    """Whether a runner's jobs serve the others: they end when only they are left, cancelled."""
    return bool(getattr(runner, "is_service", False))


def goes_on(runner: KnownRunner) -> str:
    """Return what becomes of a service's work at the system's end; empty if it ends with it.

    A service whose work goes on elsewhere is interrupted at that end, and this is the reason.
    """
    return str(getattr(runner, "goes_on", ""))


class GoesOn(BaseException):
    """Raised for the result of a call that takes a task to go on.

    Args:
        rest: Goes on, and returns or raises what the function does.
    """

    def __init__(self, rest: Callable[[], Awaitable[Any]]) -> None:
        super().__init__()
        self.rest = rest


class BegunCall(Protocol):
    """An attempt that is one call elsewhere, and needs no task to wait for it.

    The call is in a worker thread, in a process, or on a cluster.
    """

    def call_when_ended(self, callback: Callable[[], object]) -> None:
        """Call ``callback()`` in the loop when the call has ended."""
        ...

    def leave_behind(self) -> None:
        """Wait no more for the end of the call."""
        ...

    def withdraw(self) -> bool:
        """Take the call back, unless it has begun; returns whether it is never made.

        Called when the attempt is asked to end: a call that has begun may go on in a task then.
        """
        ...

    def result(self) -> Any:
        """Return or raise what a call that has ended does; once.

        Raises:
            GoesOn: if it has not ended, and goes on in a task.
        """
        ...


class CallElsewhere(BegunCall, Protocol):
    """The same for a runner that waits elsewhere."""

    def call_to_start(self, start: Callable[[str, Callable[[], None]], None]) -> None:
        """Call ``start(where, begin)`` in the loop when it begins, as :meth:`Attempt.started` is.

        ``begin()`` is called once the start is stored; never, if the attempt was asked to end.
        """
        ...


def begins_call(runner: KnownRunner) -> Callable[[Attempt], BegunCall] | None:
    """Return the way to begin an attempt that is one call elsewhere; None if it is more."""
    begin: Callable[[Attempt], BegunCall] | None = getattr(runner, "begin_call", None)
    return begin


class GivenRunner(Struct, frozen=True, eq=False):
    """A runner of a user: its attributes as they were when it was given, and the value.

    The engine asks for these in the middle of its steps, where no code of a user may raise.
    """

    name: str
    takes_slot: bool
    can_abandon: bool
    waits_elsewhere: bool
    value: RunnerValue
    runs_already: bool = False
    is_service: bool = False
    pack_message: Callable[[object], bytes] | None = None
    begin_call: Callable[[Attempt], BegunCall] | None = None

    @classmethod
    def of(cls, value: RunnerValue) -> GivenRunner:
        """Read a runner's attributes, which were checked before."""
        waits = bool(getattr(value, "waits_elsewhere", False))
        return cls(
            value.name,
            value.takes_slot,
            value.can_abandon,
            waits,
            value,
            is_service=bool(getattr(value, "is_service", False)),
            pack_message=getattr(value, "pack_message", None),
            begin_call=getattr(value, "_begin_call", None),  # of our own runners only
        )

    def run(self, attempt: Attempt, /) -> Any:
        """Execute one attempt."""
        return self.value.run(attempt)  # without a coroutine more a job, of which there are many
