"""Hold objects of runners for all jobs of one system, such as idle processes."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jobactors.inside.signals.latch import Latch


class Closable(Protocol):
    """Ends with its system."""

    def close(self) -> Iterable[Latch]:
        """Begin to end it; returns the latches that are set when it has ended."""
        ...


T = TypeVar("T", bound=Closable)


class Shared:
    """The objects that runners share among the jobs of one system: one of each class.

    Made at first use, closed with the system.  From any thread.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._made: dict[Callable[[], Any], Any] = {}

    def get(self, kind: Callable[[], T]) -> T:
        """Return the object of a class, which is made by the first call."""
        with self._lock:
            if kind not in self._made:
                self._made[kind] = kind()
            made: T = self._made[kind]
            return made

    def close(self) -> list[Latch]:
        """Begin to end all of them; returns the latches that are set when they have ended."""
        with self._lock:
            made = list(self._made.values())
        return [latch for one in made for latch in one.close()]
