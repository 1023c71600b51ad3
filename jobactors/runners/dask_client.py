"""Everything that is asked of a Dask client, in one place.  In the client's loop, if not stated.

Private names are used.  ``Future._state`` and its event: there is no public way to hear of the end
of a task that takes no thread, and gathers no result.  ``Client._scheduler_identity``: what is
public blocks until the scheduler has answered.  ``Scheduler._broker``, in a function that goes
there: what is public empties no topic.  ``_thread_id`` of the client's asyncio loop: a fork copies
the loop as one that runs, and not its thread.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import defaultdict
from contextlib import suppress
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import proxy

from msgspec import Struct

from .dask_task import forgetting_function, task_function
from .dask_worker import obey

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Command = tuple[str, int, bytes]
    """Id of the run, kind, content."""

CONNECTED: Final = "running"
"""The status of a client whose tasks are alive: one that connects again has lost them."""
KILL_GRACE: Final = 2.0
"""Seconds for a worker to close by itself, before its nanny kills it."""
ANSWER: Final = 10.0
"""Seconds for a scheduler to answer."""
_CLOSING: Final = frozenset({"closing", "closed"})
_ENDED: Final = frozenset({"finished", "error", "cancelled"})
_LARGE: Final = "distributed.admin.large-graph-warning-threshold"
_CONNECTION: Final = "scheduler-connection-lost"


class Order(Struct, frozen=True):
    """One attempt on its way to the cluster."""

    key: str
    begin: bytes
    work: bytes
    held: tuple[Any, ...] = ()
    """The futures among its arguments."""
    priority: int = 0
    workers: tuple[str | int, ...] = ()
    """The workers that may run it; empty for all."""
    resources: tuple[tuple[str, float], ...] = ()
    """Its share of its worker's resources."""


class TaskEnd(NamedTuple):
    """The end of a task, as Dask sees it."""

    status: str
    """"finished", "error" or "cancelled"."""
    error: BaseException | None = None
    """The exception that it raised."""
    is_connection_lost: bool = False
    """Whether it was cancelled because the scheduler is out of reach."""


def _end_of(state: Any) -> TaskEnd:
    if state.status == "cancelled":
        reason = getattr(state.exception, "reason", None)
        return TaskEnd("cancelled", None, reason == _CONNECTION)
    return TaskEnd(state.status, state.exception if state.status == "error" else None)


class _EndEvent(asyncio.Event):
    """The event of a task's end, which calls a function as well.

    A task of the loop for each that waits was a tenth of what a job cost.
    """

    def __init__(self, then: Callable[[], object]) -> None:
        super().__init__()
        self._then: Callable[[], object] | None = then

    def set(self) -> None:
        """Set it, and call the function; once, though a lost result may be computed again."""
        super().set()
        then, self._then = self._then, None  # which may hold this event in turn
        if then is not None:
            then()


def has_loop_here(client: Any) -> bool:
    """Return whether the thread of a client's loop is one of this process.

    It is not in a child that was forked after the client was made.
    """
    thread = getattr(getattr(client.loop, "asyncio_loop", None), "_thread_id", None)
    return thread is None or thread in sys._current_frames()


