"""What stays on a cluster, as an argument of a later job: the errors and hints where it is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobactors.model.errors import WorkerDied

if TYPE_CHECKING:
    from collections.abc import Iterable


def kept_result_lost(job_id: str, why: str = "") -> WorkerDied:
    """Return the error of a result that stayed on the cluster, for those who want it later.

    Args:
        job_id: The job that has returned it.
        why: What came of making it again; default: it was refused, as an attempt begins once.
    """
    again = f"made again, it failed: {why}" if why else "it is not made again by itself"
    return WorkerDied(
        f"the result of job {job_id}, which stayed on the cluster, was lost with its worker, and "
        f"{again}: submit that job once more (keep=True with allow_restart=True lets Dask make "
        "results again)"
    )


def why_none_comes(held: Iterable[Any]) -> str:
    """Return the reason if results that a task waits for are lost; empty if none is.

    Args:
        held: The futures among its arguments.
    """
    lost = [str(future.key) for future in held if future.status == "lost"]
    if not lost:
        return ""
    return (
        f"it waits for what stayed on the cluster, and was lost with its worker: {lost[0]}; no "
        "worker that may make it again is there: cancel this job, and submit that one once more"
    )


def argument_unusable(held: Iterable[Any], address: str) -> WorkerDied | ValueError | None:
    """Return the error of a job whose task was cancelled for an argument; None if it was not.

    Args:
        held: The futures among its arguments.
        address: The scheduler of its own cluster.
    """
    for future in held:
        scheduler = getattr(future.client, "scheduler", None)
        other = str(getattr(scheduler, "address", "") or "")
        if other and other != address:
            return ValueError(
                f"{future.key}, among the arguments, is a future of another Dask cluster ({other}, "
                f"not {address}): run the job there, or give it the value, future.result()"
            )
        if future.status == "cancelled" or not other:
            return WorkerDied(
                f"{future.key}, among the arguments, is not on the cluster any more: it was "
                "cancelled, or lost when the cluster was restarted or its client was closed; make "
                "it again, and submit this job with the new one"
            )
    return None
