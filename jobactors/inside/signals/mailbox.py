"""The mailbox of a job: messages and questions sent to it while it runs.

Three objects, of which users see a part each: ``Inbox`` in the job, ``Question`` as one of its
messages, ``Reply`` where the question was asked.  The engine's side of each begins with an
underscore.

No lock, and no channel of trio or asyncio: a job reads in trio, in asyncio, or in a thread, which
is not known beforehand.  So the messages are a list, and *the next one arrived* is a
:class:`Latch`, replaced at each message by a fresh one.

* ``_messages``: appended in the loop's thread (of a process child, the listener's), popped by the
  job's code in any thread; both are one step under the GIL.
* ``_arrived``: replaced and set by the appending thread.  A reader takes it *before* it looks at
  the list, so a message that comes in between sets the latch that the reader then waits for.
* ``_is_closed``: set by the appending thread, before the last latch.
* ``_asked``, ``_forward``: used in the appending thread alone.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from jobactors.model.checks import as_timeout, is_of
from jobactors.model.errors import MailboxFull, NoAnswer

from .control import StopJob
from .latch import PASSED, Latch

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterator

    from jobactors.model.checks import Seconds

    from .control import Control


class Reply:
    """The answer to a question, awaited or waited for with ``result(timeout)``.

    Returned by :meth:`Job.ask`.  It may be waited for any number of times, from any event loop and
    any thread; cancelling a waiter ends its waiting and nothing else.

    Example::

        reply = job.ask("how many?")
        count = await reply
    """

    __slots__ = ("_answered", "_error", "_job_id", "_value")

    def __init__(self, job_id: str) -> None:
        self._job_id = job_id
        self._answered = Latch()
        self._value: Any = None
        self._error: Exception | None = None

    def _settle(self, value: Any = None, error: Exception | None = None) -> None:
        """Answer it; only the first answer counts."""
        if not self._answered.is_set:
            self._value, self._error = value, error
            self._answered.set()

    @property
    def is_answered(self) -> bool:
        """Whether there is an answer, or none can come any more."""
        return self._answered.is_set

    def __await__(self) -> Generator[Any, Any, Any]:
        yield from self._answered.__await__()
        return self._take()

    def result(self, timeout: Seconds | None = None) -> Any:
        """Block this thread until the answer is there, and return it.

        Args:
            timeout: Seconds to wait; default: for as long as the job runs.

        Raises:
            NoAnswer: if the job ended, or ``timeout`` seconds passed, before it answered.
            Exception: the error that the job answered with, by :meth:`Question.fail`.
        """
        timeout = as_timeout(timeout)
        if not self._answered.wait_in_thread(timeout):
            raise NoAnswer(self._job_id, f"{timeout:g} s have passed")
        return self._take()

    def _take(self) -> Any:
        if self._error is not None:
            raise self._error.with_traceback(None)
        return self._value


class Question:
    """A message that wants an answer; a job finds one in its inbox for each :meth:`Job.ask`.

    A question that is left unanswered is answered with :class:`NoAnswer` when the job ends.

    Example::

        for message in ja.current_job().inbox:
            if isinstance(message, ja.Question):
                message.reply(len(rows))
    """

    __slots__ = ("_reply", "message")

    def __init__(self, message: Any, reply: Reply) -> None:
        self.message: Any = message
        """The message itself."""
        self._reply = reply

    @property
    def is_answered(self) -> bool:
        """Whether there is an answer already."""
        return self._reply.is_answered

    def reply(self, value: Any = None) -> None:
        """Answer with ``value``; a second answer is ignored.

        Args:
            value: The answer; default: None.
        """
        self._reply._settle(value)

    def fail(self, error: Exception) -> None:
        """Answer with an error, which is raised where the question was asked.

        Raises:
            TypeError: for what cannot be raised there.
        """
        if not isinstance(error, Exception):
            raise TypeError(f"a question fails with an Exception, not with {error!r:.100}")
        self._reply._settle(error=error)

    def __repr__(self) -> str:
        return f"<Question {self.message!r:.100}>"


class Packed(Struct, frozen=True):
    """A message to a job in another process, as it goes there."""

    content: bytes


class Inbox:
    """Messages to a job in the order in which they were sent, at most as many as it holds.

    Read by the job in its own colour: ``async for message in inbox`` in trio and asyncio,
    ``for message in inbox`` in a thread, ``receive_nowait()`` anywhere.  Reading waits for as long
    as the job runs; a cancel ends the wait.  Several readers share it: each message goes to one.

    Messages sent before the job starts wait for it, and stay across a retry.  One that finds the
    inbox full is refused where it was sent, with :class:`MailboxFull`.  When the job has ended,
    unread messages are dropped and open questions are answered with :class:`NoAnswer`.

    Example::

        async for message in ja.current_job().inbox:
            ...
    """

    __slots__ = (
        "_arrived",
        "_asked",
        "_control",
        "_forward",
        "_is_closed",
        "_job_id",
        "_messages",
        "_size",
    )

    def __init__(self, job_id: str, size: int) -> None:
        self._job_id = job_id
        self._size = size
        # A list, because an empty deque takes ten times its memory, and nearly all stay empty.
        self._messages: list[Any] = []
        self._arrived = Latch()
        self._control: Control | None = None
        self._asked: list[Question] = []
        self._forward: Callable[[Any], None] | None = None
        self._is_closed = False

    @property
    def unread(self) -> int:
        """The number of messages that wait."""
        return len(self._messages)

    # -- the engine's side

    def _attend(self, control: Control) -> None:
        """Let the waits of a new attempt obey its requests."""
        self._control = control

    def _put(self, message: Any) -> None:
        """Add a message, or raise MailboxFull if as many messages wait as it holds."""
        if len(self._messages) >= self._size:
            raise MailboxFull(self._job_id, self._size)
        if self._forward is not None:
            self._forward(message)
        if is_of(message, Question):
            self._asked = [question for question in self._asked if not question.is_answered]
            self._asked.append(message)
        self._messages.append(message)
        arrived, self._arrived = self._arrived, Latch()
        arrived.set()

    def _close(self) -> tuple[list[Any], list[Question]]:
        """Answer the open questions of an ended job; returns what nothing has read or answered."""
        unread, self._messages = self._messages, []
        asked, self._asked = self._asked, []
        for question in asked:
            question.fail(NoAnswer(self._job_id, "it has ended"))
        self._is_closed = True
        self._arrived.set()
        return unread, asked

    def _relay(self, send: Callable[[Any], None] | None) -> None:
        """Send each message elsewhere as well, those that wait first; None ends that."""
        # A message stays here until it is read there and `_take` is called, so that none is lost
        # when that reader ends.
        self._forward = send
        if send is not None:
            for message in list(self._messages):
                send(message)

    def _take(self) -> Any:
        """Take the next message out, or raise IndexError if there is none."""
        return self._messages.pop(0)

    def _drop(self, message: Any) -> None:
        """Take out this very message, which cannot be read where it was to be sent."""
        for place, other in enumerate(self._messages):
            if other is message:
                del self._messages[place]
                return

    # -- the job's side

    def receive_nowait(self, default: Any = None) -> Any:
        """Return the next message without waiting.

        Args:
            default: Returned if there is no message; default: None.
        """
        try:
            return self._take()
        except IndexError:
            return default

    def drain(self) -> list[Any]:
        """Return all messages that wait, in order, without waiting for more; may be empty.

        Example::

            for setting in ja.current_job().inbox.drain():  # the newest one counts
                size = setting
        """
        drained: list[Any] = []
        with suppress(IndexError):
            while True:
                drained.append(self._take())
        return drained

    async def receive(self) -> Any:
        """Wait for the next message, in trio or asyncio, and return it."""
        await PASSED  # a cancel point, however many messages wait
        while True:
            arrived = self._arrived
            with suppress(IndexError):
                return self._take()
            self._check_open()
            await arrived

    def receive_in_thread(self, timeout: Seconds | None = None) -> Any:
        """Block this thread until the next message, and return it.

        Args:
            timeout: Seconds to wait; default: for as long as the job runs.

        Raises:
            TimeoutError: if no message comes within ``timeout`` seconds.
        """
        timeout = as_timeout(timeout)
        while True:
            arrived = self._arrived
            with suppress(IndexError):
                return self._take()
            self._check_open()
            if not self._wait(arrived, timeout):
                raise TimeoutError(f"no message within {timeout} s")

    def _check_open(self) -> None:
        """Unwind a reader that its job has left behind: no message comes any more."""
        if self._is_closed:
            raise StopJob("its job has ended")

    def _wait(self, arrived: Latch, timeout: float | None) -> bool:
        control = self._control
        if control is None:
            return arrived.wait_in_thread(timeout)
        return control.wait_in_thread(arrived, timeout)

    def __iter__(self) -> Iterator[Any]:
        while True:
            yield self.receive_in_thread()

    # Not a generator: a loop that is left early would leave one behind, to be closed by the loop.
    def __aiter__(self) -> AsyncIterator[Any]:
        return _Messages(self)

    def __repr__(self) -> str:
        return f"<Inbox of {self._job_id or 'no job'}, {self.unread} unread>"


class _Messages:
    """One ``async for`` loop over an inbox."""

    __slots__ = ("_inbox",)

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        return await self._inbox.receive()
