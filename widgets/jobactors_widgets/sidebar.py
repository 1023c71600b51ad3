"""The kernel's end of JupyterLab's sidebar: one comm a kernel, for every window that looks.

The comm has a fixed id and is never opened: a window that wants it finds it by asking the control
channel which comms there are, in the middle of a cell too, and one without the sidebar is not
bothered.  What travels on it is what travels on a panel's (:mod:`.panel`):

* kernel → browser ``here``: there is a job system; who cares may say hello;
* browser → kernel ``hello``: the number of the last frame it has, -1 for none.  It is answered with
  all rows if that is not the last one sent;
* kernel → browser ``frame``: the rows that changed, at most ten a second, or all of them;
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
import time
from typing import TYPE_CHECKING, Any, Final

import trio

import jobactors as ja

from .comm import current_kernel, hears_while_busy, open_fixed_comm
from .commands import Many, answer, perform

if TYPE_CHECKING:
    from collections.abc import Callable

    from .details import ResultTexts
    from .feed import Feed
    from .wire import Row

    Say = Callable[[dict[str, object]], object]

COMM_ID: Final = "jobactors.sidebar"
"""Its id and its target name; `labextension/sidebar/link.js` asks for both."""

_log = logging.getLogger(__name__)


class Sidebar:
    """The jobs of this process as every window's sidebar is told of them."""

    def __init__(self) -> None:
        self._say: Say | None = None  # written by the thread that calls `follow`, as is:
        self._hears = True
        self._served: _Served | None = None
        self._frames = 0  # written by the jobs' loop

    def follow(self, jobs: ja.Jobs) -> None:
        """Tell of this job system from now on, instead of the last one.  No-op outside a kernel."""
        kernel = current_kernel()
        if kernel is None:
            return
        if self._say is None and not self._open(kernel):
            return
        self._served = served = _Served(jobs, self._send_frame)
        self._tell({"kind": "here"})
        if not self._hears:
            served.post(served.greet)

    def _open(self, kernel: Any) -> bool:
        try:
            self._say = open_fixed_comm(kernel, COMM_ID, self.hear)
        except (ImportError, AttributeError):
            _log.info("this is no ipykernel: its jobs are shown in cells only")
            return False
        self._hears = hears_while_busy(kernel)
        return True

    def hear(self, data: Any) -> None:
        """Take what a browser said; in any thread."""
        served = self._served
        if served is None:
            return
        match data:
            case {"kind": "hello", "frame": frame}:
                if not served.post(self._greet, served, frame):
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

    def _greet(self, served: _Served, frame: object) -> None:
        if frame != self._frames or not served.is_watched:
            served.greet()

    def _act(self, served: _Served, verb: object, job_id: object) -> None:
        if served.jobs is not None:
            self._tell(dict(perform(served.jobs, verb, job_id)))

    def _cancel_all(self, served: _Served) -> None:
        ids = [each.id for each in served.snapshots() if not each.state.is_terminal]
        if served.jobs is not None:
            self._cancel_some(Many(served.jobs, "cancel", ids))

    def _cancel_some(self, many: Many) -> None:
        if many.tell_some():
            trio.lowlevel.current_trio_token().run_sync_soon(self._cancel_some, many)
        else:
            self._tell(dict(many.answer))

    def _send_frame(self, content: dict[str, object]) -> None:
        self._frames += 1
        self._tell({"kind": "frame", "frame": self._frames, **content, "hears": self._hears})

    def _tell(self, data: dict[str, object]) -> None:
        if self._say is not None:
            self._say(data)


class _Served:
    """One job system as its feed serves it: a panel that shows all jobs, without a widget."""

    job_id: str | None = None

    def __init__(self, jobs: ja.Jobs, send_frame: Say) -> None:
        self.jobs: ja.Jobs | None = jobs  # until it has ended; then its last rows are enough
        self._send_frame = send_frame
        self._feed: Feed | None = None
        self._last_rows: list[Row] = []
        self._results: ResultTexts | None = None

    @property
    def is_watched(self) -> bool:
        """Whether somebody has said hello."""
        return self._feed is not None

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

    def greet(self) -> None:
        """Send everything, and from now on what changes; on the jobs' loop."""
        if self.jobs is None:
            return
        if self._feed is None:
            from .feed import Feed

            feed = Feed()
            self.jobs.attach(feed.serve)
            self._feed = feed
        self._feed.add(self)

    def send_last(self) -> None:
        """Send how the jobs stood when the system ended."""
        self._send_frame({"rows": self._last_rows, "full": True, "ended": True})

    # What the feed calls.

    def send_all(self) -> None:
        """Send a frame with every row."""
        from .wire import row_of

        now = time.time()
        rows = [row_of(snapshot, now) for snapshot in self.snapshots()]
        self._send_frame({"rows": rows, "full": True})

    def send_changes(self, rows: list[Row], gone: list[str]) -> None:
        """Send a frame with the rows that changed, and the ids that went."""
        self._send_frame({"rows": rows, "gone": gone})

    def end(self, rows: list[Row]) -> None:
        """Send the last frame, and keep its rows for windows to come."""
        self._last_rows, self.jobs = rows, None
        self.send_last()
