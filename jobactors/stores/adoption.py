"""The move of a renamed notebook's store from its old name to its new one."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from jobactors.model.errors import StoreFailed
from jobactors.stores import ownership

from .connection import connect_to_write
from .failures import SqliteTrouble, from_os, from_sqlite
from .inspection import inspect
from .location import note_belonging, note_path, notebook_store_path, work_folder

if TYPE_CHECKING:
    from pathlib import Path


def adopt(orphan: Path, notebook: Path, *, system: str = "") -> Path:
    """Move a store, with its work files, to where ``notebook`` looks for its own.

    Args:
        orphan: The path that ``orphan_for`` returned; it must have no owner.
        notebook: The notebook that takes it over; it must have no store.
        system: The name of the job system whose jobs these are; default: the notebook's own.

    Returns:
        The store's new path, in the folder it was in.

    Raises:
        StoreBusy: if one of the two has an owner.
        StoreDamaged, StoreTooNew: if it cannot be read; it stays where it is then.
        StoreFailed: if the notebook has a store already, or the disk refuses.

    Example::

        if (orphan := orphan_for(notebook)) is not None and a_person_agrees():
            adopt(orphan, notebook)
    """
    name, target = str(orphan), notebook_store_path(notebook, orphan.parent, system=system)
    try:
        with ExitStack() as held:
            for path in sorted({orphan, target}):
                held.callback(ownership.acquire(path).release)
            if target.exists():
                raise StoreFailed(str(target), "it exists already", "delete it, or go on with it")
            inspect(orphan, name)
            _empty_log(orphan)
            _move(orphan, target)
            note_belonging(target, notebook, system)
    except SqliteTrouble as exc:
        raise from_sqlite(name, exc) from exc
    except OSError as exc:
        raise from_os(name, exc) from exc
    return target


def _empty_log(path: Path) -> None:
    """Write the log back into the file: only the two together are the store."""
    with closing(
        connect_to_write(path, durability="power", exclusive=False, busy_timeout=0.0)
    ) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _move(orphan: Path, target: Path) -> None:
    # The work files first: a store without them can be adopted again, they alone cannot.
    if work_folder(orphan).exists():
        work_folder(orphan).replace(work_folder(target))
    orphan.replace(target)
    note_path(orphan).unlink(missing_ok=True)
