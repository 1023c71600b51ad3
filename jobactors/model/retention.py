"""The retention of finished jobs."""

from __future__ import annotations

from attrs import field, frozen

from .checks import as_seconds, from_zero
from .field_docs import documented


@documented
@frozen
class Retention:
    """The bounds within which a registry holds finished jobs.

    A job that was not read stays until ``age``, ``jobs`` or ``result_bytes`` is exceeded, and it is
    counted when it goes.  Of the read ones only the newest stay.

    Raises:
        ValueError: for what is no number of at least 0; ``math.inf`` is one.

    Example::

        ja.open_jobs(retention=ja.Retention(age=3600, jobs=100))
    """

    age: float = field(default=24 * 3600.0, converter=as_seconds, validator=from_zero)
    """Seconds after its end until a finished job goes, read or not; 86,400 are a day."""
    jobs: int = field(default=10_000, validator=from_zero)
    """The number of finished jobs that stay, read or not."""
    result_bytes: int = field(default=256 * 2**20, validator=from_zero)
    """Bytes of memory that their results and arguments may take, estimated; 2**28 are 256 MiB.

    Arguments go first, the oldest ones, and their jobs stay; these cannot be restarted then."""
    read: int = field(default=100, validator=from_zero)
    """The number of finished and read jobs that stay to be looked at."""
