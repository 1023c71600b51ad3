"""A store that can be made to fail, and job types whose jobs can be found again."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import trio

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jobactors.model.stored_rows import Write

FULL = "disk full"
CURE = "make room"


class TroubledStore(ja.MemoryStore):
    """A store in memory whose writes fail while ``trouble`` says how."""

    def __init__(self, *, in_loop: bool = True) -> None:
        super().__init__()
        self.in_loop = in_loop  # type: ignore[misc]
        self.trouble: ja.StoreError | None = None
        self.batches: list[list[Write]] = []

    def apply(self, writes: Sequence[Write]) -> None:
        """Fail, or write and remember."""
        if self.trouble is not None:
            raise self.trouble
        super().apply(writes)
        self.batches.append(list(writes))

    def fill_up(self) -> None:
        """Fill the disk: writes fail from now on."""
        self.trouble = ja.StoreFailed(self.name, FULL, CURE)

    def clear_up(self) -> None:
        """Make room on the disk: writes succeed again."""
        self.trouble = None


@contextmanager
def registered(**functions: Any) -> Iterator[None]:
    """Declare job types for a block, and none of them after it: as in another process."""
    import jobactors.engine.attempt.chain_type  # noqa: F401 - declares the built-in type, which stays
    from jobactors.model import job_type as jobtype

    before = dict(jobtype._registered)
    for name, function in functions.items():
        ja.job(name)(function)
    try:
        yield
    finally:
        jobtype._registered.clear()
        jobtype._registered.update(before)


def add(a: int, b: int = 0) -> int:
    """Add two numbers."""
    return a + b


async def wait(*_: object) -> None:
    """Report half, and wait for ever."""
    ja.progress(1, 2)
    await trio.sleep_forever()
