"""``ja.start``: one system a process, its trio loop in a thread of its own.

The loop's thread is a daemon, so that it can never keep a process from ending; what its end means
for the jobs is driven from outside.  A second thread does nothing but wait for the main thread to
end: at that moment the interpreter still allows new threads (at ``atexit`` it no longer does), so
queued jobs of a script can still be started and finished.

A Ctrl-C strikes the main thread, which waits for that second thread: the interpreter then goes on
ending, and the wait for the jobs is cut short before anything is taken away under them.
"""

from __future__ import annotations

import atexit
import math
import os
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal

from jobactors.engine.api.current import find_jobs_with
from jobactors.engine.api.display import announce, in_kernel
from jobactors.engine.api.jobs import Jobs, check_max_running
from jobactors.engine.ports.late_binding import check_display
from jobactors.engine.ports.store import Store
from jobactors.engine.system.recovery import Recover, check_recover
from jobactors.inside.report.guarded_log import LOG
from jobactors.model.errors import AlreadyStarted, WrongThread
from jobactors.model.retention import Retention

from .loop_thread import KERNEL_PATIENCE, LoopThread
from .store_argument import store_of
from .terminal import fits_here

if TYPE_CHECKING:
    from collections.abc import Callable

    from .notebook import NotebookStore

KERNEL_GRACE: Final = 3.0
"""Seconds a kernel's jobs have at its shutdown; Jupyter kills the kernel a little later."""


LONGEST_END: Final = 60.0
"""Seconds after which ``stop`` believes no more that the loop will end."""


class _Unsaid(Enum):
    """The type of :data:`UNSAID`."""

    UNSAID = "unsaid"


UNSAID: Final = _Unsaid.UNSAID
"""The default of an argument where None has a meaning of its own."""

_DEFAULTS: Final[dict[str, Any]] = {
    "max_running": 4,
    "resources": None,
    "retention": None,
    "recover": "ask",
}


_CHECKS: Final[dict[str, Callable[[Any], None]]] = {
    "max_running": check_max_running,
    "display": check_display,
    "recover": check_recover,
}


class _Process:
    """What this process has started.  Written under the lock; a forked child begins anew."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: nothing has been started."""
        self.lock = threading.Lock()
        self.host: LoopThread | None = None
        self.guard: threading.Thread | None = None
        self.is_cut_short = False
        """Whether the guard's wait for a script's jobs was ended by a Ctrl-C."""

    @property
    def running(self) -> LoopThread | None:
        """The host, if its loop still runs."""
        return self.host if self.host is not None and self.host.is_alive else None

    def make(
        self, arguments: dict[str, Any], notebook: NotebookStore | None, adopts: bool
    ) -> LoopThread:
        """Make a host, and once a process the thread that ends it with the program."""
        if self.guard is None:  # first, for the host may be there although this is interrupted
            self.guard = threading.Thread(target=_stop_after_main, name="jobactors-exit")
            self.guard.start()
            atexit.register(_cut_short)
        self.host = LoopThread(arguments, notebook, adopts=adopts)
        return self.host


_process = _Process()
os.register_at_fork(after_in_child=_process.forget)


def start(
    max_running: int | _Unsaid | None = UNSAID,
    *,
    resources: Mapping[str, int] | _Unsaid | None = UNSAID,
    retention: Retention | _Unsaid | None = UNSAID,
    display: Literal["terminal"] | _Unsaid | None = UNSAID,
    store: str | os.PathLike[str] | Store | _Unsaid | None = UNSAID,
    recover: Recover | _Unsaid = UNSAID,
    adopt: bool = False,
) -> Jobs:
    """Open the process's one job system, its loop in a thread beside your program.

    For notebooks and synchronous programs.  Calling it again returns the same system.  In a kernel,
    what still runs at its end is interrupted within a few seconds (without a store: cancelled); a
    script waits at its end for all its jobs, as it waits for its threads; Ctrl-C ends that wait and
    interrupts them likewise.

    A notebook keeps its jobs in a file of its own under the user's data folder, one for each
    notebook's path: after a restart of the kernel, or a crash, they are all there.  A copy of the
    notebook starts empty; a renamed one is offered the jobs of its earlier name.  If another kernel
    has the file, this one waits a few seconds for it to end, and then goes on in memory, visibly.

    Args:
        max_running: How many jobs may run at once, None for no limit; default: 4.
        resources: Named capacities, such as ``{"gpu": 2}``; a name that is not declared is a mutex.
        retention: What is kept of finished jobs; default: a day, 10,000 jobs, 256 MiB of results.
        display: "terminal" shows the jobs on ``sys.stderr``; default: that, in a script whose
            ``sys.stderr`` is a terminal, and None elsewhere.
        store: Where jobs are kept: a path, a store such as ``ja.SqliteStore(…)``, or None for this
            process's memory; default: the notebook's own file in a kernel, None in a script.
        recover: What happens with the unfinished jobs of an earlier process: "ask" lets them rest
            until somebody resumes or discards them, "auto" starts them again; default: "ask".
        adopt: Whether a renamed notebook takes over the jobs of its earlier name, which it can as
            long as it has none of its own.

    Raises:
        AlreadyStarted: if a system runs that was started with other arguments, or keeps its jobs
            elsewhere.
        StoreError: if the ``store`` that was given cannot be opened, or there are jobs to adopt
            that cannot be adopted.
        TypeError, ValueError: for an argument that makes no sense.

    Example::

        jobs = ja.start()
        job = jobs.submit(train, epochs=30)
    """
    given = {
        "max_running": max_running,
        "resources": resources,
        "retention": retention,
        "display": display,
        "store": store,
        "recover": recover,
    }
    said = _checked(given, adopt)
    with _process.lock:
        host = _process.running
        if host is not None and host.has_failed:
            host = None  # its jobs are settled, and its store is free
        if host is not None and host.is_given_up and not host.is_home:
            # Somebody no longer waits for a ja.stop(): this one waits for no job, only for the end.
            _end(host, 0.0)
            host = None
        if host is None:
            here = "terminal" if fits_here() else None
            notebook = None if "store" in said else _notebook_store(adopt)
            host = _process.make({**_DEFAULTS, "display": here, **said}, notebook, adopt)
        else:
            _check_same(host, said, adopt)
        jobs = host.start()  # or wait on, if somebody's first call was interrupted
        is_new, host.is_announced = not host.is_announced, True
    if is_new:
        announce(jobs)
    return jobs


