"""Makes the whole rows of jobs, with their numbers and what hinders those at rest."""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING

import jobactors as ja

from .wire import WireRow, row_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_log = logging.getLogger(__name__)


class RowMaker:
    """Makes rows, in any thread: their numbers are given out by one C call."""

    def __init__(self) -> None:
        self.obstacles: dict[str, str] = {}
        """As last sent, of jobs at rest."""
        self._numbers: dict[str, int] = {}
        self._count = itertools.count()

    def number(self, row_id: str) -> int:
        """Return the number of a row, the same for as long as it is there."""
        number = self._numbers.get(row_id)
        return self._numbers.setdefault(row_id, next(self._count)) if number is None else number

    def forget(self, row_id: str) -> None:
        """Drop what is known of a row that was removed."""
        self._numbers.pop(row_id, None)
        self.obstacles.pop(row_id, None)

    def news_of_rest(self, jobs: ja.Jobs | None) -> list[str]:
        """Return the jobs at rest whose obstacles are others than were sent last."""
        found = resting(jobs).items()
        return [job_id for job_id, work in found if self.obstacles.get(job_id, "") != work.obstacle]

    def rows(
        self,
        jobs: ja.Jobs | None,
        snapshots: Sequence[ja.JobSnapshot],
        sampled: Mapping[str, float | None],
        now: float,
    ) -> list[WireRow]:
        """Return the whole rows of jobs.

        Args:
            jobs: The job system, if it has not ended.
            snapshots: The jobs.
            sampled: When the progress of each was sampled, as far as that is known.
            now: Seconds since the epoch.
        """
        rests = any(snapshot.state is ja.JobState.INTERRUPTED for snapshot in snapshots)
        at_rest = resting(jobs) if rests else {}
        rows: list[WireRow] = []
        for snapshot in snapshots:
            work = at_rest.get(snapshot.id)
            if work is not None:
                self.obstacles[snapshot.id] = work.obstacle
            then = sampled.get(snapshot.id)
            at = now if then is None else then
            rows.append(row_of(snapshot, at, self.number(snapshot.id), work))
        return rows


def resting(jobs: ja.Jobs | None) -> dict[str, ja.Resumable]:
    """Return the work that can be resumed, by job id."""
    try:
        return {} if jobs is None else {work.job_id: work for work in jobs.resumable()}
    except ja.JobactorsError:  # the system is closing
        return {}
    except Exception:  # it reads the store and the sources of types: rows do without
        _log.exception("the obstacles of jobs at rest are not known")
        return {}
