"""The opening of a store: jobs and checkpoints of earlier processes are loaded."""

from __future__ import annotations

import gc
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from jobactors.engine.storage.stored_jobs import records_from
from jobactors.inside.report.guarded_log import LOG
from jobactors.model.errors import StoreError
from jobactors.model.stored_rows import SCHEDULES, TEMPLATES

from .batch_history import count_ended_jobs
from .metrics_table import StoredMetrics, read_metrics
from .rate_table import KIND as KIND_OF_RATES

if TYPE_CHECKING:
    from collections.abc import Generator

    from jobactors.engine.ports.store import Store
    from jobactors.model.stored_rows import CheckpointRow, DocumentRow, JobRow

    from .late_schedules import LateSchedules
    from .metrics_table import MetricsTable
    from .parts import Parts
    from .recovery import Recover, Recovery
    from .template_table import TemplateTable


def load_store(
    parts: Parts,
    recovery: Recovery,
    templates: TemplateTable,
    schedules: LateSchedules,
    metrics: MetricsTable,
    recover: Recover,
) -> None:
    """Load what earlier processes have stored; resume the jobs if the policy is "auto".

    Raises:
        StoreError: if the store cannot be read.
    """
    journal = parts.journal
    if journal is None:
        return
    at_most = parts.registry.retention.read
    now = parts.clock.now()
    with _collector_paused():
        stored = journal.read(partial(_read, at_most=at_most, now=now))
        parts.checkpoints.load(stored.checkpoints)
        parts.rates.load(stored.rates)
        recovery.restore(
            records_from(stored.unfinished), records_from(stored.ended), stored.last_written
        )
        count_ended_jobs(parts)
    templates.load(stored.templates)
    metrics.load(stored.metrics, records_from(stored.metrics.uncounted))
    if recover == "auto":
        recovery.resume_all()
    schedules.load(stored.schedules, rests=recover == "ask")


@contextmanager
def _collector_paused() -> Generator[None]:
    """Pause Python's garbage collector: it would visit all that is loaded again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Contents(Struct, frozen=True):
    """The contents of a store when it is opened."""

    unfinished: list[JobRow]
    ended: list[JobRow]
    checkpoints: list[CheckpointRow]
    templates: list[DocumentRow]
    schedules: list[DocumentRow]
    rates: list[DocumentRow]
    metrics: StoredMetrics
    last_written: float | None


def _read(store: Store, at_most: int, now: float) -> _Contents:
    """Read what the store keeps, after what it does not: no job is shown that is forgotten soon."""
    metrics = read_metrics(store)  # before jobs go that it has not counted
    try:
        while store.prune(now):
            pass
    except StoreError as exc:
        LOG.warning("old jobs could not be removed: %s", exc)
    ended = store.finished(at_most)
    ended.reverse()  # the registry adds them in the order of their ends
    return _Contents(
        store.unfinished(),
        ended,
        store.checkpoints(),
        templates=store.documents(TEMPLATES),
        schedules=store.documents(SCHEDULES),
        rates=store.documents(KIND_OF_RATES),
        metrics=metrics,
        last_written=getattr(store, "last_written", None),
    )
