"""``summary``: how many jobs there are, and in which states, in one line of words.

Every display uses it, so that no two count differently: the board, the sidebar and the status item
by their own copy in `static/summary.js`, which `tests/widgets/summaries.json` holds to this one.
Failures come first, because a line that is too long is cut at its end.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .batch_snapshot import BatchSnapshot
    from .snapshot import JobSnapshot

STUCK: Final = "stuck"
"""The kind of a job that was asked to stop and does not answer, whatever its state."""
KINDS: Final = (
    "failed",
    STUCK,
    "running",
    "cancelling",
    "paused",
    "queued",
    "interrupted",
    "succeeded",
    "cancelled",
)
"""The kinds of jobs, in the order in which a summary names them."""


def kind_of(snapshot: JobSnapshot) -> str:
    """Return the kind by which a job is counted: its state, or that it is stuck."""
    return STUCK if snapshot.stuck else snapshot.state.value


def summary(snapshots: Iterable[JobSnapshot | BatchSnapshot]) -> str:
    """Return the number of jobs and the numbers of each kind: ``7 jobs: 2 failed · 5 succeeded``.

    Jobs of one kind alone are ``5 jobs succeeded``; without jobs it is empty.

    Args:
        snapshots: The jobs; a batch stands for all of its jobs.

    Example::

        print(ja.lowlevel.summary(jobs.list()))
    """
    counts: Counter[str] = Counter()
    for snapshot in snapshots:
        by_state = getattr(snapshot, "by_state", None)
        if by_state is None:
            counts[kind_of(cast("JobSnapshot", snapshot))] += 1
        else:
            counts.update({state.value: number for state, number in by_state.items()})
    return summary_of_counts(counts)


def summary_of_counts(counts: Mapping[str, int]) -> str:
    """Return the summary of so many jobs of each kind.

    Args:
        counts: The number of jobs of each of :data:`KINDS`.
    """
    named = [(counts[kind], kind) for kind in KINDS if counts.get(kind)]
    total = sum(number for number, _ in named)
    jobs = "1 job" if total == 1 else f"{total} jobs"
    if not named:
        return ""
    if len(named) == 1:
        return f"{jobs} {named[0][1]}"
    return f"{jobs}: {' · '.join(f'{number} {kind}' for number, kind in named)}"
