"""Metrics, schedules and templates of a store that no process owns, out of its file.

The store is not opened: nothing is locked, recovered or removed in it, and a process that opens it
at the same moment finds it as it was.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from jobactors.engine.api.metrics_rows import metrics_from
from jobactors.engine.api.outside_commands import metrics_as_plain, schedules_as_plain
from jobactors.engine.api.templates import plain
from jobactors.engine.storage.stored_jobs import records_from
from jobactors.engine.storage.template_codec import template_from
from jobactors.engine.system.metrics_table import MetricsTable, read_metrics
from jobactors.engine.system.schedule_entry import entry_from
from jobactors.model.exposition import Gauges
from jobactors.model.stored_rows import SCHEDULES, TEMPLATES

from .statuses import complain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from jobactors.engine.records.record import Record
    from jobactors.engine.system.schedule_entry import ScheduleEntry
    from jobactors.model.stored_rows import DocumentRow
    from jobactors.stores.read_only import StoreView

    _T = TypeVar("_T")


def stored_metrics(view: StoreView) -> dict[str, Any]:
    """Return the metrics of a store's file, as its owner would."""
    stored = read_metrics(view)
    table = MetricsTable(time.time)
    table.load(stored, records_from(stored.uncounted))
    return metrics_as_plain(metrics_from(table.counted(), Gauges()))


def stored_schedules(view: StoreView) -> dict[str, Any]:
    """Return the schedules of a store's file, at rest: no process submits their jobs."""

    def find(job_id: str) -> Record | None:
        return next(iter(records_from(view.get([job_id]))), None)

    def entry_of(row: DocumentRow) -> ScheduleEntry:
        entry = entry_from(row, find)
        entry.rests = True
        entry.count_missed(now)
        return entry

    now = time.time()
    return schedules_as_plain([one.state(now) for one in _readable(view, SCHEDULES, entry_of)])


def stored_templates(view: StoreView) -> dict[str, Any]:
    """Return the templates of a store's file; whether their types have changed is not known."""
    found = _readable(view, TEMPLATES, template_from)
    return {"templates": [{**plain(one), "problem": ""} for one in found]}


def _readable(view: StoreView, kind: str, read: Callable[[DocumentRow], _T]) -> Iterator[_T]:
    """Yield the documents that can be read; the others are complained about."""
    for row in view.documents(kind):
        try:
            yield read(row)
        except (ValueError, TypeError, ImportError) as exc:
            complain(f"the {kind} {row.name:.100} cannot be read: {exc}")
