"""``collect_errors``: an item that fails is written down, and the others go on."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from jobactors.inside.context.current_job import CURRENT
from jobactors.model.outcome import ErrorText, shorten
from jobactors.model.phases import ItemError

if TYPE_CHECKING:
    from collections.abc import Generator

    from jobactors.inside.context.job_context import JobContext

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


def _write_down(context: JobContext, item: str, exc: Exception) -> None:
    errors = context._collected
    errors.count += 1
    if len(errors.items) < MOST:
        text = ErrorText.of(exc)
        error = f"{text.type}: {text.message}" if text.message else text.type
        errors.items.append(ItemError(shorten(item, _LONGEST), shorten(error, _LONGEST)))
        if context._buffer is not None:
            context._buffer.save(errors.part, errors.as_json(), 0)
    context._meter.describe(None, "", {"errors": errors.count})
    context._meter.changed()
