"""A program on a real pseudo-terminal, and the screen that results."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING, Self

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

FAR = 60.0  # seconds: never reached unless something hangs

# The program takes the terminal as its own, so that Ctrl-C reaches it as from a keyboard.
PRELUDE = "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"


def _no_echo(descriptor: int) -> None:
    """Let typing be seen by the program alone: an echoed Enter would move the cursor."""
    mode = termios.tcgetattr(descriptor)
    mode[3] &= ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSANOW, mode)


class OnTerminal:
    """A script of Python running on a terminal.  Used as a block, which ends it."""

    def __init__(
        self,
        script: str,
        arguments: Sequence[str] = (),
        *,
        columns: int = 100,
        rows: int = 24,
        env: Mapping[str, str] | None = None,
        stdout: int | None = None,
    ) -> None:
        self._master, slave = pty.openpty()
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""
        """Everything it wrote to the terminal."""
        self._set_size(slave, columns, rows)
        _no_echo(slave)
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"}
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", PRELUDE + script, *arguments],
            stdin=slave,
            stdout=slave if stdout is None else stdout,
            stderr=slave,
            start_new_session=True,
            env={**inherited, "TERM": "xterm-256color", **(env or {})},
        )
        os.close(slave)

    @property
    def lines(self) -> list[str]:
        """The lines of the screen that are not empty."""
        return [line.rstrip() for line in self._screen.display if line.strip()]

    @property
    def cursor_hidden(self) -> bool:
        """Whether the terminal was left without a cursor."""
        return bool(self._screen.cursor.hidden)

    def resize(self, columns: int, rows: int) -> None:
        """Change the window's size."""
        self._screen.resize(rows, columns)
        self._set_size(self._master, columns, rows)

    def _set_size(self, descriptor: int, columns: int, rows: int) -> None:
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def press(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def wait_for(self, seen: Callable[[list[str]], bool]) -> list[str]:
        """Read until the screen is as wanted, and return its lines."""
        deadline = time.monotonic() + FAR
        while not seen(self.lines):
            if not self._read() or time.monotonic() > deadline:
                raise AssertionError("never seen; the screen is\n" + "\n".join(self.lines))
        return self.lines

    def end(self) -> int:
        """Read until the program has ended, and return its status."""
        while self._read():
            pass
        return self.process.wait(FAR)

    def _read(self) -> bool:
        if not select.select([self._master], [], [], FAR)[0]:
            return False
        try:
            written = os.read(self._master, 65536)
        except OSError:  # the program has closed its side
            return False
        self.raw += written
        self._stream.feed(written)
        return bool(written)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait(FAR)
        os.close(self._master)
