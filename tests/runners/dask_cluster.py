"""A Dask cluster for tests, on the loopback alone and closed whole, and waits for its jobs."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import jobactors as ja

LOOPBACK = "127.0.0.1:0"
PATIENT = {"distributed.deploy.lost-worker-timeout": "1h"}
"""For a loaded machine, where a worker takes long to start again: after 15 s a local cluster ends
its nanny for good, one after the other, until no worker is left."""


@contextmanager
def cluster(workers: int = 2, *, processes: bool = False, **options: Any) -> Iterator[Any]:
    """Yield a client of a cluster of its own.

    Args:
        workers: How many, of one thread each.
        processes: Whether they are processes, which can be killed; else they are in this one.
        **options: Further ones of ``LocalCluster``.
    """
    from dask import config
    from distributed import Client, LocalCluster

    quiet = {
        "threads_per_worker": 1,
        "dashboard_address": None,
        "scheduler_kwargs": {"dashboard_address": LOOPBACK},  # there is a server without one, too
        "worker_dashboard_address": LOOPBACK,
        "silence_logs": logging.CRITICAL + 1,
        **({"host": "127.0.0.1"} if processes else {}),
        **options,
    }
    settings: Any = config
    with (
        settings.set(PATIENT),
        LocalCluster(n_workers=workers, processes=processes, **quiet) as local,
        Client(local, set_as_default=False) as client,
    ):
        if workers:
            client.wait_for_workers(workers)
        yield client


async def until(condition: Callable[[], object]) -> None:
    """Wait until it is true."""
    with trio.fail_after(120):
        while not condition():  # noqa: ASYNC110 - a job's snapshot has no event
            await trio.sleep(0.005)


async def raised_by(job: ja.Job[Any]) -> Exception:
    """Return what a waiter gets."""
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any, and it is looked at
        await job
    return caught.value


async def blocking(call: Callable[..., Any], *args: Any) -> Any:
    """Call something of the client's that blocks, in a thread."""
    return await trio.to_thread.run_sync(call, *args)
