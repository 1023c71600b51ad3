"""The rates of one system: told the time, and stored with the jobs that they let start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from jobactors.inside.report.guarded_log import LOG
from jobactors.model.checks import is_number
from jobactors.model.exact import from_json
from jobactors.model.stored_rows import DocumentRow, PutDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jobactors.engine.loop.clock import LoopClock
    from jobactors.engine.loop.portal import Portal
    from jobactors.engine.loop.timers import Timer, Timers
    from jobactors.engine.queue.job_queue import JobQueue
    from jobactors.engine.storage.journal import Journal

KIND: Final = "rate"


class RateTable:
    """Tells the rates the time, and stores what they have counted.  In the loop's thread only.

    What a rate has counted is written in the commit of the start that it counts: a job begins only
    once that is stored.
    """

    def __init__(
        self,
        queue: JobQueue,
        portal: Portal,
        clock: LoopClock,
        timers: Timers,
        journal: Journal | None,
        pump: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._portal = portal
        self._clock = clock
        self._timers = timers
        self._journal = journal
        self._pump = pump
        self._timer: Timer | None = None
        self._is_posted = False

    def advance(self) -> None:
        """Tell the rates the time, so that units whose period has passed come back."""
        if not self._queue.resources.rates:
            return
        self._queue.advance(self._clock.now())
        if not self._is_posted:
            self._is_posted = True
            self._portal.post_quietly(self._arrange)  # after this step, which may make jobs wait

    def _arrange(self) -> None:
        """Have the queue looked at when units come back for which a job waits."""
        self._is_posted = False
        queue = self._queue
        returns = [
            due
            for name, window in queue.resources.rates.items()
            if (due := window.next_return()) is not None
            and (name in queue.lines or queue.is_wanted(name))
        ]
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timers.set(min(returns), self._pump) if returns else None

    def save(self) -> None:
        """Store the rates of which units were taken since the last time."""
        resources = self._queue.resources
        if not resources.changed_rates:
            return
        changed, resources.changed_rates = resources.changed_rates, {}
        if self._journal is not None:
            from jobactors.engine.storage.row_structs import encode  # loaded by the journal

            for name in changed:
                value = encode({"taken": resources.rates[name].as_json()})
                row = DocumentRow(KIND, name, value, self._clock.now())
                self._journal.write(PutDocument(row))

    def load(self, rows: Iterable[DocumentRow]) -> None:
        """Go on from what an earlier process has counted; what makes no sense is left out."""
        for row in rows:
            window = self._queue.resources.rates.get(row.name)
            if window is None:
                continue
            taken = _taken(row.value)
            if taken is None:
                LOG.warning("what the rate %.100r has counted cannot be read", row.name)
                continue
            window.load(taken)
            window.advance(self._clock.now())


def _taken(value: str) -> list[float] | None:
    try:
        read: Any = from_json(value)
    except ValueError:
        return None
    taken: Any = cast("dict[str, Any]", read).get("taken") if isinstance(read, dict) else None
    if not isinstance(taken, list):
        return None
    moments = [at for at in cast("list[object]", taken) if is_number(at)]
    return moments if len(moments) == len(cast("list[object]", taken)) else None
