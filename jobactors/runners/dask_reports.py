"""The reports of one run on a worker: what is new since the last look, as frames.

Filled by the run's own threads; emptied by one thread at a time, under the lock of the reporter.
"""

from __future__ import annotations

import json
import time
from collections import deque
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import asdict

from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer
from jobactors.inside.report.meter import Meter
from jobactors.inside.report.work_files import folder_for
from jobactors.model.progress import NO_PROGRESS, Progress

from .process_wire import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

INTERVAL: Final = 0.1
"""Seconds between two looks at a run, at least."""
SLOWEST: Final = 1.0
"""Seconds between two looks at a tracked loop that does not move."""
LOG_RATE: Final = 1 << 20
"""Characters of its log that a run may send a second; the rest is cut, and counted."""


class RunReports:
    """The meter, the lines and the checkpoints of one run.

    Args:
        wake: Called, from any thread, when there is something new.
        sent: The checkpoints of the attempt, see :meth:`CheckpointBuffer.to_send`; None if it saves
            none.
        shared: The folder that all machines share, where work files may be; None for none.
    """

    def __init__(
        self, wake: Callable[[], None], sent: dict[str, Any] | None, shared: str | None
    ) -> None:
        self.meter: Final = Meter(wake)
        self.buffer: CheckpointBuffer | None = None
        if sent is not None:
            folder = partial(_work_folder, sent["folder"], sent["words"], shared)
            self.buffer = CheckpointBuffer.received(self.meter, self._saved, sent, folder)
        self._wake = wake
        self._frames: deque[tuple[Kind, bytes]] = deque()
        self._lines: deque[tuple[str, str]] = deque()
        self._last: Progress = NO_PROGRESS
        self._told: set[str] = set()
        self._interval = INTERVAL
        self._due = 0.0
        """The time of the next look at a loop that does not move, on the monotonic clock."""
        self._window = 0.0
        """The beginning of the second in which lines are counted."""
        self._room = LOG_RATE
        self._cut = 0

    def send(self, kind: Kind, content: bytes) -> None:
        """Send a frame soon; from any thread."""
        self._frames.append((kind, content))
        self._wake()

    def log(self, source: str, text: str) -> None:
        """Send lines soon, or count them where there are too many.  Under the lock of the log."""
        now = time.monotonic()
        if now - self._window >= 1:
            self._window, self._room = now, LOG_RATE
        self._room -= len(text)
        if self._room < 0:
            self._cut += text.count("\n")
            return
        if self._cut:
            lines = f"{self._cut:,} lines were cut here: more than 1 MB of them came in a second\n"
            self._lines.append(("WARNING", lines))
            self._cut = 0
        self._lines.append((source, text))
        self._wake()

    def _saved(self, now: bool) -> None:
        del now  # it is sent with the next look, and the engine's buffer decides when to write
        self._wake()

    def next_look(self) -> float | None:
        """Return when to look again by itself, on the monotonic clock; None for not at all."""
        return self._due if self.meter.polled else None

    def take(self) -> Iterator[tuple[Kind, bytes]]:
        """Yield what is new, in its order: lines before a pause that was reached, and the like."""
        while self._frames and self._frames[0][0] is not Kind.REACHED:
            yield self._frames.popleft()
        yield from self._new_lines()
        yield from self._new_saves()
        yield from self._new_sample()
        while self._frames:
            yield self._frames.popleft()

    def take_last(self) -> Iterator[tuple[Kind, bytes]]:
        """Yield what is new when the function has ended."""
        if self._cut:
            self._room = LOG_RATE
            self.log("WARNING", "")
        yield from self.take()

    def _new_lines(self) -> Iterator[tuple[Kind, bytes]]:
        while self._lines:
            source, text = self._lines.popleft()
            texts = [text]
            while self._lines and self._lines[0][0] == source:
                texts.append(self._lines.popleft()[1])
            yield Kind.LOG, f"{source}\n{''.join(texts)}".encode(errors="backslashreplace")

    def _new_saves(self) -> Iterator[tuple[Kind, bytes]]:
        if self.buffer is not None:
            for fields in self.buffer.news():
                yield Kind.SAVED, json.dumps(fields).encode()

    def _new_sample(self) -> Iterator[tuple[Kind, bytes]]:
        self.meter.quiet = True  # before reading: a report that comes meanwhile wakes again
        try:
            progress = self.meter.read_plain()
            content = json.dumps(asdict(progress)).encode()
        except BaseException:  # the job's own objects; and a report may have come meanwhile
            progress, content = self._last, b""
        for complaint in self.meter.take_complaints(self._told):
            text = f"WARNING\nprogress: {complaint}\n"
            yield Kind.LOG, text.encode(errors="backslashreplace")
        if progress != self._last:
            self._last, self._interval = progress, INTERVAL
            yield Kind.SAMPLE, content
        else:
            self._interval = min(SLOWEST, self._interval * 2)
        self._due = time.monotonic() + self._interval


def _work_folder(base: str, words: Sequence[str], shared: str | None) -> str:
    """Return the folder of a job's work files, in a base that this machine has.

    Raises:
        RuntimeError: if it is not in a folder that all machines share.
        FileNotFoundError: if this machine has no such folder.
    """
    if shared is None:
        raise RuntimeError(
            "work files, and the files of ranges, need a folder that all machines have under one "
            "path: ja.DaskRunner(client, shared_folder=…), with the store in it"
        )
    if not Path(base).is_relative_to(shared):
        raise RuntimeError(
            f"the work files of this job are in {base or 'no folder'}, which is not in the "
            f"shared folder {shared}: open the job system with a store there"
        )
    if not Path(shared).is_dir():
        raise FileNotFoundError(f"this worker has no shared folder {shared}: mount it here as well")
    return folder_for(base, *words)
