"""The seam between the engine and the stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from jobactors.model.states import JobState
    from jobactors.model.stored_rows import CheckpointRow, EventRow, JobRow, Write


class Store(Protocol):
    """Keeps jobs beyond their process.  Synchronous, and used by one thread at a time.

    The engine's journal owns it: it opens it, gathers what is to be written, and hands that over in
    batches, from a thread of its own unless ``in_loop`` says that nothing it does takes time.

    Every method but ``close`` raises :class:`~jobactors.StoreFailed` when the disk is full,
    read-only or broken (nothing of the batch is kept then, and it may be tried again),
    :class:`~jobactors.StoreDamaged` when what is kept cannot be read, and
    :class:`~jobactors.StoreLost` when somebody else has become its owner.
    """

    in_loop: ClassVar[bool]
    """Whether its methods are quick enough for the loop's own thread."""

    @property
    def name(self) -> str:
        """What a person reads: its path, or "memory"."""
        ...

    @property
    def work_folder(self) -> Path | None:
        """Where work files lie that belong to checkpoints; None if they go with the process."""
        ...

    def open(self, patience: float = 0.0) -> int:
        """Become its owner and return the new owner epoch, larger than every one before it.

        Args:
            patience: Seconds to wait for a predecessor that is about to end.

        Raises:
            StoreBusy: if somebody else owns it; the message says who.
            StoreTooNew: if a newer version of this package has written it.
            StoreDamaged, StoreFailed: if it cannot be read, or not be written.
        """
        ...

    def close(self) -> None:
        """Give it up.  A second time does nothing."""
        ...

    def apply(self, writes: Sequence[Write]) -> None:
        """Write all of it or nothing, in this order; kept durably when it returns."""
        ...

    def unfinished(self) -> list[JobRow]:
        """All jobs that have not ended, in the order of submission."""
        ...

    def finished(
        self,
        limit: int = 50,
        *,
        since: float | None = None,
        states: Iterable[JobState] | None = None,
        type: str | None = None,
        subject: str | None = None,
    ) -> list[JobRow]:
        """Ended jobs that match all that was given, newest end first."""
        ...

    def get(self, job_ids: Iterable[str]) -> list[JobRow]:
        """The rows of these jobs; ids that are not kept are left out."""
        ...

    def events(self, job_id: str) -> list[EventRow]:
        """A job's event log, oldest first."""
        ...

    def checkpoints(self) -> list[CheckpointRow]:
        """All kept checkpoints, oldest first."""
        ...

    def prune(self, now: float, at_most: int = 500) -> int:
        """Forget up to ``at_most`` jobs and checkpoints that are kept no longer; returns how many.

        Never what is unfinished or what an unfinished job comes after, nor its checkpoints.
        """
        ...

    def vacuum(self) -> None:
        """Give the space of what was forgotten back to the disk."""
        ...
