"""Follows which batches have changed, for a stream that sends each as one row.

All of it runs in the jobs' loop.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jobactors.engine.api.jobs import Jobs
    from jobactors.model.batch_snapshot import BatchSnapshot
    from jobactors.model.snapshot import JobSnapshot


class BatchChanges:
    """The batches of one job system, of which a client knows some.

    Args:
        jobs: The job system.
        wake: Called when a batch has changed without an event of one of its jobs.
    """

    def __init__(self, jobs: Jobs, wake: Callable[[], object]) -> None:
        self._core = jobs._system.core
        self._tallies = jobs._system.parts.registry.batches
        self._wake = wake
        self._changed: set[str] = set()
        self._sent: set[str] = set()

    def __enter__(self) -> Self:
        self._sent.clear()
        self._tallies.watchers.append(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        self._tallies.watchers.remove(self._note)

    def _note(self, batch_id: str) -> None:
        self._changed.add(batch_id)
        self._wake()

    @property
    def have_changed(self) -> bool:
        """Whether any has changed without an event of one of its jobs."""
        return bool(self._changed)

    def with_batches(
        self, snapshots: Iterable[JobSnapshot]
    ) -> tuple[list[JobSnapshot | BatchSnapshot], list[str]]:
        """Return jobs with the batches that have changed, and the ids of batches that are gone.

        A batch stands before the first of its jobs.
        """
        shown: list[JobSnapshot | BatchSnapshot] = []
        changed, self._changed = self._changed, set()
        seen: set[str] = set()
        for snapshot in snapshots:
            batch_id = snapshot.info.batch
            if batch_id and batch_id not in seen:
                seen.add(batch_id)
                shown += self._present(batch_id)
            shown.append(snapshot)
        for batch_id in changed - seen:
            shown += self._present(batch_id)
        gone = [batch_id for batch_id in self._sent if batch_id not in self._tallies]
        self._sent.difference_update(gone)
        return shown, gone

    def _present(self, batch_id: str) -> list[BatchSnapshot]:
        tally = self._tallies.get(batch_id)
        if tally is None or batch_id not in self._tallies:
            return []
        self._sent.add(batch_id)
        return [tally.snapshot(self._core.clock.now())]
