"""The line to a process between its jobs: one task of the loop sends calls and hears the answers.

It belongs to the process and not to a job: to begin a task, or to wake a thread, for each short job
takes longer than the job.  A job that has more to say than its result gets a conversation, which
reads for itself; then the line ends, and the process gets another one if it comes back.

A call that its process has not read to the end has not begun.  On Linux the socket says so: it is
*reset* if something is left in it.
"""

from __future__ import annotations

from contextvars import Context
from enum import Enum
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.loop.portal import Portal

    from .process_worker import Worker

SMALL: Final = 1 << 16
"""Bytes of a call or an answer that is sent at once, and received at once."""


class Unread(Enum):
    """The answer of a process that has ended without having read the call."""

    UNREAD = "unread"


UNREAD: Final = Unread.UNREAD


class ProcessLine:
    """The line to one process.  In the loop's thread only.

    Args:
        worker: The process.
        portal: The way into the loop; an error of what is called is the engine's failure.
        gone: Called when the process has hung up, or has said what no call has asked for.
    """

    def __init__(
        self, worker: Worker, portal: Portal, gone: Callable[[ProcessLine], object]
    ) -> None:
        self.worker: Worker = worker
        self._portal = portal
        self._gone = gone
        self._heard: Callable[[bytes | Unread], object] | None = None
        self._is_over = False
        self._scope = trio.CancelScope()
        # A copy: the loop may still wait for it when the worker's own has been closed.
        self._link = worker.link.dup()
        self._link.setblocking(False)
        trio.lowlevel.spawn_system_task(self._read, name="jobactors line", context=Context())

    def send(self, message: bytes, heard: Callable[[bytes | Unread], object]) -> bool:
        """Send a call.

        Args:
            message: Its frames.
            heard: Called once with what comes next, empty if the process has ended.

        Returns:
            Whether all was sent; else the process cannot have begun, and never will.
        """
        try:
            is_sent = self._link.send(message) == len(message)
        except OSError:
            is_sent = False
        if is_sent:
            self._heard = heard
        return is_sent

    def end(self) -> None:
        """Hear nothing more."""
        self._is_over = True
        self._heard = None
        self._scope.cancel()

    @trio.lowlevel.enable_ki_protection
    async def _read(self) -> None:
        with self._scope, self._link:
            while not self._is_over:
                await trio.lowlevel.wait_readable(self._link)
                if not self._is_over:
                    self._portal.guarded(self._take)

    def _take(self) -> None:
        said: bytes | Unread
        try:
            said = self._link.recv(SMALL)
        except BlockingIOError:
            return
        except ConnectionResetError:
            said = UNREAD
        except OSError:
            said = b""
        heard, self._heard = self._heard, None
        if heard is not None:
            heard(said)
        else:
            self.end()
            self._gone(self)
