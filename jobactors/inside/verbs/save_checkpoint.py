"""``save_checkpoint``: saves the progress of the current job for the job that goes on."""

from __future__ import annotations

from jobactors.inside.context.current_job import CURRENT


def save_checkpoint(value: object, items: float = 1) -> None:
    """Save a checkpoint of the current job; ``ja.current_job().checkpoint`` returns it.

    Call it as often as there is something to save, from any thread and in code of either colour:
    only the last value counts.  It is written within 5 s of the first save, then when 60 s or 2,000
    items have passed since the last write (option ``checkpoint_every``), and always when the job
    pauses, is cancelled, fails, is tried again, or is interrupted.  It is dropped when the job
    succeeds, and otherwise stored for a week, for a submit of the same work.  Outside a job, and in
    one submitted with ``checkpoint_every=None``, it does nothing.

    The value is taken as it is in this moment: a later change in it is not saved.

    Args:
        value: None, bool, int, a finite float, str, or lists and dictionaries (with text keys) of
            these.  Nothing else: it must come back as exactly what it was.
        items: How many items this adds to those done; default: 1.

    Raises:
        TypeError: for any other value; the message names its place.
        ValueError: for a number of items below 0.

    Example::

        done = ja.current_job().checkpoint or 0
        for page in range(done, pages):
            scrape(page)
            ja.save_checkpoint(page + 1)
    """
    context = CURRENT.get()
    buffer = None if context is None else context._buffer
    if context is not None and buffer is not None:
        buffer.save(context.part, value, items)
