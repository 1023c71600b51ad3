"""Attempts that are blocking code in a process of their own.

A job has its process for itself while it runs; what is sent to that, what comes back, and how it
ends are in ``process_conversation``.

*One process after another, and one job after another in it.*  To start Python takes 0.1 s.  So a
process whose job has returned and left nothing behind (``process_traces``) waits a while for the
next one (``process_pool``), which gets its result in one exchange if it is short
(``process_exchange``).  After any other end the process has ended as well: its memory goes back to
the system, its limits were its own, and what it has started is killed with it.

Why a socket and no ``multiprocessing``: that needs a ``__main__`` guard, shares its resource
tracker and its exit handlers with the user's program, and forks or runs the user's main module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import trio

from jobactors.engine.ports.runner import Abandoned

from .process_conversation import Conversation
from .process_death import check_limits
from .process_exchange import Exchange, pack_begin
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
        check_limits(attempt.options.limits)
        await trio.lowlevel.checkpoint_if_cancelled()
        host = cast("AttemptHost | None", attempt.context._system)
        idle = None if host is None else _idle_for(attempt, host)
        begin = pack_begin(attempt, is_alone=idle is None)
        exchange = Exchange(attempt, begin, idle)
        if host is None:
            await in_thread(exchange.make)
        else:
            await _made(exchange, attempt, host)
        if exchange.is_over:
            if not attempt.context._control.cancel_requested.is_set:
                await trio.lowlevel.checkpoint_if_cancelled()
            return exchange.value
        return await _converse(attempt, exchange, begin, idle)


def _idle_for(attempt: Attempt, host: AttemptHost) -> IdleProcesses | None:
    """Return the processes of which a job may get one; None if it needs a new one, for itself."""
    options = attempt.options
    if options.fresh or options.limits is not None or not POSIX:
        return None
    return host.shared.get(IdleProcesses)


async def _made(exchange: Exchange, attempt: Attempt, host: AttemptHost) -> None:
    """Have an exchange made in a worker thread; a cancel leaves it behind while it may."""
    call = host.workers.start(exchange.make, f"job {attempt.context.id}", None)
    try:
        await call.ended()
    except trio.Cancelled:
        if exchange.leave():
            raise
        # It lasts for a moment, and then perhaps for as long as the result takes to be rebuilt.
        with trio.CancelScope(shield=True), attempt.abandon():
            await call.ended()
    if not call.is_done:
        exchange.drop()
        raise Abandoned
    call.result()


async def _converse(
    attempt: Attempt, exchange: Exchange, begin: bytes, idle: IdleProcesses | None
) -> Any:
    worker = exchange.worker or await SPAWNER.start()
    work = None if exchange.is_sent else exchange.work
    conversation = Conversation(attempt, worker, begin, work, exchange.received)
    code = None
    try:
        await conversation.hold()
    finally:
        if conversation.stays and idle is not None:
            idle.put(worker)
        else:
            code = worker.close()
    return await conversation.result(code)


RUNNER: Final[KnownRunner] = ProcessRunner()
