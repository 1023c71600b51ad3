"""A Dask cluster for tests: on the loopback alone, without a dashboard, and closed whole."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

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
