"""An attempt on a Dask cluster that has no task of its own, as most need none.

Thousands of attempts wait for a worker, and a task with its scope was half of what such a job cost
in time and in memory.  So the order goes out in the step that starts the job; the run that asks is
granted, and the result is taken, in the call that brings the news.  What is more than that gets a
task from there on, which goes the way of :class:`~jobactors.runners.dask_call.ClusterCall`: a call
that runs users' code when it is packed or its result rebuilt, a cancel of what may have begun, an
error, a lost worker.

All of it in the engine's loop.
"""

from __future__ import annotations

from contextlib import suppress
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, cast

from jobactors.engine.ports.runner import GoesOn

from .dask_call import ClusterCall
from .dask_order import soon_ordered
from .dask_packing import unpack_plain
from .process_wire import Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.attempt.host import AttemptHost
    from jobactors.engine.ports.runner import Attempt

    from .dask_client import Order
    from .dask_order import CallOptions
    from .dask_side import EngineSide


class BegunClusterCall(ClusterCall):
    """One attempt and its task on the cluster, as ``CallElsewhere`` has it.

    Args:
        attempt: The attempt.
        runner: The options with which its task is made.
        side: This loop's end of the link.
    """

    _when_ended: Callable[[], object] | None = None
    """None once it has ended as far as it goes without a task, and before the engine listens."""
    _has_task = False
    _is_closed = False
    _asked_from: str | None = None
    """The worker for which the engine was asked whether the attempt may begin."""

    def __init__(self, attempt: Attempt, runner: CallOptions, side: EngineSide) -> None:
        super().__init__(attempt, runner, side)
        self._portal = cast("AttemptHost", attempt.context._system).portal
        self._start: Callable[[str, Callable[[], None]], None]
        self._is_sent = False

    def start(self) -> None:
        """Submit the task, or go on in a task of this side's that does so."""
        if not self._link.client.is_connected:
            self.lost()
        elif (order := self._soon_ordered()) is not None:
            self._is_sent = True
            self._submit(order)
            return
        else:
            self._side.line.join(self.key)
        self._portal.soon(self._go_on)  # nothing listens yet

    def _soon_ordered(self) -> Order | None:
        with suppress(Exception):  # it is raised once more where it ends the job alone
            return soon_ordered(self._attempt, self.key, self._link.topic, self._runner)
        return None

    # -- as ``CallElsewhere`` has it

    def call_to_start(self, start: Callable[[str, Callable[[], None]], None]) -> None:
        """Call ``start(where, begin)`` in the loop when a run of it asks whether it may begin."""
        self._start = start

    def call_when_ended(self, callback: Callable[[], object]) -> None:
        """Call ``callback()`` in the loop when it has ended, or needs a task to go on."""
        self._when_ended = callback

    def withdraw(self) -> bool:
        """Take the task back unless a run of it may have begun; returns whether it never will."""
        if self._when_ended is None or self._has_ended:
            return False
        if self._fence.is_granted:
            self._go_on()
            return False
        self._when_ended = None
        self._close()
        return True

    def leave_behind(self) -> None:
        """Wait no more for its end."""
        self._when_ended = None
        self._close()

    def result(self) -> Any:
        """Return the value of a task that has returned a short one of built-in types; once.

        Raises:
            GoesOn: for all that takes a task.
        """
        kind, content = self._last_word or (None, b"")
        is_whole = self._has_ended and self._error is None and not self._is_answering
        if is_whole and kind in {Kind.RETURNED, Kind.ANSWERED}:
            try:
                value = unpack_plain(content or self._value)
            except UnpicklingError:
                pass
            else:
                self._close()
                self._control.answers += kind is Kind.ANSWERED
                return value
        self._has_task = True
        raise GoesOn(self._to_its_end if self._is_sent or self._has_ended else self.run)

    # -- the news

    def _wake(self) -> None:
        if self._has_task:
            super()._wake()
        elif self._has_ended:
            self._go_on()
        elif not self._is_going:
            self._side.begin(self._ask_to_begin)

    def _ask_to_begin(self) -> None:
        """Have the start stored for the run that asks; in a delivery of news, at its end."""
        if self._waits_for_run and self._asked_from is None:
            self._asked_from = self._where
            self._portal.guarded(self._start, self._where, self._may_begin)

    @property
    def _waits_for_run(self) -> bool:
        is_over = self._is_closed or self._has_task or self._has_ended
        return not (is_over or self._is_going) and bool(self._fence.run)

    def _may_begin(self) -> None:
        """Let the run begin for which the start is stored, unless another one asks by then."""
        asked, self._asked_from = self._asked_from, None
        if self._waits_for_run:
            if self._where == asked:
                self._grant()
            else:
                self._ask_to_begin()

    @property
    def _is_answering(self) -> bool:
        return self._answers is not None and self._answers.are_open

    def _go_on(self) -> None:
        when_ended, self._when_ended = self._when_ended, None
        if when_ended is not None:
            self._portal.guarded(when_ended)

    def _close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            super()._close()
