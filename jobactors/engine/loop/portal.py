"""The one way into the loop from outside it, and the steps in which the engine moves.

Every piece of state that a system owns is written in the loop's thread.  Other threads hand their
calls over here.  Two things are less obvious:

*Gathered calls.*  Waking the loop costs more than most of what it is woken for.  So calls are
appended to a deque, and the loop is called once for all that wait: a thread that finds the loop
called trusts in that.  Each such call of the loop has a wake-up of its own, a new one after each
time that calls are made.  It is marked *after* the loop has been called, replaced *before* the
calls are made, and a thread looks at it *after* appending.  So no call is left behind, whichever
thread runs between two lines, and wherever a KeyboardInterrupt strikes: a thread that was struck on
its way has marked nothing in which another could trust.  (A flag that was set before calling the
loop could stay set without a call, and then nothing entered the loop any more.)

*Steps.*  A move of the engine (a submit, the end of an attempt) touches several tables, and in the
middle of it foreign code may run in this very thread: a finalizer, an ``__eq__`` of a key.  If that
code calls a command, the command must not see half a move.  So each move is one step, and a command
that arrives within a step is made right after it.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import trio

from jobactors.inside.report.guarded_log import LOG
from jobactors.inside.signals.latch import wait_for_lock
from jobactors.model.errors import JobactorsError, JobsClosed, WrongProcess
from jobactors.model.wrong_loop import WrongLoop

from .portal_call import LatchedCall, PortalCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.inside.signals.latch import Latch

    _Call = tuple[Callable[..., object], tuple[Any, ...]]

T = TypeVar("T")
_PATIENCE: Final = 1.0
"""Seconds that a call waits before the loop is looked at."""

_generation = 0
"""The number of forks between the first process of the program and this one.

