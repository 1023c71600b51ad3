"""``collect_errors``: the error of one item is collected, and the others go on."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.context.job_context import JobContext
from jobactors.model.chain_result import ItemError
from jobactors.model.error_text import ErrorText, shorten

MOST: Final = 1_000
"""Errors whose texts are saved; of the rest only the number."""
_LONGEST: Final = 1_000
"""Characters of an item, and of an error."""


@contextmanager
def collect_errors(item: object) -> Generator[None]:
    """Collect an error that leaves the block, and go on after it.

    So the error of one item does not fail the job.  The first 1,000 are saved, with the checkpoint
    too, and all are counted by the counter "errors"; ``ja.current_job().errors`` returns them, and
    the result of a chain has them.  Exceptions only: a cancel passes.  Outside a job, where no row
    would show them, they are raised.

    Args:
        item: The item, as people should read it.

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
        _collect(context, str(item), exc)


def _collect(context: JobContext, item: str, exc: Exception) -> None:
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
