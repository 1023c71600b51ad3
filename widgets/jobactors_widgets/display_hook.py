"""Returns what a notebook shows for a job and for a job system: the display hook of the core.

The core finds it through the entry point group ``jobactors.display`` and never imports it.  Nothing
heavy is imported before something is displayed.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import jobactors as ja

from .batch_rows import in_order
from .kernel_internals import current_kernel
from .saved_outputs import JOBS_TYPE, VIEW_TYPE, SavedOutputs, system_of
from .sidebar import Sidebar
from .static_table import html_table, text_table

if TYPE_CHECKING:
    from .change_feed import ChangeFeed
    from .drawing_content import Drawing
    from .live_drawing import LiveDrawing
    from .panel import JobsPanel
    from .saved_outputs import Thing

_log = logging.getLogger(__name__)


class NotebookDisplay:
    """Shows jobs as live panels in a notebook, and as a table where no widget runs.

    A job system has one panel for its board and one for each displayed job.  Displaying a thing
    again shows the same panel: a cell that is run ten times leaves no nine dead panels behind.
    """

    def __init__(self) -> None:
        self._panels: WeakKeyDictionary[ja.Jobs, _SystemPanels] = WeakKeyDictionary()
        self._drawings: WeakKeyDictionary[Drawing, LiveDrawing] = WeakKeyDictionary()
        self._saved: SavedOutputs | None = None
        self._sidebar = Sidebar()
        self._follows_cells = False

    def started(self, jobs: ja.Jobs) -> None:
        """Show a job system that ``ja.start`` opened in this kernel in JupyterLab's sidebar."""
        self._sidebar.follow(jobs)
        self._follow_cells(current_kernel())

    def mimebundle(self, thing: Thing | Drawing) -> dict[str, object] | None:
        """Return the display of ``thing`` in a notebook; None elsewhere, where its repr serves.

        Never raises: without ipywidgets or anywidget, or if a panel cannot be made, the table of
        the present state is shown alone.
        """
        kernel = current_kernel()
        if kernel is None:
            return None
        if isinstance(thing, (ja.Timeline, ja.JobGraph)):
            return self._drawing(thing)
        bundle, panel = _table_of(thing), None
        try:
            panel = self._live(thing)
            bundle |= {VIEW_TYPE: panel.view} | self._name_of(thing)
        except ja.JobsClosed:
            pass  # it was never displayed while it was open
        except ImportError:
            _log.info("live panels need: pip install 'jobactors[notebook]'")
        except Exception:
            _log.exception("no live panel could be made")
        self._update_saved(kernel, thing, bundle, panel)
        self._follow_cells(kernel)
        return bundle

    def panel_of(self, thing: Thing) -> JobsPanel:
        """Return the live panel of ``thing``, for a place among other widgets.

        Raises:
            JobsClosed: its job system has ended.
            ImportError: anywidget is missing.
        """
        return self._live(thing)

    def _drawing(self, drawing: Drawing) -> dict[str, object]:
        """Return the still drawing, and the live one if its job system goes on."""
        bundle: dict[str, object] = {"text/html": drawing.html(), "text/plain": repr(drawing)}
        source = ja.lowlevel.source_of(drawing)
        if source is None:
            return bundle
        try:
            from .live_drawing import LiveDrawing, still

            bundle["text/html"] = still(drawing)

            live = self._drawings.get(drawing)
            if live is None or live.has_left:
                live = self._drawings[drawing] = LiveDrawing(drawing, *source)
            bundle[VIEW_TYPE] = live.view
            system = self._sidebar.name_of(source[0])
            if system is not None:
                bundle[JOBS_TYPE] = {"system": system, "job": None, "drawing": True}
        except ja.JobsClosed:
            pass
        except ImportError:
            _log.info("live drawings need: pip install 'jobactors[notebook]'")
        except Exception:
            _log.exception("no live drawing could be made")
        return bundle

    def _name_of(self, thing: Thing) -> dict[str, object]:
        """Return what the labextension finds the jobs by, if it is served their system."""
        system = self._sidebar.name_of(system_of(thing))
        shown = None if isinstance(thing, ja.Jobs) else thing.id
        return {} if system is None else {JOBS_TYPE: {"system": system, "job": shown}}

    def _follow_cells(self, kernel: Any) -> None:
        """Update the obstacles of jobs at rest after each cell: it may declare a type."""
        events = getattr(getattr(kernel, "shell", None), "events", None)
        if events is None or self._follows_cells:
            return
        self._follows_cells = True
        events.register("post_run_cell", self._cell_ended)

    def _cell_ended(self, _result: object = None) -> None:
        self._sidebar.look_again()
        for jobs, panels in list(self._panels.items()):
            with suppress(ja.JobactorsError):  # it has ended
                ja.lowlevel.post(jobs, panels.feed.look_again)

    def _update_saved(
        self,
        kernel: Any,
        thing: Thing,
        bundle: dict[str, object],
        panel: JobsPanel | None,
    ) -> None:
        shell = getattr(kernel, "shell", None)
        if shell is None:
            return
        try:
            if self._saved is None:
                self._saved = SavedOutputs(shell, _table_of)
            self._saved.show(thing, bundle, panel)
        except Exception:
            _log.exception("the saved output will remain as it is now")

    def _live(self, thing: Thing) -> JobsPanel:
        jobs = system_of(thing)
        panels = self._panels.get(jobs)
        if panels is None:
            panels = _SystemPanels()
            ja.lowlevel.attach(jobs, panels.feed.serve)
            self._panels[jobs] = panels  # only now: without a served feed, panels would freeze
        return panels.panel(jobs, None if isinstance(thing, ja.Jobs) else thing)


class _SystemPanels:
    """Holds the feed of one job system and its panels, but no reference to the system itself."""

    def __init__(self) -> None:
        from .change_feed import ChangeFeed

        self.feed: ChangeFeed = ChangeFeed()
        self._panels: dict[str | None, JobsPanel] = {}

    def panel(self, jobs: ja.Jobs, shown: ja.Job[Any] | ja.Batch[Any] | None) -> JobsPanel:
        """Return the panel for a job, a batch or all; a new one if the front end closed it."""
        from .panel import JobsPanel

        shown_id = None if shown is None else shown.id
        panel = self._panels.get(shown_id)
        if panel is None or panel.closed or panel.comm is None:
            ja.lowlevel.post(
                jobs, _nothing
            )  # raises for a system that has ended: there is nothing to follow
            panel = self._panels[shown_id] = JobsPanel(jobs, self.feed, shown)
        return panel


def _table_of(thing: Thing) -> dict[str, object]:
    try:
        shown = in_order(thing) if isinstance(thing, ja.Jobs) else [thing.snapshot()]
    except ja.JobsClosed:
        return {"text/plain": repr(thing)}
    now = time.time()
    return {"text/html": html_table(shown, now), "text/plain": text_table(shown, now)}


def _nothing() -> None: ...


display_hook = NotebookDisplay()
