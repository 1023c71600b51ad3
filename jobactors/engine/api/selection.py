"""selection."""

from __future__ import annotations

from contextlib import suppress
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final, final

from jobactors.model.errors import IllegalVerb, NotResumable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jobactors.engine.api.job import Job
    from jobactors.model.snapshot import JobSnapshot


_AT_ONCE: Final = 200
"""Jobs told something in one visit: the loop does nothing else meanwhile."""


@final
class Selection:
    """Jobs that match a filter, to be told the same thing: ``jobs.select(tag="nightly").cancel()``.

    The filter is applied when a verb is called.  A job to which the verb does not apply in its
    state is left alone; the snapshots of those it was told to are returned.
    """

    def __init__(self, find: Callable[[], Sequence[Job[Any]]]) -> None:
        self._find = find

    def __iter__(self) -> Iterator[Job[Any]]:
        return iter(self._find())

    def cancel(self, reason: str | None = None) -> list[JobSnapshot]:
        """Cancel all that have not ended."""
        unfinished = [job for job in self if not job.state.is_terminal]
        return _told(unfinished, lambda job: job.cancel(reason))

    def pause(self) -> list[JobSnapshot]:
        """Pause all that run."""
        return self._tell("pause")

    def resume(self) -> list[JobSnapshot]:
        """Resume all that are paused or interrupted, and can go on."""
        return self._tell("resume")

    def discard(self) -> list[JobSnapshot]:
        """End all that are interrupted; what they had saved is dropped."""
        return self._tell("discard")

    def hold(self) -> list[JobSnapshot]:
        """Hold all that are queued."""
        return self._tell("hold")

    def release(self) -> list[JobSnapshot]:
        """Release all that are held."""
        return self._tell("release")

    def delete(self) -> list[JobSnapshot]:
        """Remove all that have ended from the registry."""
        return self._tell("delete")

    def _tell(self, verb: str) -> list[JobSnapshot]:
        return _told(list(self), methodcaller(verb))

    def __repr__(self) -> str:
        return f"<Selection of {len(self._find())} jobs>"


def _told(jobs: list[Job[Any]], tell: Callable[[Job[Any]], JobSnapshot]) -> list[JobSnapshot]:
    """Tell many jobs something, a few hundred at each visit to their loop."""
    snapshots: list[JobSnapshot] = []
    for start in range(0, len(jobs), _AT_ONCE):
        some = jobs[start : start + _AT_ONCE]
        snapshots += some[0].jobs._system.portal.call(_tell_all, some, tell)
    return snapshots


def _tell_all(jobs: list[Job[Any]], tell: Callable[[Job[Any]], JobSnapshot]) -> list[JobSnapshot]:
    told: list[JobSnapshot] = []
    for job in jobs:
        with suppress(IllegalVerb, NotResumable):
            told.append(tell(job))
    return told
