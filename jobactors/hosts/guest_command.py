"""A command whose store belongs to another process: it works here, and is shown and stored there.

The owner of a store is asked for a job that stands for this one (:mod:`.guest_jobs`).  A thread of
its own then compares the two a few times a second: what was reported here goes there, a cancel that
was made there comes here.  An owner that ends, or dies, leaves the command to itself.
"""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, final

from jobactors.model.exact import NotExact, exact_json
from jobactors.stores.read_only import StoreView

from .owner_conversation import OwnerRefused, OwnerSilent, conversing

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from jobactors.engine.api.job import Job

BEAT_SECONDS: Final = 0.1
"""Between two reports: as often as a board is drawn."""
_MOST_LINES: Final = 1_000
_LARGEST_RESULT: Final = 2**20


@final
class GuestCommand:
    """A job of this process as a guest of the owner of its store.  A context manager.

    Args:
        store: The store's path.
        kind: The job type.
        options: Options of the job that JSON has, such as its ``name``.

    Raises:
        OwnerSilent, OwnerRefused: if the owner takes no guests.
        StoreError: if the store cannot be read.
    """

    def __init__(
        self, store: str | os.PathLike[str], kind: str, options: Mapping[str, object]
    ) -> None:
        with StoreView(store) as view:
            path = view.path
        self._open = ExitStack()
        self._call = self._open.enter_context(conversing(path))
        try:
            self._call.ask({"verb": "open", "type": kind, "options": dict(options)})
        except BaseException:
            self._open.close()
            raise
        self._job: Job[Any] | None = None
        self._first_line = 0
        self._leaves = threading.Event()
        self._is_shown = True
        self._thread = threading.Thread(target=self._follow, name="jobactors-guest", daemon=True)

    def follow(self, job: Job[Any]) -> None:
        """Report of this job from now on."""
        self._job = job
        self._thread.start()

    def __enter__(self) -> GuestCommand:
        return self

    def __exit__(self, *_: object) -> None:
        """Say how the job has ended."""
        self._leaves.set()
        with self._open:
            if self._job is None:
                return  # the connection's end says it
            self._thread.join()
            while self._is_shown and len(self._job.log_lines(self._first_line)) > _MOST_LINES:
                self._report("report")
            if self._is_shown:
                self._report("end", **_ending_of(self._job))

    def _follow(self) -> None:
        while not self._leaves.wait(BEAT_SECONDS) and self._is_shown:
            self._report("report")

    def _report(self, verb: str, **more: object) -> None:
        job = self._job
        if job is None:
            return
        progress, lines = job.snapshot().progress, job.log_lines(self._first_line)[:_MOST_LINES]
        is_whole = progress.total is not None or progress.fraction is None
        told = {
            "done": progress.done if is_whole else progress.fraction,
            "total": progress.total if is_whole else 1,
            "message": progress.message,
            "unit": progress.unit,
            "counters": dict(progress.counters),
        }
        texts = [[line.source, line.text] for line in lines]
        try:
            answer = self._call.ask({"verb": verb, "progress": told, "lines": texts, **more})
        except (OwnerSilent, OwnerRefused):
            self._lose()
            return
        self._first_line = max(self._first_line, job.snapshot().log_cut) + len(texts)
        if answer.get("ended"):
            self._lose()
        elif "cancel" in answer:
            job.cancel(answer["cancel"] or None)

    def _lose(self) -> None:
        self._is_shown = False
        print("jobactors: its store was closed: this one goes on alone", file=sys.stderr)  # noqa: T201


def _ending_of(job: Job[Any]) -> dict[str, Any]:
    snapshot = job.snapshot()
    outcome = snapshot.outcome
    try:
        text = exact_json(None if outcome is None else outcome.value)
        result = None if outcome is None or len(text) > _LARGEST_RESULT else outcome.value
    except (NotExact, RecursionError):
        result = None
    error = "" if snapshot.error is None else str(snapshot.error)
    told = {"state": str(snapshot.state), "result": result, "error": error}
    return {**told, "reason": snapshot.reason}
