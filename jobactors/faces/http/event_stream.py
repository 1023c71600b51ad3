"""Changes of jobs as server-sent events: the whole state first, then what has changed.

One feed a job system makes them, in the jobs' own loop, at most ten a second.  Each change is
encoded once, however many clients there are.  A client has no queue: it remembers the number of the
last frame it was sent, and is sent what changed since, so that one that reads slowly skips frames
and never holds memory.  One that comes back with ``Last-Event-ID`` is sent the same, if the feed is
still the one that it knew; otherwise the whole state again.

The feed is written by the jobs' loop under a lock, which the clients' loops take to read it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any, Final, final

import anyio
import trio

from jobactors.inside.report.guarded_log import LOG
from jobactors.inside.signals.latch import Latch
from jobactors.model.errors import JobactorsError
from jobactors.model.events import JobRemoved

from .batch_changes import BatchChanges
from .json_bodies import encode

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.types import Receive, Scope, Send

    from jobactors.engine.api.jobs import Jobs
    from jobactors.model.events import Event

    Encode = Callable[[Sequence[Any]], list[bytes]]
    """Encodes jobs, and batches if the feed has them, one text each."""

FRAME_SECONDS: Final = 0.1
BEAT_SECONDS: Final = 15.0
"""Between two signs of life: some proxies end a connection that is silent for 30 seconds."""
BLOCKED_SECONDS: Final = 60.0
"""For which a client may take nothing before it is cut off."""
LINGER_SECONDS: Final = 30.0
"""For which a feed without clients goes on: a browser comes back after two."""
MOST_FRAMES: Final = 1_000
"""Frames that a client may miss before it is sent the whole state."""
MOST_STREAMS: Final = 64
DIRECT: Final = "jobactors.direct_writes"
"""The ASGI extension of our own server: writes bytes to the connection, in a limited time.

