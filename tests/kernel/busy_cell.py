"""A cell that is busy for as long as a test wants, on a machine of any speed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import uuid4

if TYPE_CHECKING:
    from pathlib import Path

LONGEST: Final = 600
"""Seconds after which the cell ends by itself: a test that failed leaves no kernel busy."""

SOURCE: Final = """\
import pathlib, time
busy_until = time.monotonic() + {longest}
while not pathlib.Path({ended!r}).exists() and time.monotonic() < busy_until:
    time.sleep(0.02)
"""


class BusyCell:
    """Occupies the main thread of a kernel until `end` is called.

    A cell of fixed length would race with the test: on a busy machine it ends before the click that
    is to arrive in the middle of it.  This one waits for a file.

    Args:
        folder: Holds the file; anywhere that the kernel can read.
    """

    def __init__(self, folder: Path) -> None:
        self._ended = folder / f"end-{uuid4().hex}"

    @property
    def source(self) -> str:
        """The code of the cell."""
        return SOURCE.format(longest=LONGEST, ended=str(self._ended))

    def end(self) -> None:
        """Let the cell end, soon."""
        self._ended.touch()
