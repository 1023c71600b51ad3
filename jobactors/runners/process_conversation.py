"""The conversation with a process about one job: requests go there, reports come back.

It is held by four tasks in the loop, over the frames of ``process_wire``: one sends, one listens,
one waits for the process to end, and the attempt itself waits for them.

=====================  ==========================================  ================================
field                  written by                                  read by
=====================  ==========================================  ================================
``_last_word``         the listening task, once                    ``result``, ``_end_it``
``stays``              the listening task, once                    the runner, afterwards
``_gone``              the waiting task: the process has ended     the listening task
``_silent``            the listening task: all is read             the waiting task, ``_end_it``
``_over``              the waiting task: both; the listening one,  the attempt
                       if the process stays for another job
``_gate``, ``_pauses`` ``_hear``, in the loop, at each request     the listening task
=====================  ==========================================  ================================

All of it in the loop's thread.  The user's code runs in worker threads: rebuilding a result, an
exception, an answer, and writing to our own stdout.  A message to the job is pickled by the thread
that sends it, so that a refusal reaches the code there.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

import trio
from msgspec.structs import replace

from jobactors.engine.ports.runner import Abandoned
from jobactors.inside.signals.control import StopJob
from jobactors.inside.verbs.output_capture import CAPTURE
from jobactors.model.outcome import RaisedElsewhere
from jobactors.model.progress import NO_PROGRESS, Progress

from .process_death import connection_lost, death
from .process_mail import Mail
from .process_threads import echo, in_thread
from .process_wire import HEADER, LAST_WORDS, Kind, header, unpack, unpack_raised
from .process_worker import POSIX

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jobactors.engine.ports.runner import Attempt
    from jobactors.inside.signals.control import Gate

    from .process_worker import Worker

TERM_GRACE: Final = 5.0
"""Seconds from SIGTERM to SIGKILL, at most."""
KILL_GRACE: Final = 10.0
"""Seconds after SIGKILL in which the system must have ended the process."""
LINGER: Final = 5.0
"""Seconds for a process to end after its last word, with its exit handlers and threads."""
CHUNK: Final = 1 << 20
"""Bytes read at once, at most."""


class Conversation:
    """One attempt and its process; see the module's table.  In the loop's thread only.

    Args:
        attempt: The attempt.
        worker: Its process.
        begin: The content of BEGIN.
        work: The content of WORK; None if both were sent already.
        received: The bytes that the process has sent since then.
    """

    def __init__(
        self,
        attempt: Attempt,
        worker: Worker,
        begin: bytes,
        work: bytes | None,
        received: bytes = b"",
    ) -> None:
        self._attempt = attempt
        self._control = attempt.context._control
        self._meter = attempt.context._meter
        self._worker = worker
        self._first = None if work is None else (begin, work)
        self._received = received
        self.stays: bool = False
        """Whether the process waits for another job."""
        self._fit: bytearray | None = None
        self._unsent = 0
        """The frames that were not sent yet, or not to their end."""
        self._frames = 0
        """Those that were sent, the last one in part perhaps."""
        self._is_unread = False
        """Whether the process has ended without having read the call."""
        self._stream = trio.SocketStream(trio.socket.from_stdlib_socket(worker.link))
        # Commands are few, and must not wait: they are made where nothing can.
        self._outbox, self._outgoing = trio.open_memory_channel[tuple[Kind, bytes]](math.inf)
        self._gone = trio.Event()
        """The process has ended."""
        self._silent = trio.Event()
        """All that it sent has been read."""
        self._over = trio.Event()
        """Both."""
        self._mail = Mail(attempt.context.inbox, self._send)
        self._tasks: trio.Nursery
        self._answers = set[trio.CancelScope]()
        """The scopes in which answers are rebuilt; these have LINGER, too."""
        self._last_word: tuple[Kind, bytearray] | None = None
        self._begun = False
        self._cooperative = False
        """Whether the function has passed a point where it can pause by itself."""
        self._asked_to_end = False
        self._gate: Gate | None = None
        self._pauses = 0
        self._on_ladder = False
        self._force: str | None = None
        """The last signal with which the process was made to end."""
        self._left_behind = False
        self._cut_off = False
        """It lived, and its frames could not be read any more."""

    async def hold(self) -> None:
        """Run the conversation until the process has ended, or waits for another job.

        Raises:
            trio.Cancelled: if the attempt is cancelled before it has begun, or by something else
                than its job's cancel; the process has been killed then.
        """
        self._begun = self._first is None or trio.current_effective_deadline() > -math.inf
        if self._begun:  # else it was cancelled while the process was being started
            self._begin()
        self._control.request_hooks.append(self._hear)
        scopes = [trio.CancelScope(shield=True) for _ in range(3)]
        try:
            async with trio.open_nursery() as nursery:
                self._tasks = nursery
                tasks = (self._talk, self._listen, self._wait)
                for scope, task in zip(scopes, tasks, strict=True):
                    nursery.start_soon(_shielded, scope, task)
                self._hear()  # a request may have come while the process was being started
                try:
                    await self._over.wait()
                except trio.Cancelled:
                    with trio.CancelScope(shield=True):
                        await self._end_it()
                for scope in scopes:
                    scope.cancel()
                for scope in self._answers:
                    scope.deadline = trio.current_time() + LINGER
        finally:
            self._control.request_hooks.remove(self._hear)
            self._attempt.context.inbox._relay(None)
        if not (self._begun and self._control.cancel_requested.is_set):
            await trio.lowlevel.checkpoint_if_cancelled()

    def _begin(self) -> None:
        if self._first is not None:
            for kind, content in zip((Kind.BEGIN, Kind.WORK), self._first, strict=True):
                self._send(kind, content)
        context = self._attempt.context
        context.inbox._relay(self._mail.send)
        self._meter.remote = replace(NO_PROGRESS, pausable=POSIX)
        self._meter.changed()

    def _send(self, kind: Kind, content: bytes = b"") -> None:
        if not self.stays:  # else the sending ends, perhaps in the middle of a frame
            self._unsent += 1
            self._outbox.send_nowait((kind, content))

    # -- requests

    def _hear(self) -> None:
        """Pass a new request on; called by the control at each of them."""
        gate = self._control.gate
        if not self._begun:
            return
        if self._control.cancel_requested.is_set:
            if not self._asked_to_end:
                self._asked_to_end = True
                self._worker.go_on()
                self._send(
                    Kind.CANCEL, (self._control.reason or "").encode("utf-8", "surrogatepass")
                )
        elif gate is not self._gate:
            self._gate = gate
            if gate is not None:
                self._pause(gate)
            else:
                self._worker.go_on()
                self._send(Kind.RESUME)

    def _pause(self, gate: Gate) -> None:
        self._pauses += 1
        if self._cooperative or not POSIX:
            self._send(Kind.PAUSE, str(self._pauses).encode())
        else:
            self._worker.stop()
            gate.reached()

    # -- the three tasks

    async def _talk(self) -> None:
        try:
            async for kind, content in self._outgoing:
                self._frames += 1
                await self._stream.send_all(header(kind, content))
                await self._stream.send_all(content)
                self._unsent -= 1
        except (trio.BrokenResourceError, trio.ClosedResourceError):  # the waiting task sees to it
            self._is_unread = self._first is not None and self._frames <= len(self._first)

    async def _listen(self) -> None:
        try:
            while self._last_word is None:
                number, size = HEADER.unpack(await self._receive(HEADER.size))
                kind = Kind(number)  # before reading on: what is no frame has no size either
                await self._take(kind, await self._receive(size))
        except trio.BrokenResourceError as exc:
            is_reset = isinstance(exc.__cause__, ConnectionResetError)  # it has left some unread
            self._is_unread = is_reset and self._frames <= len(self._first or ())
        except (trio.ClosedResourceError, EOFError, ValueError):
            pass  # as above; ValueError: no frame of ours
        self._silent.set()
        if self._fit is not None:
            if self._can_stay:
                self.stays = True
                self._over.set()
                return
            self._worker.hang_up()
        with trio.move_on_after(LINGER):
            await self._gone.wait()
            return
        self._cut_off = self._last_word is None
        self._worker.kill()

    @property
    def _can_stay(self) -> bool:
        """Whether the process has heard of nothing that a next job could be mistaken for."""
        is_asked = self._asked_to_end or self._gate is not None or self._pauses
        return not (self._unsent or is_asked or self._on_ladder)

    async def _wait(self) -> None:
        await self._worker.ended
        self._worker.kill()  # the rest of its group
        self._gone.set()
        with trio.move_on_after(LINGER):  # a process that left its group may hold the socket
            await self._silent.wait()
        self._over.set()

    async def _receive(self, size: int) -> bytearray:
        content = bytearray(self._received[:size])
        self._received = self._received[size:]
        while len(content) < size:
            some = await self._stream.receive_some(min(CHUNK, size - len(content)))
            if not some:
                raise EOFError
            content += some
        return content

    async def _take(self, kind: Kind, content: bytearray) -> None:
        if kind in LAST_WORDS:
            self._last_word = kind, content
        elif kind is Kind.FIT:
            self._fit = content
        elif kind in {Kind.SAMPLE, Kind.SAVED}:
            self._report(kind, json.loads(content))
        elif kind is Kind.REACHED:
            if self._gate is not None and int(content) == self._pauses:
                self._gate.reached()
        elif kind is Kind.TAKEN:
            self._mail.taken()
        elif kind is Kind.ANSWER:
            self._tasks.start_soon(self._answer, content)
        elif kind is Kind.LOG:
            source, _, text = content.decode().partition("\n")
            self._attempt.context.write_log(text, source)
            if CAPTURE.echo:
                # In a thread: a slow reader of our output must not stop the loop.
                await in_thread(echo, text, source)

    @trio.lowlevel.enable_ki_protection
    async def _answer(self, content: bytearray) -> None:
        """Rebuild an answer in a thread, beside the other tasks: it runs the user's code."""
        with trio.CancelScope(shield=True) as scope:
            self._answers.add(scope)
            self._mail.answered(*await in_thread(self._mail.rebuilt, content))
        self._answers.discard(scope)

    def _report(self, kind: Kind, fields: dict[str, Any]) -> None:
        if kind is Kind.SAMPLE:
            self._sample(fields)
        elif (buffer := self._attempt.context._buffer) is not None:
            buffer.take_in(fields)

    def _sample(self, fields: dict[str, Any]) -> None:
        known: dict[str, Any] = {**fields, "stages": tuple(fields.get("stages", ()))}
        progress = Progress(**known)
        self._cooperative = self._cooperative or progress.pausable
        self._meter.remote = replace(progress, pausable=progress.pausable or POSIX)
        self._meter.changed()

    # -- the end

    async def _end_it(self) -> None:
        """Walk down the ladder until the process has ended; bounded."""
        self._on_ladder, self.stays = True, False
        grace = self._attempt.options.grace
        asked = self._begun and self._control.cancel_requested.is_set
        if asked and self._last_word is None:
            # Each rung waits for the last word; the exit that follows it has LINGER.
            with self._attempt.abandon():
                with trio.move_on_after(grace):
                    await self._silent.wait()
                if not self._silent.is_set():
                    self._force = "SIGTERM"
                    self._worker.terminate()
                    with trio.move_on_after(min(grace, TERM_GRACE)):
                        await self._silent.wait()
                if self._silent.is_set():
                    with trio.move_on_after(2 * LINGER):
                        await self._over.wait()
                        return
        if self._last_word is None:
            self._force = "SIGKILL"
        self._worker.kill()
        with trio.move_on_after(KILL_GRACE):
            await self._over.wait()
            return
        self._left_behind = True

    @property
    def has_not_begun(self) -> bool:
        """Whether the function has certainly not begun, and could begin in another process."""
        if self._control.cancel_requested.is_set or self._force is not None:
            return False
        return self._is_unread if self._last_word is None else self._last_word[0] is Kind.UNFIT

    async def result(self, code: int | None) -> Any:
        """Return the function's result or raise its error, given the exit code of its process.

        Raises:
            StopJob: if the cancel unwound it.
            Abandoned: if it was ended by force; the text names the signal.
            WorkerDied: if it ended without a last word.
            RaisedElsewhere: if the function raised.
        """
        if self._last_word is None:
            if self._left_behind:
                raise Abandoned
            if self._force is not None:
                raise Abandoned(f"it did not end when asked, and was ended by {self._force}")
            if self._cut_off:
                raise connection_lost(code)
            raise death(code, self._attempt.options.limits)
        kind, content = self._last_word
        if kind in {Kind.STOPPED, Kind.UNFIT}:
            if self._force is not None:
                raise Abandoned(f"it did not end when asked, and was unwound by {self._force}")
            raise StopJob(self._control.reason)
        # Rebuilding runs the code of the job's classes: it may take its time, as a thread may.
        with trio.CancelScope(shield=True), self._rebuilding_scope():
            if kind in {Kind.RETURNED, Kind.ANSWERED}:
                self._control.answers += kind is Kind.ANSWERED
                return await self._rebuilt(content)
            raise RaisedElsewhere(await in_thread(unpack_raised, self._attempt.context.id, content))
        raise Abandoned

    def _rebuilding_scope(self) -> trio.CancelScope:
        """Return the scope of a rebuilding: until the system closes, or LINGER on the ladder."""
        return trio.move_on_after(LINGER) if self._on_ladder else self._attempt.abandon()

    async def _rebuilt(self, content: bytearray) -> Any:
        try:
            return await in_thread(unpack, content)
        except Exception as exc:
            exc.add_note("raised when the result, sent back by the job's process, was rebuilt here")
            raise


@trio.lowlevel.enable_ki_protection
async def _shielded(scope: trio.CancelScope, task: Callable[[], Awaitable[None]]) -> None:
    """Run one task of a conversation until it ends or its own scope is cancelled."""
    with scope:
        await task()
