"""``python -m jobactors``, and the console script ``jobactors``: see :mod:`.hosts.shell`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from jobactors.hosts.shell.parser import parse, run_handler

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line's subcommand; return the exit status."""
    try:
        return run_handler(parse(arguments))
    except KeyboardInterrupt:  # while it was loaded
        return 130


if __name__ == "__main__":
    sys.exit(main())