class ClusterClient:
    """A ``distributed.Client``, as the link uses it.

    Args:
        client: The client; it stays its maker's, who also closes it.  It is held weakly: a link is
            kept for each client, and would keep the client as well, with its whole cluster where
            that is in this process.  The runner holds it while there are jobs.
    """

    def __init__(self, client: Any) -> None:
        self._client: Any = proxy(client)
        self._loop = client.loop
        self._process: int | None = None
        """The process whose loop it is; 0 for none.  Found out when it is first asked for."""

    # -- from any thread

    @property
    def is_connected(self) -> bool:
        """Whether the tasks of this client are alive, and can be asked for.

        They are not from the moment on in which a cluster of this program begins to close, nor in
        a forked child.
        """
        if not self._is_of_here:
            return False
        try:
            cluster = getattr(self._client, "cluster", None)
            status = getattr(getattr(cluster, "status", None), "name", "")
            return bool(self._client.status == CONNECTED) and status not in _CLOSING
        except ReferenceError:  # nothing holds the client any more
            return False

    @property
    def _is_of_here(self) -> bool:
        here = os.getpid()
        if self._process is None:
            self._process = here if has_loop_here(self._client) else 0
        return self._process == here

    @property
    def address(self) -> str:
        """The address of the scheduler; empty once the client is closed."""
        try:
            scheduler = getattr(self._client, "scheduler", None)
            return str(getattr(scheduler, "address", "") or "")
        except ReferenceError:
            return ""

    @property
    def connection(self) -> object:
        """The client's connection to the scheduler; another one once it has connected again."""
        return self._client.scheduler_comm

    @property
    def threads(self) -> int:
        """The threads of all workers, as the client last heard of them, some seconds ago."""
        known: Mapping[str, Any] = self._client._scheduler_identity
        total = known.get("total_threads")
        if total is None:  # of an older scheduler
            total = sum(worker["nthreads"] for worker in known.get("workers", {}).values())
        return int(total)

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call a function in the client's loop, unless that is closed, or another process's.

        It has no context variables of the caller: the connections that Dask opens meanwhile would
        have those for good, a job's trace among them.
        """
        if self._is_of_here:
            Context().run(self._loop.add_callback, function)

    # -- in the client's loop

    def listen(self, topic: str, hear: Callable[[Any], object]) -> None:
        """Call ``hear`` with each message on a topic of ours that comes on this connection."""

        def take(event: tuple[float, Any]) -> None:
            hear(event[1])

        self._client.subscribe_topic(topic, take)

    async def forget_others(self) -> None:
        """Have the scheduler forget what clients that have gone were sent on topics of ours.

        It keeps the last thousand messages of each topic for good, tens of megabytes at most.
        """
        with suppress(Exception):  # it may take no functions
            await self._client.run_on_scheduler(forgetting_function(), asynchronous=True)

    def listen_for_worker(self, where: str, left: Callable[[str], object]) -> None:
        """Call ``left`` when a worker leaves, of which the scheduler tells on the worker's topic.

        Not the topic "all": the scheduler cannot send the news of a client's own end, and logs that
        as critical.
        """

        def hear(event: tuple[float, Any]) -> None:
            if event[1]["action"] == "remove-worker":
                self._client.unsubscribe_topic(where)
                left(where)

        self._client.subscribe_topic(where, hear)

    def submit(self, orders: Sequence[Order]) -> list[Any]:
        """Submit tasks, those that are alike in one graph; return their futures, in order."""
        from dask import config

        settings: Any = config
        alike: defaultdict[Any, list[Order]] = defaultdict(list)
        for order in orders:
            alike[order.priority, order.workers, order.resources, bool(order.held)].append(order)
        futures: dict[str, Any] = {}
        with settings.set({_LARGE: "1 TB"}):  # a large argument is the user's own choice
            for some in alike.values():
                futures.update(self._submit(some))
        return [futures[order.key] for order in orders]

    def _submit(self, orders: list[Order]) -> Mapping[str, Any]:
        first, run_attempt = orders[0], task_function()
        options: dict[str, Any] = {
            "pure": False,
            "fifo_timeout": 0,  # else those of the next tenth of a second are mixed with these
            "priority": first.priority,
            "workers": list(first.workers) or None,
            "resources": dict(first.resources) or None,
        }
        if len(orders) == 1 or first.held:
            return {
                one.key: self._client.submit(
                    run_attempt, one.begin, one.work, *one.held, key=one.key, **options
                )
                for one in orders
            }
        keys = [one.key for one in orders]
        futures = self._client.map(
            run_attempt,
            [one.begin for one in orders],
            [one.work for one in orders],
            key=keys,
            **options,
        )
        return dict(zip(keys, futures, strict=True))

    def call_when_ended(self, future: Any, ended: Callable[[TaskEnd], object]) -> None:
        """Call ``ended`` when Dask is done with a task that was just submitted, one way or another.

        It is called in the midst of what the client does then.
        """
        state = future._state
        if state.status != "pending":  # the client has closed meanwhile
            asyncio.get_running_loop().call_soon(ended, _end_of(state))
            return
        state._event = _EndEvent(lambda: ended(_end_of(state)))

    async def gather(self, futures: Sequence[Any]) -> list[Any]:
        """Return the values of tasks; of one that cannot be had, the exception."""
        if len(futures) > 1:
            with suppress(Exception):
                values: list[Any] = await self._client.gather(list(futures), asynchronous=True)
                return values
        return [await self._value(future) for future in futures]

    async def _value(self, future: Any) -> Any:
        try:
            return await self._client.gather(future, asynchronous=True)
        except Exception as exc:
            return exc

    async def cancel(self, futures: Sequence[Any]) -> None:
        """Have tasks forgotten, which stops those that have not begun.

        Those that have ended are only let go.  A scheduler that is asked to cancel a task which it
        has refused, or has cancelled before, ends the connection, and with it all tasks of the
        client.
        """
        going = [future for future in futures if future.status not in _ENDED]
        if going:
            with suppress(Exception):  # it may be closed
                await self._client.cancel(going, asynchronous=True)

    async def command(self, where: str, commands: Sequence[Command]) -> bool:
        """Have commands obeyed on a worker; return whether they have reached it."""
        try:
            reached = await self._client.run(
                obey, list(commands), workers=[where], on_error="ignore", asynchronous=True
            )
        except Exception:  # it may have left
            return False
        return where in reached

    async def restart(self, where: str) -> str:
        """Have a worker's process restarted; returns the reason if that cannot be done."""
        try:
            restart = partial(self._client.restart_workers, [where], timeout=KILL_GRACE)
            await asyncio.get_running_loop().run_in_executor(None, restart)
        except Exception as exc:
            return str(exc) or type(exc).__name__
        return ""

    async def workers(self) -> Mapping[str, Any]:
        """Return the cluster's workers, by their addresses.

        Raises:
            Exception: if the scheduler has closed, is out of reach, or answers too late.
        """
        async with asyncio.timeout(ANSWER):
            identity = await self._client.scheduler.identity()
        workers: Mapping[str, Any] = identity["workers"]
        return workers
