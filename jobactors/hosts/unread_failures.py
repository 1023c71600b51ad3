"""Failures not read when their system ended: raised by ``open_jobs``, printed by scripts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from jobactors.model.error_text import ErrorText
from jobactors.model.errors import JobactorsError
from jobactors.model.outcome import error_for_waiter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobactors.engine.system.job_system import JobSystem
    from jobactors.model.snapshot import JobSnapshot

MOST_LINES: Final = 50
"""Failures that have a line of their own; the others are counted."""
HINT: Final = (
    "job.result() and job.exception() read a failure, "
    'ja.start(unread_failures="ignore") passes over them'
)
_PLACE: Final = r'(?m)^ *File "(.+)", line (\d+)'  # compiled when it is used: imports are quick


def check_unread_failures(unread_failures: object) -> None:
    """Raise for anything but the two words.

    Raises:
        ValueError: for anything else.
    """
    if unread_failures not in ("raise", "ignore"):
        raise ValueError(f'unread_failures is "raise" or "ignore", not {unread_failures!r:.100}')


class UnreadFailures(Struct, frozen=True):
    """The failed jobs of one system that were not read, those of earlier processes left out."""

    jobs: tuple[JobSnapshot, ...]
    """Those that the registry still held, the oldest end first."""
    dropped: int
    """The number of those that retention had dropped."""
    inputs: tuple[Exception, ...] = ()
    """The errors of inputs of ``map`` that were not read."""

    @classmethod
    def of(cls, system: JobSystem) -> UnreadFailures:
        """Look into a system, in its loop's thread or after its end."""
        registry = system.parts.registry
        failed = tuple(record.snapshot for record in registry.unread_failures())
        inputs = tuple(system.core.unread_inputs.values())
        return cls(failed, registry.pruned_failures, inputs)

    def __bool__(self) -> bool:
        return bool(self.jobs or self.dropped or self.inputs)

    @property
    def count(self) -> str:
        """The number of jobs and inputs, in words."""
        counts = [
            (len(self.jobs) + self.dropped, "job", "jobs"),
            (len(self.inputs), "input of a map", "inputs of maps"),
        ]
        return " and ".join(f"{n} {one if n == 1 else more}" for n, one, more in counts if n)

    def raise_all(self) -> None:
        """Raise them in one group, if there are any.

        Raises:
            ExceptionGroup: the errors that a waiter would have got.
        """
        if not self:
            return
        outcomes = ((job.id, job.outcome) for job in self.jobs if job.outcome is not None)
        errors = [e for i, outcome in outcomes if (e := error_for_waiter(i, outcome)) is not None]
        more = f"; {self.dropped} of them dropped by retention" if self.dropped else ""
        gone = [] if errors else [JobactorsError("a larger Retention(jobs=…) holds more")]
        told = [*errors, *self.inputs]
        raise ExceptionGroup(f"{self.count} failed unread{more}", told or gone)

    def lines(self) -> Iterable[str]:
        """Yield a line for each failure, and one for those that are not shown."""
        from .terminal_view import error_line, finished_line  # not needed where all goes well

        for job in self.jobs[:MOST_LINES]:
            text = None if job.outcome is None else job.outcome.error
            yield f"{finished_line(job).text}{_place(text)} (job {job.id}, failed unread)"
        hidden = len(self.jobs) - MOST_LINES
        if hidden > 0:
            yield f"… and {hidden} more failed unread"
        if self.dropped:
            yield f"… and {self.dropped} failed unread that retention has dropped"
        for error in self.inputs[:MOST_LINES]:
            text = ErrorText.of(error)
            yield f"the input of a map {error_line(text)}{_place(text)} (failed unread)"


def _place(text: ErrorText | None) -> str:
    """Return the line of code that has raised, where it is known."""
    places = [] if text is None else re.findall(_PLACE, text.traceback)
    return " at {}:{}".format(*places[-1]) if places else ""
