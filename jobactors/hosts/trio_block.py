"""``open_jobs``: a block that owns its jobs, as a nursery owns its tasks."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, Literal

import trio

from jobactors.engine.api.current import OPEN
from jobactors.engine.api.display import in_kernel
from jobactors.engine.api.job import Job
from jobactors.engine.api.jobs import Jobs, check_max_running
from jobactors.engine.ports.late_binding import check_display, load_module
from jobactors.engine.ports.store import Store
from jobactors.engine.system.job_system import JobSystem
from jobactors.engine.system.recovery import Recover, check_recover
from jobactors.inside.signals.event_loop import check_in_trio
from jobactors.inside.verbs.output_capture import capturing
from jobactors.inside.verbs.tqdm_bars import capture_tqdm
from jobactors.model.errors import EngineFailed
from jobactors.model.rate import Rate
from jobactors.model.retention import Retention
from jobactors.runners import task, thread

from .block_ending import BlockEnding
from .store_argument import store_of
from .unread_failures import UnreadFailures, check_unread_failures

LOADED: Final = (task.RUNNER, thread.RUNNER)
"""The runners of most jobs, loaded here: a signal may strike amid the import of a first submit, and
its handler submit as well."""


# Ctrl-C belongs to the body: between two steps of this, it would leave a system without an end.
@asynccontextmanager
@trio.lowlevel.enable_ki_protection
async def open_jobs(
    max_running: int | None = None,
    *,
    resources: Mapping[str, int | Rate] | None = None,
    retention: Retention | None = None,
    display: Literal["terminal"] | None = None,
    unread_failures: Literal["raise", "ignore"] = "raise",
    store: str | os.PathLike[str] | Store | None = None,
    recover: Recover = "ask",
    patience: float = 0.0,
) -> AsyncGenerator[Jobs]:
    """Open a job system for a block of trio code.  Nothing it runs outlives the block.

    1. When the body ends normally, the block waits for every job, as a nursery does; jobs may go on
       submitting jobs meanwhile.  Jobs that only rest (held, paused) are cancelled once nothing
       else is left; with a store they are interrupted.  Failures that were not read then leave the
       block as one :class:`ExceptionGroup`.
    2. When the body raises, or is cancelled, no more jobs are taken, all jobs are cancelled, and
       the body's own exception leaves the block, unwrapped.
    3. Either way the events of the last job reach every subscriber before the block ends.

    A program without a handler of its own for SIGTERM and SIGHUP has one while the block is open in
    its main thread: the body is cancelled, with a store all jobs are interrupted, and once the
    block has ended the process ends by the signal.  The jobs have eight seconds for that.

    The wait for cancelled jobs is bounded by each job's ``grace``; a thread that is still busy then
    is left behind, logged as an error, and its job ends as cancelled with that reason.

    Args:
        max_running: How many jobs may run at once; default: no limit.
        resources: Named capacities and rates, such as ``{"gpu": 2, "api": ja.Rate(5, per=1.0)}``; a
            name that is not declared is a mutex.
        retention: The limits for ended jobs; default: a day, 10,000 jobs, 256 MiB of results.
        display: "terminal" shows the jobs on ``sys.stderr``: bars, or plain lines if that is none.
        unread_failures: "ignore" lets the block end quietly although jobs have failed unread.
        store: The store through which jobs survive their process: the path of a file that is
            made if need be, or a store such as ``ja.SqliteStore(path, durability="power")``;
            default: none.
        recover: The treatment of the unfinished jobs of an earlier process: "ask" lets them rest
            until they are resumed or discarded, "auto" starts again those that were not paused,
            unless their process has ended under them three times.
        patience: Seconds to wait for an earlier owner of the store that is about to end.

    Raises:
        ExceptionGroup: at the end, as in 1. above.
        TypeError, ValueError: for an argument that makes no sense.
        WrongLoop: in asyncio; use ``ja.start`` there, whose jobs can be awaited in any loop.
        StoreError: if the store cannot be opened: another process owns it, it is damaged, ….

    Example::

        async with ja.open_jobs(max_running=4) as jobs:
            pages = [jobs.submit(fetch, url) for url in urls]
            print(await jobs.run(index, [await page for page in pages]))
    """
    check_in_trio(
        "ja.open_jobs()", "trio.run(…) around it, or ja.start(), whose jobs are awaited anywhere"
    )
    check_max_running(max_running)
    check_unread_failures(unread_failures)
    check_display(display)
    check_recover(recover)
    _check_patience(patience)
    capture_tqdm()
    store = store_of(store)
    system = JobSystem(Job, Jobs, max_running, retention or Retention(), resources, store)
    jobs: Jobs = system.jobs
    body_error: BaseException | None = None
    ending = BlockEnding(system)
    try:
        async with _nursery() as host:
            outer = OPEN.set(jobs)
            with ending:
                try:
                    await system.open(host)
                    await system.open_store(patience, recover)
                    if display is not None:  # it begins with the jobs that the store has brought
                        system.attach(partial(load_module(display).show, jobs))
                    _take_commands(system, store)
                    yield jobs
                except BaseException as exc:
                    # Remembered, not raised through the nursery, which would wrap it in a group.
                    body_error = exc
                finally:
                    OPEN.reset(outer)
            body_error = await ending.end(body_error)
            system.close()
    finally:
        ending.leave()
    await ending.wait_if_told_to_end()
    if body_error is not None:
        raise body_error
    if unread_failures == "raise":
        UnreadFailures.of(system).raise_all()


def _take_commands(system: JobSystem, store: Store | None) -> None:
    """Take the commands of other processes for the jobs of a store that is a file."""
    if getattr(store, "path", None) is None:
        return
    from .owner_socket import take_commands  # nothing else needs it

    serve = take_commands(system.jobs, store)
    if serve is not None:
        system.attach(serve)


def _check_patience(patience: float) -> None:
    if isinstance(patience, bool) or not isinstance(patience, int | float):
        raise TypeError(f"patience is a number of seconds, such as 5.0, not {patience!r:.100}")
    if not patience >= 0:
        raise ValueError(f"patience is a number of seconds of at least 0, not {patience!r}")


@asynccontextmanager
@trio.lowlevel.enable_ki_protection
async def _nursery() -> AsyncGenerator[trio.Nursery]:
    """Open a nursery that captures output; the engine's failure and a late Ctrl-C leave it bare."""
    try:
        # In a kernel the cell that happens to run is not the place for a job's prints; in a script
        # they are expected where prints go.
        with capturing(echo=not in_kernel()):
            async with trio.open_nursery() as nursery:
                yield nursery
    except BaseExceptionGroup as group:
        failed, rest = group.split(EngineFailed)
        if failed is not None and rest is None:
            raise _only(failed) from _only(failed).__cause__
        _, rest = group.split(KeyboardInterrupt)
        if rest is not None:
            raise
        raise KeyboardInterrupt from None


def _only(group: BaseExceptionGroup[EngineFailed]) -> EngineFailed:
    """Return the one failure in a group, however deep."""
    inner = group.exceptions[0]
    return _only(inner) if isinstance(inner, BaseExceptionGroup) else inner
