"""A cluster that is a script: thousands of workers without a process, for the hub of Dask jobs.

It stands in the place of :class:`~jobactors.runners.dask_client.ClusterClient`, and answers as a
scheduler and its workers do, in a loop and thread of its own: a task that has a worker asks whether
it may begin, one that may reports some progress, and ends.  Nothing of a job's function is run, and
nothing takes time; so what is measured is this side alone.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import asdict

from jobactors.model.progress import Progress
from jobactors.runners.dask_begun import BegunClusterCall
from jobactors.runners.dask_call import ClusterCall
from jobactors.runners.dask_client import TaskEnd
from jobactors.runners.dask_link import ClusterLink
from jobactors.runners.dask_order import CallOptions
from jobactors.runners.dask_side import side_of
from jobactors.runners.process_wire import Kind, pack_result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import jobactors as ja
    from jobactors.runners.dask_client import Command, Order

BEGUN: Final = json.dumps({"pid": 1, "threads": 1}).encode()
NOTHING: Final = pack_result(None)
AT_ONCE: Final = 200
"""Messages that are heard in one turn of the loop, as a scheduler sends them in batches."""


def sample(done: int, total: int) -> bytes:
    """Return the frame of some progress."""
    return json.dumps(asdict(Progress(done=done, total=total, unit="steps"))).encode()


class ScriptedTask:
    """One task: its order, its worker, and the end that is waited for."""

    __slots__ = ("ended", "fenced", "key", "run", "where")

    def __init__(self, order: Order) -> None:
        self.key = order.key
        self.fenced: bool = json.loads(order.begin)["fenced"]
        self.run = ""
        self.where = ""
        self.ended: Callable[[TaskEnd], object] | None = None


class ScriptedCluster:
    """The scheduler and the workers, as a link sees them through a client.

    Args:
        workers: The number of workers, of one thread each.
        samples: The reports of each task.
        ends: Whether tasks end; those that do not can be told to report by :meth:`report_all`.
    """

    is_connected = True

    def __init__(self, workers: int, samples: int = 0, *, ends: bool = True) -> None:
        self.threads = workers
        self._samples = [sample(n + 1, samples) for n in range(samples)]
        self._ends = ends
        addresses = [f"tcp://10.0.{n >> 8}.{n & 255}:40000" for n in range(workers)]
        self._free = deque(addresses)
        self._workers: dict[str, dict[str, Any]] = {where: {} for where in addresses}
        self._waiting: deque[ScriptedTask] = deque()
        self._at_work: dict[str, ScriptedTask] = {}
        self._hear: Callable[[Any], object] = print
        self._messages: deque[list[Any]] = deque()
        self._is_hearing = False
        self._runs = 0
        self.begun = 0
        self.heard = 0
        """The frames that were sent."""
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="scripted", daemon=True).start()

    # -- what a link asks of a client

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call it in the loop."""
        self._loop.call_soon_threadsafe(function)

    def listen(self, _topic: str, hear: Callable[[Any], object]) -> None:
        """Report to ``hear`` from now on."""
        self._hear = hear

    @property
    def connection(self) -> object:
        """What is connected: it stays the same."""
        return self

    async def forget_others(self) -> None:
        """Do nothing: there are no others."""

    @property
    def address(self) -> str:
        """The address of the scheduler."""
        return "scripted"

    def listen_for_worker(self, _where: str, _left: Callable[[str], object]) -> None:
        """No worker ever leaves."""

    def submit(self, orders: Sequence[Order]) -> list[Any]:
        """Take tasks in."""
        tasks = [ScriptedTask(order) for order in orders]
        self._waiting += tasks
        self._begin()
        return tasks

    def call_when_ended(self, task: ScriptedTask, ended: Callable[[TaskEnd], object]) -> None:
        """Tell the end of one."""
        task.ended = ended

    async def gather(self, tasks: Sequence[ScriptedTask]) -> list[Any]:
        """No result is long."""
        return [b"" for _ in tasks]

    async def cancel(self, tasks: Sequence[ScriptedTask]) -> None:
        """Forget tasks; those that are at work free their workers."""
        gone = set(tasks)
        self._waiting = deque(task for task in self._waiting if task not in gone)
        for task in tasks:
            if self._at_work.pop(task.run, None) is not None:
                self._end(task)
        self._begin()

    async def command(self, _where: str, commands: Sequence[Command]) -> bool:
        """Obey grants; a task that is told to stop ends."""
        for run, kind, _ in commands:
            task = self._at_work.get(run)
            if task is not None and kind == Kind.GRANT:
                self._work(task)
            elif task is not None and kind == Kind.CANCEL:
                self._say(task, (Kind.STOPPED, b""))
                del self._at_work[run]
                self._end(task)
        self._begin()
        return True

    async def restart(self, _where: str) -> str:
        """Refuse."""
        return "it is a script"

    async def workers(self) -> Mapping[str, Any]:
        """Name them all."""
        return self._workers

    # -- the script

    def _begin(self) -> None:
        while self._waiting and self._free:
            task, task.where = self._waiting.popleft(), self._free.popleft()
            self._runs += 1
            self.begun += 1
            task.run = f"run-{self._runs}"
            self._at_work[task.run] = task
            self._say(task, (Kind.BEGUN, BEGUN))
            if not task.fenced:
                self._work(task)

    def _work(self, task: ScriptedTask) -> None:
        reports = [(Kind.SAMPLE, content) for content in self._samples]
        if not self._ends:
            self._say(task, *reports)
            return
        self._say(task, *reports, (Kind.RETURNED, NOTHING))
        del self._at_work[task.run]
        self._end(task)

    def _end(self, task: ScriptedTask) -> None:
        if task.ended is not None:  # what has begun with its submit is not waited for yet
            task.ended(TaskEnd("finished"))
        self._free.append(task.where)

    def _say(self, task: ScriptedTask, *frames: tuple[Kind, bytes]) -> None:
        named = [[task.key, task.run, int(kind), content] for kind, content in frames]
        self._messages.append([task.where, named])
        self.heard += len(frames)
        if not self._is_hearing:
            self._is_hearing = True
            self._loop.call_soon(self._hear_some)

    def _hear_some(self) -> None:
        for _ in range(min(AT_ONCE, len(self._messages))):
            self._hear(self._messages.popleft())
        self._begin()
        self._is_hearing = bool(self._messages)
        if self._is_hearing:
            self._loop.call_soon(self._hear_some)

    def report_all(self, contents: Iterable[bytes]) -> None:
        """Have every task at work report, once for each content; from any thread."""

        def report() -> None:
            for content in contents:
                for task in self._at_work.values():
                    self._say(task, (Kind.SAMPLE, content))

        self.call_soon(report)


class ScriptedRunner:
    """A runner on such a cluster: all that ``DaskRunner`` is, but for the client.

    Args:
        cluster: The cluster.
        allow_restart: Whether runs begin without asking.
    """

    name = "scripted cluster"
    takes_slot = False
    can_abandon = True
    waits_elsewhere = True

    def __init__(self, cluster: ScriptedCluster, *, allow_restart: bool = False) -> None:
        client: Any = cluster
        self._link = ClusterLink(client)
        self._options = CallOptions("script://", allow_restart=allow_restart)
        self._threads = cluster.threads

    def capacity(self) -> int:
        """Return the number of workers."""
        return self._threads

    async def run(self, attempt: ja.Attempt, /) -> Any:
        """Run one attempt in a task."""
        return await ClusterCall(attempt, self._options, side_of(self._link)).run()

    def _begin_call(self, attempt: ja.Attempt) -> BegunClusterCall:
        """Begin one without a task."""
        call = BegunClusterCall(attempt, self._options, side_of(self._link))
        call.start()
        return call
