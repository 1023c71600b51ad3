"""item_errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobactors.model.phases import ItemError

if TYPE_CHECKING:
    from jobactors.inside.context.job_context import JobContext


def errors_of(context: JobContext) -> Errors:
    """Return what was collected in this part of the job, earlier attempts included."""
    name = f"{context.part}:errors" if context.part else "errors"
    buffer = context.buffer
    opened: Errors | None = context.collected if buffer is None else buffer.open.get(name)
    if opened is not None:
        return opened
    if buffer is None:
        errors = context.collected = Errors(name)
    else:
        # setdefault: two threads of the job may meet their first error at the same moment.
        errors = buffer.open.setdefault(name, Errors(name, buffer.value_of(name)))
    return errors


class Errors:
    """The errors of one part of a job."""

    def __init__(self, part: str, kept: Any = None) -> None:
        self.part = part
        self.items: list[ItemError] = []
        self.count = 0
        match kept:
            case {"count": int(count), "errors": [*errors]}:
                self.count = count
                self.items = [ItemError(str(item), str(error)) for item, error in errors]
            case _:  # nothing yet
                pass

    def as_json(self) -> dict[str, Any]:
        """Return them as they are kept."""
        return {"count": self.count, "errors": [[e.item, e.error] for e in self.items]}
