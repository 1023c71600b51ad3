"""Where work files are, and how they go: renamed at once, removed beside the loop."""

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
    and goes with the system.
    """

    def __init__(self, kept: Callable[[], Path | None]) -> None:
        self._kept = kept
        # Nobody can guess it, so nobody else can be there first.
        self._passing = Path(tempfile.gettempdir()) / f"jobactors-{secrets.token_hex(16)}"
        self._to_remove: list[Path] = []
        self._news = trio.Event()

    @property
    def base(self) -> Path:
        """The folder of all work files."""
        return self._kept() or self._passing

    def folder(self, type: str, subject: str) -> Path:
        """Return the folder for work of this type about this subject; it need not exist."""
        return self.base / folder_name(type, subject)

    def passing_folder(self, job_id: str) -> Path:
        """Return the folder for one job's files of which no store knows."""
        return self._passing / folder_name(job_id)

    def keep_only(self, work: Iterable[tuple[str, str]]) -> None:
        """Remove what an earlier process has left for other work than this: nobody asks for it."""
        base = self._kept()
        if base is None or not base.is_dir():
            return
        known = {folder_name(*words) for words in work}
        for folder in base.iterdir():
            if folder.name.startswith(_GONE):
                self._remove_soon(folder)
            elif _OURS.fullmatch(folder.name) and folder.name not in known:
                self.discard(folder)

    def discard_part(self, folder: Path, part: str) -> None:
        """Remove the work files of one part of a job."""
        self.discard(part_folder(folder, part))
        with suppress(OSError):
            folder.rmdir()  # if it was the last one

    def discard(self, folder: Path) -> None:
        """Remove a folder soon; its name is free at once."""
        base = self._passing if folder.is_relative_to(self._passing) else self.base
        gone = base / f"{_GONE}{secrets.token_hex(8)}"
        with suppress(OSError):  # most have none
            folder.rename(gone)
            self._remove_soon(gone)

    def _remove_soon(self, folder: Path) -> None:
        self._to_remove.append(folder)
        self._news.set()

    async def run(self) -> None:
        """Remove what was discarded, until cancelled."""
        while True:
            await self._news.wait()
            self._news = trio.Event()
            await self._remove()

    async def close(self) -> None:
        """Remove what is left of it, and the temporary folder."""
        if self._passing.exists():
            self._to_remove.append(self._passing)
        await self._remove()

    async def _remove(self) -> None:
        while self._to_remove:
            folder = self._to_remove.pop()
            await trio.to_thread.run_sync(_remove_tree, folder)


def _remove_tree(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        os.rmdir(folder.parent)  # noqa: PTH106
