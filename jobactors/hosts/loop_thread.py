"""A trio loop in a daemon thread, with one open job system, started and ended from outside.

Every method may be called from any thread, and again after a Ctrl-C has struck in it: a person
interrupts whatever cell happens to wait.  So each step is remembered (begun, opened, ended) and
never done twice.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import trio

from jobactors.engine.api.display import in_kernel
from jobactors.engine.system.shutdown import abandon, stop, wait_until_at_rest
from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.report.guarded_log import LOG
from jobactors.inside.signals.latch import Latch
from jobactors.model.errors import JobsClosed, StoreError

from .ctrl_c import LEFT_BEHIND, say_waiting
from .termination import LONGEST_END as LONGEST_TERMINATION
from .termination import TERMINATIONS, told_to_end
from .trio_block import open_jobs
from .unread_failures import UnreadFailures

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.api.jobs import Jobs
    from jobactors.engine.ports.store import Store
    from jobactors.engine.records.record import Record
    from jobactors.model.errors import EngineFailed

    from .notebook import NotebookStore
    from .termination import Closing

KERNEL_PATIENCE: Final = 5.0
"""Seconds a kernel waits for its predecessor, which a restart has just asked to end."""

LONGEST_END: Final = 60.0
"""Seconds after which a loop that was asked to end is given up, and its thread left behind."""

LONGEST_FAILURE: Final = 10.0
"""Seconds that an engine which has failed may take to release its store."""


class LoopThread:
    """Runs a trio loop in a thread, with one open system.

    The starting thread writes ``arguments`` and waits; the loop's thread writes the rest.
    """

    def __init__(
        self,
        arguments: dict[str, Any],
        notebook: NotebookStore | None = None,
        *,
        name: str = "",
        adopts: bool = False,
        at_end: Callable[[LoopThread], object] | None = None,
    ) -> None:
        self.name: str = name
        """The name of its system; empty for the process's own."""
        self.arguments = arguments
        self.adopts = adopts
        self._at_end = at_end
        """Called in the loop's thread when it has ended, before any waiter is notified."""
        self._notebook = notebook
        """The notebook whose store is used; None if the arguments name the store."""
        self.jobs: Jobs | None = None
        self.store: Store | None = arguments.get("store")
        """The store in use, once the system is open."""
        self.is_announced = False
        """Whether the kernel's display has been given its jobs."""
        self.interrupted: list[Record] = []
        """The jobs that a Ctrl-C was to stop; written by the loop's thread."""
        self.is_given_up = False
        """Whether it was asked to stop before the program's end."""
        self._failure: BaseException | None = None
        self._begun = False
        self._opened = Latch()
        self._ended = Latch()
        self._closing: Closing | None = None
        self._signal: str | None = None
        """The name of the signal to end that the process received; written by the main thread."""
        self._stop: trio.Event
        self._closers: trio.Nursery
        self._patience: float | None = None
        """Seconds the jobs have at the end, once it was asked to stop."""
        self._thread = threading.Thread(
            target=self._run, name=f"jobactors {name}".rstrip(), daemon=True
        )

    def start(self) -> Jobs:
        """Start the loop and wait until its system is open; again after an interrupted wait."""
        if not self._begun:
            self._begun = True
            self._closing = TERMINATIONS.watch(self._tell, in_main=False)
            try:
                self._thread.start()
            except RuntimeError:  # this system has no more threads
                self._closing.leave()
                self._ended.set()
                raise
        self._opened.wait_in_thread()
        if isinstance(self._failure, StoreError):
            raise self._failure
        if self.jobs is None:
            raise RuntimeError("the jobs' event loop could not be started") from self._failure
        return self.jobs

    @property
    def is_alive(self) -> bool:
        """Whether the loop still runs.

        Not ``Thread.is_alive``: after a Ctrl-C in its ``join`` that may be False too early.
        """
        return self._begun and not self._ended.is_set

    @property
    def has_failed(self) -> bool:
        """Whether the job engine has failed; waits until all that follows from that is done."""
        if self.jobs is None or not self.jobs._system.has_failed:
            return False
        self.jobs._system.failed.wait_in_thread(LONGEST_FAILURE)
        return True

    @property
    def failure(self) -> EngineFailed | None:
        """The failure of the job engine, if it has failed."""
        return None if self.jobs is None else self.jobs._system.failure

    @property
    def unread(self) -> UnreadFailures:
        """The failures that were not read; once the loop has ended."""
        if self.jobs is None:
            return UnreadFailures((), 0)
        return UnreadFailures.of(self.jobs._system)

    @property
    def is_home(self) -> bool:
        """Whether this is the loop's own thread."""
        return threading.current_thread() is self._thread

    @property
    def is_called_from_within(self) -> bool:
        """Whether this is code of a job of its system, or of a thread that the loop waits for."""
        if self.jobs is None:
            return False
        context = CURRENT.get()
        core = self.jobs._system.core
        if context is not None and context._system is core:
            record = core.find(context.id)  # its context may outlive it, in another thread
            if record is not None and record.is_in_attempt(context.attempt):
                return True
        if self.is_home:
            return False
        try:  # a hook, or a callback
            token = trio.from_thread.run_sync(trio.lowlevel.current_trio_token)
        except (RuntimeError, trio.Cancelled):  # no thread of a loop, or of one that ends
            return False
        return token is self.jobs._system.parts.portal.token

    def stop(self, patience: float, timeout: float | None) -> bool:
        """End the system: wait ``patience`` seconds for its jobs, stop the rest, close.

        Called again, or by another thread meanwhile, it can only shorten that wait.

        Returns:
            Whether the loop has ended within ``timeout`` seconds.
        """
        if not self.begin_to_stop(patience, timeout):
            return False
        if not self._ended.wait_in_thread(timeout):
            return False
        self._thread.join()  # nothing but its last steps
        TERMINATIONS.tidy()
        return True

    def wait_until_at_rest(self) -> bool:
        """Block this thread until no job moves, or the system ends.

        Returns:
            Whether it was so at once.
        """
        rests, waited = Latch(), False

        async def watch() -> None:
            nonlocal waited
            try:
                waited = await wait_until_at_rest(system)
            finally:
                rests.set()

        if self._opened.wait_in_thread() and self.jobs is not None:
            system = self.jobs._system
            with suppress(JobsClosed):  # it ends already
                system.parts.portal.call(system.attach, watch)
                rests.wait_in_thread()
        return not waited

    def begin_to_stop(self, patience: float, timeout: float | None) -> bool:
        """Ask the system to end, as :meth:`stop` does, and wait for nothing but its opening.

        Returns:
            Whether it was opened within ``timeout`` seconds.
        """
        if not self._opened.wait_in_thread(timeout):
            return False
        if self.jobs is not None:
            with suppress(JobsClosed):  # ended meanwhile
                self.jobs._system.parts.portal.post(self._close, patience)
        return True

    def _close(self, patience: float) -> None:
        """Begin to close, or close sooner than a call before has asked.  In the loop's thread."""
        if self.jobs is None or (self._patience is not None and patience >= self._patience):
            return
        self._patience = patience
        if not self._stop.is_set() or self._closers.child_tasks:
            self._closers.start_soon(self.jobs.close, patience)
        self._stop.set()

    def interrupt(self) -> None:
        """Stop all jobs now, for a Ctrl-C; returns at once, a signal's handler may call it."""
        self._call_soon(self._interrupt)

    def leave_behind(self) -> None:
        """Wait for no job any more, for a second Ctrl-C; returns at once, as :meth:`interrupt`."""
        self._call_soon(self._leave_behind)

    def say_waiting(self) -> None:
        """Report for how many jobs a Ctrl-C waits, if that takes a while; returns at once."""
        self._call_soon(self._say_waiting)

    def wait(self, timeout: float) -> bool:
        """Block this thread until the loop has ended; return whether it has."""
        return self._ended.wait_in_thread(timeout)

    def _call_soon(self, function: Callable[[], None]) -> None:
        """Call a function in the loop's thread, if the system is open."""
        # Not by way of the portal: a handler may have interrupted a call of this very thread there.
        if self.jobs is not None:
            with suppress(trio.RunFinishedError):
                self.jobs._system.parts.portal.token.run_sync_soon(function)

    def _interrupt(self) -> None:
        if self.jobs is not None:
            self.interrupted = self.jobs._system.core.unfinished
        self._close(0.0)
        self._say_waiting()

    def _say_waiting(self) -> None:
        if self.jobs is not None:
            self.jobs._system.attach(partial(say_waiting, self.jobs._system))

    def _leave_behind(self) -> None:
        if self.jobs is not None:
            abandon(self.jobs._system.core.unfinished, LEFT_BEHIND)

    def _tell(self, name: str) -> None:
        """Have all jobs stopped after a signal to end; called by its handler."""
        self._signal = name
        self._call_soon(self._terminate)

    def _terminate(self) -> None:
        """Stop all jobs now, if the system is still open.  In the loop's thread."""
        if not self._stop.is_set() or self._closers.child_tasks:
            self._closers.start_soon(self._stop_all)
        self._stop.set()

    async def _stop_all(self) -> None:
        if self.jobs is not None and self._signal is not None:
            system = self.jobs._system
            await stop(system, told_to_end(self._signal), system.ending, LONGEST_TERMINATION)

    def _run(self) -> None:
        try:
            trio.run(self._main)
        except BaseException as exc:  # raised by start(), or logged: a thread has no caller
            self._failure = exc
            if self._opened.is_set:
                LOG.exception("the jobs' event loop has failed")
            if self.jobs is not None:  # trio itself has failed: no block of the engine was left
                self.jobs._system.fail(exc)
        finally:
            if self._at_end is not None:
                self._at_end(self)
            if self._closing is not None:
                self._closing.leave()
            self._ended.set()
            self._opened.set()

    async def _main(self) -> None:
        notebook = self._notebook
        if notebook is None:
            await self._serve(self.store)
            return
        try:
            await self._serve(notebook.store(), notebook)
        except StoreError as exc:
            if self.jobs is not None:
                raise
            # A notebook goes on without its store; its board shows the reason.
            LOG.warning("jobs are kept in memory only: %s", exc)
            await self._serve(None, trouble=f"jobs are kept in memory only: {exc}")

    async def _serve(
        self,
        store: Store | None,
        notebook: NotebookStore | None = None,
        *,
        trouble: str | None = None,
    ) -> None:
        self._stop = trio.Event()
        self.store = store
        arguments: dict[str, Any] = {**self.arguments, "store": store}
        arguments["unread_failures"] = "ignore"  # reported when the loop has ended
        patience = KERNEL_PATIENCE if in_kernel() else 0.0
        async with open_jobs(**arguments, patience=patience) as jobs:
            jobs._system.name = self.name
            if notebook is not None:
                notebook.note()
                jobs._system.store_note = (None, notebook.offer)
            elif trouble is not None:
                jobs._system.store_note = (trouble, None)
            async with trio.open_nursery() as self._closers:
                self.jobs = jobs
                if self._signal is not None:  # it came while the system was being opened
                    self._terminate()
                self._opened.set()
                await self._stop.wait()
