"""``LogReader``: the part of a job's handle that reads what the job has written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.engine.records.record import Record
from jobactors.engine.system.job_system import JobSystem
from jobactors.model.errors import NoStore
from jobactors.model.log import as_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobactors.model.log import LogLine
    from jobactors.model.stored_rows import EventRow


class LogReader:
    """The part of :class:`~jobactors.Job` that reads its log and its event log."""

    __slots__ = ()

    _record: Record
    _system: JobSystem

    def logs(self, since: int = 0) -> str:
        """Return the lines that the job has printed and logged so far, as text.

        Args:
            since: Leave out so many lines of all ever written, as ``snapshot().log_lines`` counts.
        """
        return as_text(self.log_lines(since))

    def log_lines(self, since: int = 0) -> Sequence[LogLine]:
        """Return the same line by line, with time and source."""
        log = self._record.log
        return () if log is None else log.lines(since)

    def events(self) -> Sequence[EventRow]:
        """Return the job's event log from the store, oldest first.

        Raises:
            NoStore: if the job system has none.
            StoreError: if it cannot be read.
        """
        journal = self._system.parts.journal
        if journal is None:
            raise NoStore("job.events()")
        return journal.read(lambda store: store.events(self._record.id))
