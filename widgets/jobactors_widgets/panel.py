"""A panel: one anywidget that shows a job, a batch or all jobs, in every output that displays it.

Its traits are the *first* state: ``frame`` and ``rows`` are read at the moment they are sent, with
the widget itself or to a page that was loaded again.  They are never written after that.  Later
changes travel as custom messages, in order, from the jobs' loop:

* kernel → browser ``frame``: changes (:mod:`.change_feed`), or all rows;
* browser → kernel ``hello``: the number of the last frame it has.  It is answered with the changes
  since.  Nothing waits for it: in a busy kernel it may come late;
* browser → kernel ``unfold``: the items of a batch are wanted from now on, or no more;
* browser → kernel ``sight``: the jobs that one of its views has in sight (:mod:`.sights`);
* every other message of the browser, and its answer: :mod:`.conversation`.

Handlers run in the thread in which ipykernel reads a message; they only post to the loop.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import traitlets

import jobactors as ja

from .conversation import FrontEndConversation
from .live_widget import LiveWidget
from .schedule_rows import schedule_rows
from .static_files import panel_module, panel_style
from .store_notice import store_notice

if TYPE_CHECKING:
    from .change_feed import ChangeFeed
    from .frame_message import FrameMessage
    from .schedule_rows import ScheduleRow
    from .wire import WireRow


def _rows_now(_value: object, panel: JobsPanel) -> list[WireRow]:
    return panel.present_rows()


def _frame_now(_value: object, panel: JobsPanel) -> int:
    return panel.last_frame


def _notice_now(_value: object, panel: JobsPanel) -> str:
    return panel.notice_now


def _schedules_now(_value: object, panel: JobsPanel) -> list[ScheduleRow]:
    return panel.schedules_now


def _ended_now(_value: object, panel: JobsPanel) -> bool:
    return panel.has_ended


def _clock_now(_value: object, _panel: JobsPanel) -> float:
    return time.time()


class JobsPanel(LiveWidget):
    """Shows one job, one batch, or all jobs of a system, live.  Made by :mod:`.display_hook`."""

    _esm = panel_module()
    _css = panel_style()

    rows = traitlets.Any().tag(sync=True, to_json=_rows_now)
    """Every row as it is now."""
    frame = traitlets.Any().tag(sync=True, to_json=_frame_now)
    """The number of the last frame whose changes the rows contain."""
    notice = traitlets.Any().tag(sync=True, to_json=_notice_now)
    """A warning about the store; empty if all is well."""
    schedules = traitlets.Any().tag(sync=True, to_json=_schedules_now)
    """Every schedule as it is now."""
    single = traitlets.Bool(read_only=True).tag(sync=True)
    """Whether it shows one job or batch, without a heading."""
    ended = traitlets.Any().tag(sync=True, to_json=_ended_now)
    """Whether the job system has stopped."""
    now = traitlets.Any().tag(sync=True, to_json=_clock_now)
    """The kernel's clock, by which the instants of the rows are read."""

    def __init__(
        self, jobs: ja.Jobs, feed: ChangeFeed, shown: ja.Job[Any] | ja.Batch[Any] | None = None
    ) -> None:
        job = shown if isinstance(shown, ja.Job) else None
        batch = shown if isinstance(shown, ja.Batch) else None
        self.job_id = None if job is None else job.id
        self.batch_id = None if batch is None else batch.id
        self.has_ended = False  # written by the jobs' loop, as are:
        self.closed = False
        self.greeted = False  # a browser shows it, and receives every change
        self._job = job  # it is shown even after the registry has dropped it
        self._batch = batch
        self._last_rows: list[WireRow] = []
        first = feed.frame
        self._feed = feed
        self._conversation = FrontEndConversation(jobs, self.post)
        self.set_trait("single", shown is not None)
        super().__init__()
        self.call_when_closed(self._on_closed)
        self._conversation.post(self._feed.add, self, first)

    @property
    def last_frame(self) -> int:
        """The number of the last frame of its feed; rows read after it contain its changes."""
        return self._feed.frame

    @property
    def notice_now(self) -> str:
        """The warning about the store; a single row does not repeat it."""
        return "" if self.single else store_notice(self._conversation.jobs)

    @property
    def schedules_now(self) -> list[ScheduleRow]:
        """The schedules; a single row shows none."""
        return [] if self.job_id or self.batch_id else schedule_rows(self._conversation.jobs)

    def present_rows(self) -> list[WireRow]:
        """Return every row as it is now, or was when the job system ended.  From any thread."""
        jobs, job, batch = self._conversation.jobs, self._job, self._batch
        try:
            if jobs is None:
                return self._last_rows
            if batch is not None:
                return self._feed.rows_of_batch(self, batch)
            if job is not None:
                return self._feed.rows(jobs, [job.snapshot()])
            return self._feed.rows_for(self, jobs)
        except ja.JobactorsError:  # the system is closing
            return self._last_rows

    def restate(self) -> None:
        """Send the first state anew, for nbclient, which only stores it.  In the main thread."""
        itself: Any = self
        itself.send_state(
            ["frame", "ended", "rows", "now"]
        )  # a row newer than its frame does no harm

    # Called by the feed, on the jobs' loop.

    def show(self, frame: FrameMessage) -> None:
        """Send the changes."""
        self.post(frame.content, frame.buffers)

    def end(self, frame: FrameMessage) -> None:
        """Send the last frame and release the job system; its rows remain for later pages."""
        if self._job is not None or self._batch is not None:
            frame.rows = self.present_rows()
        self._last_rows = frame.rows
        self._job = self._batch = None
        self._conversation.end()
        self.has_ended = True
        self.show(frame)

    # Called by ipykernel, in a thread of its own.

    def _hear(self, _panel: object, content: Any, _buffers: object) -> None:
        match content:
            case {"kind": "hello", "frame": frame}:
                self.greeted = True
                self._conversation.post(self._feed.add, self, frame)
            case {"kind": "unfold", "id": batch_id, "open": is_open}:
                self._conversation.post(self._feed.unfold, self, batch_id, is_open)
            case {"kind": "sight", "place": place, "ids": job_ids}:
                self._conversation.post(self._feed.see, self, place, job_ids)
            case _:
                self._conversation.hear(content)

    def _on_closed(self) -> None:
        self.closed = True
        self._conversation.post(self._feed.remove, self)
