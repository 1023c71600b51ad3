"""The mailbox of a job: what others tell and ask it while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobactors.model.errors import MailboxFull, NoAnswer

from .latch import Latch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterator

    from .control import Control


class Reply:
    """The answer to a question that was asked: awaited, or waited for with ``result(timeout)``."""

    __slots__ = ("_answered", "_error", "_job_id", "_value")

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._answered = Latch()
        self._value: Any = None
        self._error: Exception | None = None

    def settle(self, value: Any = None, error: Exception | None = None) -> None:
        """Answer it; only the first answer counts."""
        if not self._answered.is_set:
            self._value, self._error = value, error
            self._answered.set()

    @property
    def is_settled(self) -> bool:
        """Whether the answer is there."""
        return self._answered.is_set

    def __await__(self) -> Generator[Any, Any, Any]:
        yield from self._answered.__await__()
        return self._take()

    def result(self, timeout: float | None = None) -> Any:
        """Block this thread until the answer is there.

        Raises:
            NoAnswer: if the job ended, or ``timeout`` seconds passed, before it answered.
            Exception: what the job answered with :meth:`Question.fail`.
        """
        if not self._answered.wait_in_thread(timeout):
            raise NoAnswer(self._job_id, f"{timeout:g} s have passed")
        return self._take()

    def _take(self) -> Any:
        if self._error is not None:
            raise self._error.with_traceback(None)
        return self._value


class Question:
    """A message that wants an answer; what a job's inbox holds for each ``ask``."""

    __slots__ = ("_reply", "message")

    def __init__(self, message: Any, reply: Reply) -> None:
        self.message = message
        """What was asked."""
        self._reply = reply

    @property
    def is_answered(self) -> bool:
        """Whether there is an answer already."""
        return self._reply.is_settled

    def reply(self, value: Any = None) -> None:
        """Answer with ``value``; a second answer is ignored."""
        self._reply.settle(value)

    def fail(self, error: Exception) -> None:
        """Answer with an error, which is raised where the question was asked."""
        self._reply.settle(error=error)

    def __repr__(self) -> str:
        return f"<Question {self.message!r:.100}>"


class Inbox:
    """Messages in the order in which they were told, at most ``size`` of them.

    Read by the job in its own colour: ``async for message in inbox`` in trio and asyncio,
    ``for message in inbox`` in a thread, ``receive_nowait()`` anywhere.  Reading waits for as long
    as the job runs; a cancel ends the wait.  Messages told before the job starts wait for it, and
    stay across a retry.  When the job has ended, unread messages are dropped and open questions are
    answered with :class:`NoAnswer`.
    """

    __slots__ = ("_arrived", "_asked", "_control", "_job_id", "_messages", "_relay", "_size")

    def __init__(self, job_id: str, size: int) -> None:
        self._job_id = job_id
        self._size = size
        # Appended in the loop's thread, taken by the job's code.  A list, because an empty deque
        # takes ten times its memory, and nearly all mailboxes stay empty.
        self._messages: list[Any] = []
        self._arrived = Latch()
        self._control: Control | None = None
        self._asked: list[Question] = []
        self._relay: Callable[[Any], None] | None = None

    @property
    def unread(self) -> int:
        """How many messages wait."""
        return len(self._messages)

    # -- the loop's side

    def attend(self, control: Control) -> None:
        """A new attempt reads from here on."""
        self._control = control

    def put(self, message: Any) -> None:
        """Add a message.

        Raises:
            MailboxFull: if as many messages wait as it holds.
        """
        if len(self._messages) >= self._size:
            raise MailboxFull(self._job_id, self._size)
        if self._relay is not None:
            self._relay(message)
        if isinstance(message, Question):
            self._asked = [question for question in self._asked if not question.is_answered]
            self._asked.append(message)
        self._messages.append(message)
        arrived, self._arrived = self._arrived, Latch()
        arrived.set()

    def close(self) -> int:
        """The job has ended: answer what is open; returns how many messages nobody read."""
        unread = len(self._messages)
        self._messages.clear()
        for question in self._asked:
            question.fail(NoAnswer(self._job_id, "it has ended"))
        self._asked.clear()
        self._arrived.set()
        return unread

    def relay(self, send: Callable[[Any], None] | None) -> None:
        """Send each message elsewhere as well, where the job really reads; None ends that.

        What waits already is sent first.  A message is kept here until :meth:`take` says that it
        was read there, so that none is lost when that reader ends.
        """
        self._relay = send
        if send is not None:
            for message in list(self._messages):
                send(message)

    def take(self) -> Any:
        """Take the next message out.

        Raises:
            IndexError: if there is none.
        """
        return self._messages.pop(0)

    # -- the job's side

    def receive_nowait(self, default: Any = None) -> Any:
        """Return the next message, or ``default`` if there is none."""
        try:
            return self.take()
        except IndexError:
            return default

    async def receive(self) -> Any:
        """Wait for the next message, in trio or asyncio."""
        while True:
            arrived = self._arrived  # before looking: a message that comes later sets this one
            if self._messages:
                return self.take()
            await arrived

    def receive_in_thread(self, timeout: float | None = None) -> Any:
        """Block this thread until the next message.

        Raises:
            TimeoutError: if none comes within ``timeout`` seconds.
        """
        while True:
            arrived = self._arrived
            if self._messages:
                return self.take()
            if not self._wait(arrived, timeout):
                raise TimeoutError(f"no message within {timeout} s")

    def _wait(self, arrived: Latch, timeout: float | None) -> bool:
        control = self._control
        if control is None:
            return arrived.wait_in_thread(timeout)
        return control.wait_in_thread(arrived, timeout)

    def __iter__(self) -> Iterator[Any]:
        while True:
            yield self.receive_in_thread()

    # Not a generator: a loop that is left early would leave it to be cleaned up by somebody.
    def __aiter__(self) -> AsyncIterator[Any]:
        return _Messages(self)

    def __repr__(self) -> str:
        return f"<Inbox of {self._job_id or 'no job'}, {self.unread} unread>"


class _Messages:
    """Goes through an inbox; several may share one, and each message goes to one of them."""

    __slots__ = ("_inbox",)

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return await self._inbox.receive()
