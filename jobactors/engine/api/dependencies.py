"""Dependencies as users declare them: ``ja.after``, ``ja.handle``, and jobs as arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from msgspec import Struct

from jobactors.engine.records.record import Edge, When
from jobactors.engine.records.references import JobReference, edges_among
from jobactors.model.field_docs import documented

from .job import Handle, Job

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobactors.engine.records.record import Record
    from jobactors.engine.system.job_system import JobSystem

T = TypeVar("T")


@documented
class After(Struct, frozen=True):
    """A dependency on a job that has to end first; made by :func:`after`."""

    job: Job[Any]
    """The job that has to end first."""
    when: When
    """Whether any end will do ("finished"), or only success ("succeeded")."""


def after(job: Job[Any], when: When = "finished") -> After:
    """Make a dependency on another job: ``jobs.options(after=[ja.after(job)]).submit(…)``.

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


def handle(job: Job[T]) -> Job[T]:
    """Pass a job's handle itself as an argument, instead of its result.

    A job among another job's top-level arguments makes that other job wait for it, and gets its
    result in its place.  Wrapped in this it is passed as it is, and nothing waits.  To a type
    checker it is the job, which is what the function receives.
    """
    if not isinstance(job, Job):
        raise TypeError(f"handle() takes a job, not {type(job).__name__}: {job!r:.100}")
    return cast("Job[T]", Handle(job))


def referring(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments in which engine references take the place of job handles."""
    if not (args or kwargs) or not any(
        isinstance(argument, (Job, Handle)) for argument in (*args, *kwargs.values())
    ):
        return args, kwargs
    return (
        tuple(_refer(argument) for argument in args),
        {name: _refer(argument) for name, argument in kwargs.items()},
    )


def _refer(argument: Any) -> Any:
    if isinstance(argument, Job):
        return JobReference(argument._record, "result")
    if isinstance(argument, Handle):
        held: Any = cast("Any", argument).job
        return JobReference(_record_of(held), "handle")
    return argument


def _record_of(job: Any) -> Record:
    record: Record = job._record
    return record


def find_edges(
    explicit: Iterable[object], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Edge, ...]:
    """Collect what a job comes after: the option ``after``, and the references in its arguments.

    Raises:
        TypeError: for something in ``after`` that is no job.
    """
    edges = dict(_edge(item) for item in explicit)
    return tuple({**edges, **edges_among(args, kwargs)}.values())


def _edge(item: object) -> tuple[str, Edge]:
    if isinstance(item, After):
        return item.job.id, Edge(item.job._record, item.when)
    if isinstance(item, Job):
        record = _record_of(item)
        return record.id, Edge(record, "succeeded")
    raise TypeError(
        f"after= takes jobs, or ja.after(job, when=…), not {type(item).__name__}: {item!r:.100}"
    )


def check_system(
    system: JobSystem, explicit: Iterable[object], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Refuse to wait for a job of another system, of whose end this one would never hear.

    Raises:
        ValueError: the message names the way round it.
    """
    for item in (*explicit, *args, *kwargs.values()):
        job = item.job if isinstance(item, After) else item
        if isinstance(job, Job) and job._system is not system and not job.state.is_terminal:
            raise ValueError(
                f"job {job.id} belongs to another job system, and nothing here would hear of its "
                "end: wait for it first, and submit then"
            )
