"""The retention of finished jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from .checks import ages_by_name, ages_in_seconds, as_seconds, from_zero, length_from_zero
from .field_docs import documented

_NO_AGES: Final[Mapping[str, float]] = {}


@documented
@frozen
class Retention:
    """The bounds within which a registry holds finished jobs.

    A job that was not read stays until ``age``, ``jobs`` or ``result_bytes`` is exceeded, and it is
    counted when it goes.  Of the read ones only the newest stay.

    Raises:
        TypeError, ValueError: for what is no number of at least 0; ``math.inf`` is one.

    Example::

        ja.open_jobs(retention=ja.Retention(age=3600, jobs=100))
    """

    age: float = field(default=24 * 3600.0, converter=as_seconds, validator=length_from_zero)
    """Seconds after its end until a finished job goes, read or not; 86,400 are a day."""
    jobs: int = field(default=10_000, validator=from_zero)
    """The number of finished jobs that stay, read or not."""
    result_bytes: int = field(default=256 * 2**20, validator=from_zero)
    """Bytes of memory that finished jobs may take, estimated; 2**28 are 256 MiB.

    Counted are results, errors, metadata and logs, and the arguments of a job with what its
    function has closed over.  The latter go first, the oldest ones, and their jobs stay; these
    cannot be restarted then."""
    read: int = field(default=100, validator=from_zero)
    """The number of finished and read jobs that stay to be looked at."""
    by_type: Mapping[str, float] = field(
        default=_NO_AGES, converter=ages_in_seconds, validator=ages_by_name, hash=False
    )
    """Other ages, in seconds, of jobs of some types: ``{"index": 7 * 86400}``."""

    def _age_of(self, type: str) -> float:
        """Return the seconds for which a finished job of a type stays."""
        return self.by_type.get(type, self.age)
