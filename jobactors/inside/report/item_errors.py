"""Errors of single items, collected in one part of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobactors.model.chain_result import ItemError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .checkpoint_buffer import CheckpointBuffer


def errors_part(part: str) -> str:
    """Return the part under which the errors of a part are saved."""
    return f"{part}:errors" if part else "errors"


def read_errors(stored: Any) -> tuple[int, list[ItemError]]:
    """Return the number of all errors, and the first ones as texts, of a checkpoint's value."""
    match stored:
        case {"count": int(count), "errors": [*errors]}:
            return count, [ItemError(item, error) for item, error in _pairs(errors)]
        case _:  # nothing yet, or nothing that makes sense
            return 0, []


def _pairs(errors: list[Any]) -> Iterator[tuple[str, str]]:
    for each in errors:
        match each:
            case [str(item), str(error)]:
                yield item, error
            case _:
                pass


class ItemErrors:
    """The errors of one part of a job.

    Written by the job's own threads, without a lock: two that append at the same moment may count
    one error too few, and lose none of the texts.
    """

    def __init__(self, part: str, stored: Any = None) -> None:
        self.part: str = errors_part(part)
        """The part of the checkpoint under which they are saved."""
        self.count, self.items = read_errors(stored)

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
    errors: ItemErrors = buffer.open.setdefault(name, ItemErrors(part, buffer.last_of(name)))
    return errors
