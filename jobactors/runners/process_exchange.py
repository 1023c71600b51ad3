"""The way of a call to a process, and of its result back if that comes at once; in one thread.

A conversation in the loop costs ten times what a short job may.  So the thread that pickles the
call also sends it to an idle process, and waits for the answer a moment.  Requests to the job, its
reports and its messages wait as long; a job that has more to say than its result, or takes longer,
is handed over to a conversation, with what has come by then.

===================  =============================================================================
field                written by
===================  =============================================================================
``worker``           the thread, under the lock: from then on something may have been sent
``_is_left``         the loop, under the lock: the thread is not waited for any more
``work``, ``value``  the thread; read by the loop when it has ended
===================  =============================================================================
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict

from jobactors.inside.context.own_trace import trace_headers

from .process_wire import HEADER, Kind, header, labels_of, pack_work, unpack

if TYPE_CHECKING:
    from jobactors.engine.ports.runner import Attempt

    from .process_pool import IdleProcesses
    from .process_worker import Worker

MOMENT: Final = 0.02
"""Seconds in which a short job has its result.  A cancel or a pause comes as much later."""
SMALL: Final = 1 << 16
"""Bytes of a call that a socket takes, though its reader is slow."""


def pack_begin(attempt: Attempt, *, is_alone: bool) -> bytes:
    """Return the content of BEGIN; in the loop's thread."""
    context, limits = attempt.context, attempt.options.limits
    begin: dict[str, Any] = {**labels_of(context), "trace": trace_headers()}
    begin["buffer"] = context._toolbox.buffer_to_send()
    begin["limits"] = {} if limits is None else asdict(limits)
    begin["alone"] = is_alone
    return json.dumps(begin).encode()


class Exchange:
    """One call, and perhaps its result; see the module's table for the threads.

    Args:
        attempt: The attempt whose function is called.
        begin: The content of BEGIN.
        idle: The processes that may be there for it; None if it needs a new one.
    """

    def __init__(self, attempt: Attempt, begin: bytes, idle: IdleProcesses | None) -> None:
        self._attempt = attempt
        self._begin = begin
        self._idle = idle
        self._lock = threading.Lock()
        self._is_left = False
        self._has_ended = False
        self.work: bytes = b""
        """The content of WORK."""
        self.worker: Worker | None = None
        """The process that was idle; None if there was none."""
        self.is_sent: bool = False
        """Whether the call was sent to it."""
        self.received: bytes = b""
        """The part that it has sent since then, if that is not the result and nothing else."""
        self.is_over: bool = False
        """Whether it has returned the result, and serves other jobs by now."""
        self.value: Any = None
        """The result."""

    def make(self) -> None:
        """Pickle the call, send it and wait for a moment; in a worker thread.

        Raises:
            TypeError: if something in the call cannot be pickled.
            BaseException: what the classes of the result raise when it is rebuilt.
        """
        attempt = self._attempt
        self.work = pack_work(attempt.function, attempt.args, attempt.kwargs)
        worker = None if self._idle is None or self._is_left else self._idle.take()
        if worker is None or not self._is_taken(worker):
            return
        try:
            content = self._exchange(worker) if len(self.work) <= SMALL else None
        finally:
            self._end()
        if content is not None:
            self.value = _rebuilt(content)

    def leave(self) -> bool:
        """Let the thread go on alone if it has sent nothing; returns whether it was so."""
        with self._lock:
            self._is_left = self._is_left or self.worker is None
            return self._is_left

    def drop(self) -> None:
        """Leave the thread behind, and see that its process ends."""
        with self._lock:
            self._is_left = True
            must_close = self._has_ended
        if must_close:
            self._close()

    def _is_taken(self, worker: Worker) -> bool:
        with self._lock:
            if not self._is_left:
                self.worker = worker
                return True
        if self._idle is not None:
            self._idle.put(worker)
        return False

    def _end(self) -> None:
        with self._lock:
            self._has_ended = True
            must_close = self._is_left
        if must_close:
            self._close()

    def _close(self) -> None:
        if self.worker is not None and not self.is_over:
            self.worker.close()

    def _exchange(self, worker: Worker) -> bytes | None:
        """Send the call; return the pickled result if it comes at once."""
        begin, work = self._begin, self.work
        self.is_sent = True
        try:
            worker.link.settimeout(MOMENT)
            worker.link.sendall(
                b"".join((header(Kind.BEGIN, begin), begin, header(Kind.WORK, work), work))
            )
            self.received = worker.link.recv(SMALL)
        except OSError:  # it takes longer; or it has died, as the conversation will see
            return None
        answer = _answer_in(self.received)
        if answer is None or self._idle is None:
            return None
        sources, content = answer
        worker.learn(sources)
        self.is_over = True
        self._idle.put(worker)
        return content


def _answer_in(received: bytes) -> tuple[bytes, bytes] | None:
    """Return the contents of FIT and RETURNED, if these and no others have come, and whole."""
    contents: list[bytes] = []
    at = 0
    for expected in (Kind.FIT, Kind.RETURNED):
        if len(received) < at + HEADER.size:
            return None
        kind, size = HEADER.unpack_from(received, at)
        start, at = at + HEADER.size, at + HEADER.size + size
        if kind != expected or len(received) < at:
            return None
        contents.append(received[start:at])
    return (contents[0], contents[1]) if at == len(received) else None


def _rebuilt(content: bytes) -> Any:
    try:
        return unpack(content)
    except Exception as exc:
        exc.add_note("raised when the result, sent back by the job's process, was rebuilt here")
        raise
