"""``JobInfo``: the identity and labels of a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from .field_docs import documented
from .last_references import drop_elsewhere, is_plain

NO_METADATA: Final[Mapping[str, object]] = {}


@documented
class JobInfo(Struct, frozen=True):
    """The identity and labels of a job.  Changed only by :class:`~.events.JobUpdated`."""

    id: str
    """Readable and unique across processes and restarts: ``train-3-k7m2x9qaef``."""
    type: str
    """The registered job type, or the function's name."""
    name: str
    """The label that a person reads; the type unless something better was given."""
    submitted_at: float
    """The time of the submit, in seconds since the epoch."""
    description: str = ""
    """A sentence, or an empty string."""
    subject: str = ""
    """The subject of the job: "wiki", "letter 42"; may be empty."""
    tags: tuple[str, ...] = ()
    """Words to filter by."""
    metadata: Mapping[str, object] = NO_METADATA
    """Anything that the submitter gave along; shown, never interpreted."""
    icon: str = ""
    """A short text such as an emoji, shown before the name."""
    priority: int = 0
    """Larger runs first; "high" is 10, "normal" 0, "low" -10."""
    key: object = None
    """At most one unfinished job has it; None for no such rule."""
    continues: str | None = None
    """The id of the job that this one goes on from, or is a restart of; None for neither."""
    from_checkpoint: bool = False
    """Whether it goes on from that job's checkpoint."""
    batch: str = ""
    """The id of the batch of ``jobs.map`` that submitted it, or the name of its group; empty for
    none."""
    index: int | None = None
    """Its place in the input of its batch, from 0; None outside a ``map``."""
    item: str = ""
    """A short text of its arguments in a batch, or of its part of some work: "part 2/4".

    Empty outside a batch for a job that has no :class:`~jobactors.Range`, and for private ones."""
    batch_size: int | None = None
    """The number of jobs of its batch, as far as that was known at the submit; None if it was
    not."""
    schedule: str = ""
    """The name of the schedule that submitted it; empty for none."""
    occurrence: float | None = None
    """The moment for which that schedule submitted it, in seconds since the epoch; None for a run
    by hand, or without a schedule."""

    @property
    def label(self) -> str:
        """The name, with its place and item in a batch, or its part: ``resize[12] cat.png``."""
        place = self.name if self.index is None else f"{self.name}[{self.index}]"
        return f"{place} {self.item}" if self.item else place

    @property
    def label_to_save(self) -> str:
        """The label for a saved notebook: without the item of a batch, a text of its arguments."""
        if self.index is not None:
            return f"{self.name}[{self.index}]"
        return self.name if self.batch else self.label

    def __del__(
        self,
        _none: Mapping[str, object] = NO_METADATA,
        _is_plain: Callable[[object], bool] = is_plain,
        _drop: Callable[[object], None] = drop_elsewhere,
    ) -> None:
        if self.metadata is not _none or not (self.key is None or _is_plain(self.key)):
            _drop((self.metadata, self.key))
