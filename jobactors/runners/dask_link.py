"""The link to a cluster: one for each client, in the client's own loop and thread.

Two loops take part, and neither may wait for the other: the engine's, of trio, with the attempts,
and the client's, of asyncio, with their tasks.  Each hands over plain values, many at once::

    engine's loop                          client's loop
    ClusterCall  ── submit, tell, drop ──►  ClusterLink ──► Dask
                 ◄── frames, ends ────────              ◄──

Everything below is written in the client's loop, except ``_orders`` and ``_called``, which any
thread appends to and sets, as the engine's portal has it.

* Attempts that come together are submitted in one graph.
* Commands for one worker go out one message at a time, so that a resume never overtakes its pause;
  those that come meanwhile travel together in the next one.
* Long results that ended together are gathered together.
* A run whose attempt is not known here is refused: it has ended, or its program has.
* A client that connects again has lost its tasks, and Dask tells its scheduler of no topic once
  more: so the link listens anew before the next task goes out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol
from uuid import uuid4
from weakref import WeakKeyDictionary

from .dask_client import ClusterClient, TaskEnd
from .dask_hints import why_none_begins
from .dask_kept import argument_unusable, why_none_comes
from .dask_wire import TOPIC
from .process_wire import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from .dask_client import Command, Order

UNKNOWN: Final = b"its job has ended, or has begun elsewhere"
SLOW_START: Final = 3.0
"""Seconds after which a job that no worker has begun gets a reason, where there is one."""
NEW_WORKER: Final = (0.5, 2.5)
"""Seconds before each look whether a worker that was new is still there."""
_LONG: Final = frozenset({Kind.RETURNED, Kind.ANSWERED})


class TaskListener(Protocol):
    """An attempt as the link sees it.  It hands all of this over to the engine's loop."""

    def frame(self, where: str, run: str, kind: Kind, content: bytes) -> None:
        """Take a frame of a run."""
        ...

    def value(self, value: object) -> None:
        """Take the value that the last word has announced: pickled, a future, or an exception."""
        ...

    def left(self, where: str) -> None:
        """Take note that a worker has left the cluster."""
        ...

    def gone(self, end: TaskEnd) -> None:
        """Take note that Dask is done with the task."""
        ...

    def hint(self, text: str) -> None:
        """Take the reason why its worker was not restarted."""
        ...

    def unbegun(self, why: str) -> None:
        """Take the reason why no worker begins it; empty if one can by now."""
        ...


class _Task:
    """One task, and the attempt that waits for it."""

    __slots__ = ("future", "has_begun", "is_unexplained", "listener", "order", "where", "why")

    def __init__(self, order: Order, listener: TaskListener) -> None:
        self.order = order
        self.listener = listener
        self.future: Any = None
        self.where = ""
        """The worker of its last run."""
        self.has_begun = False
        self.is_unexplained = True
        """Whether no run of it has begun, and the link is to look whether any worker can do so."""
        self.why = ""
        """The reason why none can, as it was told last."""


