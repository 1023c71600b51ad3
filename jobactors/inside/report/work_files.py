"""Work files: the data of a checkpoint that is too large to be saved in it.

All of a store's are in one *base* folder beside it, which may lie in a folder that other users
share.  So the base is used only if it is a folder of this user, and no link: behind a link there
may be a folder of the user's own, out of which old work files would be removed one day.  A list in
it names the folders that were made there for work: nothing else in it is ever removed.
"""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .file_owner import is_ours

if TYPE_CHECKING:
    from .checkpoint_buffer import CheckpointBuffer

LONGEST_NAME: Final = 200
_SEPARATORS: Final = r"[/\\:\x00-\x1f]"  # compiled when it is used: imports are quick
LIST: Final = ".names"
"""The file in a base folder that names, one a line, the folders made there for work."""
_LONGEST_LIST: Final = 2**24
_LONG_LIST: Final = 2**16
_UNREADABLE: Final = r"[^A-Za-z0-9]+"


def folder_name(*words: str) -> str:
    """Return a readable name of a folder for some words, whatever is in them.

    It ends with a hash of the words, so different words never share a folder, and none leads
    elsewhere.
    """
    import hashlib

    digest = hashlib.sha256(repr(words).encode()).hexdigest()  # a repr shows where words end
    shown = re.sub(_UNREADABLE, "-", "-".join(words))[:40].strip("-").lower()
    return f"{shown}-{digest[:24]}" if shown else digest[:24]


def folder_for(base: str, *words: str) -> str:
    """Return the path of the folder for some words in a base folder; the base without any."""
    return str(Path(base) / folder_name(*words)) if words else base


def part_folder(folder: Path, part: str) -> Path:
    """Return the folder of one part's work files, below the folder of its job."""
    return folder / (folder_name(part) if part else "whole")


def plain_name(name: str) -> str:
    """Return ``name`` if it is a plain file name, without a folder in it.

    Raises:
        TypeError, ValueError: for anything else.
    """
    if not isinstance(name, str):
        raise TypeError(f"a work file's name is text, not {name!r:.100}")
    if not name.strip(". ") or re.search(_SEPARATORS, name) or len(name) > LONGEST_NAME:
        raise ValueError(f"a work file's name is a plain file name, not {name!r:.100}")
    return name


def folder_of(part: str, buffer: CheckpointBuffer | None) -> Path:
    """Return the folder for the work files of ``part``, made if need be.

    Args:
        part: The part of the job; empty for the whole job.
        buffer: The checkpoints that the files belong to; without one, or without a folder in it,
            they go into a temporary folder of this process.

    Raises:
        PermissionError: if the base folder is a link, or not this user's.
    """
    if buffer is None or not buffer.folder:
        return made(part_folder(_outside_jobs(), part))
    if part not in buffer.files:
        note_folder(Path(buffer.folder))
        buffer.has_files(part)
        if not buffer.has(part):
            buffer.save(part, None, 0)  # the row that the files belong to, and that is listed
            buffer.write()  # at once: files without a row would be removed as leftovers
    return made(part_folder(Path(buffer.folder), part))


def made(folder: Path) -> Path:
    """Make a folder that only this user can enter, with those it is in."""
    # Path.mkdir(parents=True) would give those the rights of everyday folders.
    while True:
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            return folder
        except FileNotFoundError:
            # Again and again: the last part to end removes the folder of all in this moment.
            made(folder.parent)


def trouble_with(base: Path) -> str:
    """Return why a base folder must not be used; empty if it may be, or is not there."""
    try:
        status = base.lstat()
    except FileNotFoundError:
        return ""
    if stat.S_ISLNK(status.st_mode):
        return "it is a symbolic link: remove the link, or replace it by the folder it leads to"
    if not stat.S_ISDIR(status.st_mode):
        return "it is no folder: move it away"
    if not is_ours(status.st_uid, base):
        return "it belongs to another user: remove it, or put the store elsewhere"
    return ""


def note_folder(folder: Path) -> None:
    """Make the base of a folder for work if need be, and name the folder in its list.

    Raises:
        PermissionError: if the base is a link, or not this user's.
    """
    fd = _open_list(folder.parent)
    try:
        os.write(fd, f"{folder.name}\n".encode())  # one write: other threads append as well
    finally:
        os.close(fd)


def _open_list(base: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    while True:
        trouble = trouble_with(made(base))
        if trouble:
            raise PermissionError(f"work files cannot be kept in {base}: {trouble}")
        with suppress(FileNotFoundError):  # an engine that ends removes an empty base
            return os.open(base / LIST, flags, 0o600)


def noted_folders(base: Path) -> frozenset[str]:
    """Return the names of the folders that were made in a base for work; from its list."""
    try:
        with (base / LIST).open(encoding="ascii", errors="replace") as file:
            return frozenset(file.read(_LONGEST_LIST).split("\n")) - {""}
    except OSError:
        return frozenset()


def shorten_list(base: Path) -> None:
    """Leave out of a base's list what is named more than once, or gone, if it has grown long."""
    import tempfile

    with suppress(OSError):
        if (base / LIST).stat().st_size <= _LONG_LIST:
            return
        left = noted_folders(base) & frozenset(os.listdir(base))  # noqa: PTH208 - names
        fd, fresh = tempfile.mkstemp(prefix=LIST, dir=base)
        with open(fd, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor
            file.writelines(f"{name}\n" for name in sorted(left))
        Path(fresh).replace(base / LIST)


@cache
def _outside_jobs() -> Path:
    """Make the folder of functions called without a job; it is removed with the process."""
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="jobactors-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
