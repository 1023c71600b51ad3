"""The folders of work files: a discarded one is renamed at once, and removed beside the loop."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from jobactors.inside.report.work_files import folder_name, part_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_GONE: Final = ".gone-"
_OURS: Final = re.compile(r"([a-z0-9-]+-)?[0-9a-f]{24}")


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

    @property
    def base(self) -> Path:
        """The folder of all work files."""
        return self._stored_base() or self._temporary

    def folder(self, type: str, subject: str) -> Path:
        """Return the folder for work of this type about this subject; it need not exist."""
        return self.base / folder_name(type, subject)

    def temporary_folder(self, job_id: str) -> Path:
        """Return the folder for the files of one job, of which no store knows."""
        return self._temporary / folder_name(job_id)

    def remove_all_but(self, work: Iterable[tuple[str, str]]) -> None:
        """Remove the folders that an earlier process has left for other work than this."""
        base = self._stored_base()
        if base is None or not base.is_dir():
            return
        known = {folder_name(*each) for each in work}
        for folder in base.iterdir():
            if folder.name.startswith(_GONE):
                self._remove_soon(folder)
            elif _OURS.fullmatch(folder.name) and folder.name not in known:
                self.discard(folder)

    def discard_part(self, folder: Path, part: str) -> None:
        """Remove the work files of one part of a job."""
        self.discard(part_folder(folder, part))
        with suppress(OSError):
            folder.rmdir()  # unless other parts have files there

    def discard(self, folder: Path) -> None:
        """Remove a folder soon; its name is free at once."""
        base = self._temporary if folder.is_relative_to(self._temporary) else self.base
        gone = base / f"{_GONE}{secrets.token_hex(8)}"
        with suppress(OSError):  # most jobs have no work files
            folder.rename(gone)
            self._remove_soon(gone)

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
        """Remove the discarded folders that are left, and the temporary one."""
        if self._temporary.exists():
            self._to_remove.append(self._temporary)
        await self._remove()

    async def _remove(self) -> None:
        while self._to_remove:
            folder = self._to_remove.pop()
            await trio.to_thread.run_sync(_remove_tree, folder)


def _remove_tree(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        os.rmdir(folder.parent)  # noqa: PTH106
