"""``DaskRunner``: jobs on a Dask cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from attrs import field, fields, frozen

from jobactors.engine.ports.runner import AttemptLost
from jobactors.model.checks import Field, is_number, named, shown
from jobactors.model.field_docs import documented

from .dask_hints import cluster_lost
from .process_wire import pack_message

if TYPE_CHECKING:
    from jobactors.engine.ports.runner import Attempt, BegunCall

    from .dask_order import CallOptions
    from .dask_side import EngineSide


class DaskClient(Protocol):
    """A ``dask.distributed.Client``, as a type checker sees it."""

    status: str
    """"running" while it is connected."""


def _client(runner: DaskRunner, field: Field, value: Any) -> None:
    name = named(runner, field)
    distributed = sys.modules.get("distributed")
    if distributed is None and find_spec("distributed") is None:
        raise ModuleNotFoundError(
            'DaskRunner needs distributed: pip install "jobactors[dask]"', name="distributed"
        )
    if distributed is None or not isinstance(value, distributed.Client):
        raise TypeError(
            f"{name} is a dask.distributed.Client, not {shown(value)}: Client(address) connects to "
            "a scheduler, Client(LocalCluster()) starts one on this machine"
        )
    if value.asynchronous:
        raise TypeError(
            f"{name} is an asynchronous client, which hears nothing while a cell or another task "
            "of its loop runs: make it without asynchronous=True, and it has a thread of its own"
        )
    if value.status != "running":
        raise ValueError(
            f"{name} is {value.status}, and reaches no cluster any more: make a new Client(…)"
        )
    from .dask_client import has_loop_here

    if not has_loop_here(value):
        raise ValueError(
            f"{name} was made before this process was forked, and its thread is in the parent: "
            "make a new Client(address) here, or start the process with the 'spawn' method"
        )


def _resources(runner: DaskRunner, field: Field, value: Any) -> None:
    for name, units in value.items():
        if not isinstance(name, str) or not name or not is_number(units) or not _is_share(units):
            raise TypeError(
                f"{named(runner, field)} maps names of workers' resources to numbers above 0, "
                f'such as {{"GPU": 1}}, not {shown(name)} to {shown(units)}'
            )


def _is_share(units: float) -> bool:
    return 0 < units <= sys.float_info.max  # no infinity, and no int that floats cannot hold


def _as_mapping(value: Mapping[str, float] | None) -> Mapping[str, float]:
    if value is None:
        return {}
    given: Any = value
    if not isinstance(given, Mapping):
        raise TypeError(
            "DaskRunner(resources=…) maps names of workers' resources to numbers, such as "
            f'{{"GPU": 1}}, not {shown(given)}'
        )
    return dict(cast("Any", given))


def _as_names(value: str | int | Iterable[str | int] | None) -> tuple[str | int, ...]:
    if value is None:
        return ()
    is_one = isinstance(value, str) or not isinstance(value, Iterable)
    names: tuple[Any, ...] = (value,) if is_one else tuple(cast("Any", value))
    for name in names:
        if not isinstance(name, str | int) or isinstance(name, bool):
            raise TypeError(
                "DaskRunner(workers=…) takes addresses, names or hosts of workers, "
                f"not {shown(name)}"
            )
    if not names or "" in names:
        raise ValueError(
            f"DaskRunner(workers={shown(value)}) names no worker: leave it out for all of them"
        )
    return names


def _as_folder(value: str | os.PathLike[str] | None) -> str | None:
    if value is None:
        return None
    given: Any = value
    if not isinstance(given, str | os.PathLike):
        raise TypeError(f"DaskRunner(shared_folder=…) is a path, not {shown(given)}")
    path = os.fspath(value)
    if not path or "\0" in path:
        raise ValueError(
            f"DaskRunner(shared_folder={shown(value)}) is no path: leave it out if there is none"
        )
    if not os.path.isdir(path):  # noqa: PTH112 - it need not be a text
        raise ValueError(
            f"DaskRunner(shared_folder={shown(value)}) is no folder here: make it, or mount it, "
            "under the path that it has on all workers"
        )
    return os.path.realpath(path)


def _flag(runner: DaskRunner, field: Field, value: Any) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{named(runner, field)} is True or False, not {shown(value)}")


@documented
@frozen(eq=False, repr=False)
class DaskRunner:
    """Runs jobs on a Dask cluster: a laptop's, or one of a thousand machines.

    A job stays what it is: its row, progress, log, mailbox, Cancel, Pause, checkpoint and retry.
    Plain functions only; those of a cell are sent along.  Workers need jobactors.
    Its jobs take no slot of ``max_running``: the cluster has its own.

    *Start.*  While a job waits on the cluster it is queued, and neither its timeout nor its
    duration counts.  An attempt starts at most once, and exactly once if its worker lives (Dask
    itself starts a task again, silently, when its worker leaves): the worker asks before it calls
    the function.  If it leaves after that, the job fails with :class:`WorkerDied`, which ``retry=``
    may cover, from the last checkpoint.

    *Cancel* asks the function at its next ``track``, ``progress`` or ``check``, as in a thread.
    One that does not answer within its ``grace`` shows as stuck, with its worker, until it ends.
    When the system closes it is left behind, and its row says where it may still run.  *Pause*
    holds the function at such a point; its worker's thread stays taken.

    *A lost cluster*: if the scheduler ends, or the client is closed, jobs that are stored or have
    saved a checkpoint are interrupted; others fail with :class:`ClusterLost`.  Give a runner of
    another cluster to ``jobs.options(runner=…)``, and resume them.  Their functions, and those of a
    program that has ended, are asked to stop by their workers, some seconds later.

    Raises:
        TypeError, ValueError: for a client that is none, is asynchronous or closed, and for wrong
            options.
        ModuleNotFoundError: if distributed is not installed.

    Example::

        client = dask.distributed.Client("tcp://scheduler:8786")
        on_cluster = jobs.options(runner=ja.DaskRunner(client))
        on_cluster.map(resize, pictures, width=640)
    """

    client: DaskClient = field(validator=_client)
    """The cluster's ``dask.distributed.Client``; it stays yours to close."""
    resources: Mapping[str, float] = field(
        default=None, kw_only=True, converter=_as_mapping, validator=_resources
    )
    """Each job's share of its worker's resources: ``{"GPU": 1}``; default: nothing."""
    workers: tuple[str | int, ...] = field(default=None, kw_only=True, converter=_as_names)
    """The workers that may run the jobs, by address, name or host; default: all.  The names in a
    ``LocalCluster`` are numbers: ``workers=[0, 1]``."""
    allow_restart: bool = field(default=False, kw_only=True, validator=_flag)
    """Whether Dask may start an attempt again when its worker leaves: for work that may be done
    twice.  Starts cost less; a job that is cancelled in the moment of its start may do a little."""
    keep: bool = field(default=False, kw_only=True, validator=_flag)
    """Whether results stay on the cluster: ``job.result()`` is a future of the client's, and as an
    argument of a later job its value does not travel; default: results come here."""
    kill_workers: bool = field(default=False, kw_only=True, validator=_flag)
    """Whether the process of a worker is restarted for a function that does not end within its
    ``grace``; only workers of one thread that have a nanny."""
    shared_folder: str | None = field(default=None, kw_only=True, converter=_as_folder)
    """A folder that this machine and all workers have under one path.  Work files, and the files of
    ranges, can be used by jobs whose store is in it; default: there is none."""

    name: ClassVar[str] = "dask"
    """The name under which its jobs are stored."""
    takes_slot: ClassVar[bool] = False
    can_abandon: ClassVar[bool] = True
    waits_elsewhere: ClassVar[bool] = True

    @property
    def address(self) -> str:
        """The address of the scheduler; empty once the client is closed."""
        from .dask_client import ClusterClient

        return ClusterClient(self.client).address

    def capacity(self) -> int | None:
        """Return the number of the cluster's threads, as the client last heard of it.

        None if it has none yet.
        """
        from .dask_client import ClusterClient

        return ClusterClient(self.client).threads or None

    def pack_message(self, message: object) -> bytes:
        """Pickle a message to a job, in the thread that sends it."""
        return pack_message(message)

    async def run(self, attempt: Attempt, /) -> Any:
        """Run one attempt on the cluster."""
        from .dask_call import ClusterCall

        options, side = self._way()
        if not side.link.client.is_connected:
            raise AttemptLost(cluster_lost(self.address))
        return await ClusterCall(attempt, options, side).run()

    def _begin_call(self, attempt: Attempt) -> BegunCall:
        """Begin an attempt that needs no task of its own, as far as it is known yet."""
        from .dask_begun import BegunClusterCall

        call = BegunClusterCall(attempt, *self._way())
        call.start()
        return call

    def _way(self) -> tuple[CallOptions, EngineSide]:
        from distributed import Future

        from .dask_link import link_of
        from .dask_order import CallOptions
        from .dask_side import side_of

        options = CallOptions(
            self.address,
            Future,
            self.allow_restart,
            self.keep,
            self.kill_workers,
            tuple(self.resources.items()),
            self.shared_folder,
            self.workers,
        )
        return options, side_of(link_of(self.client))

    def __repr__(self) -> str:
        given = (
            f"{option.name}={getattr(self, option.name)!r:.100}"
            for option in fields(type(self))
            if option.kw_only and getattr(self, option.name)
        )
        address = self.address or "of a closed client"
        return f"<DaskRunner {' '.join([address, *given])}>"
