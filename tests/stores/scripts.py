"""Real programs in real processes, for tests that need another process."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]

PRELUDE = """\
import os, signal, sys
if hasattr(signal, "alarm"):
    signal.alarm(60)  # nothing hangs for ever
from pathlib import Path
import jobactors as ja
from tests.stores.samples import *
path = Path(sys.argv[1])
def say(*words):  # in one step, whatever other processes say
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
def wait():
    return sys.stdin.readline().rstrip("\\n")
"""


class Script:
    """A running program; it prints lines, and goes on when it receives one."""

    def __init__(self, source: str, path: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + textwrap.dedent(source), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.pid = self._process.pid

    def hear(self) -> str:
        """Return the next line it prints; empty when it has ended."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def tell(self, line: str = "") -> None:
        """Let it go on."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self._process.kill()
        self._process.wait()

    def end(self) -> int:
        """Wait until it has ended by itself; returns its exit code."""
        return self._process.wait(60)

    def close(self) -> None:
        """Leave nothing of it behind."""
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


@contextmanager
def running(source: str, path: Path) -> Iterator[Script]:
    """Run a program with ``path`` in hand, and kill it at the end of the block."""
    script = Script(source, path)
    try:
        yield script
    finally:
        script.close()
