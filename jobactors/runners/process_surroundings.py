"""Compare what processes have from their parent: with the same, one is as good as a new one."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import NamedTuple


class Surroundings(NamedTuple):
    """The state that a process takes over from its parent when it is started."""

    executable: str
    path: list[str]
    folder: str
    environment: dict[str, str]
    streams: list[tuple[int, int]]

    @classmethod
    def now(cls) -> Surroundings:
        """Return those of a process that is started now."""
        path = [entry for entry in sys.path if isinstance(entry, str)]
        streams = []
        folder = ""
        with suppress(OSError):  # it was removed
            folder = os.getcwd()  # noqa: PTH109 - before each job: a Path takes longer
        for number in (1, 2):
            with suppress(OSError):
                found = os.fstat(number)
                streams.append((found.st_dev, found.st_ino))
        environment = getattr(os.environ, "_data", None)  # undecoded: it is compared, and no more
        if environment is None:
            environment = os.environ
        return cls(sys.executable, path, folder, dict(environment), streams)


def is_unedited(source: tuple[str, int, int]) -> bool:
    """Whether a file is as it was; given are its path, its time of change and its size."""
    path, at, size = source
    try:
        found = os.stat(path)  # noqa: PTH116 - as above
    except OSError:
        return False
    return (found.st_mtime_ns, found.st_size) == (at, size)
