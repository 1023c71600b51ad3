"""The kernel's end of JupyterLab's sidebar: one comm for the sidebars of all windows.

The comm has a fixed id and is never opened: a window finds it by asking the control channel for the
comms of the kernel, in the middle of a cell too, and a front end without the sidebar receives
nothing.  The messages are those of a panel (:mod:`.panel`), and two more:

* kernel → browser ``here``: there is a job system; a window that shows jobs may send ``hello``.
* kernel → browser ``systems``: the names of those that ``ja.start(name=…)`` has opened, after
  a ``hello`` to the kernel's own, and when one of them is served no more.

Several job systems of a kernel are served beside each other: each message from or to one of a name
has that as ``named``; one without it is about the kernel's own.

Each frame names the job system, as the outputs that show its jobs do (:func:`name_of_system`): a
saved output finds its jobs in a later kernel.

Nothing is followed and nothing is sent before the first ``hello``.  A kernel that cannot handle a
``hello`` while a cell runs sends the first frame at once.

Messages arrive in a thread of ipykernel's, which only posts to the jobs' loop; all frames are sent
from there.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from typing import TYPE_CHECKING, Any, Final

import jobactors as ja

from .conversation import FrontEndConversation
from .kernel_internals import current_kernel, hears_while_busy, open_fixed_comm

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .change_feed import ChangeFeed
    from .frame_message import FrameMessage
    from .wire import WireRow

    Reply = Callable[[Mapping[str, object]], object]
    SendFrame = Callable[[FrameMessage, Mapping[str, object]], object]

COMM_ID: Final = "jobactors.sidebar"
"""Its id and its target name; `labextension/sidebar/link.js` asks for both."""

_log = logging.getLogger(__name__)


def name_of_system(jobs: ja.Jobs) -> str:
    """Return the name by which saved outputs find a job system again.

    One with a file has the same name in every kernel; the path itself stays out of notebooks.  One
    without has a name that no other has.
    """
    store = jobs.store
    if store is None or store.name == "memory":
        return f"memory-{uuid.uuid4().hex[:16]}"
    return hashlib.sha256(store.name.encode()).hexdigest()[:16]


def _nothing() -> None: ...


class Sidebar:
    """Serves the jobs of this process to the sidebar of every window."""

    def __init__(self) -> None:
        # Written by the thread that calls `follow`:
        self._send_on_comm: Callable[[Mapping[str, object], list[bytes]], object] | None = None
        self._hears = True
        self._served: Mapping[str, _FollowedSystem] = {}
        """By the names of their systems; replaced as a whole, as other threads read it."""
        self._had_names = False
        self._last_frame = -1

    def follow(self, jobs: ja.Jobs) -> None:
        """Serve this job system from now on, instead of the last one of its name.

        The last rows of a named system that has stopped are dropped, those of the kernel's own stay
        until that is started again.  No-op outside a kernel.
        """
        kernel = current_kernel()
        if kernel is None or (self._send_on_comm is None and not self._open(kernel)):
            return
        before = self._served
        # The numbers of frames continue, so that no window confuses two systems.
        self._last_frame = max(self._last_frame, *(one.last_frame for one in before.values()), -1)
        followed = _FollowedSystem(jobs, self._send, self._send_frame, self._last_frame + 1)
        beside = {name: one for name, one in before.items() if not name or one.is_open}
        self._served = beside | {jobs.name: followed}
        self._had_names = self._had_names or bool(jobs.name)
        self._send({"kind": "here"} | followed.tag)
        if before.keys() - self._served.keys():
            self._send_names()
        if not self._hears:
            followed.conversation.post(followed.greet, -1)

    def _open(self, kernel: Any) -> bool:
        try:
            self._send_on_comm = open_fixed_comm(kernel, COMM_ID, self.hear)
        except (ImportError, AttributeError):
            _log.info("this kernel is not ipykernel: its jobs are shown in cells only")
            return False
        self._hears = hears_while_busy(kernel)
        return True

    def name_of(self, jobs: ja.Jobs) -> str | None:
        """Return the name of a job system in frames; None if it is not the one that is served."""
        served = self._served.values()
        return next((one.system for one in served if one.conversation.jobs is jobs), None)

    def look_again(self) -> None:
        """Update the obstacles of jobs at rest after a cell, which may have removed them."""
        for followed in self._served.values():
            followed.conversation.post(followed.look_again)

    def hear(self, message: Any) -> None:
        """Take one message of a window; in any thread."""
        match message:
            case {"named": name}:
                followed = self._served.get(str(name))
            case {"kind": "hello"}:
                followed = self._served.get("")
                self._send_names()
            case _:
                followed = self._served.get("")
        if followed is None:
            return
        match message:
            case {"kind": "hello", "frame": frame}:
                if not followed.conversation.post(followed.greet, frame):
                    followed.send_last()
            case {"kind": "unfold", "id": batch_id, "open": is_open}:
                followed.conversation.post(followed.unfold, batch_id, is_open)
            case {"kind": "sight", "place": place, "ids": job_ids}:
                followed.conversation.post(followed.see, place, job_ids)
            case _:
                followed.conversation.hear(message)

    def _send_names(self) -> None:
        if self._had_names:
            self._send({"kind": "systems", "systems": [name for name in self._served if name]})

    def _send_frame(self, frame: FrameMessage, of: Mapping[str, object]) -> None:
        self._send({**frame.content, "hears": self._hears, **of}, frame.buffers)

    def _send(self, message: Mapping[str, object], buffers: list[bytes] | None = None) -> None:
        if self._send_on_comm is not None:
            self._send_on_comm(message, buffers or [])


class _FollowedSystem:
    """Receives the frames of one job system, like a panel of all its jobs without a widget."""

    job_id: str | None = None
    batch_id: str | None = None

    def __init__(self, jobs: ja.Jobs, reply: Reply, send_frame: SendFrame, first: int) -> None:
        self.tag: dict[str, object] = {"named": jobs.name} if jobs.name else {}
        """Fields of its messages that those of the kernel's own system lack."""
        self.conversation = FrontEndConversation(jobs, lambda said: reply({**said, **self.tag}))
        self.system = name_of_system(jobs)
        self._send_frame = send_frame
        self._first = first
        self._feed: ChangeFeed | None = None
        self._last: FrameMessage | None = None

    @property
    def last_frame(self) -> int:
        """The number of the last frame."""
        return self._first if self._feed is None else self._feed.frame

    @property
    def is_open(self) -> bool:
        """Whether it still runs."""
        return self.conversation.post(_nothing)

    def greet(self, frame: object) -> None:
        """Send the changes since ``frame``, and all later ones.  On the jobs' loop only."""
        jobs = self.conversation.jobs
        if jobs is None:
            return
        if self._feed is None:
            from .change_feed import ChangeFeed

            feed = ChangeFeed(first=self._first)
            ja.lowlevel.attach(jobs, feed.serve)
            self._feed, frame = feed, -1
        if frame == -1:  # another window that has a batch unfolded asks for its items again
            self._feed.fold_all(self)
        self._feed.add(self, frame)

    def unfold(self, batch_id: object, is_open: object) -> None:
        """Send the items of a batch from now on, or no more.  On the jobs' loop only."""
        if self._feed is not None:
            self._feed.unfold(self, batch_id, is_open)

    def see(self, place: object, job_ids: object) -> None:
        """Note which jobs a view has in sight.  On the jobs' loop only."""
        if self._feed is not None:
            self._feed.see(self, place, job_ids)

    def look_again(self) -> None:
        """Update the obstacles of jobs at rest.  On the jobs' loop only."""
        if self._feed is not None:
            self._feed.look_again()

    def send_last(self) -> None:
        """Send the rows with which the job system ended."""
        from .frame_message import FrameMessage

        empty = FrameMessage(self._first + 1, self._first, full=True, ended=True)
        self.show(self._last or empty)

    # Called by the feed, on the jobs' loop.

    def present_rows(self) -> list[WireRow]:
        """Return every row as it is now."""
        jobs = self.conversation.jobs
        if self._feed is None or jobs is None:
            return []
        return self._feed.rows_for(self, jobs)

    def show(self, frame: FrameMessage) -> None:
        """Send the changes."""
        self._send_frame(frame, {"system": self.system, **self.tag})

    def end(self, frame: FrameMessage) -> None:
        """Send the last frame, and hold it for later windows."""
        self._last = frame
        self.conversation.end()
        self.send_last()
