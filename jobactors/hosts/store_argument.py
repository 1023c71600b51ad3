"""The ``store=`` argument of ``open_jobs`` and ``ja.start``: checks it, and makes it a store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from jobactors.engine.ports.late_binding import load_module

if TYPE_CHECKING:
    from jobactors.engine.ports.store import Store


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
        opened: Store = load_module("sqlite").SqliteStore(store)
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
    if path == ":memory:":  # SQLite's own notation; here it would name a file
        raise ValueError(
            "store=':memory:' names no file: pass store=ja.MemoryStore() for jobs in memory, "
            "or None for no store"
        )
    if "\0" in path:
        raise ValueError(f"store= is the path of a file, and {path!r:.100} holds a NUL character")
