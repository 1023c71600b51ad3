"""Makes the whole rows of jobs, with their numbers and what hinders those at rest."""

from __future__ import annotations

import itertools
import logging
import math
from typing import TYPE_CHECKING, Final

import jobactors as ja

from .batch_rows import batch_row
from .wire import LONGEST_MESSAGE, WireRow, row_of, safe_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

LOOK_AGAIN: Final = 1.0
"""Seconds after which the obstacle of a batch is looked for anew, where it changes that often."""

_log = logging.getLogger(__name__)


class RowMaker:
    """Makes rows, in any thread: their numbers are given out by one C call."""

    def __init__(self) -> None:
        self.obstacles: dict[str, str] = {}
        """As last sent, of jobs at rest."""
        self._hindered: set[str] = set()
        """The ended jobs of which some obstacle was sent."""
        self._of_batches: dict[str, tuple[float, str]] = {}
        """When the obstacle of a batch was looked for, and what it is."""
        self._numbers: dict[str, int] = {}
        self._count = itertools.count()

    def number(self, row_id: str) -> int:
        """Return the number of a row, the same for as long as it is there."""
        number = self._numbers.get(row_id)
        return self._numbers.setdefault(row_id, next(self._count)) if number is None else number

    def forget(self, row_id: str) -> None:
        """Drop what is known of a row that was removed."""
        self._numbers.pop(row_id, None)
        self._forget_obstacle(row_id)
        self._of_batches.pop(row_id, None)

    def _forget_obstacle(self, job_id: str) -> None:
        self.obstacles.pop(job_id, None)
        self._hindered.discard(job_id)

    def news_of_rest(self, jobs: ja.Jobs | None, *, some_rest: bool) -> list[str]:
        """Return the jobs at rest, or ended, whose obstacles are others than were sent last."""
        self._of_batches.clear()
        now = {job_id: work.obstacle for job_id, work in resting(jobs).items()} if some_rest else {}
        ids = list(self._hindered)  # at once: other threads make rows
        ended = dict.fromkeys(ids, "") | hindered(jobs, ids)
        found = (now | ended).items()
        return [job_id for job_id, obstacle in found if self.obstacles.get(job_id, "") != obstacle]

    def batch_row(self, jobs: ja.Jobs | None, batch: ja.BatchSnapshot, now: float) -> WireRow:
        """Return the row of a batch."""
        return batch_row(batch, now, self.number(batch.id), self._obstacle_of(jobs, batch, now))

    def _obstacle_of(self, jobs: ja.Jobs | None, batch: ja.BatchSnapshot, now: float) -> str:
        """Return why no job of a batch can go on, of one that nothing but a resume can move."""
        if jobs is None or batch.state is not ja.JobState.INTERRUPTED:
            return ""
        then, obstacle = self._of_batches.get(batch.id, (-math.inf, ""))
        if not 0 <= now - then < LOOK_AGAIN:
            obstacle = self._look_for_obstacle(jobs, batch.id)
            self._of_batches[batch.id] = now, obstacle
        return obstacle

    def _look_for_obstacle(self, jobs: ja.Jobs, batch_id: str) -> str:
        at_rest = resting(jobs)
        try:
            shown = jobs.list(state=ja.JobState.INTERRUPTED)
        except ja.JobactorsError:  # the system is closing
            return ""
        ids = [snapshot.id for snapshot in shown if snapshot.info.batch == batch_id]
        found = {job_id: at_rest[job_id].obstacle for job_id in ids if job_id in at_rest}
        self.obstacles.update(found)
        return next(iter(found.values()), "") if all(found.values()) else ""

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
        obstacles = hindered(jobs, [one.id for one in snapshots if one.state.is_terminal])
        self._hindered |= obstacles.keys()
        self.obstacles.update(obstacles)
        rows: list[WireRow] = []
        for snapshot in snapshots:
            work = at_rest.get(snapshot.id)
            if work is not None:
                self.obstacles[snapshot.id] = work.obstacle
            then = sampled.get(snapshot.id)
            at = now if then is None else then
            row = row_of(snapshot, at, self.number(snapshot.id), work)
            if snapshot.id in obstacles:
                row["obstacle"] = safe_text(obstacles[snapshot.id], LONGEST_MESSAGE)
            elif snapshot.id in self._hindered:
                self._forget_obstacle(snapshot.id)
            rows.append(row)
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


def hindered(jobs: ja.Jobs | None, job_ids: Collection[str]) -> dict[str, str]:
    """Return why ended jobs cannot start again here and now, by job id; others are left out."""
    try:
        return ja.lowlevel.restart_obstacles(jobs, job_ids) if jobs is not None and job_ids else {}
    except ja.JobactorsError:  # the system is closing
        return {}
