"""``ja.start`` and ``ja.stop``: job systems whose trio loops run in threads of their own.

There is one for the process, and one for each name that is given.  :mod:`.started_systems` holds
them; their end with the program is a matter of its own: :mod:`.script_exit`.
"""

from __future__ import annotations

import math
import os
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
from jobactors.model.errors import AlreadyStarted, JobsClosed, WrongThread
from jobactors.model.rate import Rate
from jobactors.model.retention import Retention

from .loop_thread import KERNEL_PATIENCE, LONGEST_END
from .started_systems import STARTED
from .store_argument import store_of
from .terminal import fits_here
from .unread_failures import check_unread_failures

if TYPE_CHECKING:
    from collections.abc import Callable

    from .loop_thread import LoopThread
    from .notebook import NotebookStore


class _Unset(Enum):
    """The type of :data:`UNSET`."""

    UNSET = "unset"


UNSET: Final = _Unset.UNSET
"""The default of an argument where None has a meaning of its own."""

_LONGEST_NAME: Final = 100
"""Characters of the name of a system."""

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


def start(
    max_running: int | _Unset | None = UNSET,
    *,
    resources: Mapping[str, int | Rate] | _Unset | None = UNSET,
    retention: Retention | _Unset | None = UNSET,
    display: Literal["terminal"] | _Unset | None = UNSET,
    store: str | os.PathLike[str] | Store | _Unset | None = UNSET,
    recover: Recover | _Unset = UNSET,
    unread_failures: Literal["raise", "ignore"] | _Unset = UNSET,
    adopt: bool = False,
    name: str = "",
) -> Jobs:
    """Open the process's job system, its loop in a thread beside your program.

    For notebooks and synchronous programs.  Calling it again returns the same system.  With a
    ``name`` it opens another one, which lives beside that: with its own limits, its own store and
    retention; ``ja.stop(name=…)`` ends it.  The end of the program treats all alike.  In a kernel,
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
        resources: Named capacities and rates, such as ``{"gpu": 2, "api": ja.Rate(5, per=1.0)}``; a
            name that is not declared is a mutex.
        retention: The limits for ended jobs; default: a day, 10,000 jobs, 256 MiB of results.
        display: "terminal" shows the jobs on ``sys.stderr``; default: that, in a script whose
            ``sys.stderr`` is a terminal and no other system is shown there, and None elsewhere.
        store: The jobs' store: a path, a store such as ``ja.SqliteStore(…)``, or None for this
            process's memory; default: the notebook's own file in a kernel, None in a script.
        recover: The treatment of the unfinished jobs of an earlier process: "ask" lets them rest
            until they are resumed or discarded, "auto" starts them again; default: "ask".
        unread_failures: "ignore" lets a script end quietly, and with its own status, although jobs
            have failed unread; default: "raise", as above.
        adopt: Whether a renamed notebook takes over the jobs of its earlier name, which it can as
            long as it has none of its own.
        name: Another system than the process's own; default: that one, which has no name.  A
            notebook's named system has a file of its own, too.

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
    _check_name(name)
    with STARTED.lock:
        host = STARTED.find(name)
        if host is not None and host.has_failed:
            host = None  # its jobs are settled, and its store is free
        if host is not None and host.is_given_up and host.is_called_from_within:
            raise JobsClosed("be started again by a job of its own")
        if host is not None and host.is_given_up and not host.is_home:
            # An interrupted ja.stop(): nothing waits for its jobs any more, only for its end.
            _end(host, 0.0)
            host = None
        if host is None:
            here = "terminal" if fits_here() and not STARTED.has_terminal else None
            notebook = None if "store" in given else _notebook_store(adopt, name)
            host = STARTED.make(name, {**_DEFAULTS, "display": here, **given}, notebook, adopt)
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


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"the name of a job system is text, not {name!r:.100}")
    if len(name) > _LONGEST_NAME or not name.isprintable():
        raise ValueError(
            f"the name of a job system is one short line of text of at most {_LONGEST_NAME} "
            f"characters, not {name!r:.100}"
        )


def stop(grace: Seconds = 5.0, *, name: str = "") -> None:
    """End the process's job system: take no more jobs, wait, cancel, close, in that order.

    Bounded: after ``grace`` seconds of waiting, each job left is cancelled and has its own
    ``grace`` to end; what is silent even then is logged as an error and left behind.  Hooks that
    are at work have ten seconds then, and callbacks of events two for the last ones.  Without a
    running system it does nothing.  Ctrl-C ends only this wait: the system goes on ending, and the
    next ``ja.start()`` or ``ja.stop(0)`` has it end without waiting for its jobs.

    Called by a job of the system, or by a hook or callback of it, this would wait for its own
    caller: there it returns at once, and the system ends soon after, in the same order.

    Args:
        grace: Seconds that running and queued jobs have to end by themselves; default: 5.
        name: The system that ``ja.start(name=…)`` has opened; default: the one without a name.
            Others go on.

    Raises:
        WrongThread: inside the jobs' own loop, elsewhere than in a job.
        TypeError, ValueError: for a grace that is no length of time, or negative; for a name that
            is none.
    """
    grace = as_seconds(grace)
    check_seconds("grace", grace)
    _check_name(name)
    running = STARTED.find(name)
    if running is not None and running.is_called_from_within:
        running.is_given_up = True
        running.begin_to_stop(grace, None)  # without the lock: its holder may wait for this caller
        return
    with STARTED.lock:
        running = STARTED.find(name)
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
    if STARTED.find_jobs(jobs) is None:
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
    host = STARTED.find_jobs(jobs)
    if host is None:
        return
    try:
        stop(0.0 if has_raised else math.inf, name=host.name)
    except KeyboardInterrupt:
        stop(0.0, name=host.name)
        raise


def _end(host: LoopThread, grace: float) -> None:
    """End a host; interrupted meanwhile, it is the process's own until it has ended."""
    host.is_given_up = True
    if not host.stop(grace, timeout=None if math.isinf(grace) else grace + LONGEST_END):
        LOG.error("the jobs' event loop did not end; its thread is left behind")
    STARTED.remove(host)


find_jobs_with(STARTED.present)


def _notebook_store(adopt: bool, name: str) -> NotebookStore | None:
    """Return the store of the notebook this kernel serves, if it serves one."""
    if in_kernel():
        from .notebook import NotebookStore, notebook_path  # a script needs no SQLite

        notebook = notebook_path()
        if notebook is not None:
            return NotebookStore(notebook, name, adopt=adopt, patience=KERNEL_PATIENCE)
    if adopt:
        LOG.warning("adopt=True does nothing: this process serves no notebook that is known here")
    return None


def _check_same(host: LoopThread, given: dict[str, Any], adopt: bool) -> None:
    """Raise if a running system was started with other arguments."""
    host.start()  # its store is known once it is open
    known = {**host.arguments, "store": host.store, "adopt": host.adopts}
    for name, value in {**given, **({"adopt": True} if adopt else {})}.items():
        if known[name] != value:
            raise AlreadyStarted(f"{name}={known[name]!r}, not {value!r}", host.name)