def _checked(given: dict[str, Any], adopt: bool) -> dict[str, Any]:
    """Return the arguments that were said, if they make sense."""
    said = {name: value for name, value in given.items() if value is not UNSAID}
    for name, check in _CHECKS.items():
        if name in said:
            check(said[name])
    if "store" in said:
        said["store"] = store_of(said["store"])
        if adopt:
            raise ValueError("adopt=True is about a notebook's own file: leave store= out")
    return said


def stop(grace: float = 5.0) -> None:
    """End the process's job system: take no more jobs, wait, cancel, close, in that order.

    Bounded: after ``grace`` seconds of waiting, each job left is cancelled and has its own
    ``grace`` to end; what is silent even then is logged as an error and left behind.  Without a
    running system it does nothing.  Ctrl-C ends only this wait: the system goes on ending, and the
    next ``ja.start()`` or ``ja.stop(0)`` has it end without waiting for its jobs.

    Args:
        grace: Seconds that running and queued jobs have to end by themselves; default: 5.

    Raises:
        WrongThread: inside the jobs' own loop.
    """
    if not grace >= 0:
        raise ValueError(f"grace is a number of seconds of at least 0, not {grace!r}")
    with _process.lock:
        running = _process.running
        if running is None:
            return
        if running.is_home:
            raise WrongThread("ja.stop()", "'await jobs.close()'")
        _end(running, grace)


def _end(host: LoopThread, grace: float) -> None:
    """End a host; interrupted meanwhile, it is the process's own until it has ended."""
    host.is_given_up = True
    if not host.stop(grace, timeout=None if math.isinf(grace) else grace + LONGEST_END):
        LOG.error("the jobs' event loop did not end; its thread is left behind")
    _process.host = None


def started_jobs() -> Jobs | None:
    """Return the process's own system, if one runs."""
    running = _process.running
    return None if running is None else running.jobs


find_jobs_with(started_jobs)


def _notebook_store(adopt: bool) -> NotebookStore | None:
    """The store of the notebook this kernel serves, if it does."""
    if in_kernel():
        from .notebook import NotebookStore, notebook_path  # a script needs no SQLite

        notebook = notebook_path()
        if notebook is not None:
            return NotebookStore(notebook, adopt=adopt, patience=KERNEL_PATIENCE)
    if adopt:
        LOG.warning("adopt=True does nothing: this process serves no notebook that is known here")
    return None


def _check_same(host: LoopThread, said: dict[str, Any], adopt: bool) -> None:
    """Raise if a system that runs is not what another call asks for."""
    host.start()  # where its jobs are kept is known once it is open
    known = {**host.arguments, "store": host.store, "adopt": host.adopts}
    for name, value in {**said, **({"adopt": True} if adopt else {})}.items():
        if known[name] != value:
            raise AlreadyStarted(f"{name}={known[name]!r}, not {value!r}")


def _stop_after_main() -> None:
    threading.main_thread().join()
    running = _process.running
    if running is None:
        return
    if in_kernel():
        running.stop(0.0, KERNEL_GRACE)
        return
    before = sys.unraisablehook

    def on_unraisable(what: sys.UnraisableHookArgs, /) -> None:
        # So the interpreter says that a Ctrl-C has ended its wait for threads, such as this one.
        if issubclass(what.exc_type, KeyboardInterrupt) and _cut_short():
            return
        before(what)

    sys.unraisablehook = on_unraisable
    running.stop(math.inf, None)


def _cut_short() -> bool:
    """End a script's jobs now if its wait for them was cut short; returns whether it was.

    Bounded; a second Ctrl-C leaves behind what is left.
    """
    running, guard = _process.running, _process.guard
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or running is None or guard is None or not guard.is_alive():
        return False
    if _process.is_cut_short:
        return False
    _process.is_cut_short = True
    with suppress(KeyboardInterrupt):
        running.stop(0.0, LONGEST_END)
    return True
