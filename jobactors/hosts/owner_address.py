"""The Unix socket at which the owner of a store takes commands, and the folder that guards it.

The address follows from the store's path alone, so that a command line finds it without asking.  It
does not lie beside the store: a path of a socket has 107 bytes, and a network's disk takes none.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Final

_FOLDERS: Final = Path("/tmp")  # noqa: S108 - a folder of ours in it, which is checked
"""Not the temporary folder of the environment: two sessions of one user may differ in it."""
LONGEST: Final = 2**24
"""Bytes of one command or answer."""


def address_of(store: Path) -> Path:
    """Return the path of the socket of the store at ``store``, a path without links."""
    name = hashlib.sha256(os.fsencode(store)).hexdigest()[:24]
    return _FOLDERS / f"jobactors-{os.getuid()}" / f"{name}.sock"


def is_guarded(folder: Path) -> bool:
    """Whether a folder is ours, and no other user gets into it."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    return is_ours and not stat.S_IMODE(status.st_mode) & 0o077
