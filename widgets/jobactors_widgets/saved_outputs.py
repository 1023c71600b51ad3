"""Updates what is saved with a notebook, where no browser updates the panels.

nbclient, papermill and ``jupyter execute`` store what the kernel sends while a cell runs, and
nothing after it.  So each output of jobs gets a display id, and at the end of every cell those
whose jobs have changed are sent once more: ``text/html``, ``text/plain``, the widget's state.

A browser sends ``hello`` to the panels it shows (:mod:`.panel`); those are left to it, because
drawing an output anew would take the focus from its user.  A displayed job is released as soon as
its last state was sent.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Callable

    from .panel import JobsPanel

    Bundle = dict[str, object]
    Thing = ja.Job[Any] | ja.Batch[Any] | ja.Jobs

VIEW_TYPE: Final = "application/vnd.jupyter.widget-view+json"
JOBS_TYPE: Final = "application/vnd.jobactors.jobs+json"
"""Names the job, or all, and the job system: the labextension shows them also where there is no
widget, `labextension/sidebar/output.js`."""
_TIME_OF_DAY: Final = re.compile(r", at \d[^,\n]*")

_log = logging.getLogger(__name__)


class _Output(Struct):
    """Holds one displayed thing, which any number of cells may show."""

    thing: Thing
    panel: JobsPanel | None
    last_sent: object
    """Its table as last sent, without the time of day."""
    named: Bundle
    """The part of its bundle that names the jobs."""

    @property
    def is_updated_by_browser(self) -> bool:
        return self.panel is not None and self.panel.greeted

    @property
    def has_settled(self) -> bool:
        """Whether nothing will change any more."""
        if not isinstance(self.thing, ja.Jobs):
            return self.thing.state.is_terminal
        return self.panel is not None and self.panel.has_ended


class SavedOutputs:
    """Updates the outputs of one IPython shell that show jobs.  Used in its main thread.

    Args:
        shell: The IPython shell of a kernel.
        tables: Returns the tables of a thing as it is now.
    """

    def __init__(self, shell: Any, tables: Callable[[Thing], Bundle]) -> None:
        self._shell = shell
        self._tables = tables
        self._outputs: dict[str, _Output] = {}
        self._ids: set[str] = set()  # model ids: also those of things that have settled
        shell.events.register("post_run_cell", self._cell_ended)
        if hasattr(shell.display_pub, "register_hook"):
            shell.display_pub.register_hook(self._marked)

    def show(self, thing: Thing, bundle: Bundle, panel: JobsPanel | None) -> None:
        """Register that ``bundle`` is about to be shown for ``thing``."""
        name = f"{panel.model_id}" if panel is not None else _name_of(thing)
        self._ids.add(name)
        named = {JOBS_TYPE: bundle[JOBS_TYPE]} if JOBS_TYPE in bundle else {}
        self._outputs[name] = _Output(thing, panel, _table(bundle), named)
        # The value of a cell is sent as a message that IPython has begun already.
        message = getattr(self._shell.displayhook, "msg", None)
        if message is not None and message.get("msg_type") == "execute_result":
            message["content"]["transient"] = {"display_id": name}

    def _marked(self, message: Any) -> Any:
        """Give a message of ``display(job)`` its display id."""
        content = message["content"]
        view = content.get("data", {}).get(VIEW_TYPE)
        if message["msg_type"] == "display_data" and view and view.get("model_id") in self._ids:
            content.setdefault("transient", {}).setdefault("display_id", view["model_id"])
        return message

    def _cell_ended(self, _result: object = None) -> None:
        for name, output in list(self._outputs.items()):
            try:
                self._update(name, output)
            except Exception:  # a cell must not fail because of an output of another
                _log.exception("an output of jobs is left as it was")
                self._outputs.pop(name, None)

    def _update(self, name: str, output: _Output) -> None:
        settled = output.has_settled  # read first: a job that ends meanwhile is sent once more
        if not output.is_updated_by_browser:
            bundle = self._tables(output.thing)
            table = _table(bundle)
            if table != output.last_sent:
                output.last_sent = table
                self._send(name, output, bundle)
        if settled:
            del self._outputs[name]

    def _send(self, name: str, output: _Output, bundle: Bundle) -> None:
        bundle = bundle | output.named
        if output.panel is not None:
            bundle = bundle | {VIEW_TYPE: output.panel.view}
            output.panel.restate()
        self._shell.display_pub.publish(
            data=bundle, metadata={}, transient={"display_id": name}, update=True
        )


def system_of(thing: Thing) -> ja.Jobs:
    """Return the job system that a thing is, or belongs to."""
    if isinstance(thing, ja.Jobs):
        return thing
    jobs: ja.Jobs = thing.jobs if isinstance(thing, ja.Job) else thing.system
    return jobs


def _name_of(thing: Thing) -> str:
    return f"jobactors-{id(thing) if isinstance(thing, ja.Jobs) else thing.id}"


def _table(bundle: Bundle) -> object:
    """Return the plain table without the time in its caption."""
    return _TIME_OF_DAY.sub("", str(bundle.get("text/plain", "")), count=1)
