"""The engine's end of a link: one for each link and trio loop.

It hands what the client's loop sends over to the attempts, many at once, and looks twice a second
whether the cluster is still there: a client that was closed says nothing any more.

An attempt that was lost with its worker waits for a verdict: a cluster that is closed in order
retires its workers first, and its scheduler some moments later.  The worker was lost alone if the
scheduler, asked some moments later, answers that it has others, or still answers when it had none
for a while.  If it does not answer, the client gives it up at last.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import WeakValueDictionary

import trio

from jobactors.inside.report.guarded_log import LOG

from .dask_line import SubmitLine
from .dask_link import ClusterLink
from .process_threads import echo, in_thread

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .dask_client import Order

LOOK: Final = 0.5
"""Seconds between two looks at the client."""
THREADS: Final = 64
"""Threads that run users' code at once, for either purpose: some of it may hang."""
SUSPENSE: Final = 0.25
"""Seconds between the news that an attempt was lost and the question whether the cluster lives."""
AT_ONCE: Final = 100
"""News that the attempts take in one turn of the loop, each of which may wake one up."""
LAST_WORKER: Final = 5.0
"""Seconds for which a cluster without workers may be one that is closed."""
_SIDES: trio.lowlevel.RunVar[WeakValueDictionary[str, EngineSide]] = trio.lowlevel.RunVar(
    "jobactors_dask_sides"
)
"""By the epochs of their links.  The attempts hold them: a loop outlives many clients."""


class WatchedCall(Protocol):
    """An attempt as its side sees it."""

    @property
    def key(self) -> str:
        """The key of its task."""
        ...

    def lost(self) -> None:
        """Take note that the whole cluster is out of reach."""
        ...

    def lost_alone(self) -> None:
        """Take note that the cluster lives: the attempt was lost with its worker alone."""
        ...


