"""The way of one call to a process, and of its result back if that comes at once.

A conversation takes ten times as long as a short job may, and so does a thread that waits for one.
So the call is sent by the loop, through the line of an idle process, and its answer is heard there.
What runs code of the program is left to a worker thread: pickling the call and rebuilding the
result, unless they are short values and functions that both sides find by their names.

A job that has more to say than its result, is asked to end, or takes longer than a moment, goes on
in a conversation, with what has come by then.  So does one for which no process is idle.

A process may end while a call is on its way to it.  If it has not read the call, that goes to
another process: the function has certainly not begun.

All of it in the loop's thread, but for ``prepare`` and ``_rebuilt``.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict

from jobactors.engine.ports.runner import GoesOn
from jobactors.inside.context.own_trace import trace_headers

from .process_death import check_limits
from .process_line import SMALL, UNREAD
from .process_pickler import is_called_by_name
from .process_pool import dismiss
from .process_wire import HEADER, SHORT, Kind, header, labels_of, pack_work, unpack

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jobactors.engine.attempt.host import AttemptHost
    from jobactors.engine.loop.worker_pool import ThreadCall
    from jobactors.engine.ports.runner import Attempt

    from .process_line import ProcessLine, Unread
    from .process_pool import IdleProcesses
    from .process_worker import Worker

_UNFIT: Final = header(Kind.UNFIT, b"")


def pack_begin(attempt: Attempt, *, is_alone: bool) -> bytes:
    """Return the content of BEGIN; in the loop's thread."""
    context, limits = attempt.context, attempt.options.limits
    begin: dict[str, Any] = {**labels_of(context), "trace": trace_headers()}
    begin["buffer"] = context._toolbox.buffer_to_send()
    begin["limits"] = {} if limits is None else asdict(limits)
    begin["alone"] = is_alone
    return pickle.dumps(begin)


