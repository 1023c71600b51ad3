"""``jobactors worker``: owns a store, and works through what is in it."""

from __future__ import annotations

import math
import signal
from typing import TYPE_CHECKING

import trio

from jobactors.hosts.terminal_text import safe
from jobactors.hosts.trio_block import open_jobs
from jobactors.model.states import JobState

from .interrupts import run_jobs
from .modules import import_all
from .statuses import NO_SENSE, Complaint, complain, explained
from .store_choice import chosen_store

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from jobactors.engine.api.jobs import Jobs


@explained
def work(given: argparse.Namespace) -> int:
    """Own a store and run its jobs until told to end; return 1 if one of them has failed."""
    import_all(given.module)
    if given.max_running < 1:
        raise Complaint("--max-running is at least 1", NO_SENSE)
    return run_jobs(_work, given, chosen_store(given, new=True))


async def _work(given: argparse.Namespace, path: Path) -> int:
    # SIGTERM and SIGHUP are the block's own: it interrupts the jobs, and ends by the signal.
    async with open_jobs(
        given.max_running,
        store=path,
        recover="auto",
        unread_failures="ignore",
        display="terminal",
    ) as jobs:
        before = _failed(jobs)
        for rested in jobs.list(state=JobState.INTERRUPTED):
            why = {one.job_id: one.obstacle for one in jobs.resumable()}.get(rested.id)
            if why:
                complain(f"{rested.id} rests: {why}")
        with trio.open_signal_receiver(signal.SIGINT) as interrupts:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_close_at, interrupts, jobs)
                if given.until_idle:
                    await jobs.close(math.inf)
                    nursery.cancel_scope.cancel()
                else:
                    complain(f"works on {safe(str(path))}; Ctrl-C lets its jobs rest")
        failed = _failed(jobs) - before
    return int(bool(failed)) if given.until_idle else 0


def _failed(jobs: Jobs) -> set[str]:
    return {one.id for one in jobs.list(state=JobState.FAILED)}


@trio.lowlevel.enable_ki_protection
async def _close_at(interrupts: object, jobs: Jobs) -> None:
    async for _ in interrupts:  # type: ignore[attr-defined]
        await jobs.close()  # with a store they are interrupted, and go on another day
        return
