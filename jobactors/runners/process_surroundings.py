"""Compare what processes have from their parent: with the same, one is as good as a new one."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Surroundings(NamedTuple):
    """The state that a process takes over from its parent when it is started."""

    executable: str
    path: list[str]
    folder: str
    environment: dict[str, str]
    streams: list[tuple[int, int]]
    blocks: bool
    """Whether to look at them may block: output goes to a file, perhaps of another machine."""

    @classmethod
    def now(cls) -> Surroundings:
        """Return those of a process that is started now."""
        streams, blocks = _streams()
        return cls(sys.executable, _path(), _folder(), dict(_environment()), streams, blocks)

    def are_as_now(self) -> bool:
        """Whether a process that is started now would have the same."""
        # Before each job: nothing is copied that need not be.
        return (
            _environment() == self.environment
            and _path() == self.path
            and sys.executable == self.executable
            and _folder() == self.folder
            and _streams()[0] == self.streams
        )


def _path() -> list[str]:
    return [entry for entry in sys.path if isinstance(entry, str)]


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - a Path takes longer
    except OSError:  # it was removed
        return ""


def _environment() -> Mapping[str, str]:
    data = getattr(os.environ, "_data", None)  # undecoded: it is compared, and no more
    return os.environ if data is None else data


def _streams() -> tuple[list[tuple[int, int]], bool]:
    streams: list[tuple[int, int]] = []
    blocks = False
    for number in (1, 2):
        try:
            found = os.fstat(number)
        except OSError:  # it is closed
            continue
        streams.append((found.st_dev, found.st_ino))
        blocks = blocks or stat.S_ISREG(found.st_mode)
    return streams, blocks
