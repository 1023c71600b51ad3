"""The folders of work files: a discarded one is renamed at once, and removed beside the loop.

Nothing is removed but what this store has made: folders that its list names, and those it has
renamed itself.  Everything happens below one open descriptor of the base folder, which was looked
at after it was opened, so that no link leads elsewhere, not even one made in this moment.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import stat
import tempfile
import zlib
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from jobactors.inside.report.file_owner import is_ours
from jobactors.inside.report.guarded_log import LOG
from jobactors.inside.report.work_files import (
    LIST,
    folder_name,
    made,
    note_folder,
    noted_folders,
    part_folder,
    shorten_list,
    trouble_with,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

_GONE: Final = r"\.gone-([0-9a-f]{16})[0-9a-f]{8}"  # compiled when it is used: imports are quick
_AT: Final = os.rename in os.supports_dir_fd and shutil.rmtree.avoids_symlink_attacks
"""Whether this system takes names relative to an open folder."""
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)


class WorkFolders:
    """The work files of one system.  Used in its loop's thread only.

    Without a store they are in a temporary folder, which is made when the first one is asked for
    and is removed with the system.

    Args:
        stored_base: Returns the store's folder of work files; None without one.
    """

    def __init__(self, stored_base: Callable[[], Path | None]) -> None:
        self._stored_base = stored_base
        # The name cannot be guessed, so no other user can be there first.
        self._temporary = Path(tempfile.gettempdir()) / f"jobactors-{secrets.token_hex(16)}"
        self._to_remove: list[Path] = []
        self._discarded = trio.Event()
        self._removing = trio.Lock()

    @property
    def base(self) -> Path:
        """The folder of all work files."""
        return self._stored_base() or self._temporary

    def folder(self, type: str, subject: str, place: str = "") -> Path:
        """Return the folder for work of this type about this subject; it need not exist."""
        return self.base / _name_of(type, subject, place)

    def words(self, type: str, subject: str, place: str = "") -> tuple[str, ...]:
        """Return the base, and the words after which that folder is named: see ``folder_for``."""
        return str(self.base), *_words_of(type, subject, place)

    def temporary_words(self, job_id: str) -> tuple[str, ...]:
        """Return the same for the files of one job, of which no store knows."""
        return str(self._temporary), job_id

    def remove_all_but(self, work: Iterable[tuple[str, str, str]]) -> None:
        """Remove the folders that an earlier process has left for other work than this.

        A base that is a link, or not this user's, is left alone, which is logged.
        """
        base = self._stored_base()
        if base is None or not os.path.lexists(base):
            return
        trouble = trouble_with(base)
        if trouble:
            LOG.warning("the work files in %s are left alone: %s", base, trouble)
            return
        if not (base / LIST).is_file():
            return  # not made by us, or before there was a list
        left = noted_folders(base) - {_name_of(*each) for each in work}
        for name in sorted(os.listdir(base)):  # noqa: PTH208 - names
            if _is_gone(name):
                self._remove_soon(base / name)
            elif name in left:
                self.discard(base / name)
        shorten_list(base)

    def move_part(self, old: Path, new: Path, part: str) -> None:
        """Move the work files of one part to the folder of other work; what was there goes.

        If they cannot be moved, the job goes on without them, as after a removal by hand.
        """
        base, source, target = self.base, part_folder(old, part), part_folder(new, part)
        if not source.is_dir():
            return
        self.discard(target)
        with suppress(OSError), _opened(base) as at:
            note_folder(new)
            made(new)
            _rename(base, at, source.relative_to(base), target.relative_to(base))
            old.rmdir()  # unless other parts have files there

    def discard_part(self, folder: Path, part: str) -> None:
        """Remove the work files of one part of a job."""
        self.discard(part_folder(folder, part))
        with suppress(OSError):
            folder.rmdir()  # unless other parts have files there

    def discard(self, folder: Path) -> None:
        """Remove a folder soon; its name is free at once."""
        base = self._temporary if folder.is_relative_to(self._temporary) else self.base
        gone = _gone_name(secrets.token_hex(8))
        with suppress(OSError), _opened(base) as at:  # most jobs have no work files
            _rename(base, at, folder.relative_to(base), Path(gone))
            self._remove_soon(base / gone)

    def _remove_soon(self, folder: Path) -> None:
        self._to_remove.append(folder)
        self._discarded.set()

    async def run(self) -> None:
        """Remove discarded folders until cancelled."""
        while True:
            await self._discarded.wait()
            self._discarded = trio.Event()
            await self._remove()

    async def close(self) -> None:
        """Remove the discarded folders that are left, the temporary one, and an empty base."""
        await self._remove()
        if self._temporary.exists():
            await trio.to_thread.run_sync(partial(shutil.rmtree, self._temporary, True))
        base = self._stored_base()
        if base is not None and (base / LIST).exists():
            await trio.to_thread.run_sync(_remove_base, base)

    async def _remove(self) -> None:
        async with self._removing:
            while self._to_remove:
                folder = self._to_remove.pop()
                await trio.to_thread.run_sync(_remove_tree, folder)


def _gone_name(chosen: str) -> str:
    """Return the name of a discarded folder, which no folder of a user's has by chance."""
    return f".gone-{chosen}{zlib.crc32(chosen.encode()):08x}"