class ProcessCall:
    """One call, and perhaps its result.

    Args:
        attempt: The attempt whose function is called.
        host: The attempt's host.
        idle: The processes that may be there for it; None if it needs a new one.
        converse: Goes on with the call in a conversation, in a task.
    """

    def __init__(
        self,
        attempt: Attempt,
        host: AttemptHost,
        idle: IdleProcesses | None,
        converse: Callable[[ProcessCall], Awaitable[Any]],
    ) -> None:
        self._attempt = attempt
        self._host = host
        self._idle = idle
        self._converse = converse
        self._thread: ThreadCall | None = None
        """The call in a worker thread, while one is at work."""
        self._line: ProcessLine | None = None
        """The line to the process that has the call; for a moment at most."""
        self._found: ProcessLine | None = None
        """The line that a worker thread has taken for it."""
        self._is_begun = False
        """Whether it may have been sent to a process: it cannot be taken back."""
        self._is_left = False
        """Whether nothing waits for it any more; read by the worker thread."""
        self._value: Any = None
        self._raised: BaseException | None = None
        self._when_ended: Callable[[], object] | None = None
        self.begin: bytes = b""
        """The content of BEGIN."""
        self.work: bytes = b""
        """The content of WORK."""
        self.worker: Worker | None = None
        """The process for a conversation; None if it takes a new one."""
        self.is_sent: bool = False
        """Whether that has the call."""
        self.received: bytes = b""
        """The part that it has sent since then."""
        self.is_done: bool = False
        """Whether it has ended, as far as it goes without a conversation."""

    def start(self) -> None:
        """Pickle the call and send it, as soon as that is possible."""
        try:
            self.pack()
        except Exception as exc:
            self._end_soon(exc)
            return
        if not self.work or (self._idle is not None and self._idle.blocks):
            self._in_thread(self.prepare, self._prepared)
        elif not self._send_to(self._taken()):
            self._end_soon()

    # -- as ``BegunCall`` has it

    def call_when_ended(self, callback: Callable[[], object]) -> None:
        """Call ``callback()`` in the loop when it has ended, or needs a task to go on."""
        self._when_ended = callback

    def withdraw(self) -> bool:
        """Take the call back, or let its process be asked to end; returns whether it was taken."""
        if self.is_done or self._is_left:
            return False
        if not self._is_begun:
            self._is_left = True
            if self._thread is not None and self._thread.withdraw():
                self._thread = None
            return True
        self.take_time()
        return False

    def leave_behind(self) -> None:
        """Wait no more for its end; a process that has the call is killed."""
        self._is_left, self._when_ended = True, None
        if self._thread is not None and self._is_begun:  # it rebuilds the result
            self._thread.leave_behind()
        worker = self._let_go()
        if worker is not None:
            worker.close()

    def result(self) -> Any:
        """Return or raise what it has come to; once.

        Raises:
            TypeError: if something in the call cannot be pickled.
            GoesOn: if it takes a conversation.
            BaseException: what the classes of the result raise when it is rebuilt.
        """
        raised, self._raised = self._raised, None
        if raised is None:
            return self._value
        try:
            raise raised
        finally:
            del raised  # its traceback holds this frame

    # -- on the way there

    def pack(self) -> None:
        """Pack what needs no code of the program.

        Raises:
            NotImplementedError: for limits that this system does not enforce.
        """
        attempt = self._attempt
        check_limits(attempt.options.limits)
        self.begin = pack_begin(attempt, is_alone=self._idle is None)
        if is_called_by_name(attempt.function, attempt.args, attempt.kwargs):
            self.work = pickle.dumps((attempt.function, attempt.args, attempt.kwargs))

    def prepare(self) -> None:
        """Pickle the call and find a process; in a worker thread."""
        attempt = self._attempt
        self.work = self.work or pack_work(attempt.function, attempt.args, attempt.kwargs)
        self._found = None if self._is_left else self._taken()

    def _taken(self) -> ProcessLine | None:
        return None if self._idle is None else self._idle.take()

    def _prepared(self) -> None:
        line, self._found = self._found, None
        if self._is_left:
            if line is not None and self._idle is not None:
                self._idle.put(line)
        elif not self._send_to(line):
            self._end(GoesOn(self.go_on))

    def _send_to(self, line: ProcessLine | None) -> bool:
        """Send the call to a process, or to another one if it has ended; returns whether it was."""
        begin, work, message = self.begin, self.work, b""
        if line is not None and len(work) > SMALL:
            line.end()
            self.worker, line = line.worker, None
        while line is not None and self._idle is not None:
            message = message or b"".join(
                (header(Kind.BEGIN, begin), begin, header(Kind.WORK, work), work)
            )
            if line.send(message, self._hear):
                self._line, self._is_begun = line, True
                self._idle.watch(self, self._host.portal)
                return True
            _drop(line)
            line = self._idle.take()
        return False

    # -- on the way back

    def _hear(self, said: bytes | Unread) -> None:
        line = self._line
        if line is None or self._idle is None:
            return
        if said is UNREAD or said == _UNFIT:
            self._let_go()
            self._is_begun = False
            _drop(line)
            if not self._send_to(self._idle.take()):
                self._end(GoesOn(self.go_on))
            return
        answer = _answer_in(said)
        if answer is None:
            self.received = said
            self.take_time()
            return
        self._line = None
        self._idle.unwatch(self)
        self._idle.put(line)
        is_short, content = answer
        if is_short:
            self._value = pickle.loads(content)  # noqa: S301 - from our own child, through memory
            self._end()
        else:
            self._in_thread(lambda: _rebuilt(content), self._end)

    def take_time(self) -> None:
        """Go on in a conversation with the process that has the call."""
        worker = self._let_go()
        if worker is not None:
            self.worker, self.is_sent = worker, True
            self._end(GoesOn(self.go_on))

    def _let_go(self) -> Worker | None:
        """End the line to the process that has the call, and return that."""
        line, self._line = self._line, None
        if line is None or self._idle is None:
            return None
        self._idle.unwatch(self)
        line.end()
        return line.worker

    async def go_on(self) -> Any:
        """Go on in a conversation; in a task."""
        return await self._converse(self)

    # -- threads, and the end

    def _in_thread(self, call: Callable[[], Any], then: Callable[[], object]) -> None:
        name = f"job {self._attempt.context.id}"
        self._thread = self._host.workers.start(call, name, None)
        self._thread.call_when_ended(lambda: self._left_thread(then))

    def _left_thread(self, then: Callable[[], object]) -> None:
        thread, self._thread = self._thread, None
        try:
            self._value = None if thread is None else thread.result()
        except BaseException as exc:  # a job may raise anything
            self._end(exc)
        else:
            then()

    def _end_soon(self, raised: BaseException | None = None) -> None:
        """End in a later call of the loop: nothing waits for it yet."""
        self._host.portal.soon(lambda: self._end(raised or GoesOn(self.go_on)))

    def _end(self, raised: BaseException | None = None) -> None:
        if self._is_left or self.is_done:
            if self.worker is not None and self._idle is not None:  # it was found for nothing
                self._idle.welcome(self.worker, self._host.portal)
            return
        self._raised = raised
        del raised  # it is raised further in, and its traceback holds this frame
        self.is_done = True
        wake, self._when_ended = self._when_ended, None
        if wake is not None:
            wake()


def _drop(line: ProcessLine) -> None:
    """Let a process end that has not begun with a call."""
    line.end()
    dismiss(line.worker)


def _answer_in(received: bytes) -> tuple[bool, bytes] | None:
    """Return whether a result is short, and its pickle, if all of it and no more has come."""
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
    return (contents[0] == SHORT, contents[1]) if at == len(received) else None


def _rebuilt(content: bytes) -> Any:
    try:
        return unpack(content)
    except Exception as exc:
        exc.add_note("raised when the result, sent back by the job's process, was rebuilt here")
        raise
