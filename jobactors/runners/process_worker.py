"""The operating system's side of process jobs: starting, signalling and reaping a process.

No process outlives its parent, whatever happens to the parent, by three layers:

1. A child notices that the socket to its parent has ended, and kills its own group.  Everywhere;
   not while it is stopped, nor while one C call holds the GIL.
2. Linux kills it when the *thread* that started it has ended (PDEATHSIG).  So all children are
   started by one thread that lives as long as the program.  Works for stopped ones; not for the
   processes that the child itself has started.
3. A *sentinel* process (``process_sentinel``) kills the whole groups of those that are left.
   Linux and macOS, stopped or not.  It is started with the first child and ends with the parent.

Ctrl-C and a notebook's *Interrupt* are signals to the parent's process group.  Children live in
sessions of their own, and the thread that starts them blocks these signals, so that none arrives
in the moment between fork and the new session either.  A child unblocks them when it is ready; the
sentinel never does.

Not done: on Windows there are no groups, so processes that a child has started are left alone.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

import trio

from jobactors.inside.signals.latch import Latch

from .process_surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable

POSIX: Final = sys.platform != "win32"
_CHILD: Final = (
    "import sys; sys.path[:] = sys.argv[3:]; "
    "from jobactors.runners.process_child import main; main(int(sys.argv[1]), int(sys.argv[2]))"
)
"""The child has its parent's ``sys.path``, so that it finds the same modules."""
_SENTINEL: Final = Path(__file__).with_name("process_sentinel.py")


class Worker:
    """One child process, the leader of its own session and process group.

    Used by one thread at a time.  It is not reaped before :meth:`close`, so until then no other
    process can get its number, and no signal can go astray.
    """

    def __init__(
        self, process: subprocess.Popen[bytes], link: socket.socket, surroundings: Surroundings
    ) -> None:
        self._process = process
        self._stopped = False
        self._is_closed = False
        self._lock = threading.Lock()
        """Held to send a signal: another thread may be closing it."""
        self._ended: Latch | None = None
        self._surroundings = surroundings
        self.pid: int = process.pid
        self.link: socket.socket = link
        """The parent's end of the socket between them."""

    def stop(self) -> None:
        """Stop the whole group, wherever it is."""
        self._stopped = True
        self._signal("SIGSTOP")

    def go_on(self) -> None:
        """Undo :meth:`stop`."""
        if self._stopped:
            self._stopped = False
            self._signal("SIGCONT")

    def terminate(self) -> None:
        """Ask the group to end, by SIGTERM (on Windows: end it)."""
        self.go_on()
        self._signal("SIGTERM")

    def kill(self) -> None:
        """End the group, stopped or not."""
        self._signal("SIGKILL")

    def _signal(self, name: str) -> None:
        with self._lock:
            if self._is_closed:
                return
            if sys.platform == "win32":
                with suppress(OSError):
                    self._process.kill()
                return
            # ProcessLookupError: all have ended.  PermissionError: macOS, of zombies.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, getattr(signal, name))

    @property
    def ended(self) -> Latch:
        """The latch that is set once the process itself has ended.

        It stays a zombie until :meth:`close`.  One thread waits for it, from the first look on.
        """
        if self._ended is None:
            self._ended = Latch()
            threading.Thread(
                target=self._wait, name=f"wait for process {self.pid}", daemon=True
            ).start()
        return self._ended

    def _wait(self) -> None:
        if not POSIX:
            self._process.wait()
        else:
            # Gone: other code in this program has reaped all children.
            with suppress(ChildProcessError, ProcessLookupError):
                _see_the_end_of(self.pid)
        self.ended.set()

    # -- between two jobs

    @property
    def blocks(self) -> bool:
        """Whether :meth:`is_as_new` may block."""
        return self._surroundings.blocks

    def is_as_new(self) -> bool:
        """Whether a process that was started now would have the same from its parent.

        It would not if the program has changed its folder or its environment meanwhile.  Whether
        a module was edited is seen by the process itself, before it calls anything.
        """
        try:
            return self._surroundings.are_as_now()
        except Exception:  # of entries of sys.path, which may be of any class
            return False

    def hang_up(self) -> None:
        """Let a process that waits for a job end."""
        with suppress(OSError):
            self.link.shutdown(socket.SHUT_RDWR)

    def close(self) -> int | None:
        """Kill the rest of the group, reap the process, and close the socket.

        Returns:
            The exit code, negative for a signal; None if it does not end even now.
        """
        self.link.close()
        code = self._process.poll() if not POSIX else None
        if code is None:
            self.kill()
            with self._lock:
                self._is_closed = True  # before it is reaped: its number may be another's then
            SPAWNER.forget(self.pid)
            code = self._process.poll()
        return code


def _see_the_end_of(pid: int) -> None:
    """Block until a child has ended, and leave it to be reaped."""
    if sys.platform == "darwin":  # has waitid since Python 3.13 only
        import select

        with closing(select.kqueue()) as queue:
            end = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
            queue.control([end], 1, None)
    elif sys.platform != "win32":
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


