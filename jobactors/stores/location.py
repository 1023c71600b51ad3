"""The paths and permissions of a store's files.

A notebook has a file of its own, found by the notebook's path: one a path.  A copied notebook has
another path, and starts empty.  A renamed one has another path, too; but beside each file lies a
note with its notebook's path, device and inode, so that the file of a notebook that is gone can be
offered to the one it has become.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import asdict

if TYPE_CHECKING:
    from collections.abc import Iterable

_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_STEM: Final = 40
_HASH_DIGITS: Final = 12
_LONGEST_NOTE: Final = 100_000
NO_LINK: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
"""For ``os.open``: not through a link in the last place of a path."""

# -- folders and permissions


def prepare(path: Path) -> Path:
    """Make the folder of a store, and those above it, for this user alone.

    Folders that exist stay as they are.

    Returns:
        The path without symbolic links, so that a file has one lock whatever it is called.
    """
    real = Path(os.path.realpath(path))
    make_folder(real.parent)
    return real


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each for this user alone."""
    missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    for parent in reversed(missing):
        with contextlib.suppress(FileExistsError):  # made by another process meanwhile
            parent.mkdir(mode=0o700)
            parent.chmod(0o700)  # against the umask


def make_private(path: Path) -> None:
    """Make the file if it is not there, and allow it to its user alone.

    SQLite gives ``-wal`` and ``-shm`` the permissions of the file itself.
    """
    try:
        fd = os.open(path, os.O_CREAT | os.O_RDWR | os.O_EXCL | NO_LINK, 0o600)
    except FileExistsError:
        if stat.S_IMODE(path.lstat().st_mode) & 0o077:
            with contextlib.suppress(PermissionError):  # the system's own, which we may write
                path.chmod(0o600)
        return
    os.close(fd)
    path.chmod(0o600)  # against the umask


def work_folder(path: Path) -> Path:
    """Return the folder of the work files of the store at ``path``."""
    return path.with_name(path.name + ".work")


def last_written(path: Path) -> float | None:
    """Return when a file or its log was written last, in seconds since the epoch; None if new."""
    moments: list[float] = []
    for written in (path, path.with_name(f"{path.name}-wal")):
        with contextlib.suppress(OSError):
            moments.append(written.stat().st_mtime)
    return max(moments, default=None)


# -- one file a notebook


class Belonging(Struct, frozen=True):
    """Names the notebook of a store, as noted when it was last opened for it."""

    notebook: str
    """The notebook's absolute path."""
    device: int
    inode: int
    """With the device, the identity of that file under every name."""
    system: str = ""
    """The name of the job system whose jobs these are; empty for the notebook's own."""


def notebook_folder() -> Path:
    """Return the folder of all notebooks' stores, below the user's data folder."""
    import platformdirs  # costs more than the rest of this module

    return Path(platformdirs.user_data_dir("jobactors", appauthor=False)) / "notebooks"


def notebook_store_path(notebook: Path, folder: Path | None = None, *, system: str = "") -> Path:
    """Return the path of a notebook's own store.

    Args:
        notebook: Its path; the file need not exist.
        folder: The folder of the stores; default: below the user's data folder.
        system: The name of one of its job systems; default: its own, which has none.

    Example::

        notebook_store_path(Path("Sales 2026.ipynb"))  # …/jobactors/notebooks/Sales-2026-….db
    """
    real = os.path.realpath(notebook)
    whole = os.fsencode(real) + (b"\0" + system.encode("utf-8", "surrogatepass") if system else b"")
    digest = hashlib.sha256(whole).hexdigest()[:_HASH_DIGITS]
    stem = _UNSAFE.sub("-", Path(real).stem).strip("-.")[:_LONGEST_STEM] or "notebook"
    return (folder or notebook_folder()) / f"{stem}-{digest}.db"


def note_belonging(store: Path, notebook: Path, system: str = "") -> None:
    """Note a store's notebook beside it; a missing notebook is not noted.

    To be called by the store's owner whenever it is opened: an editor that saves by replacing the
    file makes another file of it.
    """
    real = os.path.realpath(notebook)
    try:
        status = Path(real).stat()
    except OSError:
        return
    text = json.dumps(asdict(Belonging(real, status.st_dev, status.st_ino, system)))
    note = note_path(store)
    # A new file of a name that nothing has, so that no link of that name leads elsewhere.
    fd, fresh = tempfile.mkstemp(prefix=f"{note.name}.", dir=note.parent)
    with open(fd, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor
        file.write(text)
    Path(fresh).replace(note)


def belonging_of(store: Path) -> Belonging | None:
    """Return the note beside a store; None if there is none that makes sense."""
    try:
        with note_path(store).open(encoding="ascii") as file:
            noted = json.loads(file.read(_LONGEST_NOTE))
        found = Belonging(
            noted["notebook"], noted["device"], noted["inode"], noted.get("system", "")
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    kinds = (type(found.notebook), type(found.device), type(found.inode), type(found.system))
    return found if kinds == (str, int, int, str) else None


def orphan_for(
    notebook: Path, folder: Path | None = None, *, system: str = "", own_is_empty: bool = False
) -> Path | None:
    """Return the store of a notebook that is gone and has become this one by a rename.

    A guess that a person should confirm: a disk gives the number of a deleted file to a new one.

    Args:
        notebook: The notebook that has no store yet.
        folder: The folder of the stores; default: below the user's data folder.
        system: The name of the job system that looks for its jobs; default: the notebook's own.
        own_is_empty: Whether a store that this notebook has already does not count.

    Returns:
        A path for ``adopt``, or None: nothing fits, or this notebook has a store already.
    """
    where = folder or notebook_folder()
    own = notebook_store_path(notebook, where, system=system)
    try:
        status = notebook.stat()
        stores = sorted(where.glob("*.db"))
    except OSError:
        return None
    if own.exists() and not own_is_empty:
        return None
    noted = [(store, belonging_of(store)) for store in stores]
    candidates = [
        (store, belonging)
        for store, belonging in noted
        if belonging is not None and belonging.system == system
    ]
    gone = {belonging.notebook for _, belonging in candidates if not _is_there(belonging.notebook)}
    return choose_orphan((status.st_dev, status.st_ino), candidates, gone)


def choose_orphan(
    identity: tuple[int, int], candidates: Iterable[tuple[Path, Belonging]], gone: Iterable[str]
) -> Path | None:
    """Return the one store whose notebook is gone and was this very file; None if it is not one.

    Args:
        identity: Device and inode of the notebook that looks for its store.
        candidates: The stores, with the notes beside them.
        gone: The paths of the notebooks that are not there any more.
    """
    missing = frozenset(gone)
    found = [
        store
        for store, belonging in candidates
        if belonging.notebook in missing and (belonging.device, belonging.inode) == identity
    ]
    return found[0] if len(found) == 1 else None


def _is_there(notebook: str) -> bool:
    try:
        return os.path.lexists(notebook)
    except ValueError:  # a NUL in it
        return False


def note_path(store: Path) -> Path:
    """Return the path of the note beside the store at ``store``."""
    return store.with_name(store.name + ".notebook")
