"""The owner of a file that lies where other users can write: it must be this user, or the system.

The owner of a file can read it, change it and lock it, whatever its permissions are now.  On some
file systems (a share that squashes users, a stick without users) every file has the same owner, new
ones of ours too: there the owner proves nothing, and is compared with that of a new file.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def is_ours(owner: int, folder: Path) -> bool:
    """Return whether a file in ``folder`` belongs to this user, or to the system's own.

    Args:
        owner: The number of the file's owner.
        folder: Where it lies; a file may be made there for a moment.
    """
    if not hasattr(os, "geteuid"):
        return True
    return is_trusted(owner, os.geteuid(), lambda: owner_of_new_file(folder))


def is_trusted(owner: int, user: int, owner_of_new: Callable[[], int]) -> bool:
    """Decide it: by the owner, this user, and, only if need be, the owner that new files get."""
    return owner in {user, 0} or owner == owner_of_new()


def owner_of_new_file(folder: Path) -> int:
    """Return the owner that a new file in ``folder`` gets; -1 if none can be made."""
    import tempfile  # costs more than the rest of a job's own process

    with suppress(OSError):
        fd, path = tempfile.mkstemp(prefix=".owner-", dir=folder)
        try:
            return os.fstat(fd).st_uid
        finally:
            os.close(fd)
            os.unlink(path)  # noqa: PTH108 - of mkstemp's own text
    return -1
