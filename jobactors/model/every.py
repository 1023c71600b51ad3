"""The intervals at which a running job's last checkpoint is written."""

from __future__ import annotations

import math

from attrs import field, frozen

from .checks import Field, as_seconds, check_seconds, named, shown
from .field_docs import documented


def _seconds(every: Every, field: Field, value: object) -> None:
    check_seconds(named(every, field), value)


def _items(every: Every, field: Field, value: object) -> None:
    if value == math.inf:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{named(every, field)} is a whole number, or math.inf, not {shown(value)}")
    if value < 1:
        raise ValueError(
            f"{named(every, field)} is a whole number of at least 1, not {shown(value)}: "
            "1 writes after each item, math.inf for no number of them"
        )


@documented
@frozen
class Every:
    """Writes a running job's last checkpoint after so many seconds or items, the earlier of them.

    ``math.inf`` means: not for that reason.  The first one of an attempt is written within five
    seconds, unless ``seconds`` is infinite.  Besides, the last checkpoint is written when the job
    pauses, is cancelled, fails, is tried again or interrupted.

    Raises:
        TypeError, ValueError: for what is no length of time, or no number of items.

    Example::

        jobs.options(checkpoint_every=ja.Every(seconds=5)).submit(scrape, urls)
    """

    seconds: float = field(default=60.0, converter=as_seconds, validator=_seconds)
    """Seconds since the last writing."""
    items: float = field(default=2_000, validator=_items)
    """Items since the last writing, as ``save_checkpoint`` counts them; a whole number."""