A frame goes to every client, ten times a second.  Through a server's layers it takes three times as
long as to frame it once, as a chunk of HTTP/1.1, and to write that.
"""
RETRY: Final = b"retry: 2000\n\n"
BEAT: Final = b": beat\n\n"
HEADERS: Final = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-store"),
    ("x-accel-buffering", "no"),
)
_RAW_HEADERS: Final = [(name.encode(), value.encode()) for name, value in HEADERS]


@final
class EventFeed:
    """Follows the jobs while clients listen.

    Args:
        jobs: The job system.
        encode: Encodes jobs, in the jobs' loop.
        note: Returns a warning about the store; empty if all is well.
        has_batches: Whether batches are sent as well, each before the first of its jobs.
    """

    def __init__(
        self, jobs: Jobs, encode: Encode, note: Callable[[], str], *, has_batches: bool = False
    ) -> None:
        self._jobs = jobs
        self._wait = trio.CancelScope()
        self._batches = BatchChanges(jobs, self._wake) if has_batches else None
        self._encode = encode
        self._note_now = note
        self._lock = threading.Lock()
        # Written by the jobs' loop, under the lock; read by clients, under it.
        self._frame = 0
        self._rows: dict[str, bytes] = {}
        self._ring: deque[tuple[frozenset[str], frozenset[str]]] = deque(maxlen=MOST_FRAMES)
        self._last: tuple[int, bytes] = (0, b"")
        self._chunk: tuple[bytes, bytes] = (b"", b"")
        self._note = ""
        self._next = Latch()
        self._is_ready = Latch()
        self._has_ended = False
        # Written by clients, under the lock.
        self._clients = 0
        self._is_followed = False
        self._left_at = 0.0
        self._epoch = secrets.token_hex(4)

    @property
    def clients(self) -> int:
        """Number of clients that listen at this moment."""
        return self._clients

    # -- in the clients' loops

    def join(self) -> bool:
        """Count one more client, and follow the jobs; returns whether there was room."""
        with self._lock:
            if self._clients >= MOST_STREAMS:
                return False
            self._clients += 1
            begins, self._is_followed = not self._is_followed, True
            if begins:
                self._epoch = secrets.token_hex(4)
                self._is_ready, self._has_ended = Latch(), False
        if begins:
            system = self._jobs._system
            try:
                system.parts.portal.call(system.attach, self._follow)
            except JobactorsError:  # it has ended
                self._end()
        return True

    def leave(self) -> None:
        """Count one client less."""
        with self._lock:
            self._clients -= 1
            self._left_at = time.monotonic()

    async def wait_ready(self) -> None:
        """Wait until the jobs are known."""
        await self._is_ready

    def first(self, last_id: str | None) -> tuple[int, bytes]:
        """Return the number of a client's last frame, and the whole state if it needs that."""
        with self._lock:
            known = self._number_of(last_id)
            if known is not None:
                return known, b""
            rows = b",".join(self._rows.values())
            return self._frame, self._event("state", b'"jobs":[%b]' % rows)

    def since(self, number: int) -> tuple[int, bytes, Latch | None]:
        """Return the last frame, the changes since another one, and the latch of the next.

        None for the latch: the jobs have ended, and no more will come.
        """
        with self._lock:
            latch = None if self._has_ended else self._next
            if number == self._frame:
                return number, b"", latch
            return self._frame, self._changes_since(number), latch

    def chunk_of(self, body: bytes) -> bytes:
        """Return a chunk of HTTP/1.1; that of a frame is made once for all its clients."""
        known, chunk = self._chunk
        if known is not body:
            chunk = b"%x\r\n%b\r\n" % (len(body), body)
            self._chunk = body, chunk
        return chunk

    def has_news(self, number: int) -> bool:
        """Return whether there is more than a client has been sent, or the jobs have ended."""
        with self._lock:
            return number != self._frame or self._has_ended

    def _number_of(self, last_id: str | None) -> int | None:
        epoch, _, number = (last_id or "").partition("-")
        if epoch != self._epoch or not number.isascii() or not number.isdecimal():
            return None
        frame = int(number[:20])
        return frame if self._frame - len(self._ring) <= frame <= self._frame else None

    def _changes_since(self, number: int) -> bytes:
        if number == self._frame - 1 and self._last[0] == self._frame:
            return self._last[1]  # the common case: made once, written to every client
        missed = self._frame - number
        if missed > len(self._ring):
            return self._event("state", b'"jobs":[%b]' % b",".join(self._rows.values()))
        frames = list(self._ring)[-missed:]
        changed: dict[str, None] = {}
        removed: dict[str, None] = {}
        for in_frame, gone in frames:
            changed.update(dict.fromkeys(in_frame))
            removed.update(dict.fromkeys(gone))
        return self._delta(changed, [one for one in removed if one not in self._rows])

    def _delta(self, changed: Sequence[str] | dict[str, None], removed: Sequence[str]) -> bytes:
        rows = b",".join([self._rows[one] for one in changed if one in self._rows])
        gone = b",".join([encode(one) for one in removed])
        return self._event("jobs", b'"jobs":[%b],"removed":[%b]' % (rows, gone))

    def _event(self, kind: str, parts: bytes) -> bytes:
        told = b'"now":%b,"notice":%b' % (encode(round(time.time(), 3)), encode(self._note))
        name = "end" if self._has_ended else kind
        head = f"event: {name}\nid: {self._epoch}-{self._frame}\n".encode()
        return b"%bdata: {%b,%b}\n\n" % (head, parts, told)

    # -- in the jobs' loop

    async def _follow(self) -> None:
        has_ended = True
        try:
            has_ended = await self._publish_changes()
        except Exception:
            LOG.exception("the stream of changes over HTTP has failed")
        finally:
            if has_ended:
                self._end()

    async def _publish_changes(self) -> bool:
        """Publish frames; return True when the jobs have ended, False when no client is left."""
        async with self._jobs.subscribe() as events:
            with self._lock:
                self._rows.clear()
                self._ring.clear()
                self._frame = 0
            with self._batches or nullcontext():
                return await self._publish_until_left(events)

    async def _publish_until_left(self, events: AsyncIterator[Sequence[Event]]) -> bool:
        silent_since = trio.current_time()
        while not self._is_left():
            changed: dict[str, bool] = {}
            beat_in = max(0.0, silent_since + BEAT_SECONDS - trio.current_time())
            patience = min(LINGER_SECONDS / 3, beat_in) if self._is_ready.is_set else 0.05
            with trio.move_on_after(0 if self._has_batch_news else patience) as self._wait:
                try:
                    _note(changed, await anext(events))
                except StopAsyncIteration:
                    return True
            if changed or self._has_batch_news or not self._is_ready.is_set:
                self._publish(
                    [job_id for job_id, is_there in changed.items() if is_there],
                    [job_id for job_id, is_there in changed.items() if not is_there],
                )
                await trio.sleep(FRAME_SECONDS)
                silent_since = trio.current_time()
            elif trio.current_time() >= silent_since + BEAT_SECONDS:
                self._beat()
                silent_since = trio.current_time()
        return False

    def _beat(self) -> None:
        """Wake all clients, which have no news: each sends its beat.  One timer has them all."""
        with self._lock:
            waiting, self._next = self._next, Latch()
        waiting.set()

    @property
    def _has_batch_news(self) -> bool:
        return self._batches is not None and self._batches.have_changed

    def _wake(self) -> None:
        self._wait.cancel()

    def _publish(self, changed: list[str], removed: list[str]) -> None:
        shown: list[Any] = []
        for job_id in changed:
            record = self._jobs._system.core.find(job_id)
            if record is not None:
                shown.append(record.snapshot)
        if self._batches is not None:
            shown, dropped = self._batches.with_batches(shown)
            removed += dropped
        rows = dict(zip([one.id for one in shown], self._encode(shown), strict=True))
        note = self._note_now()
        with self._lock:
            gone = [one for one in removed if self._rows.pop(one, None) is not None]
            self._rows.update(rows)
            self._note = note
            if self._is_ready.is_set:
                self._frame += 1
                self._ring.append((frozenset(rows), frozenset(gone)))
                self._last = (self._frame, self._delta(list(rows), gone))
            waiting, self._next = self._next, Latch()
        self._is_ready.set()
        waiting.set()

    def _is_left(self) -> bool:
        """Whether there has been no client for a while; the next one begins a new epoch."""
        with self._lock:
            is_left = not self._clients and time.monotonic() - self._left_at > LINGER_SECONDS
            if is_left:
                self._is_followed = False
            return is_left

    def _end(self) -> None:
        with self._lock:
            self._is_followed = False
            self._has_ended = True
            self._frame += 1
            self._ring.append((frozenset(), frozenset()))
            self._last = (self._frame, self._delta([], []))
            waiting, self._next = self._next, Latch()
        self._is_ready.set()
        waiting.set()


