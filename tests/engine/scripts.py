"""Real scripts in real processes, for what only a process can show: Ctrl-C, fork, the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Self

from msgspec import Struct

if TYPE_CHECKING:
    from types import TracebackType

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0

# A process started in the background of a shell inherits an ignored SIGINT.
PRELUDE = """\
import faulthandler, signal
faulthandler.dump_traceback_later(40, exit=True)  # a hang speaks
signal.signal(signal.SIGINT, signal.default_int_handler)
import logging, math, os, sys, threading, time
def print(*words):  # in one step, whatever other threads and processes say
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
def stand_still():  # in slices: a signal just before a long call would be handled after it
    while True:
        time.sleep(0.01)
logging.basicConfig(format="%(message)s")
import trio
import jobactors as ja
"""


class Ended(Struct, frozen=True):
    """The end of a script."""

    code: int
    """Its exit code."""
    said: list[str]
    """The lines it printed."""
    errors: str
    """Its stderr."""


class Script:
    """A running script.  Speaks by printing lines."""

    def __init__(self, source: str) -> None:
        inherited = {n: v for n, v in os.environ.items() if not n.startswith(("PYTEST_", "COV_"))}
        self._process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-c", PRELUDE + textwrap.dedent(source)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=inherited | {"PYTHONPATH": str(ROOT)},
        )
        self._said: list[str] = []
        self._errors = ""

    def wait_for(self, line: str) -> None:
        """Read until the script says ``line``."""
        assert self._process.stdout is not None
        for said in self._process.stdout:
            self._said.append(said.rstrip("\n"))
            if self._said[-1] == line:
                return
        raise AssertionError(f"it never said {line!r}, but {self._said} and: {self.end().errors}")

    def wait_for_error(self, line: str) -> None:
        """Read its stderr until it says ``line``."""
        assert self._process.stderr is not None
        for said in self._process.stderr:
            self._errors += said
            if said.rstrip("\n") == line:
                return
        raise AssertionError(f"it never said {line!r}, but {self._said} and: {self._errors}")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def send(self, number: int) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def end(self) -> Ended:
        """Wait for its end."""
        out, errors = self._process.communicate(timeout=PATIENCE)
        self._said += out.splitlines()
        return Ended(self._process.returncode, self._said, self._errors + errors)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


def run_script(source: str) -> Ended:
    """Run a script to its end."""
    with Script(source) as script:
        return script.end()
