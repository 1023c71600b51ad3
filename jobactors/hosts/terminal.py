"""The jobs in a terminal: ``open_jobs(display="terminal")``, and scripts that use ``ja.start``.

One trio task a job system reads the bus and passes lines and rows to a *screen*, at most ten times
a second, in a thread, because a terminal may be slow or held (Ctrl-S) and the loop must not wait
for it.  There are two screens: bars, where ``sys.stderr`` is a terminal and rich is installed, and
plain lines everywhere else.  ``sys.stdout`` is left to the program, so that its output can be
piped; what it prints to a terminal appears above the bars.

The last frame is painted after the last event, also when the program is interrupted.
"""

from __future__ import annotations

import math
import os
import stat
import sys
import threading
from collections import deque
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Final, Protocol

import trio

from jobactors.engine.records.event_bus import SubscriberLagged
from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.verbs.output_capture import beneath

from .terminal_view import ASCII_MARKS, MARKS, Board, Line, TerminalRow, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jobactors.engine.api.jobs import Jobs
    from jobactors.model.events import Event

FRAME_SECONDS: Final = 0.1
"""Between two frames, at least."""
TICK_SECONDS: Final = 0.25
"""Between two frames while jobs run and send no events: clocks go on."""
LAST_FRAME_SECONDS: Final = 2.0
"""For which the end of a system waits for a terminal that does not take the last frame."""
HINT: Final = "jobactors: for bars in this terminal, pip install 'jobactors[terminal]'"


class Screen(Protocol):
    """Shows lines and rows.  Its methods are called from one thread after the other."""

    @property
    def wants_frames(self) -> bool:
        """Whether it has rows that move."""
        ...

    @property
    def wants_starts(self) -> bool:
        """Whether it shows that a job has started."""
        ...

    @property
    def most_rows(self) -> int:
        """The number of rows that fit at this moment."""
        ...

    def paint(
        self, lines: Sequence[Line], rows: Sequence[TerminalRow], footer: str, now: float
    ) -> None:
        """Print the lines, once; draw the rows anew."""

    def end(self) -> None:
        """Leave a clean terminal."""


class PlainScreen:
    """Prints lines and nothing else: for pipes, files, ``TERM=dumb``, and where rich is missing."""

    wants_frames = False
    wants_starts = True
    most_rows = 0

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._marks = MARKS if _is_utf(stream) else ASCII_MARKS

    def paint(
        self, lines: Sequence[Line], rows: Sequence[TerminalRow], footer: str, now: float
    ) -> None:
        """Print the lines."""
        del rows, footer, now
        if lines:
            text = "".join(f"{self._marks[line.kind]} {line.text}\n" for line in lines)
            self._stream.write(text)
            self._stream.flush()

    def end(self) -> None:
        """There is nothing to take off."""


def open_screen(stream: IO[str]) -> Screen:
    """Choose the screen that fits a stream: bars on a terminal that can show them, else lines.

    Lines also where the program's output goes into a pipe, as with ``script | tee log``: what
    stands at its end may write to the same terminal, and bars would be drawn over that.
    """
    can_show = stream.isatty() and os.environ.get("TERM") != "dumb" and _is_utf(stream)
    if not can_show or _is_pipe(beneath(sys.stdout)):
        return PlainScreen(stream)
    try:
        from .terminal_bars import bar_screen  # rich is big, and needed for nothing else
    except ImportError:
        stream.write(f"{HINT}\n")
        return PlainScreen(stream)
    return bar_screen(stream)


def _is_pipe(stream: IO[str] | None) -> bool:
    if stream is None:
        return False
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError, AttributeError):  # a stream without a descriptor
        return False


def _is_utf(stream: IO[str]) -> bool:
    return "utf" in (getattr(stream, "encoding", None) or "").lower()


def fits_here() -> bool:
    """Whether ``ja.start`` shows jobs here by itself: in a script on a terminal.

    Not beside a prompt, where bars and typing would destroy each other; not in a kernel.
    """
    ipython = sys.modules.get("IPython")
    prompts = hasattr(sys, "ps1") or bool(sys.flags.interactive)
    if prompts or (ipython is not None and ipython.get_ipython() is not None):
        return False
    return sys.stderr is not None and sys.stderr.isatty()


