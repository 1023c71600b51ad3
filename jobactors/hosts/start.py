"""``ja.start`` and ``ja.stop``: one job system a process, its trio loop in a thread of its own.

What is started here is a process-wide fact, so there is one place that holds it, and one lock for
the threads that may call.  The end of the program is a matter of its own: :mod:`.script_exit`.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal

from jobactors.engine.api.current import find_jobs_with
from jobactors.engine.api.display import announce, in_kernel
from jobactors.engine.api.jobs import Jobs, check_max_running
from jobactors.engine.ports.late_binding import check_display
from jobactors.engine.ports.store import Store
from jobactors.engine.system.recovery import Recover, check_recover
from jobactors.inside.report.guarded_log import LOG
from jobactors.model.checks import Seconds, as_seconds, check_seconds
from jobactors.model.errors import AlreadyStarted, WrongThread
from jobactors.model.retention import Retention

from .loop_thread import KERNEL_PATIENCE, LONGEST_END, LoopThread
from .script_exit import ScriptExit
from .store_argument import store_of
from .terminal import fits_here
from .unread_failures import check_unread_failures

if TYPE_CHECKING:
    from collections.abc import Callable

    from .notebook import NotebookStore


class _Unset(Enum):
    """The type of :data:`UNSET`."""

    UNSET = "unset"


UNSET: Final = _Unset.UNSET
"""The default of an argument where None has a meaning of its own."""

_DEFAULTS: Final[dict[str, Any]] = {
    "max_running": 4,
    "resources": None,
    "retention": None,
    "recover": "ask",
    "unread_failures": "raise",
}


_CHECKS: Final[dict[str, Callable[[Any], None]]] = {
    "max_running": check_max_running,
    "display": check_display,
    "recover": check_recover,
    "unread_failures": check_unread_failures,
}


class _Process:
    """Holds the one host of this process.  Written under the lock; a forked child begins anew."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew: nothing has been started."""
        self.lock = threading.Lock()
        self.host: LoopThread | None = None
        self.exit = ScriptExit(lambda: self.running)

    @property
    def running(self) -> LoopThread | None:
        """The host, if its loop still runs."""
        return self.host if self.host is not None and self.host.is_alive else None

    def make(
        self, arguments: dict[str, Any], notebook: NotebookStore | None, adopts: bool
    ) -> LoopThread:
        """Make a host that ends with the program."""
        self.exit.arm()
        self.host = LoopThread(arguments, notebook, adopts=adopts, at_end=self.exit.tell)
        return self.host


_process = _Process()
os.register_at_fork(after_in_child=_process.forget)


def start(
    max_running: int | _Unset | None = UNSET,
    *,
    resources: Mapping[str, int] | _Unset | None = UNSET,
    retention: Retention | _Unset | None = UNSET,
    display: Literal["terminal"] | _Unset | None = UNSET,
    store: str | os.PathLike[str] | Store | _Unset | None = UNSET,
    recover: Recover | _Unset = UNSET,
    unread_failures: Literal["raise", "ignore"] | _Unset = UNSET,
    adopt: bool = False,
) -> Jobs:
    """Open the process's one job system, its loop in a thread beside your program.

    For notebooks and synchronous programs.  Calling it again returns the same system.  In a kernel,
    what still runs at its end is interrupted within a few seconds (without a store: cancelled); a
    script waits at its end for all its jobs, as it waits for its threads; Ctrl-C ends that wait and
    interrupts them likewise.  So do SIGTERM and SIGHUP at any time, if this is called in the main
    thread of a program without a handler of its own: the jobs have eight seconds, and then the
    process ends by the signal.

    Failed jobs that nothing has read are marked in a notebook.  A script reports them when its
    system ends, in a line each on ``sys.stderr``, and its exit status is then 1; so it is after a
    failure of the job engine.

    A notebook stores its jobs in a file of its own under the user's data folder, one for each
    notebook's path: after a restart of the kernel, or a crash, they are all there.  A copy of the
    notebook starts empty; a renamed one is offered the jobs of its earlier name.  If another kernel
    has the file, this one waits a few seconds for it to end, and then goes on in memory, visibly.

    Args:
        max_running: How many jobs may run at once, None for no limit; default: 4.
        resources: Named capacities, such as ``{"gpu": 2}``; a name that is not declared is a mutex.
        retention: The limits for ended jobs; default: a day, 10,000 jobs, 256 MiB of results.
        display: "terminal" shows the jobs on ``sys.stderr``; default: that, in a script whose
            ``sys.stderr`` is a terminal, and None elsewhere.
        store: The jobs' store: a path, a store such as ``ja.SqliteStore(…)``, or None for this
            process's memory; default: the notebook's own file in a kernel, None in a script.
        recover: The treatment of the unfinished jobs of an earlier process: "ask" lets them rest
            until they are resumed or discarded, "auto" starts them again; default: "ask".
        unread_failures: "ignore" lets a script end quietly, and with its own status, although jobs
            have failed unread; default: "raise", as above.
        adopt: Whether a renamed notebook takes over the jobs of its earlier name, which it can as
            long as it has none of its own.

    Raises:
        AlreadyStarted: if a system runs that was started with other arguments, or has another
            store.
        StoreError: if the ``store`` that was given cannot be opened, or there are jobs to adopt
            that cannot be adopted.
        TypeError, ValueError: for an argument that makes no sense.

    Example::

        jobs = ja.start()
        job = jobs.submit(train, epochs=30)

    In a script, as a block that waits for all its jobs, and then stops the system; if it raises,
    they are stopped at once::

        with ja.start() as jobs:
            jobs.map(resize, pictures)
    """
    arguments = {
        "max_running": max_running,
        "resources": resources,
        "retention": retention,
        "display": display,
        "store": store,
        "recover": recover,
        "unread_failures": unread_failures,
    }
    given = _checked(arguments, adopt)
    with _process.lock:
        host = _process.running
        if host is not None and host.has_failed:
            host = None  # its jobs are settled, and its store is free
        if host is not None and host.is_given_up and not host.is_home:
            # An interrupted ja.stop(): nothing waits for its jobs any more, only for its end.
            _end(host, 0.0)
            host = None
        if host is None:
            here = "terminal" if fits_here() else None
            notebook = None if "store" in given else _notebook_store(adopt)
            host = _process.make({**_DEFAULTS, "display": here, **given}, notebook, adopt)
        else:
            _check_same(host, given, adopt)
        jobs = host.start()  # or waits on, if an earlier call was interrupted
        is_new, host.is_announced = not host.is_announced, True
    if is_new:
        announce(jobs)
    return jobs


