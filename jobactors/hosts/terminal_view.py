"""The fold from events to the lines and rows of a terminal.  Pure: no terminal, no clock.

A *line* is printed once and stays: a job started, ended, tries again.  A *row* stands for a job
that runs now and is drawn again and again.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from jobactors.model import events as ev
from jobactors.model.fold import fold
from jobactors.model.job_summary import kind_of, summary_of_counts
from jobactors.model.progress import NO_PROGRESS
from jobactors.model.states import JobState, Request

from .terminal_batches import (
    BatchView,
    count_text,
    elapsed_text,
    end_kind,
    ended_text,
    label_of,
    started_text,
    unwell_text,
)
from .terminal_text import amount, clock, duration, first_line, rate, safe, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jobactors.engine.records.batch_tally import BatchTallies
    from jobactors.model.batch_snapshot import BatchSnapshot
    from jobactors.model.error_text import ErrorText
    from jobactors.model.progress import Progress
    from jobactors.model.snapshot import JobSnapshot

MARKS: Final[Mapping[str, str]] = {
    "started": "▸",
    "succeeded": "✓",
    "failed": "✗",
    "cancelled": "⊘",
    "interrupted": "◼",
    "retried": "↻",
    "stuck": "!",
}
ASCII_MARKS: Final[Mapping[str, str]] = {
    "started": ">",
    "succeeded": "+",
    "failed": "x",
    "cancelled": "-",
    "interrupted": "=",
    "retried": "~",
    "stuck": "!",
}
"""The same, for a stream without UTF-8."""

_REQUESTS: Final = {
    Request.CANCEL: "cancelling…",
    Request.PAUSE: "pausing…",
    Request.RESUME: "resuming…",
    Request.TIME_OUT: "timing out…",
    Request.INTERRUPT: "stopping…",
}


class Line(Struct, frozen=True):
    """Holds a line that is printed once."""

    kind: str
    """A key of :data:`MARKS`."""
    text: str
    """The text after the mark; safe for a terminal."""


class TerminalRow(Struct, frozen=True):
    """Shows one job that runs now.  Texts are safe for a terminal; an empty one is not shown."""

    label: str
    """Icon, name and subject."""
    state: str
    """One word; empty while it simply runs."""
    fraction: float | None
    """Progress from 0 to 1; None when that is unknown."""
    moves: bool
    """Whether it is at work, not standing still."""
    percent: str
    count: str
    """Done of total, with the unit."""
    rate: str
    left: str
    elapsed: str
    message: str


class Board:
    """Follows the jobs that have not ended, event by event.

    Written by the task that reads the subscription.

    Args:
        batches: The batches of the system.
        since: What had ended before this time is not told: it comes from an earlier process.
    """

    def __init__(self, batches: BatchTallies | None = None, since: float = 0.0) -> None:
        self._since = since
        self._jobs: dict[str, JobSnapshot] = {}
        self._tallies = batches
        self._batches: dict[str, BatchView] = {}
        """The batches that are not complete, by their ids."""
        self._ends: Counter[str] = Counter()
        """The numbers of the jobs that have ended, without those of batches."""
        self._before: dict[str, JobSnapshot] | None = None
        """The jobs known before a new start; None while no event was missed."""

    def start_anew(self) -> None:
        """Begin again after missed events: the present state comes next, and ends since then."""
        self._before, self._jobs = self._jobs, {}

    def note(self, event: ev.Event) -> Line | None:
        """Take an event in; return the line to print, if there is one."""
        known = self._jobs.get(event.job_id)
        if known is None and not isinstance(event, ev.JobQueued | ev.JobRestated):
            return None  # read, removed: its end has been printed
        job = fold(known, event)
        line = self._note_job(job, event)
        return line if not job.info.batch else self._note_batch(job, line)

    def _note_job(self, job: JobSnapshot, event: ev.Event) -> Line | None:
        if job.state.is_terminal:
            self._jobs.pop(event.job_id, None)
            missed = self._is_untold(job, event)
            if missed and not job.info.batch:
                self._ends[kind_of(job)] += 1
            return finished_line(job) if missed else None
        self._jobs[event.job_id] = job
        return _line(job, event)

    def _is_untold(self, job: JobSnapshot, event: ev.Event) -> bool:
        """Whether the end of a job is news."""
        if self._before is not None:
            return event.job_id in self._before
        return not isinstance(event, ev.JobRestated) or job.changed_at >= self._since

    def _note_batch(self, job: JobSnapshot, line: Line | None) -> Line | None:
        """Take note of a job of a batch; returns the line that is printed nevertheless."""
        batch_id = job.info.batch
        batch = self._batches.get(batch_id)
        tally = None if batch or self._tallies is None else self._tallies.get(batch_id)
        if tally is not None:
            batch = self._batches[batch_id] = BatchView(tally)
        if batch is not None and batch.starts_now():
            return Line("started", started_text(batch.snapshot(job.changed_at)))
        counted = line is None or line.kind in {"started", "succeeded", "cancelled"}
        return None if counted else line

    def ended_batches(self, *, all_of_them: bool = False) -> list[Line]:
        """Return the lines of the batches that are complete, once; at the end, of all of them."""
        ended = [key for key, batch in self._batches.items() if all_of_them or batch.is_complete]
        views = [self._batches.pop(key).snapshot(0) for key in ended]
        return [Line(end_kind(view), ended_text(view)) for view in views if view.ended]

    def batch_rows(self, now: float) -> list[TerminalRow]:
        """Return the rows of the batches at the time ``now``."""
        return [_batch_row(batch.snapshot(now), now) for batch in self._batches.values()]

    @property
    def moves(self) -> bool:
        """Whether anything is shown that changes with the time alone."""
        return any(job.state.is_active for job in self._jobs.values())

    @property
    def active(self) -> list[JobSnapshot]:
        """The jobs that have a row of their own, in the order of their start.

        They have an attempt; one of a batch has also reported progress.
        """
        active = [
            job
            for job in self._jobs.values()
            if job.state.is_active and not (job.info.batch and job.progress == NO_PROGRESS)
        ]
        return sorted(active, key=lambda job: job.started_at or 0)

    def footer(self, hidden: int) -> str:
        """Return the counts of all jobs in words, if some have no row; else nothing.

        Args:
            hidden: Rows for which there was no room.
        """
        counts = Counter(kind_of(job) for job in self._jobs.values() if not job.info.batch)
        rows = sum(job.state.is_active and not job.info.batch for job in self._jobs.values())
        parts = [f"… and {hidden} more"] if hidden else []
        if hidden or counts.total() > rows or self._ends:
            parts.append(summary_of_counts(counts + self._ends))
        return " · ".join(filter(None, parts))


def _line(job: JobSnapshot, event: ev.Event) -> Line | None:
    match event:
        case ev.JobStarted(attempt=1):
            return Line("started", f"{label(job)} started{_goes_on(job, ', ')}")
        case ev.JobRestated() if job.state.is_active:
            return Line("started", f"{label(job)} started")
        case ev.JobStarted(attempt=attempt):
            return Line("started", f"{label(job)} started again (attempt {attempt})")
        case ev.JobRetried(at=at, due=due, error=error):
            why = "" if error is None else f": {error_line(error)}"
            return Line("retried", f"{label(job)} tries again in {span(max(0.0, due - at))}{why}")
        case ev.JobStuck():
            return Line("stuck", f"{label(job)} was asked to stop and does not answer")
        case ev.JobStopped():
            why = first_line(job.explanation)
            return Line("interrupted", f"{label(job)} interrupted{f': {why}' if why else ''}")
        case _:
            return None


def finished_line(job: JobSnapshot) -> Line:
    """Return the line of a job that has ended."""
    name = label(job)
    if job.state is JobState.SUCCEEDED:
        took = job.elapsed(job.finished_at or job.changed_at)
        parts = (name, "" if took is None else duration(took), first_line(job.explanation))
        return Line("succeeded", " ".join(filter(None, parts)))
    if job.state is JobState.FAILED:
        why = error_line(job.error) if job.error else first_line(job.explanation)
        return Line("failed", f"{name} {why}" if why else f"{name} failed")
    why = first_line(job.explanation)
    return Line("cancelled", f"{name} cancelled{f': {why}' if why else ''}")


def error_line(error: ErrorText) -> str:
    """Return an error's class, without its module, and the first line of its message."""
    kind = safe(error.type.rpartition(".")[2])
    return f"{kind}: {first_line(error.message)}" if error.message.strip() else kind


