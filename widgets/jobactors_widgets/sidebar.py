"""The kernel's end of JupyterLab's sidebar: one comm a kernel, for every window that looks.

The comm has a fixed id and is never opened: a window that wants it finds it by asking the control
channel which comms there are, in the middle of a cell too, and one without the sidebar is not
bothered.  What travels on it is what travels on a panel's (:mod:`.panel`):

* kernel → browser ``here``: there is a job system; who cares may say hello;
* browser → kernel ``hello``: the number of the last frame it has, -1 for none.  It is answered with
  what changed since, or with all rows;
* kernel → browser ``frame``: what changed, at most ten a second, or all rows;
* browser → kernel ``act``: a button; kernel → browser ``answer``: what became of it;
* browser → kernel ``details``, ``log``, ``result``: more of one job, answered by the same kind;
* browser → kernel ``cancel all``: every unfinished job, with one answer.

Nothing is watched and nothing is sent before the first hello.  A kernel that hears no hello while a
cell runs tells at once.

Messages are heard in a thread of ipykernel's, which only posts to the jobs' loop; all frames are
sent from there.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import trio

import jobactors as ja

from .button_commands import BulkCommand, answer, perform
from .kernel_internals import current_kernel, hears_while_busy, open_fixed_comm

if TYPE_CHECKING:
    from collections.abc import Callable

    from .change_feed import ChangeFeed
    from .details import ResultTexts
    from .frame_message import FrameMessage
    from .wire import JobRow

    Say = Callable[[dict[str, object]], object]
    Send = Callable[[FrameMessage], object]

COMM_ID: Final = "jobactors.sidebar"
"""Its id and its target name; `labextension/sidebar/link.js` asks for both."""

_log = logging.getLogger(__name__)


class Sidebar:
    """The jobs of this process as every window's sidebar is told of them."""

    def __init__(self) -> None:
        # Written by the thread that calls `follow`:
        self._say: Callable[[dict[str, object], list[bytes]], object] | None = None
        self._hears = True
        self._served: _FollowedSystem | None = None

    def follow(self, jobs: ja.Jobs) -> None:
        """Tell of this job system from now on, instead of the last one.  No-op outside a kernel."""
        kernel = current_kernel()
        if kernel is None:
            return
        if self._say is None and not self._open(kernel):
            return
        # Frames are counted on, so that no window mixes two systems up.
        first = 0 if self._served is None else self._served.last_frame + 1
        self._served = served = _FollowedSystem(jobs, self._send_frame, first)
        self._tell({"kind": "here"})
        if not self._hears:
            served.post(served.greet, -1)

    def _open(self, kernel: Any) -> bool:
        try:
            self._say = open_fixed_comm(kernel, COMM_ID, self.hear)
        except (ImportError, AttributeError):
            _log.info("this is no ipykernel: its jobs are shown in cells only")
            return False
        self._hears = hears_while_busy(kernel)
        return True

    def look_again(self) -> None:
        """A cell has ended: what stood in the way of jobs at rest may be gone."""
        if self._served is not None:
            self._served.post(self._served.look_again)

    def hear(self, data: Any) -> None:
        """Take what a browser said; in any thread."""
        served = self._served
        if served is None:
            return
        match data:
            case {"kind": "hello", "frame": frame}:
                if not served.post(served.greet, frame):
                    served.send_last()
            case {"kind": "act", "verb": verb, "id": job_id}:
                if not served.post(self._act, served, verb, job_id):
                    self._tell(dict(answer(str(verb), str(job_id), "this job system has stopped")))
            case {"kind": "details" | "log" | "result" as kind, "id": str(job_id)}:
                served.look(kind, job_id, data.get("since"), self._tell)
            case {"kind": "cancel all"}:
                served.post(self._cancel_all, served)
            case _:
                _log.warning("the sidebar said something that is not known here")

    # On the jobs' loop.

    def _act(self, served: _FollowedSystem, verb: object, job_id: object) -> None:
        if served.jobs is not None:
            self._tell(dict(perform(served.jobs, verb, job_id)))

    def _cancel_all(self, served: _FollowedSystem) -> None:
        ids = [each.id for each in served.snapshots() if not each.state.is_terminal]
        if served.jobs is not None:
            self._cancel_some(BulkCommand(served.jobs, "cancel", ids))

    def _cancel_some(self, many: BulkCommand) -> None:
        if many.tell_some():
            trio.lowlevel.current_trio_token().run_sync_soon(self._cancel_some, many)
        else:
            self._tell(dict(many.answer))

    def _send_frame(self, frame: FrameMessage) -> None:
        self._tell(frame.content | {"hears": self._hears}, frame.buffers)

    def _tell(self, data: dict[str, object], buffers: list[bytes] | None = None) -> None:
        if self._say is not None:
            self._say(data, buffers or [])


