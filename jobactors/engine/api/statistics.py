"""``JobsStatistics``: how many jobs there are, in all and in each state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from msgspec import Struct

from jobactors.model.field_docs import documented
from jobactors.model.job_summary import summary_of_counts
from jobactors.model.states import JobState

if TYPE_CHECKING:
    from jobactors.engine.records.registry import Registry


@documented
class JobsStatistics(Struct, frozen=True):
    """The numbers of jobs, in all and in each state."""

    total: int
    """Jobs in the registry."""
    by_state: Mapping[JobState, int]
    """The number of them in each state; all states are listed."""
    unread: int
    """Ended jobs that are unread."""
    pruned_unread: int
    """Ended jobs that retention has removed unread."""

    def _repr_html_(self) -> str:
        from jobactors.model.html_table import html_table  # for a notebook alone

        counts = [(state, number) for state, number in self.by_state.items() if number]
        caption = summary_of_counts({state.value: number for state, number in counts}) or "No jobs"
        return html_table(caption, ("state", "jobs"), [*counts, ("unread", self.unread)])

    @property
    def queued(self) -> int:
        """Jobs that wait for their start."""
        return self.by_state[JobState.QUEUED]

    @property
    def running(self) -> int:
        """Jobs at work."""
        return self.by_state[JobState.RUNNING]

    @property
    def paused(self) -> int:
        """Jobs that stand still until they are resumed."""
        return self.by_state[JobState.PAUSED]

    @property
    def cancelling(self) -> int:
        """Jobs that have been asked to end."""
        return self.by_state[JobState.CANCELLING]

    @property
    def interrupted(self) -> int:
        """Jobs at rest, whose process has stopped under them."""
        return self.by_state[JobState.INTERRUPTED]

    @property
    def succeeded(self) -> int:
        """Jobs that have returned a result."""
        return self.by_state[JobState.SUCCEEDED]

    @property
    def failed(self) -> int:
        """Jobs that have ended with an error."""
        return self.by_state[JobState.FAILED]

    @property
    def cancelled(self) -> int:
        """Jobs that were cancelled."""
        return self.by_state[JobState.CANCELLED]


def count_jobs(registry: Registry) -> JobsStatistics:
    """Count the jobs of a registry.  In the loop's thread."""
    counts = Counter(record.snapshot.state for record in registry)
    by_state = {state: counts[state] for state in JobState}
    return JobsStatistics(len(registry), by_state, len(registry.unread()), registry.pruned_unread)
