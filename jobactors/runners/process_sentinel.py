"""The sentinel: a tiny process that kills the process groups its parent leaves behind.

It reads ``+17`` and ``-17`` (a process group begins, has ended) from its parent.  When the parent
is gone, however it went, the pipe ends, and the groups that are left are killed: the jobs'
processes, those that they have started, and those that are stopped and notice nothing themselves.

Run as a script by ``process_worker``, with nothing but the standard library, and with SIGINT,
SIGTERM and SIGHUP blocked.
"""

import os
import signal
import sys
from contextlib import suppress


def main() -> None:
    """Listen until the parent is gone, then kill."""
    os.chdir("/")  # a folder of the user's would stay busy
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line.startswith("+") else groups.discard)(int(line[1:]))
    for group in groups:
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
