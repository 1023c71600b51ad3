"""Compare what processes have from their parent: with the same, one is as good as a new one."""

from __future__ import annotations

import os
import stat
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
    blocks: bool
    """Whether to look at them may block: output goes to a file, perhaps of another machine."""

    @classmethod
    def now(cls) -> Surroundings:
        """Return those of a process that is started now."""
        path = [entry for entry in sys.path if isinstance(entry, str)]
        streams, folder, blocks = [], "", False
        with suppress(OSError):  # it was removed
            folder = os.getcwd()  # noqa: PTH109 - before each job: a Path takes longer
        for number in (1, 2):
            with suppress(OSError):
                found = os.fstat(number)
                streams.append((found.st_dev, found.st_ino))
                blocks = blocks or stat.S_ISREG(found.st_mode)
        environment = getattr(os.environ, "_data", None)  # undecoded: it is compared, and no more
        if environment is None:
            environment = os.environ
        return cls(sys.executable, path, folder, dict(environment), streams, blocks)
