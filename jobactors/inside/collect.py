"""``collect_errors``: an item that fails is written down, and the others go on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from jobactors.model.chain import ItemError
from jobactors.model.outcome import ErrorText, shorten

from .context import CURRENT

if TYPE_CHECKING:
    from collections.abc import Generator

    from .context import JobContext

MOST: Final = 1_000
"""So many are kept; of the rest only the number."""
_LONGEST: Final = 1_000


@contextmanager
def collect_errors(item: object) -> Generator[None]:
    """Make an error of one item no error of the job: it is written down, and the block is left.

    The first 1,000 are kept, with the checkpoint too, and shown as the counter "errors";
    ``ja.current_job().errors`` has them, and the result of a chain.  Exceptions only: a cancel goes
    through.  Outside a job nobody would see them, so they are raised.

    Args:
        item: Which item this is, as a person should read it.

    Example::

        for page in ja.track(pages, resumable=True):
            with ja.collect_errors(page.title):
                index(page)
    """
    context = CURRENT.get()
    try:
        yield
    except Exception as exc:
        if context is None:
            raise
        _write_down(context, str(item), exc)


def errors_of(context: JobContext) -> Errors:
    """Return what was collected in this part of the job, earlier attempts included."""
    name = f"{context.part}:errors" if context.part else "errors"
    saver = context.saver
    opened: Errors | None = context.collected if saver is None else saver.open.get(name)
    if opened is not None:
        return opened
    if saver is None:
        errors = context.collected = Errors(name)
    else:
        # setdefault: two threads of the job may meet their first error at the same moment.
        errors = saver.open.setdefault(name, Errors(name, saver.value_of(name)))
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


def _write_down(context: JobContext, item: str, exc: Exception) -> None:
    errors = errors_of(context)
    errors.count += 1
    if len(errors.items) < MOST:
        text = ErrorText.of(exc)
        error = f"{text.type}: {text.message}" if text.message else text.type
        errors.items.append(ItemError(shorten(item, _LONGEST), shorten(error, _LONGEST)))
        if context.saver is not None:
            context.saver.save(errors.part, errors.as_json(), 0)
    context.meter.describe(None, "", {"errors": errors.count})
    context.meter.changed()
