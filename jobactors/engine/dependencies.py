"""What a job comes after: edges to other jobs, and jobs as arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, TypeGuard, TypeVar

from msgspec import Struct

from jobactors.model.states import JobState

from .job import Job

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .record import Record
    from .system import System

T = TypeVar("T")
When = Literal["succeeded", "finished"]


class After(Struct, frozen=True):
    """An edge to a job that has to end first; made by :func:`after`."""

    job: Job[Any]
    when: When


class Handle(Struct, Generic[T], frozen=True):
    """A job handle that is an argument as it is; made by :func:`handle`."""

    job: Job[T]


def is_handle(value: object) -> TypeGuard[Handle[Any]]:
    """Whether this argument is a handle that stays one."""
    return isinstance(value, Handle)


class Edge(Struct, frozen=True):
    """One dependency, as the engine keeps it; it keeps the upstream's result alive."""

    upstream: Record
    when: When

    @property
    def broken(self) -> bool:
        """Whether the upstream has ended in a way that this edge does not allow."""
        state = self.upstream.snapshot.state
        return self.when == "succeeded" and state.is_terminal and state is not JobState.SUCCEEDED

    @property
    def reason(self) -> str:
        """Why a broken edge cancels its job."""
        return f"it comes after {self.upstream.id}, which {_ended(self.upstream.snapshot.state)}"


def _ended(state: JobState) -> str:
    return "was cancelled" if state is JobState.CANCELLED else str(state)


def after(job: Job[Any], when: When = "finished") -> After:
    """Say how a job comes after another: ``jobs.options(after=[ja.after(job)]).submit(…)``.

    Args:
        job: The job that has to end first.
        when: "finished": however it ends; "succeeded": only if it succeeds, which is also what a
            plain job in ``after=`` means.

    Raises:
        TypeError, ValueError: for something else.
    """
    if not isinstance(job, Job):
        raise TypeError(f"after() takes a job, not {type(job).__name__}: {job!r:.100}")
    if when not in {"succeeded", "finished"}:
        raise ValueError(f'when is "succeeded" or "finished", not {when!r:.100}')
    return After(job, when)


def handle(job: Job[T]) -> Handle[T]:
    """Pass a job's handle itself as an argument, instead of its result.

    A job among another job's top-level arguments makes that other job wait for it, and gets its
    result in its place.  Wrapped in this it is passed as it is, and nothing waits.
    """
    if not isinstance(job, Job):
        raise TypeError(f"handle() takes a job, not {type(job).__name__}: {job!r:.100}")
    return Handle(job)


def check_system(
    system: System, explicit: Iterable[object], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Refuse to wait for a job of another system, of whose end this one would never hear.

    Raises:
        ValueError: the message says what to do instead.
    """
    for item in (*explicit, *args, *kwargs.values()):
        job = item.job if isinstance(item, After) else item
        if isinstance(job, Job) and job.jobs._system is not system and not job.state.is_terminal:
            raise ValueError(
                f"job {job.id} belongs to another job system, and nothing here would hear of its "
                "end: wait for it first, and submit then"
            )


def find_edges(
    explicit: Iterable[object], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Edge, ...]:
    """Collect what a job comes after: the option ``after``, and the jobs among its arguments.

    Raises:
        TypeError: for something in ``after`` that is no job.
    """
    edges: dict[str, Edge] = {}
    for item in explicit:
        if isinstance(item, Job):
            edges[item.id] = Edge(item._record, "succeeded")
        elif isinstance(item, After):
            edges[item.job.id] = Edge(item.job._record, item.when)
        else:
            raise TypeError(
                f"after= takes jobs, or ja.after(job, when=…), not {type(item).__name__}: "
                f"{item!r:.100}"
            )
    for argument in (*args, *kwargs.values()):
        if isinstance(argument, Job):
            edges[argument.id] = Edge(argument._record, "succeeded")
    return tuple(edges.values())


def resolve(argument: Any) -> Any:
    """Return what the function gets for an argument: a job's result, a handle, or itself."""
    if isinstance(argument, Job):
        outcome = argument._record.snapshot.outcome
        return None if outcome is None else outcome.value
    if is_handle(argument):
        return argument.job
    return argument


def resolved(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments as the function gets them."""
    if not args and not kwargs:
        return args, kwargs
    if not any(isinstance(argument, Job | Handle) for argument in (*args, *kwargs.values())):
        return args, kwargs
    return (
        tuple(resolve(argument) for argument in args),
        {name: resolve(argument) for name, argument in kwargs.items()},
    )
