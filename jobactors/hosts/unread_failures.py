"""Failures that were not read when their system ended: raised by ``open_jobs``, told by scripts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from jobactors.model.errors import JobactorsError
from jobactors.model.outcome import error_for_waiter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobactors.engine.records.registry import Registry
    from jobactors.model.snapshot import JobSnapshot

MOST_LINES: Final = 50
"""Failures that are told with a line of their own; the others are counted."""
HINT: Final = (
    "job.result() and job.exception() read a failure, "
    'ja.start(unread_failures="ignore") passes over them'
)
_PLACE: Final = re.compile(r'^ *File "(.+)", line (\d+)', re.MULTILINE)


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

    @classmethod
    def of(cls, registry: Registry) -> UnreadFailures:
        """Look into a registry, in its loop's thread or after its end."""
        failed = tuple(record.snapshot for record in registry.unread_failures())
        return cls(failed, registry.pruned_failures)

    def __bool__(self) -> bool:
        return bool(self.jobs or self.dropped)

    @property
    def count(self) -> str:
        """The number of jobs, in words."""
        total = len(self.jobs) + self.dropped
        return "1 job" if total == 1 else f"{total} jobs"

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
        raise ExceptionGroup(f"{self.count} failed unread{more}", errors or gone)

    def lines(self) -> Iterable[str]:
        """Yield a line for each failure, and one for those that are not shown."""
        from .terminal_view import finished_line  # not needed where all goes well

        for job in self.jobs[:MOST_LINES]:
            yield f"{finished_line(job).text}{_place(job)} (job {job.id}, failed unread)"
        hidden = len(self.jobs) - MOST_LINES
        if hidden > 0:
            yield f"… and {hidden} more failed unread"
        if self.dropped:
            yield f"… and {self.dropped} failed unread that retention has dropped"


def _place(job: JobSnapshot) -> str:
    """Return the line of code that has raised, where it is known."""
    outcome = job.outcome
    text = None if outcome is None else outcome.error
    places = [] if text is None else _PLACE.findall(text.traceback)
    return " at {}:{}".format(*places[-1]) if places else ""
