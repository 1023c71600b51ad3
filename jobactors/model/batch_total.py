"""The number of jobs in a batch, as displays see it."""

from __future__ import annotations


class BatchTotal:
    """The number of jobs of one ``map``.  Written in the loop's thread; held by its ``Batch``."""

    __slots__ = ("__weakref__", "jobs")

    def __init__(self, jobs: int | None) -> None:
        self.jobs: int | None = jobs
        """None while that is not known, since more input may come."""
