"""Dependencies as users declare them: ``ja.after``, ``ja.handle``, and jobs as arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from msgspec import Struct

from jobactors.engine.records.nested_values import Replacement, holds_any
from jobactors.engine.records.record import Edge, When
from jobactors.engine.records.references import JobReference, edges_among, with_references
from jobactors.model.checks import is_of
from jobactors.model.field_docs import documented
from jobactors.model.loaded import loaded_class
from jobactors.model.upstream import Upstream

from .job import Job
from .passed_handle import PASSED, Handle

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobactors.engine.records.record import Record
    from jobactors.engine.system.job_system import JobSystem
    from jobactors.model.phases import Phase

T = TypeVar("T")
PASSED.add(Job)


@documented
class After(Upstream, Struct, frozen=True):
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

    A job among another job's arguments makes that other job wait for it, and gets its result in its
    place; so does one inside a list, a tuple, a dictionary's values or a dataclass.  Wrapped in
    this it is passed as it is, and nothing waits.  To a type checker it is the job, which is what
    the function receives.

    Raises:
        TypeError: for something else.

    Example::

        jobs.submit(report, [first, second], log=ja.handle(first))
    """
    if not isinstance(job, Job):
        raise TypeError(f"handle() takes a job, not {type(job).__name__}: {job!r:.100}")
    return cast("Job[T]", Handle(job))


def referring(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return arguments in which engine references take the place of job handles.

    Raises:
        TypeError, ValueError: for a job where no reference can stand; the message names the
            places that can hold one.
    """
    if not (args or kwargs) or not holds_any((*args, *kwargs.values()), PASSED):
        return args, kwargs
    return with_references(args, kwargs, _refer, PASSED)


def check_phases(phases: Iterable[Phase]) -> None:
    """Refuse a job among the arguments of a phase, which no result would replace.

    Raises:
        TypeError: the message names the way round it.
    """
    for phase in phases:
        if holds_any(phase.arguments.values(), PASSED):
            raise TypeError(
                f"the phase {phase.name!r} has a job among its arguments: wait for that job, and "
                "give the phase its result; or make its work a phase, and use ja.result_of()"
            )


def _refer(argument: Any) -> Any:
    if is_of(argument, Job):
        return JobReference(_record_of(argument), "result")
    if is_of(argument, Handle):
        return JobReference(_record_of(argument.job), "handle")
    if issubclass(type(argument), loaded_class("jobactors.engine.api.batch", "Batch")):
        raise TypeError(
            f"the batch {argument.name!r:.100} is among the arguments: pass batch.jobs once all of "
            "them are submitted, whose results take their places, or wait for the batch, and pass "
            "its results"
        )
    return argument


def _record_of(job: Any) -> Record:
    record: Record = job._record
    return record


def find_edges(
    explicit: Iterable[object], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Edge, ...]:
    """Collect what a job comes after: the option ``after``, and the references in its arguments."""
    edges = dict(_edge(item) for item in explicit)
    return tuple({**edges, **edges_among(args, kwargs)}.values())


def _edge(item: object) -> tuple[str, Edge]:
    if isinstance(item, After):
        return item.job.id, Edge(item.job._record, item.when)
    record = _record_of(item)  # a job: the options have checked that
    return record.id, Edge(record, "succeeded")


def check_system(
    system: JobSystem, explicit: Iterable[object], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Refuse to wait for a job of another system, whose end is not reported to this one.

    Raises:
        ValueError: the message names the way round it.
    """
    found: list[object] = [item.job if isinstance(item, After) else item for item in explicit]

    def note(value: Any) -> Any:
        found.append(value)
        return value

    if holds_any((*args, *kwargs.values()), PASSED):
        Replacement(note, PASSED).of((args, kwargs))
    for job in found:
        if type(job) is Job and job._system is not system and not job.state.is_terminal:
            raise ValueError(
                f"job {job.id} belongs to another job system, and its end is not reported "
                "to this one: wait for it first, and submit then"
            )
