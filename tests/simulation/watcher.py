"""A subscriber that keeps its own picture of every job, from events alone."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import jobactors as ja
from jobactors.model.fold import fold

if TYPE_CHECKING:
    import trio


class Watcher:
    """Reads all events; what it has not yet been asked for is in ``fresh``."""

    def __init__(self) -> None:
        self.snapshots: dict[str, ja.JobSnapshot] = {}
        """The fold of each job's events."""
        self.fresh: list[ja.Event] = []
        self.starts: defaultdict[str, list[int]] = defaultdict(list)
        """The attempts of each job, in the order of their starts."""
        self.ends: defaultdict[str, int] = defaultdict(int)
        """How often each job has ended."""
        self.kinds: defaultdict[str, list[str]] = defaultdict(list)
        """What has happened to each job."""
        self.removed: set[str] = set()
        """The jobs that the registry has let go."""
        self.lost: set[str] = set()
        """Those of them that retention let go before anybody had read them."""
        self.is_watching = False
        self.has_ended = False

    async def watch(self, jobs: ja.Jobs, task_status: trio.TaskStatus[None]) -> None:
        """Subscribe, and read until the system closes."""
        async with jobs.subscribe() as batches:
            self.is_watching = True
            task_status.started()
            async for batch in batches:
                for event in batch:
                    self._note(event)
        self.has_ended = True

    def _note(self, event: ja.Event) -> None:
        job_id = event.job_id
        assert job_id not in self.removed, f"{event} after {job_id} was removed"
        self.snapshots[job_id] = fold(self.snapshots.get(job_id), event)
        self.kinds[job_id].append(type(event).__name__)
        match event:
            case ja.JobStarted():
                self.starts[job_id].append(event.attempt)
            case ja.JobFinished():
                self.ends[job_id] += 1
            case ja.JobRemoved():
                self.removed.add(job_id)
                if event.unread and event.why != "deleted":
                    self.lost.add(job_id)
        self.fresh.append(event)

    def news(self) -> list[ja.Event]:
        """Return what has come since the last call."""
        fresh, self.fresh = self.fresh, []
        return fresh