def _is_gone(name: str) -> bool:
    found = re.fullmatch(_GONE, name)
    return found is not None and name == _gone_name(found[1])


@contextmanager
def _opened(base: Path) -> Generator[int | None]:
    """Open a base folder and check what was opened; None where the system has no way to."""
    if not _AT:
        if trouble_with(base):
            raise PermissionError(base)
        yield None
        return
    at = os.open(base, _FOLDER)
    try:
        if not is_ours(os.fstat(at).st_uid, base):
            raise PermissionError(base)
        yield at
    finally:
        os.close(at)


def _rename(base: Path, at: int | None, inside: Path, to: Path) -> None:
    """Give a folder in a base, or one in such a folder, another name in the base, or in one."""
    if at is None:
        (base / inside).rename(base / to)
        return
    with _parent(at, inside) as source, _parent(at, to) as target:
        os.rename(inside.name, to.name, src_dir_fd=source, dst_dir_fd=target)


@contextmanager
def _parent(at: int, inside: Path) -> Generator[int]:
    """Open the folder in which a name stands, which is an open base or a folder in that."""
    *outer, _ = inside.parts
    folder = os.open(outer[0], _FOLDER, dir_fd=at) if outer else os.dup(at)
    try:
        yield folder
    finally:
        os.close(folder)


def _name_of(type: str, subject: str, place: str) -> str:
    """Return the name of a work's folder: without a place, that of earlier versions."""
    return folder_name(*_words_of(type, subject, place))


def _words_of(type: str, subject: str, place: str) -> tuple[str, ...]:
    return (type, subject, place) if place else (type, subject)


def _remove_tree(folder: Path) -> None:
    """Remove a renamed folder."""
    with suppress(OSError), _opened(folder.parent) as at:
        if at is None:
            shutil.rmtree(folder, ignore_errors=True)
            return
        if stat.S_ISDIR(os.stat(folder.name, dir_fd=at, follow_symlinks=False).st_mode):
            shutil.rmtree(folder.name, ignore_errors=True, dir_fd=at)
        else:  # a person has put a link, or a file, in its place
            os.unlink(folder.name, dir_fd=at)


def _remove_base(base: Path) -> None:
    """Remove a base folder if nothing but its list is left in it.

    Not before the end: until then jobs make folders in it, in threads and in other processes.
    """
    with suppress(OSError), _opened(base) as at:
        if at is None:
            if os.listdir(base) == [LIST]:  # noqa: PTH208 - names
                (base / LIST).unlink()
        elif os.listdir(at) == [LIST]:  # noqa: PTH208 - an open folder has no path
            os.unlink(LIST, dir_fd=at)
        base.rmdir()  # which refuses a link, and a folder with files
