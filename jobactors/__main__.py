"""``python -m jobactors``, and the console script ``jobactors``: see :mod:`.hosts.shell`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line's subcommand; return the exit status."""
    if arguments is None:  # it is the program's own
        from jobactors.hosts.shell.interrupts import let_ctrl_c_end

        let_ctrl_c_end()
    from jobactors.hosts.shell.parser import parse, run_handler

    return run_handler(parse(arguments))


if __name__ == "__main__":
    sys.exit(main())
