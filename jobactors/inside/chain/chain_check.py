"""Find the faults of a chain before it starts."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Literal

from jobactors.model.call_signature import call_signature
from jobactors.model.chain_rules import problems_of_order
from jobactors.model.errors import UnknownJobType
from jobactors.model.job_type import job_type_named, job_type_of
from jobactors.model.phases import ChainProblem, keys_of

from .phase_runner import problems_of_runner

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from jobactors.model.job_type import JobType
    from jobactors.model.phases import Phase


Depth = Literal["order", "annotations", "all"]
"""The extent of a check: "annotations" also looks at the arguments of phases that are given by the
name of their type, and "all" calls the type's own ``validate``, which is code of the user."""


def problems_of_chain(
    phases: Sequence[Phase],
    depth: Depth = "all",
    completed: Collection[str] = (),
    runner: str | None = None,
) -> list[ChainProblem]:
    """Return the problems of a chain; phases that are switched off have none.

    Args:
        phases: Its phases.
        depth: How far the check goes.
        completed: The keys of phases that are completed: they have no problems any more.
        runner: The name of the runner of the chain's job; default: it is run without one.
    """
    problems = problems_of_order(phases)
    running = [(place, one) for place, one in enumerate(phases) if one.enabled]
    for key, (place, one) in zip(keys_of([one for _, one in running]), running, strict=True):
        if key not in completed:
            problems += _problems_of_phase(place, one, depth, runner)
    return problems


def _problems_of_phase(
    place: int, one: Phase, depth: Depth, runner: str | None
) -> Iterator[ChainProblem]:
    try:
        kind = job_type_named(one.work) if isinstance(one.work, str) else job_type_of(one.work)
    except UnknownJobType as exc:
        yield ChainProblem("error", one.name, str(exc), places=(place,))
        return
    function: Any = one.work if kind is None else kind.function
    texts = [*_faults_of_function(function)]
    if kind is not None and depth != "order" and isinstance(one.work, str):
        yield from _problems_of_arguments(place, one, kind, with_own=depth == "all")
    else:
        texts += _faults_of_call(function, one.arguments)
    for text in texts:
        yield ChainProblem("error", one.name, text, places=(place,))
    yield from problems_of_runner(place, one, function, runner)


def _problems_of_arguments(
    place: int, one: Phase, kind: JobType, *, with_own: bool
) -> Iterator[ChainProblem]:
    from jobactors.model.argument_check import problems_of

    known = {name: value for name, value in one.arguments.items() if name not in one.waiting}
    for found in problems_of(kind, known, one.waiting, with_own=with_own):
        yield ChainProblem(found.severity, one.name, found.text, path=found.path, places=(place,))


def _faults_of_function(function: Any) -> Iterator[str]:
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        yield "a generator function: calling it runs none of it"


def _faults_of_call(function: Any, arguments: Mapping[str, Any]) -> Iterator[str]:
    signature = call_signature(function)
    if signature is None:
        return
    try:
        signature.bind(**arguments)
    except TypeError as exc:
        yield f"it cannot be called so: {exc}"
