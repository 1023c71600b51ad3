"""The seam between the engine and the stores."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from jobactors.model.errors import StoreFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from jobactors.model.states import JobState
    from jobactors.model.stored_rows import (
        CheckpointRow,
        DocumentRow,
        EventRow,
        JobRow,
        OccurrenceRow,
        Write,
    )


class ValueRefused(StoreFailed):
    """Some writes of a batch hold a value that the store never takes: nothing of it is stored.

    The journal writes plainer rows in their place, and the rest of the batch as it is.

    Args:
        store: The store's name.
        why: What is wrong with the values.
        cure: What the user can do about it.
        which: The places of those writes in the batch.
    """

    def __init__(self, store: str, why: str, cure: str, which: Sequence[int]) -> None:
        super().__init__(store, why, cure)
        self.which: Sequence[int] = which


class Store(Protocol):
    """Stores jobs beyond their process.  Synchronous, and used by one thread at a time.

    The engine's journal owns it: it opens it, gathers changes, and hands them over in batches, from
    a thread of its own unless the store is ``in_loop``.

    Every method but ``close`` raises :class:`~jobactors.StoreFailed` when the disk is full,
    read-only or broken (nothing of the batch is stored then, and it may be tried again),
    :class:`~jobactors.StoreDamaged` when its rows cannot be read, and
    :class:`~jobactors.StoreLost` when another process has become its owner.

    A store that can tell has one attribute more, ``last_written``: when an earlier owner wrote it
    last, in seconds since the epoch.  Jobs under which that owner was killed then rest from that
    moment on, and not from the one at which they are found.

    One that commits in microseconds has another one, ``quick``: itself as a :class:`QuickStore`, or
    None.
    """

    in_loop: ClassVar[bool]
    """Whether its methods are quick enough for the loop's own thread."""

    @property
    def name(self) -> str:
        """The name for a person: its path, or "memory"."""
        ...

    @property
    def work_folder(self) -> Path | None:
        """The folder of work files; None if they are removed with the process."""
        ...

    def open(self, patience: float = 0.0) -> int:
        """Become its owner and return the new owner epoch, larger than every one before it.

        Args:
            patience: Seconds to wait for a predecessor that is about to end.

        Raises:
            StoreBusy: if it has another owner; the message names the process.
            StoreTooNew: if a newer version of this package has written it.
            StoreDamaged, StoreFailed: if it cannot be read, or not be written.
        """
        ...

    def close(self) -> None:
        """Release it.  A second time does nothing."""
        ...

    def apply(self, writes: Sequence[Write]) -> None:
        """Write all of it or nothing, in this order; durable when it returns.

        Raises:
            ValueRefused: if it would take the batch without some of its writes.
        """
        ...

    def unfinished(self) -> list[JobRow]:
        """Return all jobs that have not ended, in the order of submission."""
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
        """Return the ended jobs that match all conditions, newest end first."""
        ...

    def get(self, job_ids: Iterable[str]) -> list[JobRow]:
        """Return the rows of these jobs; ids without a row are left out."""
        ...

    def events(self, job_id: str) -> list[EventRow]:
        """Return a job's event log, oldest first."""
        ...

    def checkpoints(self) -> list[CheckpointRow]:
        """Return all checkpoints, oldest first."""
        ...

    def documents(self, kind: str) -> list[DocumentRow]:
        """Return all documents of a kind, in the order in which they came."""
        ...

    def occurrences(self, schedule: str, limit: int = 50) -> list[OccurrenceRow]:
        """Return the last occurrences of a schedule, the newest first."""
        ...

    def prune(self, now: float, at_most: int = 500) -> int:
        """Remove up to ``at_most`` old jobs and checkpoints; returns the number removed.

        Never what is unfinished or what an unfinished job comes after, nor its checkpoints.
        """
        ...

    def vacuum(self) -> None:
        """Give the space of removed rows back to the disk."""
        ...


class QuickStore(Protocol):
    """The part of a store that the loop's own thread may call, between its other calls."""

    def apply_now(self, writes: Sequence[Write]) -> bool:
        """Write all of it, if that waits neither for the disk nor for another program.

        Now and then ``apply`` is called instead, so that it can do what takes time.

        Returns:
            Whether it is written; if not, nothing is, and ``apply`` may be tried.
        """
        ...
