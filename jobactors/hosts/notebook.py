"""The notebook that a kernel serves, and the store of that notebook's jobs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jobactors.inside.report.guarded_log import LOG
from jobactors.model.errors import StoreError
from jobactors.stores.adoption import adopt as adopt_store
from jobactors.stores.location import note_belonging, notebook_store_path, orphan_for
from jobactors.stores.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Mapping


def notebook_path(
    environment: Mapping[str, str] = os.environ, names: Mapping[str, object] | None = None
) -> Path | None:
    """Return the path of the notebook this kernel serves; None if it serves none, or a new one.

    Jupyter's server puts it into the kernel's environment, Visual Studio Code into the notebook's
    names.  What is no existing ``.ipynb`` file, such as a console, has no store of its own.

    Args:
        environment: Jupyter's source; default: this process's environment.
        names: Visual Studio Code's source; default: those of ``__main__``.
    """
    if names is None:
        names = vars(sys.modules["__main__"])
    for given in (names.get("__vsc_ipynb_file__"), environment.get("JPY_SESSION_NAME")):
        if isinstance(given, str) and given.endswith(".ipynb"):
            path = Path(given).absolute()
            if path.is_file():
                return path
    return None


class NotebookStore:
    """Finds the store of one notebook: a file of its own under the user's data folder."""

    def __init__(
        self, notebook: Path, system: str = "", *, adopt: bool = False, patience: float = 0.0
    ) -> None:
        """Look for it, and for the jobs of an earlier name.

        Args:
            notebook: The notebook.
            system: The name of its job system; default: its own, which has none.
            adopt: Whether to take those jobs over.
            patience: Seconds to wait for a predecessor that is about to end.

        Raises:
            StoreError: if there are such jobs and they cannot be taken over.
        """
        self.notebook = notebook
        self._system = system
        self.path: Path = notebook_store_path(notebook, system=system)
        self.orphan = orphan_for(notebook, system=system, own_is_empty=True)
        """The store of the notebook that this one seems to have been before a rename."""
        self._has_jobs = False
        """Whether there are jobs of its own, so that those of an orphan cannot take their place."""
        if self.orphan is None:
            return
        try:
            self._has_jobs = self.path.exists() and not _is_empty(self.path, patience)
        except StoreError:
            if adopt:
                raise
            self.orphan = None  # its own store is in trouble, and reports that when it is opened
            return
        if not adopt:
            return
        if self._has_jobs:
            raise StoreError(str(self.orphan), f"adopt=True cannot be done: {self.offer}")
        _remove(self.path)  # it is empty
        adopt_store(self.orphan, notebook, system=system)
        self.orphan = None

    def store(self) -> SqliteStore:
        """Return the store, not opened."""
        return SqliteStore(self.path)

    def note(self) -> None:
        """Note which notebook the file belongs to; called by its owner."""
        try:
            note_belonging(self.path, self.notebook, self._system)
        except OSError as exc:
            LOG.warning("a rename of this notebook will not be noticed: %s", exc)

    @property
    def offer(self) -> str | None:
        """The sentence that offers an earlier name's jobs; None if there are none."""
        if self.orphan is None:
            return None
        found = "jobs of a notebook that this one seems to have been are stored"
        name = f"name={self._system!r}" if self._system else ""
        also = f", {name}" if name else ""
        if self._has_jobs:
            return (
                f"{found}, but this one has jobs of its own by now: ja.stop({name}), then "
                f"ja.start(store={str(self.orphan)!r}{also}) opens the earlier ones"
            )
        return (
            f"{found} ({self.orphan.name}): ja.stop({name}), then ja.start(adopt=True{also}) takes "
            "them over"
        )


def _is_empty(path: Path, patience: float) -> bool:
    """Whether a store holds no jobs, as a first start after a rename leaves it."""
    store = SqliteStore(path)
    try:
        store.open(patience)
        return not store.unfinished() and not store.finished(1) and not store.checkpoints()
    finally:
        store.close()


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm", ".notebook"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
