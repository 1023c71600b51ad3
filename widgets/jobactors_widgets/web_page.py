"""The board as a web page: the entry point by which the HTTP face of the core finds it.

The page draws with the same modules as a panel in a cell.  It has no comm: rows arrive as
server-sent events, messages and their answers as requests.  There is nothing in its HTML that
comes from a job.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import jobactors as ja

from .button_commands import BulkCommand, answer, perform
from .change_feed import ChangeFeed
from .conversation import STOPPED
from .details import ResultTexts, details_of, log_piece
from .new_job import KINDS, answer_form

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.resources.abc import Traversable

    from .wire import WireRow

    Encoder = Callable[[Sequence[ja.JobSnapshot | ja.BatchSnapshot]], list[WireRow]]

_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}
PATIENCE: Final = 5.0
"""Seconds to wait for the text of a result."""


class WebPage:
    """The files of the page, and what it is sent and answered."""

    def __init__(self) -> None:
        self._results = ResultTexts()

    def files(self) -> Mapping[str, tuple[bytes, str]]:
        """Return the files by name, each with its media type."""
        return _files()

    def encoder(self, jobs: ja.Jobs) -> Encoder:
        """Return a function that makes the rows of snapshots, a batch as one."""
        feed = ChangeFeed()  # not served: it knows the numbers and the obstacles of rows

        def rows_of(shown: Sequence[ja.JobSnapshot | ja.BatchSnapshot]) -> list[WireRow]:
            single = [one for one in shown if isinstance(one, ja.JobSnapshot)]
            rows = iter(feed.rows(jobs, single))
            return [
                next(rows) if isinstance(one, ja.JobSnapshot) else feed.batch_row(one, jobs)
                for one in shown
            ]

        return rows_of

    def answer(self, jobs: ja.Jobs, message: Any) -> Mapping[str, Any] | None:
        """Answer one message of the page, which is not trusted.  Never raises for its content."""
        match message:
            case {"kind": "act", "verb": verb, "id": job_id}:
                return perform(jobs, verb, job_id)
            case {"kind": "act", "verb": verb, "ids": [*job_ids]}:
                command = BulkCommand(jobs, verb, job_ids, message.get("states"))
                while command.perform_some():
                    pass
                return command.answer
            case {"kind": str(kind)} if kind in KINDS:
                return answer_form(jobs, message)
            case {"kind": "unfold"}:  # every row is sent, also those in a folded batch
                return None
            case {"kind": "details" | "log" | "result" as kind, "id": str(job_id)}:
                return self._look(jobs, kind, job_id, message.get("since"))
            case _:
                return answer("", "", "this page sent a message that is not known here")

    def _look(
        self, jobs: ja.Jobs, kind: str, job_id: str, since: object
    ) -> Mapping[str, Any] | None:
        try:
            job = jobs.get(job_id)
        except ja.JobactorsError:  # removed meanwhile: its row disappears as well
            return None
        if kind == "result":
            return self._result_of(job)
        return details_of(job) if kind == "details" else log_piece(job, since)

    def _result_of(self, job: ja.Job[Any]) -> Mapping[str, Any]:
        from queue import Empty, SimpleQueue

        texts: SimpleQueue[Mapping[str, Any]] = SimpleQueue()
        self._results.ask(job, texts.put)
        try:
            return texts.get(timeout=PATIENCE)
        except Empty:
            return answer("", job.id, STOPPED)


@cache
def _files() -> dict[str, tuple[bytes, str]]:
    static = files("jobactors_widgets") / "static"
    return {**_files_in(static), **_files_in(static / "builder", "builder/")}


def _files_in(folder: Traversable, prefix: str = "") -> dict[str, tuple[bytes, str]]:
    found: dict[str, tuple[bytes, str]] = {}
    for file in folder.iterdir():
        kind = _TYPES.get(file.name[file.name.rfind(".") :])
        if kind is not None:
            found[prefix + file.name] = file.read_bytes(), kind
    return found


PAGE: Final = WebPage()
"""The value of the entry point."""
