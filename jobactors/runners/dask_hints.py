"""The errors and hints of Dask jobs in words, each with a cure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jobactors.model.errors import ClusterLost, WorkerDied

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jobactors.engine.ports.runner import Attempt

    from .dask_client import TaskEnd

_NO_WORKERS = (
    "the cluster has no workers yet: cluster.scale(n) or cluster.adapt(minimum=1) starts some; "
    "start_deadline= bounds the wait"
)
_NONE_FREE = (
    "none of the workers that may run it begins any task now: each is paused, since its memory is "
    "full, or has no threads; they are {}"
)
REBUILT: Final = (
    "raised when the result, sent back by the job's worker, was rebuilt here: have its modules "
    "installed here as well, or return plain values, or let it stay there (keep=True)"
)
_NO_ADDRESS: Final = "addresses should be strings"
"""Said by a scheduler of a name that is a number, and is that of no worker."""
_LONGEST_LIST = 5


def why_none_begins(
    workers: Mapping[str, Any],
    wanted: Iterable[str | int],
    resources: Iterable[tuple[str, float]],
) -> str:
    """Return the reason why no worker of a cluster can begin a task; empty if one can.

    Args:
        workers: The cluster's workers by address, as the scheduler describes them.
        wanted: The addresses, names or hosts of the workers that may run it; empty for all.
        resources: What it takes of its worker's resources.
    """
    if not workers:
        return _NO_WORKERS
    names = set(wanted)
    fit = {a: w for a, w in workers.items() if not names or names & _names_of(a, w)}
    if not fit:
        missing = ", ".join(sorted(map(repr, names)))
        return f"the cluster has none of the workers {missing}; it has {_shown(workers)}"
    needs = dict(resources)
    fit = {a: w for a, w in fit.items() if _has(w.get("resources") or {}, needs)}
    if fit:
        return "" if any(map(_takes_tasks, fit.values())) else _NONE_FREE.format(_shown(fit))
    shown = ", ".join(f"{name}={units:g}" for name, units in needs.items())
    return (
        f"no worker has the resources {shown}: start one with "
        f'dask worker --resources "{shown}", or ask for less'
    )


def _names_of(address: str, worker: Mapping[str, Any]) -> set[Any]:
    return {address, worker.get("name"), worker.get("host")}


def _shown(workers: Mapping[str, Any]) -> str:
    """Return some addresses, with the names that are others: 1 and "1" are two of them."""
    names = {address: worker.get("name", address) for address, worker in workers.items()}
    some = list(names.items())[:_LONGEST_LIST]
    return ", ".join(a if name == a else f"{a} ({name!r})" for a, name in some)


def _takes_tasks(worker: Mapping[str, Any]) -> bool:
    return worker.get("nthreads") != 0 and worker.get("status") != "paused"


def _has(resources: Mapping[str, float], needs: Mapping[str, float]) -> bool:
    return all(resources.get(name, 0) >= units for name, units in needs.items())


def worker_left(attempt: Attempt, where: str, refused: bool = False) -> WorkerDied:
    """Return the error of an attempt whose worker has left while it ran."""
    again = "; Dask wanted to start it again from its beginning, which was refused" * refused
    return WorkerDied(
        f"its worker {where} left the cluster while it ran (killed, retired, restarted, or out of "
        f"memory or reach){again}: {_what_next(attempt)}"
    )


def _what_next(attempt: Attempt) -> str:
    """Return what comes after a lost attempt, or what to do, by its retries and checkpoints."""
    buffer = attempt.context._buffer
    goes_on = (
        "begins anew, since it had saved no checkpoint"
        if buffer is None or not buffer.has_any
        else "goes on from its last checkpoint"
    )
    retry, number = attempt.options.retry, attempt.context.attempt
    if retry is None or retry.delay_after(0, WorkerDied(""), 0) is None:
        return f"give it retry=ja.Retry(on=(ja.WorkerDied,)), which {goes_on}"
    if retry.delay_after(number, WorkerDied(""), 0) is None:
        return f"it was attempt {number}, the last that its retry= allows; another one {goes_on}"
    return f"its next attempt {goes_on}"


def result_lost(where: str, cause: object = None) -> WorkerDied:
    """Return the error of a job that has ended, and whose result went with its worker."""
    error = WorkerDied(
        f"it had returned, and its worker {where} left the cluster before the result was here: "
        "run it again, or let it write a file and return the path"
    )
    error.__cause__ = cause if isinstance(cause, BaseException) else None
    return error


def cluster_lost(address: str) -> ClusterLost:
    """Return the error of a job whose scheduler is out of reach."""
    return ClusterLost(
        f"{_cluster(address)} is out of reach (its scheduler has ended, or its client was closed, "
        "has lost its connection, or is that of a process from which this one was forked), and its "
        "tasks are lost: give a runner of another cluster or client, "
        "jobs.options(runner=ja.DaskRunner(client)), and resume or restart the job"
    )


def _cluster(address: str) -> str:
    """Return the name of a cluster; a client that is closed has no address any more."""
    return f"the Dask cluster {address}" if address else "its Dask cluster"


def task_failed(end: TaskEnd, address: str) -> BaseException:
    """Return the error of a job whose task Dask has given up before the function has ended."""
    if end.status == "cancelled":
        return WorkerDied(
            f"its task was cancelled on {_cluster(address)}, by client.cancel() or "
            "client.restart(); job.cancel() is the way that the job hears of"
        )
    error = end.error
    if error is None:
        return WorkerDied(f"its task ended on {_cluster(address)} without a word")
    found = _lack_of_us(error)
    if found is not None:
        return found
    if type(error) is TypeError and str(error).startswith(_NO_ADDRESS):
        return ValueError(
            f"DaskRunner(workers=…) has a number that names no worker on {_cluster(address)} now "
            f"({error}): client.scheduler_info() has their names and addresses"
        )
    if type(error).__name__ == "KilledWorker":
        return WorkerDied(f"its workers died again and again, and Dask gives it up: {error}")
    return error


def _lack_of_us(error: BaseException) -> ImportError | None:
    """Return the error of a job whose worker has no jobactors, or another version; else None."""
    if not isinstance(error, ImportError) or (error.name or "").partition(".")[0] != "jobactors":
        return None
    if isinstance(error, ModuleNotFoundError) and error.name == "jobactors":
        return ModuleNotFoundError(
            "the worker has no jobactors: client.register_plugin(dask.distributed.PipInstall("
            '["jobactors"])) installs it on all, or put it into their image',
            name=error.name,
        )
    from importlib.metadata import version

    ours = version("jobactors")
    return ImportError(
        f"the worker has another version of jobactors ({error}): client.register_plugin("
        f'dask.distributed.PipInstall(["jobactors=={ours}"], restart_workers=True)) '
        "installs this one on all, or put it into their image",
        name=error.name,
    )