def _checked(arguments: dict[str, Any], adopt: bool) -> dict[str, Any]:
    """Return the arguments that were given, if they make sense."""
    given = {name: value for name, value in arguments.items() if value is not UNSET}
    for name, check in _CHECKS.items():
        if name in given:
            check(given[name])
    if "store" in given:
        given["store"] = store_of(given["store"])
        if adopt:
            raise ValueError("adopt=True is about a notebook's own file: leave store= out")
    return given


def stop(grace: Seconds = 5.0) -> None:
    """End the process's job system: take no more jobs, wait, cancel, close, in that order.

    Bounded: after ``grace`` seconds of waiting, each job left is cancelled and has its own
    ``grace`` to end; what is silent even then is logged as an error and left behind.  Without a
    running system it does nothing.  Ctrl-C ends only this wait: the system goes on ending, and the
    next ``ja.start()`` or ``ja.stop(0)`` has it end without waiting for its jobs.

    Args:
        grace: Seconds that running and queued jobs have to end by themselves; default: 5.

    Raises:
        WrongThread: inside the jobs' own loop.
        TypeError, ValueError: for a grace that is no length of time, or negative.
    """
    grace = as_seconds(grace)
    check_seconds("grace", grace)
    with _process.lock:
        running = _process.running
        if running is None:
            return
        if running.is_home:
            raise WrongThread("ja.stop()", "'await jobs.close()'")
        _end(running, grace)


def check_block(jobs: Jobs) -> None:
    """Raise unless ``with jobs:`` can end them: ``ja.start`` has returned them.

    Raises:
        TypeError: the message names the call that ends them.
    """
    if started_jobs() is not jobs:
        raise TypeError(
            "'with' ends the jobs of ja.start(), while they run: those of a block of "
            "ja.open_jobs() end with it"
        )


def end_block(jobs: Jobs, has_raised: bool) -> None:
    """End what ``with ja.start() as jobs:`` has begun, unless it has ended already.

    Args:
        jobs: The jobs.
        has_raised: Whether the block has raised, so that they are stopped at once; otherwise all of
            them are waited for, until a Ctrl-C.
    """
    if started_jobs() is not jobs:
        return
    try:
        stop(0.0 if has_raised else math.inf)
    except KeyboardInterrupt:
        stop(0.0)
        raise


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
    """Return the store of the notebook this kernel serves, if it serves one."""
    if in_kernel():
        from .notebook import NotebookStore, notebook_path  # a script needs no SQLite

        notebook = notebook_path()
        if notebook is not None:
            return NotebookStore(notebook, adopt=adopt, patience=KERNEL_PATIENCE)
    if adopt:
        LOG.warning("adopt=True does nothing: this process serves no notebook that is known here")
    return None


def _check_same(host: LoopThread, given: dict[str, Any], adopt: bool) -> None:
    """Raise if a running system was started with other arguments."""
    host.start()  # its store is known once it is open
    known = {**host.arguments, "store": host.store, "adopt": host.adopts}
    for name, value in {**given, **({"adopt": True} if adopt else {})}.items():
        if known[name] != value:
            raise AlreadyStarted(f"{name}={known[name]!r}, not {value!r}")