class EngineSide:
    """The attempts of one trio loop on one cluster.

    Written in that loop, except ``_news`` and ``_called``, which the client's loop appends to and
    sets, as the engine's portal has it.

    Args:
        link: The link to the cluster.
    """

    def __init__(self, link: ClusterLink) -> None:
        self.link = link
        self.packing: Final = trio.CapacityLimiter(THREADS)
        """The threads that pack calls: a thousand jobs that start together do not take as many."""
        self.line: Final = SubmitLine(self._submit, self.spawn)
        """The attempts on their way to the link, in order."""
        self._rebuilding = trio.CapacityLimiter(THREADS)
        self._token = trio.lowlevel.current_trio_token()
        self._calls: dict[str, WatchedCall] = {}
        self._news: deque[tuple[Callable[..., object], tuple[Any, ...]]] = deque()
        self._called = False
        self._is_delivering = False
        """Whether news is being taken, in this turn of the loop and the next ones."""
        self._askers: list[Callable[[], object]] = []
        """Called at the end of this delivery."""
        self._is_asking = False
        """Whether the link is called at the end of this turn."""
        self._is_watched = False
        self._suspects: list[tuple[WatchedCall, float]] = []
        self._lines: deque[tuple[str, str]] = deque()
        self._is_echoing = False

    # -- from the client's loop

    def post(self, take: Callable[..., object], *args: Any) -> None:
        """Have an attempt take something in this loop; dropped if the loop has ended."""
        self._news.append((take, args))  # before looking, as a delivery clears before it takes
        if not self._called:
            self._called = True  # before: it may deliver within the next lines
            try:
                self._token.run_sync_soon(self._deliver)
            except trio.RunFinishedError:
                self._called = False
                self._news.clear()

    def _deliver(self) -> None:
        self._called = False
        if not self._is_delivering:
            self._is_delivering = True
            self._deliver_some()

    def _deliver_some(self) -> None:
        """Hand over some of the news; the loop serves others before the rest of it."""
        self._is_asking = True
        for _ in range(AT_ONCE):
            if not self._news:
                self._is_delivering = False
                break
            take, args = self._news.popleft()
            try:
                take(*args)
            except Exception:  # a worker of another version, or a hostile one
                LOG.exception("a report from a Dask worker could not be read")
        askers, self._askers = self._askers, []
        for begin in askers:
            begin()
        self._send()
        if self._is_delivering:
            self._token.run_sync_soon(self._deliver_some)

    # -- in this loop

    def begin(self, begin: Callable[[], object]) -> None:
        """Call ``begin()``, which lets a run begin, after all news that is here.

        Some of that may be that the run's worker has left, and then another run may begin.
        """
        self._askers.append(begin)

    def ask(self, order: Callable[..., object], *args: Any) -> None:
        """Have the link called, once for all that is asked in this turn of the loop.

        Each call wakes the client's thread, which takes the interpreter from this one.
        """
        self.link.put(order, *args)
        if not self._is_asking:
            self._is_asking = True
            self._token.run_sync_soon(self._send)

    def _send(self) -> None:
        self._is_asking = False
        self.link.wake()

    def add(self, call: WatchedCall, order: Order) -> None:
        """Submit the task of an attempt, and watch the cluster for it."""
        self.line.submit(order, call)
        self._calls[call.key] = call
        if not self._is_watched:
            self._is_watched = True
            self.spawn(self._watch)

    def _submit(self, order: Order, call: Any) -> None:
        self.ask(self.link.submit, order, call)

    def remove(self, call: WatchedCall) -> None:
        """Watch for it no more."""
        self.line.leave(call.key)
        self._calls.pop(call.key, None)

    async def _watch(self) -> None:
        while self._calls:
            if not self.link.client.is_connected:
                for call in list(self._calls.values()):
                    call.lost()
            await trio.sleep(LOOK)
        self._is_watched = False

    def look_for(self, call: WatchedCall) -> None:
        """Tell an attempt soon whether it was lost alone, or with the whole cluster."""
        self._suspect(call, trio.current_time())

    def _suspect(self, call: WatchedCall, since: float) -> None:
        self._suspects.append((call, since))
        if len(self._suspects) == 1:
            self.spawn(self._look)

    async def _look(self) -> None:
        await trio.sleep(SUSPENSE)
        suspects, self._suspects = self._suspects, []
        self.ask(self.link.look, partial(self.post, self._looked, suspects))

    def _looked(self, suspects: list[tuple[WatchedCall, float]], workers: int | None) -> None:
        """Tell the verdict, or look again."""
        now = trio.current_time()
        for call, since in suspects:
            if not self.link.client.is_connected:
                call.lost()
            elif workers or (workers == 0 and now - since > LAST_WORKER):
                call.lost_alone()
            elif call.key in self._calls:
                self._suspect(call, since)

    async def rebuild(self, rebuilt: Callable[[Any], Any], content: Any) -> Any:
        """Call what rebuilds a result or an error, which runs users' code, in a thread."""
        return await in_thread(rebuilt, content, limiter=self._rebuilding)

    def spawn(self, work: Callable[[], Awaitable[object]]) -> None:
        """Run a task beside the attempts, whose failure is logged: the loop would end with it."""

        async def guarded() -> None:
            try:
                await work()
            except trio.Cancelled:
                raise
            except BaseException:  # StopJob is one, and what a user's stream raises may be
                LOG.exception("a task of the Dask runner has failed")

        trio.lowlevel.spawn_system_task(guarded)

    def echo(self, text: str, source: str) -> None:
        """Write lines of a job to our own output, in a thread: a slow reader stops no loop."""
        self._lines.append((text, source))
        if not self._is_echoing:
            self._is_echoing = True
            self.spawn(self._echo)

    async def _echo(self) -> None:
        try:
            while self._lines:
                await in_thread(echo, *self._lines.popleft())
        finally:
            self._is_echoing = False


def side_of(link: ClusterLink) -> EngineSide:
    """Return this loop's end of a link."""
    try:
        sides = _SIDES.get()
    except LookupError:
        sides = WeakValueDictionary[str, EngineSide]()
        _SIDES.set(sides)
    side = sides.get(link.epoch)
    if side is None:
        side = sides[link.epoch] = EngineSide(link)
    return side
