"""The inbox of a chain while one of its phases runs in another process.

Messages to a job of such a runner are packed by the thread that sends them.  A chain's wait in its
inbox as they are, because a phase here may read them; so they are packed on their way, each in a
worker thread, and in their order.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from jobactors.engine.loop.worker_thread import call_in_thread
from jobactors.inside.signals.mailbox import Inbox, Packed, Question
from jobactors.model.checks import is_of
from jobactors.model.error_text import ErrorText

if TYPE_CHECKING:
    from collections.abc import Callable


class PackedInbox(Inbox):
    """Relays the messages of a job packed.  In the loop's thread only.

    A message that cannot be pickled is dropped, with a line in the job's log; a question is
    answered with that error.

    Args:
        inbox: The job's own.
        pack: Pickles a message.
        spawn: Starts a task of the engine.
        complain: Writes a line into the job's log.
    """

    __slots__ = ("_complain", "_inbox", "_is_packing", "_pack", "_packer", "_send", "_spawn")

    def __init__(
        self,
        inbox: Inbox,
        pack: Callable[[object], bytes],
        spawn: Callable[..., None],
        complain: Callable[[str], None],
    ) -> None:
        super().__init__(inbox._job_id, 0)
        self._inbox = inbox
        self._pack = pack
        self._spawn = spawn
        self._complain = complain
        self._packer: deque[Any] = deque()
        """The messages that wait to be packed."""
        self._is_packing = False
        self._send: Callable[[Any], None] | None = None

    def _relay(self, send: Callable[[Any], None] | None) -> None:
        self._send = send
        self._packer.clear()  # what is not sent stays in the job's own inbox
        self._inbox._relay(None if send is None else self._gather)

    def _take(self) -> Any:
        return self._inbox._take()

    def _gather(self, message: Any) -> None:
        self._packer.append(message)
        if not self._is_packing:
            self._is_packing = True
            self._spawn(self._pack_all, name=f"messages to {self._job_id}")

    async def _pack_all(self) -> None:
        while self._packer:
            message = self._packer[0]
            packed = await call_in_thread(partial(self._packed, message), "jobactors-packing")
            if not (self._packer and self._packer[0] is message):
                continue  # the phase has ended, and perhaps another one has begun
            self._packer.popleft()
            if isinstance(packed, str):
                self._refuse(message, packed)
            elif self._send is not None:
                self._send(packed)
        self._is_packing = False

    def _packed(self, message: Any) -> Packed | Question | str:
        """Return a message packed, or why it cannot be; in a worker thread."""
        try:
            if is_of(message, Question):
                return Question(Packed(self._pack(message.message)), message._reply)
            return Packed(self._pack(message))
        except BaseException as exc:  # the message's own code may raise anything
            return str(ErrorText.of(exc))

    def _refuse(self, message: Any, why: str) -> None:
        self._inbox._drop(message)
        self._complain(f"a message to this job was dropped: {why}")
        if is_of(message, Question):
            message.fail(TypeError(f"the question did not arrive: {why}"))