_GONE: Final = (
    *(OSError, TimeoutError, anyio.BrokenResourceError),
    *(trio.BrokenResourceError, trio.ClosedResourceError),
)
"""Errors of a write to a client that is gone, or takes nothing."""


def _note(changed: dict[str, bool], batch: Sequence[Event]) -> None:
    """Note which jobs have changed, and whether each is still there."""
    for event in batch:
        changed[event.job_id] = not isinstance(event, JobRemoved)


class EventResponse:
    """An ASGI response that streams a feed to one client, until either ends.

    Args:
        feed: The feed, which has counted this client.
        last_id: The last event that the client has seen.
    """

    def __init__(self, feed: EventFeed, last_id: str | None) -> None:
        self._feed = feed
        self._last_id = last_id
        self._write: Callable[[bytes], Awaitable[None]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events; a client that is gone, or takes nothing, ends it."""
        if (scope["http_version"], scope["method"]) == ("1.1", "GET"):
            self._write = scope.get("extensions", {}).get(DIRECT)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._cancel_when_gone, receive, tasks.cancel_scope)
                # Gone, or it takes nothing.
                with suppress(*_GONE):
                    await self._stream(send)
                tasks.cancel_scope.cancel()
        finally:
            self._feed.leave()

    @trio.lowlevel.enable_ki_protection
    async def _cancel_when_gone(self, receive: Receive, scope: anyio.CancelScope) -> None:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                scope.cancel()
                return

    async def _stream(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _RAW_HEADERS})
        await self._feed.wait_ready()
        number, state = self._feed.first(self._last_id)
        await _put(send, RETRY + state)
        while True:
            number, changes, latch = self._feed.since(number)
            if changes:
                await self._put_often(send, changes)
            elif latch is None:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            else:
                await latch
                if not self._feed.has_news(number):
                    await self._put_often(send, BEAT)

    async def _put_often(self, send: Send, body: bytes) -> None:
        if self._write is None:
            await _put(send, body)
        else:
            await self._write(self._feed.chunk_of(body))


async def _put(send: Send, body: bytes) -> None:
    with anyio.fail_after(BLOCKED_SECONDS):
        await send({"type": "http.response.body", "body": body, "more_body": True})
