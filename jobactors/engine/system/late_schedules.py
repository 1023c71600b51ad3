"""The schedules of a system, loaded when they are first asked for: most programs have none."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

    import trio

    from jobactors.model.stored_rows import DocumentRow

    from .admission import Admission
    from .core import Core
    from .parts import Parts
    from .recovery import Recovery
    from .schedule_table import ScheduleTable

    Guard = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


class LateSchedules:
    """Makes the table of schedules, with all that has to be imported for it, once it is needed.

    Its task runs from then on.  A program without schedules opens sooner, and has no such task.
    """

    def __init__(self, parts: Parts, core: Core, recovery: Recovery, admission: Admission) -> None:
        self._given = parts, core, recovery, admission
        self._portal = parts.portal
        self._home: tuple[trio.Nursery, Guard] | None = None
        self._lock = Lock()
        self._table: ScheduleTable | None = None
        self._is_open = True
        self._runs = False

    def open(self, nursery: trio.Nursery, guard: Guard) -> None:
        """Run the table's task in a nursery, by ``guard``.  In the loop's thread, once."""
        self._home = nursery, guard
        if self._table is not None:
            self._start()

    def _start(self) -> None:
        if self._home is not None and self._table is not None and not self._runs:
            self._runs = True
            nursery, guard = self._home
            nursery.start_soon(guard, self._table.run)

    @property
    def table(self) -> ScheduleTable:
        """The table; made at the first look, from any thread."""
        if self._table is None:
            from .schedule_table import ScheduleTable  # and the rules of time with it

            with self._lock:
                if self._table is None:
                    table = ScheduleTable(*self._given)
                    if not self._is_open:
                        table.close()
                    self._table = table
                    if self._home is not None:
                        self._portal.post_quietly(self._start)
        return self._table

    def load(self, rows: Collection[DocumentRow], *, rests: bool) -> None:
        """Load the schedules of a store; see :meth:`.ScheduleTable.load`."""
        if rows:
            self.table.load(rows, rests=rests)

    def close(self) -> None:
        """Submit no more jobs: the system is ending."""
        self._is_open = False
        if self._table is not None:
            self._table.close()
