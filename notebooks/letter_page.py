"""The page of the letter desk: one company at a time, with a button for each thing to be made.

A page is built anew each time it is opened, as a web framework builds it at each visit: nothing of
the work is kept in it. A button that is built again finds the job that runs, or how it ended.
"""

import html
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from letter_desk import companies, saved
from needed import needing

import jobactors as ja

with needing():
    import ipywidgets
    from jobactors_widgets import launcher

BUTTONS = {"research": "Research", "letter": "Write a letter"}
"""The job types, and what is on their buttons."""
TABLES = {"research": "research", "letter": "letters"}
"""The application's own table with the texts of each."""
AS_TEXT = (
    '<pre style="white-space: pre-wrap; word-break: normal; '  # Lab breaks words
    'margin: 0 0 1em 0.3em; max-width: 42em">{}</pre>'
)
AT_WORK = {ja.JobState.QUEUED, ja.JobState.RUNNING, ja.JobState.PAUSED, ja.JobState.CANCELLING}
MAIN = {"flex": "1 1 0", "min_width": "0"}
SIDE = {"flex": "0 0 20em", "margin": "0 0 0 1em"}
widgets: Any = ipywidgets  # it has no types


class Desk:
    """Shows the page of one company, and beside it what is at work for all of them."""

    def __init__(self, jobs: ja.Jobs, database: str | Path, company: str) -> None:
        """Open the page of a company.

        Args:
            jobs: the job system.
            database: the file with the application's tables.
            company: the code of the company that is shown first.
        """
        self._jobs = jobs
        self._database = str(database)
        self._names = companies()
        names = sorted((name, code) for code, name in self._names.items())
        self.choice = widgets.Dropdown(options=names, value=company, description="Company")
        self.page = widgets.VBox()
        self.side = widgets.HTML(layout=SIDE)
        self.box = widgets.HBox([widgets.VBox([self.choice, self.page], layout=MAIN), self.side])
        self._build(company)
        self.choice.observe(lambda change: self._build(change["new"]), "value")
        self.stop = jobs.on_change(self._refresh)

    def open(self, company: str) -> None:
        """Go to the page of a company; what was on the last one is forgotten."""
        self.choice.value = company

    def button(self, kind: str) -> Any:
        """Return the button of the page that makes something of a kind."""
        return self.launchers[kind].button

    def line(self, kind: str) -> str:
        """Return what is told of that button's job: its result, what is asked, or its error."""
        job = self._jobs.latest(kind, self._names[self._company])
        error = None if job is None else job.snapshot().error
        return str(self.launchers[kind].line.value or error or "")

    def _build(self, company: str) -> None:
        arguments = {"database": self._database, "company": company}
        self._company = company
        self.launchers = {
            kind: launcher(
                kind,
                label=label,
                subject=self._names[company],
                args=arguments,
                result_text=lambda _: "",  # it is below, as the table has it
                jobs=self._jobs,
            )
            for kind, label in BUTTONS.items()
        }
        self._texts = {kind: widgets.HTML() for kind in BUTTONS}
        self._read()
        left, self.page.children = (
            self.page.children,
            [part for kind in BUTTONS for part in (self.launchers[kind], self._texts[kind])],
        )
        for part in left:
            _close(part)

    def _read(self) -> None:
        for kind, text in self._texts.items():
            found = saved(self._database, TABLES[kind], self._company)
            text.value = AS_TEXT.format(html.escape(found)) if found else ""

    def _refresh(self, snapshots: Sequence[ja.JobSnapshot]) -> None:
        # Called after each change of a job, at most ten times a second.
        self._read()
        at_work = [each for each in snapshots if each.state in AT_WORK]
        lines = [ja.lowlevel.summary(at_work)] if at_work else []
        lines += [f"{each.info.type} · {each.info.subject} · {each.state}" for each in at_work]
        self.side.value = "<br>".join(map(html.escape, lines))


def _close(widget: Any) -> None:
    for part in getattr(widget, "children", ()):
        _close(part)
    widget.close()
