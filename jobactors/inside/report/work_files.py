"""Work files: the data of a checkpoint that is too large to be saved in it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .checkpoint_buffer import CheckpointBuffer

LONGEST_NAME: Final = 200
_SEPARATORS: Final = re.compile(r"[/\\:\x00-\x1f]")
_READABLE: Final = re.compile(r"[^A-Za-z0-9]+")


def folder_name(*words: str) -> str:
    """Return a readable name of a folder for some words, whatever is in them.

    It ends with a hash of the words, so different words never share a folder, and none leads
    elsewhere.
    """
    import hashlib

    digest = hashlib.sha256(repr(words).encode()).hexdigest()  # a repr shows where words end
    shown = _READABLE.sub("-", "-".join(words))[:40].strip("-").lower()
    return f"{shown}-{digest[:24]}" if shown else digest[:24]


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
    if not name.strip(". ") or _SEPARATORS.search(name) or len(name) > LONGEST_NAME:
        raise ValueError(f"a work file's name is a plain file name, not {name!r:.100}")
    return name


def folder_of(part: str, buffer: CheckpointBuffer | None) -> Path:
    """Return the folder for the work files of ``part``, made if need be.

    Args:
        part: The part of the job; empty for the whole job.
        buffer: The checkpoints that the files belong to; without one, or without a folder in it,
            they go into a temporary folder of this process.
    """
    if buffer is None or not buffer.folder:
        return made(part_folder(_outside_jobs(), part))
    if part not in buffer.files:
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


@cache
def _outside_jobs() -> Path:
    """Make the folder of functions called without a job; it is removed with the process."""
    import atexit
    import shutil
    import tempfile

    folder = tempfile.mkdtemp(prefix="jobactors-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)
