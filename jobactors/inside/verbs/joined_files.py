"""One file of several, which appears whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def join(files: Sequence[Path], into: str | os.PathLike[str]) -> Path:
    """Write files one after the other into one, which appears whole."""
    target = Path(into)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            for file in files:
                with file.open("rb") as source:
                    shutil.copyfileobj(source, out, 1 << 20)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
    return target


def _umask() -> int:
    """Return the mask for the rights of new files; it cannot be read without being set."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
