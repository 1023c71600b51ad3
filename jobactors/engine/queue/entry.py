"""A job in the job queue, and what the queue decides about it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from jobactors.model.resources import NO_NEEDS
from jobactors.model.states import Waiting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .entry_heap import EntryHeap


class Entry(Struct, eq=False):
    """A job that waits.  Written by the job queue only."""

    id: str
    """The job."""
    priority: int
    """Larger first."""
    order: int
    """First come, first served inside one priority."""
    held: bool = False
    """Whether it waits for ``release``."""
    due: float = -math.inf
    """Not before this time."""
    why_due: Waiting = Waiting.START_TIME
    """The reason for which the job waits until it is due."""
    needs: Mapping[str, int] = NO_NEEDS
    """Units of resources it needs."""
    takes_slot: bool = True
    """Whether it needs a free slot, and holds it while it runs."""
    upstream: dict[str, None] | None = None
    """Jobs it comes after that have not ended; None if it never came after any."""
    parked: str | None = None
    """The resource it waits for."""
    ahead: int = 0
    """The jobs that waited for that resource when it joined them."""
    overtakes: bool = False
    """Whether the jobs before it in line wait for its end, so that only units count for it."""
    heap: EntryHeap[Entry] | None = None
    """The heap in which it is.  Written by heaps only."""
    ticket: int = -1
    """The number of its valid place in that heap.  Written by heaps only."""

    @property
    def rank(self) -> tuple[int, int]:
        """Smaller goes first."""
        return (-self.priority, self.order)


MOST_STARTS: Final = 100
"""Jobs that start in one turn of the loop: it does nothing else meanwhile."""


class StartDecision(Struct, frozen=True):
    """One decision of the job queue."""

    start: list[str]
    """Jobs that start now, in this order; they hold their slots and resources from here on."""
    moved: list[str]
    """Jobs that may wait for something else than before."""
