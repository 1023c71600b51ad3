"""From what ``store=`` says to a system that keeps its jobs, with those of earlier processes."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, cast

from jobactors.model.stored import PutCheckpoint

from .journal import Journal
from .upstairs import upstairs

if TYPE_CHECKING:
    from jobactors.model.stored import CheckpointRow, JobRow, Write

    from .recovery import Recover
    from .store import Store
    from .system import System


def store_of(store: object) -> Store | None:
    """Return the store that ``store=`` means: None, a path, or a store itself.

    Raises:
        TypeError: for anything else.
        ValueError: for a path that can name no file.
    """
    if store is None:
        return None
    if isinstance(store, str | os.PathLike):
        _check_path(os.fspath(cast("str | os.PathLike[str]", store)))
        opened: Store = upstairs("sqlite").SqliteStore(store)
        return opened
    if isinstance(store, type):
        raise TypeError(
            f"store= is a store, not the class {store.__name__}: make one of it, "
            "as in store=ja.SqliteStore(path)"
        )
    if all(hasattr(store, name) for name in ("open", "apply", "unfinished", "finished")):
        return cast("Store", store)
    raise TypeError(
        f"store= is a path, a store such as ja.SqliteStore(path), or None, not {store!r:.100}"
    )


def _check_path(path: object) -> None:
    if not isinstance(path, str):
        raise TypeError(f'store= is a path of text, such as "jobs.db", not {path!r:.100}')
    if not path.strip():
        raise ValueError(
            f'store= is the path of a file, such as "jobs.db", or None for no file, not {path!r}'
        )
    if path == ":memory:":  # SQLite's own word; here it would name a file
        raise ValueError(
            "store=':memory:' names no file: pass store=ja.MemoryStore() to keep jobs in memory, "
            "or None to keep none"
        )
    if "\0" in path:
        raise ValueError(f"store= is the path of a file, and {path!r:.100} holds a NUL character")


async def open_journal(system: System, store: Store, patience: float) -> None:
    """Become the owner of a store, and write into it from now on.

    Raises:
        StoreError: if that cannot be.
    """
    journal = Journal(
        store,
        system.door,
        system.clock,
        system.alarms,
        system.intake.refuse,
        system.store_has_changed,
    )
    await journal.open(patience)
    system.journal = journal
    system.shelf.keep = partial(_keep, system, journal)
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
    system.shelf.load(checkpoints)
    system.recovery.restore(unfinished, ended)
    journal.prune()
    if recover == "auto":
        system.recovery.resume_all()


def _look(store: Store, at_most: int) -> tuple[list[JobRow], list[JobRow], list[CheckpointRow]]:
    ended = store.finished(at_most)
    ended.reverse()  # the registry keeps the order of their ends
    return store.unfinished(), ended, store.checkpoints()