Every call from outside asks whether this is still the portal's process.  ``os.getpid`` would do,
and is a system call: three of them were a twentieth of what a short job costs.
"""


def _note_fork() -> None:
    global _generation  # noqa: PLW0603 - of the process, as the fork is
    _generation += 1


if hasattr(os, "register_at_fork"):  # not on Windows, which has no forks
    os.register_at_fork(after_in_child=_note_fork)


class _WakeUp:
    """One call of the loop, for all calls that wait until then."""

    __slots__ = ("is_made",)

    def __init__(self) -> None:
        self.is_made = False
        """Whether the loop has been called, and will look; written by any thread, to True."""


class StepLeft(Exception):
    """The base of what leaves a step before it has changed anything, and is no error."""


class Portal:
    """Runs plain functions in the loop's thread, in the order they were given, from any thread.

    A notebook's *Interrupt* strikes the main thread alone, so it never leaves state half written.

    Args:
        fail: Called with the error of a call that has no caller to raise it to.  Such a call is a
            move of the engine that may have stopped half way: the engine cannot go on with that.
        unanswered: Called in a thread whose call the loop has not answered for a second.
    """

    def __init__(
        self, fail: Callable[[BaseException], object], unanswered: Callable[[], object]
    ) -> None:
        self._fail = fail
        self._unanswered = unanswered
        self.token: trio.lowlevel.TrioToken = trio.lowlevel.current_trio_token()
        self.thread: int = threading.get_ident()
        self._generation = _generation
        self._closed = False
        self._failure: BaseException | None = None
        # Appended from any thread, emptied in the loop's.
        self._waiting: deque[_Call] = deque()
        self._wake_up = _WakeUp()
        """Replaced in the loop's thread."""
        self._is_serving = False
        """Whether gathered calls are being made; in the loop's thread, as the next two."""
        self._after_calls: list[Callable[[], object]] = []
        self._in_step = False
        self._after_step: deque[_Call] = deque()
        LOG.serve(self)

    @property
    def is_home(self) -> bool:
        """Whether this is the loop's own thread."""
        return threading.get_ident() == self.thread and not self._closed

    @property
    def has_waiting(self) -> bool:
        """Whether calls wait for the loop; from any thread."""
        return bool(self._waiting) and not self._closed

    @property
    def is_closed(self) -> bool:
        """Whether the system has ended."""
        return self._closed

    def close(self, failure: BaseException | None = None) -> None:
        """Take no more calls; those that wait are answered.

        Args:
            failure: The error that has ended the loop, if it was one.
        """
        self._closed = True
        self._failure = failure
        if failure is not None:
            self._serve_all()
        LOG.leave(self)  # last: a handler may have waited for an answer

    def check(self, doing: str) -> None:
        """Raise unless the loop can be reached.

        Raises:
            WrongProcess: in a forked child.
            JobsClosed: when the system has ended.
        """
        if self._generation != _generation:
            raise WrongProcess
        if self._closed:
            raise JobsClosed(doing) from self._failure

    def check_loop(self, call: str, instead: str) -> None:
        """Raise unless this is a task of the loop.

        Args:
            call: The call that the user made.
            instead: What to use elsewhere.

        Raises:
            WrongLoop: in another loop, of trio or not, and in a thread without one.
        """
        try:
            if trio.lowlevel.current_trio_token() is self.token:
                return
        except RuntimeError:  # asyncio, or no loop at all
            pass
        raise WrongLoop(call, instead)

    # -- steps

    @trio.lowlevel.enable_ki_protection
    def step(self, function: Callable[..., T], *args: Any) -> T:
        """Run ``function(*args)`` as one step, in the loop's thread; commands within follow it.

        A step within a step is part of it.  A Ctrl-C in the middle is raised after the step, in the
        body of the program.

        Raises:
            JobactorsError, TypeError, ValueError: a refusal, which changes nothing.
            Exception: what is none has left a move half made.  The engine cannot go on with that:
                it fails, and the caller gets its failure.
        """
        if self._in_step:
            return function(*args)
        self._in_step = True
        try:
            return function(*args)
        except (JobactorsError, TypeError, ValueError, StepLeft):
            raise
        except Exception as exc:
            failure = self._fail(exc)
            raise (failure if isinstance(failure, JobactorsError) else exc) from exc
        finally:
            self._in_step = False
            while self._after_step:
                self._make(self._after_step.popleft())

    def move(self, function: Callable[..., T], *args: Any) -> T:
        """Run ``function(*args)`` as one step in the loop's thread; return or raise what it does.

        From any thread, see :meth:`call`.
        """
        if threading.get_ident() == self.thread:
            self.check("be asked anything")
            return self.step(function, *args)
        moved: T = self.call(self.step, function, *args)
        return moved

    def move_until(self, function: Callable[..., tuple[T, Latch | None]], *args: Any) -> T:
        """Run ``function(*args)`` as one step; return its value once the latch beside it is set.

        From any thread but the loop's.  One wake-up of that thread instead of two.

        Raises:
            Exception: what the function does; at once.
            JobsClosed, WrongProcess: when the loop cannot be reached.
        """
        self.check("be asked anything")
        moved: T = self._ask(LatchedCall(self.step, (function, *args)))
        return moved

    def command(self, function: Callable[..., object], *args: Any) -> None:
        """Run ``function(*args)`` as one step, or after the present one; its result is dropped.

        Raises:
            Exception: what the function does, unless it had to wait for the end of a step.
            JobsClosed, WrongProcess: when the loop cannot be reached.
        """
        if self._in_step and threading.get_ident() == self.thread:
            self._after_step.append((self.step, (function, *args)))
        else:
            self.move(function, *args)

    # -- calls, from any thread

    def post(self, function: Callable[..., object], *args: Any) -> None:
        """Run ``function(*args)`` soon, or now in the loop's own thread; its result is dropped.

        In the loop's own thread it raises what the function does.

        Raises:
            JobsClosed, WrongProcess: when the loop cannot be reached.
        """
        self.check("be told anything")
        if threading.get_ident() == self.thread:
            if self._in_step:
                self._after_step.append((function, args))
            else:
                function(*args)
            return
        self._send(function, args)

    def post_quietly(self, function: Callable[..., object], *args: Any) -> None:
        """Run ``function(*args)`` soon in the loop; no error where the loop has gone."""
        if not self._closed and self._generation == _generation:
            try:  # noqa: SIM105 - each reading of a result comes here, and suppress is three calls
                self._send(function, args)
            except JobsClosed:
                pass

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Run ``function(*args)`` in the loop's thread; return or raise what it does.

        Blocks other threads for as long as the loop needs to get round to it, usually a tenth of a
        millisecond.

        Raises:
            JobsClosed, WrongProcess: when the loop cannot be reached.
        """
        self.check("be asked anything")
        if threading.get_ident() == self.thread:
            return function(*args)
        answered: T = self._ask(PortalCall(function, args))
        return answered

    def _ask(self, call: PortalCall) -> Any:
        self._send(call.make, ())
        if not wait_for_lock(call.unanswered, _PATIENCE):
            if not call.is_made:
                self._unanswered()
            wait_for_lock(call.unanswered, None)
        return call.take()

    def look(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function that only reads; it also works after the end, when nothing is written.

        Raises:
            WrongProcess: in a forked child.
        """
        if self._closed and self._generation == _generation:
            return function(*args)
        try:
            return self.call(function, *args)
        except JobsClosed:
            return function(*args)  # it has ended in this very moment

    def _send(self, function: Callable[..., object], args: tuple[Any, ...]) -> None:
        call = function, args
        self._waiting.append(call)  # before looking: see the module's head
        wake_up = self._wake_up
        if wake_up.is_made:
            return
        try:
            self.token.run_sync_soon(self._serve)
        except trio.RunFinishedError:
            self._serve_all(refused=call)
            raise JobsClosed("be reached") from self._failure
        wake_up.is_made = True
        if self._failure is not None:  # it has failed between the check and here
            self._serve_all()

    def soon(self, function: Callable[[], object]) -> None:
        """Call ``function()`` when what runs in the loop has been made; in the loop's thread.

        That is after the gathered calls, if they are being made, and else in the loop's next turn:
        what is gathered meanwhile is handed on at once.  No error where the loop has gone.
        """
        if self._is_serving:
            self._after_calls.append(function)
        else:
            with suppress(trio.RunFinishedError):
                self.token.run_sync_soon(self._make, (function, ()))

    def _serve(self) -> None:
        """Make the calls that wait; those that come meanwhile call the loop again."""
        self._wake_up = _WakeUp()
        self._is_serving = True
        waiting, make = self._waiting, self._make
        for _ in range(len(waiting)):
            make(waiting.popleft())
        self._is_serving = False
        after, self._after_calls = self._after_calls, []
        for function in after:
            self._make((function, ()))

    def guarded(self, function: Callable[..., object], *args: Any) -> None:
        """Run ``function(*args)`` in the loop's thread; an error in it is the engine's failure."""
        self._make((function, args))

    def _make(self, call: _Call) -> None:
        function, args = call
        try:
            function(*args)
        except JobactorsError:  # a command of a finalizer's, say, that did not apply
            LOG.exception("a call posted into the jobs' loop was refused: %r", function)
        except Exception as exc:
            self._fail(exc)

    def _serve_all(self, refused: _Call | None = None) -> None:
        """Answer every call that waits for a loop which does not run any more."""
        with suppress(IndexError):
            while True:
                call = self._waiting.popleft()
                if call is not refused:
                    self._make(call) if self._failure is None else _refuse(call, self._failure)


def _refuse(call: _Call, failure: BaseException) -> None:
    """Answer a call whose loop has failed; one that was only posted is dropped."""
    answer = getattr(call[0], "__self__", None)
    if isinstance(answer, PortalCall):
        answer.fail(failure)
