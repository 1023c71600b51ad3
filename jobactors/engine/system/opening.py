"""From what ``store=`` says to a system that keeps its jobs, with those of earlier processes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jobactors.engine.storage.journal import Journal
from jobactors.model.stored_rows import PutCheckpoint

if TYPE_CHECKING:
    from jobactors.engine.ports.store import Store
    from jobactors.model.stored_rows import CheckpointRow, JobRow, Write

    from .core import System
    from .recovery import Recover


async def open_journal(system: System, store: Store, patience: float) -> None:
    """Become the owner of a store, and write into it from now on.

    Raises:
        StoreError: if that cannot be.
    """
    journal = Journal(
        store,
        system.portal,
        system.clock,
        system.timers,
        system.admission.refuse,
        system.store_has_changed,
    )
    await journal.open(patience)
    system.journal = journal
    system.checkpoints.keep = partial(_keep, system, journal)
    system.work_base = store.work_folder


def _keep(system: System, journal: Journal, write: Write) -> None:
    """Keep a checkpoint, and with it how far its job is: the two are shown side by side."""
    journal.write(write)
    if isinstance(write, PutCheckpoint):
        record = system.find(write.row.job_id)
        if record is not None:
            journal.refresh(record)


def take_up(system: System, recover: Recover) -> None:
    """Take in what earlier processes have left; start it again if the policy says so.

    Raises:
        StoreError: if it cannot be read.
    """
    journal = system.journal
    if journal is None:
        return
    unfinished, ended, checkpoints = journal.read(
        partial(_look, at_most=system.registry.retention.read)
    )
    system.checkpoints.load(checkpoints)
    system.recovery.restore(unfinished, ended)
    journal.prune()
    if recover == "auto":
        system.recovery.resume_all()


def _look(store: Store, at_most: int) -> tuple[list[JobRow], list[JobRow], list[CheckpointRow]]:
    ended = store.finished(at_most)
    ended.reverse()  # the registry keeps the order of their ends
    return store.unfinished(), ended, store.checkpoints()
