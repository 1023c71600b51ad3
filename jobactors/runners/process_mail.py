"""The mailbox of a job in its own process: messages go there; reading and answers come back.

A message stays in the parent's inbox until the job has read it, so that the bound of the mailbox
holds, and a retry finds what the last attempt has not read.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from jobactors.inside.signals.mailbox import Inbox, Question, Reply

from .process_wire import Kind, pack_message, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    Say = Callable[[Kind, bytes], None]


class Mail:
    """The parent's side.  In the loop's thread only."""

    def __init__(self, inbox: Inbox, say: Say) -> None:
        self._inbox = inbox
        self._say = say
        self._numbers = itertools.count(1)
        self._questions: dict[int, Question] = {}

    def send(self, message: Any) -> None:
        """Send a message to the job's process.

        Raises:
            TypeError: if it cannot be pickled; nothing is sent then.
        """
        if not isinstance(message, Question):
            self._say(Kind.TELL, pack_message((None, message)))
            return
        number = next(self._numbers)
        content = pack_message((number, message.message))
        self._questions[number] = message
        self._say(Kind.TELL, content)

    def taken(self) -> None:
        """The job has read its next message."""
        self._inbox.take()

    def answered(self, content: bytearray) -> None:
        """The job has answered a question."""
        number, value, error = unpack(content)
        question = self._questions.pop(number)
        if error is None:
            question.reply(value)
        else:
            question.fail(error)


class SentInbox(Inbox):
    """The job's side: what was sent; reading it, and answering, is said to the parent."""

    __slots__ = ("_say",)

    def __init__(self, job_id: str, say: Say) -> None:
        super().__init__(job_id, 2**63)  # the parent keeps the bound
        self._say = say

    def arrived(self, content: bytearray) -> None:
        """A frame has brought a message."""
        number, message = unpack(content)
        self.put(message if number is None else Question(message, _SentReply(number, self._say)))

    def take(self) -> Any:
        """Take the next message out, and say so."""
        message = super().take()
        self._say(Kind.TAKEN, b"")
        return message


class _SentReply(Reply):
    """A reply whose settling is sent to the parent, where somebody waits for it."""

    __slots__ = ("_number", "_say")

    def __init__(self, number: int, say: Say) -> None:
        super().__init__("")
        self._number = number
        self._say = say

    def settle(self, value: Any = None, error: Exception | None = None) -> None:
        """Answer; an answer that cannot be pickled is sent as the error that says so."""
        if self.is_settled:
            return
        try:
            content = pack_message((self._number, value, error))
        except TypeError as exc:
            content = pack_message((self._number, None, TypeError(str(exc))))
        self._say(Kind.ANSWER, content)
        super().settle(value, error)
