"""What the store says after a program: of every job what its last snapshot and its events said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

import jobactors as ja
from jobactors.engine.storage.row_codec import read_row

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from tests.simulation.watcher import Watcher

UNLOGGED = frozenset({"JobWaiting", "JobProgressed", "JobLogged", "JobRead", "JobRemoved"})
"""What is told, and not written into event logs."""


def check_store(
    store: ja.MemoryStore,
    snapshots: Mapping[str, ja.JobSnapshot],
    watcher: Watcher,
    deleted: Collection[str],
) -> None:
    """Compare what is kept with what was told, job by job."""
    store.open()
    try:
        rows = {row.id: row for row in [*store.unfinished(), *store.finished(10**6)]}
        logs = {job_id: [event.kind for event in store.events(job_id)] for job_id in rows}
    finally:
        store.close()
    for job_id, snapshot in snapshots.items():
        if job_id not in rows:
            assert job_id in deleted, f"{snapshot} is not kept"
            continue
        kept, _ = read_row(rows[job_id])
        assert _comparable(kept) == _comparable(snapshot)
        told = [kind for kind in watcher.kinds[job_id] if kind not in UNLOGGED]
        assert logs[job_id] == told, f"{snapshot}: {logs[job_id]} is kept, {told} was told"


def _comparable(snapshot: ja.JobSnapshot) -> ja.JobSnapshot:
    """Leave out what no store keeps: speeds, exceptions as such, and how a value is made."""
    outcome = snapshot.outcome
    if outcome is not None:
        value = type(outcome.value).__name__ if outcome.value is not None else None
        outcome = ja.Outcome(outcome.state, value, reason=outcome.reason)
    progress = replace(snapshot.progress, rate=None, time_left=None)
    return replace(snapshot, outcome=outcome, progress=progress)
