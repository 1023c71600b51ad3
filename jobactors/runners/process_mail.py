"""The mailbox of a job in its own process: messages go there; readings and answers come back.

A message stays in the parent's inbox until the job has read it, so that the bound of the mailbox
holds, and a retry finds the messages that the last attempt has not read.

A message is pickled by the thread that sends it, and rebuilt by the one that reads it: both run the
code of its classes.  Neither the engine's loop nor the thread that listens for a cancel does.

The number of a question stands before the pickle, not in it: a message that cannot be rebuilt on
the other side is dropped alone, and one that expects an answer gets an error.
"""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING, Any, Final

from jobactors.inside.signals.control import StopJob
from jobactors.inside.signals.mailbox import Inbox, Packed, Question, Reply
from jobactors.model.error_text import ErrorText
from jobactors.model.errors import NoAnswer

from .process_wire import Kind, pack_answer, unpack, unpack_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.model.log import Log

    Send = Callable[[Kind, bytes], None]

_NUMBER: Final = struct.Struct("!Q")
_NO_QUESTION: Final = 0


class Mail:
    """The parent's side.  In the loop's thread, except for :meth:`rebuilt`."""

    __slots__ = ("_inbox", "_number", "_questions", "_send")

    def __init__(self, inbox: Inbox, send: Send) -> None:
        self._inbox = inbox
        self._send = send
        self._number = _NO_QUESTION
        """The number of the last question."""
        self._questions: dict[int, Question] = {}

    def send(self, message: Packed | Question) -> None:
        """Send a message to the job's process; it was pickled by the thread that sent it."""
        if isinstance(message, Question):
            self._number += 1
            number, content = self._number, message.message.content
            self._questions[number] = message
        else:
            number, content = _NO_QUESTION, message.content
        self._send(Kind.TELL, _NUMBER.pack(number) + content)

    def taken(self) -> None:
        """Drop the next message, which the job has read."""
        self._inbox._take()

    def rebuilt(self, content: bytearray) -> tuple[int, Any, Exception | None]:
        """Read an answer: its question's number, its value, its error.

        In a worker thread, and nothing escapes: rebuilding runs the code of the user's classes.
        """
        number, pickled = _split(content)
        try:
            value, error = unpack_answer(pickled)
        except BaseException as exc:
            value, error = None, self._no_answer(_not_rebuilt(exc))
        if not (error is None or isinstance(error, Exception)):
            error = self._no_answer(f"it failed with a {type(error).__name__}")
        return number, value, error

    def _no_answer(self, why: str) -> NoAnswer:
        return NoAnswer(self._inbox._job_id, why)

    def answered(self, number: int, value: Any, error: Exception | None) -> None:
        """Answer a question as the job has answered it."""
        question = self._questions.pop(number)
        if error is None:
            question.reply(value)
        else:
            question.fail(error)


class SentInbox(Inbox):
    """The job's side: reading a message, and answering it, is reported to the parent.

    Filled by the thread that listens to the parent.
    """

    __slots__ = ("_log", "_report")

    def __init__(self, job_id: str, send: Send, log: Log) -> None:
        super().__init__(job_id, 2**63)  # the parent watches the bound
        self._report = send
        self._log = log

    def _receive_frame(self, content: bytearray) -> None:
        """Take a message from a frame; it is rebuilt by the thread that reads it."""
        self._put(content)

    def _take(self) -> Any:
        """Take the next message out; one that cannot be rebuilt is logged and skipped."""
        while True:
            number, pickled = _split(super()._take())
            self._report(Kind.TAKEN, b"")
            reply = None if number == _NO_QUESTION else _SentReply(number, self._report)
            try:
                message = unpack(pickled)
            except StopJob:
                raise
            except BaseException as exc:  # the user's classes may raise anything
                self._skip(reply, _not_rebuilt(exc))
            else:
                return message if reply is None else Question(message, reply)

    def _skip(self, reply: Reply | None, why: str) -> None:
        self._log.write(f"a message to this job was dropped: {why}\n", "WARNING", time.time())
        if reply is not None:
            reply._settle(error=TypeError(f"the question did not arrive: {why}"))


class _SentReply(Reply):
    """A reply that is sent to the parent, where the question was asked."""

    __slots__ = ("_number", "_report")

    def __init__(self, number: int, send: Send) -> None:
        super().__init__("")
        self._number = number
        self._report = send

    def _settle(self, value: Any = None, error: Exception | None = None) -> None:
        """Answer; one that cannot be pickled is replaced by an error with the reason."""
        if self.is_answered:
            return
        try:
            content = pack_answer(value, error)
        except TypeError as exc:
            content = pack_answer(None, exc)
        self._report(Kind.ANSWER, _NUMBER.pack(self._number) + content)
        super()._settle(value, error)


def _split(content: bytearray) -> tuple[int, bytearray]:
    (number,) = _NUMBER.unpack_from(content)
    return number, content[_NUMBER.size :]


def _not_rebuilt(exc: BaseException) -> str:
    return f"it could not be rebuilt on the other side: {ErrorText.of(exc)}"
