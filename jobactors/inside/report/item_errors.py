"""Errors of single items, collected in one part of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobactors.model.chain_result import ItemError

if TYPE_CHECKING:
    from .checkpoint_buffer import CheckpointBuffer


class ItemErrors:
    """The errors of one part of a job.

    Written by the job's own threads, without a lock: two that append at the same moment may count
    one error too few, and lose none of the texts.
    """

    def __init__(self, part: str, stored: Any = None) -> None:
        self.part: str = f"{part}:errors" if part else "errors"
        """The part of the checkpoint under which they are saved."""
        self.items: list[ItemError] = []
        """The first ones, as texts."""
        self.count: int = 0
        """The number of all."""
        match stored:
            case {"count": int(count), "errors": [*errors]}:
                self.count = count
                self.items = [ItemError(str(item), str(error)) for item, error in errors]
            case _:  # nothing yet
                pass

    def as_json(self) -> dict[str, Any]:
        """Return them as a checkpoint."""
        return {"count": self.count, "errors": [[e.item, e.error] for e in self.items]}


def errors_in(buffer: CheckpointBuffer, part: str) -> ItemErrors:
    """Return the errors collected in ``part``, earlier attempts included."""
    name = ItemErrors(part).part
    opened: ItemErrors | None = buffer.open.get(name)
    if opened is not None:
        return opened
    # setdefault: two threads of the job may meet their first error at the same moment.
    errors: ItemErrors = buffer.open.setdefault(name, ItemErrors(part, buffer.value_of(name)))
    return errors
