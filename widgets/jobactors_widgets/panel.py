"""A panel: one anywidget that shows one job or all of them, in as many outputs as it is displayed.

Its traits are the *first* state: ``frame`` and ``rows`` are read at the moment they are sent, with
the widget itself or to a page that was loaded again.  They are never written after that; what
changes later travels as custom messages, in order, from the jobs' loop:

* kernel → browser ``frame``: what changed (:mod:`.change_feed`), or all rows;
* browser → kernel ``act``: a button, for the job ``id`` or for all ``ids``; kernel → browser
  ``answer``: what became of it;
* browser → kernel ``details``, ``log``, ``result``: more of one job, answered by the same kind;
* browser → kernel ``hello``: the number of the last frame it has.  It is answered with what changed
  since.  Nothing waits for it: in a busy kernel it may come late.

Handlers run in whatever thread ipykernel hears a message in; they only post to the loop.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets
import trio

import jobactors as ja

from .button_commands import BulkCommand, answer, perform
from .change_feed import store_notice
from .details import ResultTexts, details_of, log_piece
from .kernel_internals import current_kernel, hear_while_busy, hears_while_busy
from .static_files import panel_module, panel_style

if TYPE_CHECKING:
    from .button_commands import CommandAnswer
    from .change_feed import ChangeFeed
    from .frame_message import FrameMessage
    from .wire import JobRow

    Message = dict[str, object]


def _rows_now(_value: object, panel: JobsPanel) -> list[JobRow]:
    return panel.present_rows()


def _frame_now(_value: object, panel: JobsPanel) -> int:
    return panel.last_frame


def _notice_now(_value: object, panel: JobsPanel) -> str:
    return panel.notice_now


def _ended_now(_value: object, panel: JobsPanel) -> bool:
    return panel.has_ended


class JobsPanel(anywidget.AnyWidget):
    """The live view of one job, or of all jobs of a system.  Made by :mod:`.display_hook`."""

    _esm = panel_module()
    _css = panel_style()

    rows = traitlets.Any().tag(sync=True, to_json=_rows_now)
    """Every row as it is now."""
    frame = traitlets.Any().tag(sync=True, to_json=_frame_now)
    """The number of the last frame that the rows have in them."""
    notice = traitlets.Any().tag(sync=True, to_json=_notice_now)
    """What everybody should know of the store; empty if all is well."""
    single = traitlets.Bool(read_only=True).tag(sync=True)
    """Whether it shows one job, without a heading."""
    hears = traitlets.Bool(read_only=True).tag(sync=True)
    """Whether this kernel hears a click while a cell runs."""
    self_id = traitlets.Unicode(read_only=True).tag(sync=True)
    """Its own model id, by which the browser finds the model behind the proxy it is given."""
    ended = traitlets.Any().tag(sync=True, to_json=_ended_now)
    """Whether the job system has stopped."""

    def __init__(self, jobs: ja.Jobs, feed: ChangeFeed, job: ja.Job[Any] | None = None) -> None:
        self.job_id = None if job is None else job.id
        self.has_ended = False  # written by the jobs' loop, as is:
        self.closed = False
        self.greeted = False  # a browser shows it, and is told every change
        self._jobs: ja.Jobs | None = jobs  # until it has ended; then its last rows are enough
        self._job = job  # it is shown even when the registry lets it go
        self._last_rows: list[JobRow] = []
        first = feed.frame
        self._feed = feed
        self._results = ResultTexts()
        kernel = current_kernel()
        self.set_trait("single", job is not None)
        self.set_trait("hears", hears_while_busy(kernel))
        model_id = uuid.uuid4().hex
        self.set_trait("self_id", model_id)
        super().__init__(model_id=model_id)
        itself: Any = self  # ipywidgets tells no types
        hear_while_busy(itself.comm, kernel)
        itself.comm.on_close(self._forget)
        itself.on_msg(self._hear)
        self._post(self._feed.add, self, first)

    @property
    def last_frame(self) -> int:
        """The number of the last frame of its feed; rows that are read later have it in them."""
        return self._feed.frame

    @property
    def notice_now(self) -> str:
        """What everybody should know of the store; a row alone does not repeat it."""
        return store_notice(self._jobs) if self.job_id is None else ""

    @property
    def view(self) -> dict[str, object]:
        """What an output holds to show this panel."""
        return {"version_major": 2, "version_minor": 0, "model_id": self.model_id}

    def present_rows(self) -> list[JobRow]:
        """Return every row as it is now, or was when the job system ended.  From any thread."""
        jobs, job = self._jobs, self._job
        try:
            if jobs is None:
                return self._last_rows
            snapshots = jobs.list() if job is None else [job.snapshot()]
        except ja.JobactorsError:  # the system is just closing
            return self._last_rows
        return self._feed.rows(jobs, snapshots)

    def restate(self) -> None:
        """Send the first state anew, for who only writes it down: nbclient.  In the main thread."""
        itself: Any = self
        itself.send_state(["frame", "ended", "rows"])  # a row newer than its frame does no harm

    # What the feed calls, on the jobs' loop.

    def show(self, frame: FrameMessage) -> None:
        """Send what changed; a job alone stays, also when the registry lets it go."""
        itself: Any = self
        itself.send(frame.content, frame.buffers)

    def end(self, frame: FrameMessage) -> None:
        """Send the last frame, and let go of the job system; its rows stay for pages to come."""
        if self._job is not None:
            frame.rows = self.present_rows()
        self._last_rows = frame.rows
        self._jobs = self._job = None
        self.has_ended = True
        self.show(frame)

    def _tell(self, content: Message | CommandAnswer) -> None:
        itself: Any = self
        itself.send(content)

    # What the browser asks, in a thread of ipykernel's.

    def _hear(self, _panel: object, content: Any, _buffers: object) -> None:
        match content:
            case {"kind": "act", "verb": verb, "id": job_id}:
                self._post_act(verb, job_id)
            case {"kind": "act", "verb": verb, "ids": [*job_ids]}:
                self._post_many(verb, job_ids)
            case {"kind": "details" | "log" | "result" as kind, "id": str(job_id)}:
                self._look(kind, job_id, content.get("since"))
            case {"kind": "hello", "frame": frame}:
                self.greeted = True
                self._post(self._feed.add, self, frame)
            case _:
                self.log.warning("a jobs panel got a message it does not know")

    def _post_act(self, verb: object, job_id: object) -> None:
        if not self._post(self._act, verb, job_id):
            self._tell(answer(str(verb), str(job_id), "this job system has stopped"))

    def _post_many(self, verb: object, job_ids: list[object]) -> None:
        jobs = self._jobs
        if jobs is None or not self._post(self._act_on_some, BulkCommand(jobs, verb, job_ids)):
            self._tell(answer(str(verb), "", "this job system has stopped"))

    def _look(self, kind: str, job_id: str, since: object) -> None:
        """Answer what only one row asks for.  Reading needs no turn on the loop."""
        try:
            if self._jobs is None:
                return
            job = self._jobs.get(job_id)
        except ja.JobactorsError:  # let go meanwhile: the row goes as well
            return
        if kind == "result":
            self._results.ask(job, self._tell)
        else:
            self._tell(details_of(job) if kind == "details" else log_piece(job, since))

    def _forget(self, _message: object) -> None:
        self.closed = True
        self._post(self._feed.remove, self)

    def _post(self, fn: Any, *args: object) -> bool:
        """Run ``fn`` on the jobs' loop soon; False if there is no loop any more."""
        try:
            if self._jobs is not None:
                self._jobs.post(fn, *args)
                return True
        except ja.JobactorsError:  # closed meanwhile, or this is a forked child
            pass
        return False

    # The same, on the jobs' loop.

    def _act(self, verb: object, job_id: object) -> None:
        if self._jobs is not None:
            self._tell(perform(self._jobs, verb, job_id))

    def _act_on_some(self, many: BulkCommand) -> None:
        if many.tell_some() and self._jobs is not None:
            trio.lowlevel.current_trio_token().run_sync_soon(self._act_on_some, many)
        else:
            self._tell(many.answer)