async def show(jobs: Jobs) -> None:
    """Show the jobs of a system on ``sys.stderr`` until it closes.  For ``Jobs.attach``."""
    CURRENT.set(None)  # a system that a job opens is not drawn into that job's log
    stream = beneath(sys.stderr)
    if stream is not None:  # a program without a console has none
        await Display(jobs, open_screen(stream)).serve()


class Display:
    """Shows one system's jobs on one screen.

    ``_board`` is touched by the loop's thread only; ``_lines`` is filled there and emptied by
    the thread that paints, under the lock.
    """

    def __init__(self, jobs: Jobs, screen: Screen) -> None:
        self._jobs = jobs
        self._screen = screen
        system = jobs._system
        self._board = Board(system.parts.registry.batches, system.core.clock.now())
        self._lines: deque[Line] = deque()
        self._news = trio.Event()
        self._lock = threading.Lock()
        self._ended = False

    async def serve(self) -> None:
        """Paint until the system closes or this is cancelled, and once more then."""
        try:
            await self._paint_and_read()
        finally:
            self._lines.extend(self._board.ended_batches(all_of_them=True))
            with trio.move_on_after(LAST_FRAME_SECONDS, shield=True):
                await _in_thread(self._end)

    async def _paint_and_read(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._paint_frames)
            while True:
                try:
                    await self._read()
                    break
                except SubscriberLagged:
                    self._board.start_anew()
            nursery.cancel_scope.cancel()

    async def _read(self) -> None:
        async with self._jobs.subscribe() as batches:
            try:
                async for batch in batches:
                    self._note(batch)
            finally:
                self._note(batches.rest())

    def _note(self, batch: Iterable[Event]) -> None:
        for event in batch:
            line = self._board.note(event)
            if line is not None and (line.kind != "started" or self._screen.wants_starts):
                self._lines.append(line)
        self._lines.extend(self._board.ended_batches())
        self._news.set()

    @trio.lowlevel.enable_ki_protection
    async def _paint_frames(self) -> None:
        while True:
            ticks = self._screen.wants_frames and self._board.moves
            with trio.move_on_after(TICK_SECONDS if ticks else math.inf):
                await self._news.wait()
            self._news = trio.Event()
            await self._paint()
            await trio.sleep(FRAME_SECONDS)

    async def _paint(self) -> None:
        if self._screen.wants_frames or self._lines:
            now = self._jobs._system.core.clock.now()
            most, active = self._screen.most_rows, self._board.active
            batches = self._board.batch_rows(now)[:most]
            shown = [*batches, *rows(active[: most - len(batches)], now)]
            footer = self._board.footer(len(active) + len(batches) - len(shown))
            await _in_thread(lambda: self._paint_now(shown, footer, now))

    def _paint_now(self, shown: Sequence[TerminalRow], footer: str, now: float) -> None:
        with self._lock:
            if self._ended:
                return
            try:
                self._screen.paint(self._take_lines(), shown, footer, now)
            except (OSError, ValueError):  # the terminal has gone, or the stream was closed
                self._ended = True

    def _end(self) -> None:
        self._paint_now((), "", 0)
        with self._lock:
            self._ended = True
            with suppress(OSError, ValueError):
                self._screen.end()

    def _take_lines(self) -> list[Line]:
        lines: list[Line] = []
        while self._lines:
            lines.append(self._lines.popleft())
        return lines


async def _in_thread(call: Callable[[], None]) -> None:
    """Run ``call`` in a thread that may be left behind, if the terminal never takes the text."""
    try:
        await trio.to_thread.run_sync(
            call,
            abandon_on_cancel=True,
            limiter=trio.CapacityLimiter(math.inf),
            thread_name="jobactors terminal",
        )
    except RuntimeError as exc:
        # The interpreter is ending and starts no thread any more.
        if "thread" not in str(exc):
            raise
        call()
