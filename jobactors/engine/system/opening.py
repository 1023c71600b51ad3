"""The opening of a store: jobs and checkpoints of earlier processes are loaded."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jobactors.inside.report.guarded_log import LOG
from jobactors.model.errors import StoreError

if TYPE_CHECKING:
    from jobactors.engine.ports.store import Store
    from jobactors.model.stored_rows import CheckpointRow, JobRow

    from .parts import Parts
    from .recovery import Recover, Recovery


def load_store(parts: Parts, recovery: Recovery, recover: Recover) -> None:
    """Load the jobs and checkpoints of earlier processes; resume the jobs if the policy is "auto".

    Raises:
        StoreError: if the store cannot be read.
    """
    journal = parts.journal
    if journal is None:
        return
    at_most = parts.registry.retention.read
    now = parts.clock.now()
    unfinished, ended, checkpoints = journal.read(partial(_read, at_most=at_most, now=now))
    parts.checkpoints.load(checkpoints)
    recovery.restore(unfinished, ended)
    if recover == "auto":
        recovery.resume_all()


def _read(
    store: Store, at_most: int, now: float
) -> tuple[list[JobRow], list[JobRow], list[CheckpointRow]]:
    """Read what the store keeps, after what it does not: no job is shown that is forgotten soon."""
    try:
        while store.prune(now):
            pass
    except StoreError as exc:
        LOG.warning("old jobs could not be removed: %s", exc)
    ended = store.finished(at_most)
    ended.reverse()  # the registry adds them in the order of their ends
    return store.unfinished(), ended, store.checkpoints()
