"""Attempts that are blocking code in a process of their own.

A job has its process for itself while it runs; what is sent to that, what comes back, and how it
ends are in ``process_conversation``.

*One process after another, and one job after another in it.*  To start Python takes 0.1 s.  So a
process whose job has returned and left nothing behind (``process_traces``) waits a while for the
next one (``process_pool``), which gets its result without a conversation if it is short
(``process_call``).  After any other end the process has ended as well: its memory goes back to
the system, its limits were its own, and what it has started is killed with it.

Why a socket and no ``multiprocessing``: that needs a ``__main__`` guard, shares its resource
tracker and its exit handlers with the user's program, and forks or runs the user's main module.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import trio

from jobactors.engine.ports.runner import Abandoned, GoesOn

from .process_call import ProcessCall
from .process_conversation import Conversation
from .process_pool import IdleProcesses
from .process_threads import in_thread
from .process_wire import pack_message
from .process_worker import POSIX, SPAWNER

if TYPE_CHECKING:
    from jobactors.engine.attempt.host import AttemptHost
    from jobactors.engine.ports.runner import Attempt, KnownRunner


class ProcessRunner:
    """Calls the function in a process of its own.

    Functions and classes of a notebook's cell or of ``__main__`` are sent along (by cloudpickle);
    no ``if __name__ == "__main__"`` is needed.  Arguments, result and exception are copies.

    *Cancel* is a ladder.  At once, the next ``track``, ``progress`` or ``check`` is asked to raise,
    as in a thread.  After the job's ``grace``, its process group gets SIGTERM, which unwinds the
    function wherever it is (``finally`` runs) and ends what it has started.  After as long again,
    but at most 5 s, SIGKILL.  When the system closes and cannot wait, SIGKILL at once.

    *Pause* waits for the next such point, in a function that has passed one; any other is stopped
    where it is, with all it has started (SIGSTOP; not on Windows).

    A process that ends by itself (a crash, ``os._exit``, out of memory) fails its job with
    :class:`WorkerDied` and nothing else.  Processes that the function has started are killed when
    it ends.

    *The process ends with its job*, unless the function has returned and left everything as it was:
    threads, processes, open files, the environment, the working directory, signals, the values of
    the program's own modules, its memory, and more.  Then it may serve another job of the same
    system, within seconds.  It stays with one job if that has ``limits`` or ``fresh=True``.
    """

    name: str = "process"
    takes_slot: bool = True
    can_abandon: bool = True
    waits_elsewhere: bool = False
    runs_already: bool = False

    def pack_message(self, message: object) -> bytes:
        """Pickle a message to a job, in the thread that sends it."""
        return pack_message(message)

    async def run(self, attempt: Attempt) -> Any:
        """Let a process call the function, and return the function's result."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if attempt.context._system is None:  # of no job system, which would have idle processes
            call = self._make_call(attempt)
            call.pack()
            await in_thread(call.prepare)
            return await call.go_on()
        call = self.begin_call(attempt)
        ended = trio.Event()
        call.call_when_ended(ended.set)
        try:
            await ended.wait()
        except trio.Cancelled:
            if call.withdraw():
                raise
            if not call.is_done:  # its result is being rebuilt
                with trio.CancelScope(shield=True), attempt.abandon():
                    await ended.wait()
            # Else it goes on in a conversation, which waits in that scope: it can be entered once.
        if not call.is_done:
            call.leave_behind()
            raise Abandoned
        try:
            value = call.result()
        except GoesOn as exc:
            return await exc.rest()
        if not attempt.context._control.cancel_requested.is_set:
            await trio.lowlevel.checkpoint_if_cancelled()
        return value

    def begin_call(self, attempt: Attempt) -> ProcessCall:
        """Have the function called in a process; a task is needed only if that takes a while."""
        call = self._make_call(attempt)
        call.start()
        return call

    def _make_call(self, attempt: Attempt) -> ProcessCall:
        host = cast("AttemptHost", attempt.context._system)
        idle = _idle_for(attempt, host)
        return ProcessCall(attempt, host, idle, partial(_converse, attempt, host, idle))


def _idle_for(attempt: Attempt, host: AttemptHost) -> IdleProcesses | None:
    """Return the processes of which a job may get one; None if it needs a new one, for itself."""
    options = attempt.options
    if options.fresh or options.limits is not None or not POSIX or attempt.context._system is None:
        return None
    return host.shared.get(IdleProcesses)


async def _converse(
    attempt: Attempt, host: AttemptHost, idle: IdleProcesses | None, call: ProcessCall
) -> Any:
    """Go on with a call in a conversation: with the process that it has, or with a new one."""
    worker, is_sent, received = call.worker, call.is_sent, call.received
    while True:
        is_new = worker is None
        if worker is None:
            await trio.lowlevel.checkpoint_if_cancelled()
            worker = await SPAWNER.start()
        work = None if is_sent else call.work
        conversation = Conversation(attempt, worker, call.begin, work, received)
        code = None
        try:
            await conversation.hold()
        finally:
            if conversation.stays and idle is not None:
                idle.welcome(worker, host.portal)
            else:
                code = worker.close()
        if is_new or not conversation.has_not_begun:
            return await conversation.result(code)
        worker, is_sent, received = None, False, b""


RUNNER: Final[KnownRunner] = ProcessRunner()