class _FollowedSystem:
    """One job system as its feed serves it: a panel that shows all jobs, without a widget."""

    job_id: str | None = None

    def __init__(self, jobs: ja.Jobs, send_frame: Send, first: int) -> None:
        self.jobs: ja.Jobs | None = jobs  # until it has ended; then its last rows are enough
        self._send_frame = send_frame
        self._first = first
        self._feed: ChangeFeed | None = None
        self._last: FrameMessage | None = None
        self._results: ResultTexts | None = None

    @property
    def last_frame(self) -> int:
        """The number of the last frame."""
        return self._first if self._feed is None else self._feed.frame

    def post(self, fn: Callable[..., object], *args: object) -> bool:
        """Run ``fn`` on the jobs' loop soon; False if there is no loop any more."""
        try:
            if self.jobs is not None:
                self.jobs.post(fn, *args)
                return True
        except ja.JobactorsError:  # closed, or this is a forked child
            pass
        return False

    def look(self, kind: str, job_id: str, since: object, tell: Say) -> None:
        """Tell more of one job.  Reading needs no turn on the loop."""
        from .details import ResultTexts, details_of, log_piece

        try:
            if self.jobs is None:
                return
            job = self.jobs.get(job_id)
        except ja.JobactorsError:  # let go meanwhile: the row goes as well
            return
        if kind == "result":
            self._results = self._results or ResultTexts()
            self._results.ask(job, tell)
        else:
            tell(details_of(job) if kind == "details" else log_piece(job, since))

    def snapshots(self) -> list[ja.JobSnapshot]:
        """Return how every job stands; on the jobs' loop."""
        return [] if self.jobs is None else self.jobs.list()

    def greet(self, frame: object) -> None:
        """Send what changed since ``frame``, and from now on what changes; on the jobs' loop."""
        if self.jobs is None:
            return
        if self._feed is None:
            from .change_feed import ChangeFeed

            feed = ChangeFeed(first=self._first)
            self.jobs.attach(feed.serve)
            self._feed, frame = feed, -1
        self._feed.add(self, frame)

    def send_last(self) -> None:
        """Send how the jobs stood when the system ended."""
        from .frame_message import FrameMessage

        nothing = FrameMessage(self._first + 1, self._first, full=True, ended=True)
        self._send_frame(self._last or nothing)

    # What the feed calls.

    def present_rows(self) -> list[JobRow]:
        """Return every row as it is now."""
        return [] if self._feed is None else self._feed.rows(self.jobs, self.snapshots())

    def look_again(self) -> None:
        """See what stands in the way of jobs at rest; on the jobs' loop."""
        if self._feed is not None:
            self._feed.look_again()

    def show(self, frame: FrameMessage) -> None:
        """Send what changed."""
        self._send_frame(frame)

    def end(self, frame: FrameMessage) -> None:
        """Send the last frame, and keep it for windows to come."""
        self._last, self.jobs = frame, None
        self.send_last()