def label(job: JobSnapshot) -> str:
    """Return icon, name and subject; of an item of a batch also its place and a short text."""
    name = safe(job.info.label)
    named = f"{name} · {safe(job.subject)}" if job.subject else name
    return f"{safe(job.info.icon)} {named}" if job.info.icon else named


def rows(jobs: Iterable[JobSnapshot], now: float) -> list[TerminalRow]:
    """Return the rows of running jobs at the time ``now``."""
    return [_row(job, now) for job in jobs]


def _batch_row(batch: BatchSnapshot, now: float) -> TerminalRow:
    progress = batch.progress
    percent, left = progress.percent, progress.time_left
    moves = batch.state is JobState.RUNNING
    return TerminalRow(
        label=label_of(batch),
        state="" if moves else batch.state.value,
        fraction=progress.fraction,
        moves=moves,
        percent="" if percent is None else f"{percent} %",
        count=count_text(batch),
        rate=rate(progress.rate, progress.unit) if progress.rate else "",
        left="" if left is None else f"{span(left)} left",
        elapsed=elapsed_text(batch, now),
        message=unwell_text(batch),
    )


def _row(job: JobSnapshot, now: float) -> TerminalRow:
    progress = job.progress
    elapsed = job.elapsed(now)
    moves = job.state is not JobState.PAUSED
    fast = progress.rate if moves else None
    percent = progress.percent
    return TerminalRow(
        label=label(job),
        state=_state(job),
        fraction=progress.fraction,
        moves=moves,
        percent="" if percent is None else f"{percent} %",
        count=_count(progress),
        rate=rate(fast, progress.unit) if fast else "",
        left="" if progress.time_left is None else f"{span(progress.time_left)} left",
        elapsed="" if elapsed is None else clock(elapsed),
        message=_message(job),
    )


def _state(job: JobSnapshot) -> str:
    if job.stuck:
        return "stuck"
    if job.state is JobState.CANCELLING:
        return _REQUESTS[Request.CANCEL]
    if job.request is not None:
        return _REQUESTS[job.request]
    return "" if job.state is JobState.RUNNING else job.state.value


def _count(progress: Progress) -> str:
    if progress.unit == "%":
        return ""  # shown already
    if progress.total is not None:
        return f"{amount(progress.done)}/{amount(progress.total, progress.unit)}"
    return amount(progress.done, progress.unit) if progress.done else ""


def _message(job: JobSnapshot) -> str:
    stages = " / ".join(safe(stage) for stage in job.progress.stages)
    message = first_line(job.progress.message)
    attempt = f"attempt {job.attempt}" if job.attempt > 1 else ""
    return " · ".join(filter(None, (attempt, _goes_on(job), stages, message)))


def _goes_on(job: JobSnapshot, before: str = "") -> str:
    """Return from which earlier job's checkpoint it goes on; empty if it begins anew."""
    info = job.info
    return f"{before}goes on from {info.continues}" if info.from_checkpoint else ""