class ClusterLink:
    """The tasks of one client's jobs; see the module's head for the threads."""

    def __init__(self, client: ClusterClient) -> None:
        self.client = client
        self.topic: Final = f"{TOPIC}{uuid4().hex}"
        self.epoch: Final = uuid4().hex[:12]
        self._orders: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._called = False
        self._tasks: dict[str, _Task] = {}
        self._unsent: list[_Task] = []
        self._commands: dict[str, list[Command]] = {}
        """Messages that wait to be sent, by worker."""
        self._due: list[str] = []
        """The workers that may have no message under way yet."""
        self._lines: set[str] = set()
        """The workers to which a message is under way."""
        self._workers: set[str] = set()
        """The workers that are listened for."""
        self._unseen: set[str] = set()
        """The workers of which it is not known whether the listening began before they left."""
        self._departed: set[str] = set()
        """The workers that have left, as far as none has come under the same address again."""
        self._fetched: list[_Task] = []
        self._cancelled: list[Any] = []
        self._looks_for_workers = False
        self._connection: object = None
        """The connection of the client on which it listens."""
        self._running: set[asyncio.Task[None]] = set()
        """Kept here: the loop itself holds tasks weakly."""

    # -- from any thread

    def ask(self, order: Callable[..., object], *args: Any) -> None:
        """Call one of the methods below soon, in the client's loop."""
        self.put(order, *args)
        self.wake()

    def put(self, order: Callable[..., object], *args: Any) -> None:
        """Call it after the next :meth:`wake`."""
        self._orders.append((order, args))

    def wake(self) -> None:
        """Have all that was put in called soon."""
        if self._orders and not self._called:  # looks after a put: a serve clears before it takes
            self._called = True  # before: it may serve, and be called again, within the next line
            self.client.call_soon(self._serve)

    def _serve(self) -> None:
        self._called = False
        while self._orders:
            order, args = self._orders.popleft()
            order(*args)
        self._submit_all()
        self._send_commands()
        if self._cancelled:
            futures, self._cancelled = self._cancelled, []
            self._start(self.client.cancel(futures))

    def _listen(self) -> None:
        """Listen to the runs, unless that is done on this connection; the workers follow."""
        connection = self.client.connection
        if connection is self._connection is not None:
            return
        self.client.listen(self.topic, self._hear)
        self._connection = connection
        self._workers.clear()
        self._departed.clear()
        self._start(self.client.forget_others())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    # -- orders

    def submit(self, order: Order, listener: TaskListener) -> None:
        """Submit an attempt's task, together with others that come now."""
        task = self._tasks[order.key] = _Task(order, listener)
        self._unsent.append(task)

    def tell(self, where: str, run: str, kind: Kind, content: bytes = b"") -> None:
        """Send a command to a run; to a worker that has left, none: it would take half a minute."""
        if where in self._departed:
            return
        commands = self._commands.get(where)
        if commands is None:
            commands = self._commands[where] = []
            self._due.append(where)
        commands.append((run, int(kind), content))

    def refuse(self, where: str, run: str, why: bytes) -> None:
        """Keep a run from beginning, or ask it to end where it has begun without asking."""
        self.tell(where, run, Kind.REFUSE, why)
        self.tell(where, run, Kind.CANCEL, why)

    def drop(self, key: str, cancel: bool) -> None:
        """Forget a task: its runs are refused from now on.

        Args:
            key: The task's.
            cancel: Whether Dask is to forget it as well, though others may hold its value.
        """
        task = self._tasks.pop(key, None)
        if task is None:
            return
        if task.future is None:
            self._unsent.remove(task)
        elif cancel:
            self._cancelled.append(task.future)

    def restart(self, key: str, where: str) -> None:
        """Restart a worker that runs a task which does not end."""
        self._start(self._restart(key, where))

    async def _restart(self, key: str, where: str) -> None:
        why = await self.client.restart(where)
        task = self._tasks.get(key)
        if why and task is not None:
            task.listener.hint(f"its worker {where} could not be restarted: {why}")

    def look(self, tell: Callable[[int | None], object]) -> None:
        """Ask the scheduler how many workers it has, and tell; None if it does not answer."""
        self._start(self._look(tell))

    async def _look(self, tell: Callable[[int | None], object]) -> None:
        try:
            workers = await self.client.workers()
        except Exception:  # it has closed, or is out of reach
            tell(None)
        else:
            tell(len(workers))

    # -- out

    def _submit_all(self) -> None:
        tasks, self._unsent = self._unsent, []
        if not tasks:
            return
        try:
            self._listen()
            futures = self.client.submit([task.order for task in tasks])
        except Exception as exc:  # it may be closed, or refuse a restriction
            for task in tasks:
                task.listener.gone(TaskEnd("error", exc))
            return
        for task, future in zip(tasks, futures, strict=True):
            task.future = future
            self.client.call_when_ended(future, partial(self._ended, task))
        self._look_soon()

    def _look_soon(self) -> None:
        if not self._looks_for_workers:
            self._looks_for_workers = True
            self._start(self._look_for_workers())

    def _ended(self, task: _Task, end: TaskEnd) -> None:
        if self._tasks.get(task.order.key) is task:
            if end.status == "cancelled" and not end.is_connection_lost:
                error = argument_unusable(task.order.held, self.client.address)
                end = end if error is None else TaskEnd("error", error)
            task.listener.gone(end)

    def _send_commands(self) -> None:
        due, self._due = self._due, []
        for where in due:
            if where in self._commands and where not in self._lines:
                self._lines.add(where)
                self._start(self._send_to(where))

    async def _send_to(self, where: str) -> None:
        """Send what waits for a worker, one message after the other."""
        try:
            while commands := self._commands.pop(where, None):
                if not await self.client.command(where, commands):
                    self._left(where)  # before it was listened for
        finally:
            self._lines.discard(where)

    async def _look_for_workers(self) -> None:
        """Find the reason if no worker begins what was submitted, and look whether it still holds.

        A task that some worker can begin is looked at once, and again after a worker has left.
        """
        try:
            while True:
                await asyncio.sleep(SLOW_START)
                slow = [task for task in self._tasks.values() if task.is_unexplained]
                if not slow:
                    break
                try:
                    workers = await self.client.workers()
                except Exception:  # it is out of reach, and others see to that
                    break
                self._explain([task for task in slow if task.is_unexplained], workers)
        finally:
            self._looks_for_workers = False

    def _explain(self, tasks: Iterable[_Task], workers: Mapping[str, Any]) -> None:
        """Give tasks the reason for which no worker begins them, where there is one."""
        reasons: dict[Any, str] = {}  # thousands of tasks want the same of thousands of workers
        for task in tasks:
            wanted = task.order.workers, task.order.resources
            if wanted not in reasons:
                reasons[wanted] = why_none_begins(workers, *wanted)
            reason = why_none_comes(task.order.held) or reasons[wanted]
            task.is_unexplained = bool(reason)
            if reason != task.why and self._tasks.get(task.order.key) is task:
                task.why = reason
                task.listener.unbegun(reason)

    async def _see_new_workers(self) -> None:
        """Look whether workers have left before the scheduler knew that they are listened for."""
        while self._unseen:
            unseen = frozenset(self._unseen)
            for seconds in NEW_WORKER:
                await asyncio.sleep(seconds)
                with suppress(Exception):  # it is out of reach, and others see to that
                    for where in unseen - (await self.client.workers()).keys():
                        self._left(where)
            self._unseen -= unseen

    # -- in

    def _hear(self, message: Any) -> None:
        where, frames = message
        for key, run, kind, content in frames:
            self._take(where, key, run, Kind(kind), content)
        self._send_commands()

    def _take(self, where: str, key: str, run: str, kind: Kind, content: bytes) -> None:
        task = self._tasks.get(key)
        if task is None:
            if kind is Kind.BEGUN:
                self.refuse(where, run, UNKNOWN)
            return
        if kind is Kind.BEGUN:
            task.has_begun, task.is_unexplained, task.where = True, False, where
            self._departed.discard(where)
            if where not in self._workers:
                self._workers.add(where)
                self.client.listen_for_worker(where, self._left)
                self._unseen.add(where)
                if len(self._unseen) == 1:
                    self._start(self._see_new_workers())
        task.listener.frame(where, run, kind, content)
        if kind is Kind.HELD:
            task.listener.value(task.future)
        elif kind in _LONG and not content:
            self._fetched.append(task)
            if len(self._fetched) == 1:
                self._start(self._gather())

    async def _gather(self) -> None:
        """Gather the results that have ended together."""
        await asyncio.sleep(0)
        tasks, self._fetched = self._fetched, []
        values = await self.client.gather([task.future for task in tasks])
        for task, value in zip(tasks, values, strict=True):
            task.listener.value(value)

    def _left(self, where: str) -> None:
        self._commands.pop(where, None)
        self._workers.discard(where)
        self._departed.add(where)
        for task in list(self._tasks.values()):
            if task.where == where:
                task.listener.left(where)
            if not task.has_begun:
                task.is_unexplained = True
        self._look_soon()


_LINKS: Final[WeakKeyDictionary[Any, ClusterLink]] = WeakKeyDictionary()


def link_of(client: Any) -> ClusterLink:
    """Return the link of a client, made at its first use; in the engine's loop."""
    link = _LINKS.get(client)
    if link is None:
        link = _LINKS[client] = ClusterLink(ClusterClient(client))
    return link