class Spawner:
    """The one thread that starts processes.  Made at first use, and again in a forked child."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew: in a forked child, the thread and the sentinel are the parent's."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._requests: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._later: list[tuple[float, Callable[[], None]]] = []
        """The calls that are not due yet; in the thread alone."""
        self._sentinel: _Sentinel | None = None

    async def start(self) -> Worker:
        """Start a child.

        A cancel has to wait for it: a child whose start was left half done would be lost.

        Raises:
            OSError: if the system allows no further process.
        """
        start = _Start()
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._serve, name="jobactors-processes", daemon=True
                )
                self._thread.start()
        self._requests.put(lambda: start.make(self))
        with trio.CancelScope(shield=True):
            await start.over
        return start.take()

    def _serve(self) -> None:
        if sys.platform != "win32":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        while True:
            now = time.monotonic()
            due = [call for at, call in self._later if at <= now]
            self._later = [(at, call) for at, call in self._later if at > now]
            for call in due:
                call()
            soonest = min((at - now for at, _ in self._later), default=None)
            with suppress(Empty):
                self._requests.get(timeout=soonest)()

    def call_later(self, seconds: float, call: Callable[[], None]) -> None:
        """Call a function in this thread, which has started a process before."""
        at = time.monotonic() + seconds
        self._requests.put(lambda: self._later.append((at, call)))

    def popen(
        self,
        command: list[str],
        *,
        stdin: int,
        stdout: int | None = None,
        bufsize: int = -1,
        pass_fds: tuple[int, ...] = (),
    ) -> subprocess.Popen[bytes]:
        """Start a process in a session of its own; in the spawner's thread."""
        return subprocess.Popen(  # noqa: S603 - our own
            command,
            bufsize,
            stdin=stdin,
            stdout=stdout,
            pass_fds=pass_fds,
            start_new_session=POSIX,
            creationflags=0 if POSIX else getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )

    def remember(self, pid: int) -> None:
        """Have a new group watched by the sentinel; in the spawner's thread."""
        if not POSIX:
            return
        with self._lock:
            if self._sentinel is None or self._sentinel.is_gone:
                left: set[int] = set() if self._sentinel is None else self._sentinel.groups
                self._sentinel = _Sentinel(self, left)
            self._sentinel.add(pid)

    def forget(self, pid: int) -> None:
        """Report the end of a group to the sentinel."""
        with self._lock:
            if self._sentinel is not None:
                self._sentinel.remove(pid)

    def close(self) -> None:
        """End the sentinel, at the program's end."""
        if self._sentinel is not None:
            self._sentinel.close()
            self._sentinel = None


class _Start:
    """The start of one child: requested in a loop, done in the spawner's thread."""

    def __init__(self) -> None:
        self.over = Latch()
        self._worker: Worker | None = None
        self._error: BaseException | None = None

    def make(self, spawner: Spawner) -> None:
        try:
            self._worker = _start_child(spawner)
        except BaseException as exc:  # carried to the loop that asked
            self._error = exc
        self.over.set()

    def take(self) -> Worker:
        if self._worker is None:
            raise self._error or RuntimeError("no process was started")
        return self._worker


def _start_child(spawner: Spawner) -> Worker:
    ours, theirs = socket.socketpair()
    surroundings = Surroundings.now()
    try:
        with theirs:
            numbers = [str(theirs.fileno()), str(os.getpid())]
            process = spawner.popen(
                [sys.executable, "-c", _CHILD, *numbers, *surroundings.path],
                stdin=subprocess.DEVNULL if POSIX else subprocess.PIPE,
                pass_fds=(theirs.fileno(),) if POSIX else (),
            )
            if process.stdin is not None:  # Windows has no numbers to inherit: a socket is sent
                with process.stdin:
                    process.stdin.write(getattr(theirs, "share")(process.pid))  # noqa: B009
    except BaseException:
        ours.close()
        raise
    spawner.remember(process.pid)
    return Worker(process, ours, surroundings)


class _Sentinel:
    """The sentinel process, seen from the parent.  Written under the spawner's lock."""

    def __init__(self, spawner: Spawner, groups: set[int]) -> None:
        # -I -S: no user's settings, no site-packages; it starts in a few milliseconds.
        self._process = spawner.popen(
            [sys.executable, "-I", "-S", str(_SENTINEL)],
            bufsize=0,  # nothing to flush, no lock that a fork could leave taken
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        self.groups: set[int] = set()
        for group in groups:
            self.add(group)

    @property
    def is_gone(self) -> bool:
        """Whether it was killed."""
        return self._process.poll() is not None

    def add(self, group: int) -> None:
        self.groups.add(group)
        self._write(f"+{group}\n")

    def remove(self, group: int) -> None:
        self.groups.discard(group)
        self._write(f"-{group}\n")

    def _write(self, line: str) -> None:
        pipe = self._process.stdin
        if pipe is not None:
            with suppress(OSError):  # it is gone: the next start makes another
                pipe.write(line.encode())

    def hang_up(self) -> None:
        pipe = self._process.stdin
        if pipe is not None:
            with suppress(OSError):
                pipe.close()

    def close(self) -> None:
        self.hang_up()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)


_inherited: list[_Sentinel | None] = []
"""In a forked child: held, because a Popen that is dropped warns of a running process."""


def _after_fork() -> None:
    sentinel = SPAWNER._sentinel
    if sentinel is not None:
        # Else the sentinel would wait for this child too before it takes the parent for gone.
        sentinel.hang_up()
        _inherited.append(sentinel)
    SPAWNER.reset()


SPAWNER: Final = Spawner()
atexit.register(SPAWNER.close)
if sys.platform != "win32":
    os.register_at_fork(after_in_child=_after_fork)
