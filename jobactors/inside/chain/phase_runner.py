"""The runner of one phase: its own, its job type's, or none but that of its chain."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

from jobactors.model.job_type import job_type_named, job_type_of
from jobactors.model.phases import ChainProblem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobactors.model.phases import Phase
    from jobactors.model.runner_value import RunnerValue

CHAIN_RUNNER: Final = "trio"
"""The runner of a chain's job; under any other one all phases run where that runs the chain."""
_COLOURS: Final = {"trio": True, "thread": False}
"""The runners that a chain's own phases have, and whether their functions are ``async def``."""


def own_runner(phase: Phase) -> str | RunnerValue | None:
    """Return the runner that a phase has for itself; None if it runs where its chain does.

    Raises:
        UnknownJobType: if it is given by the name of a type that is not registered.
    """
    own = phase.runner
    if own is None:
        work = phase.work
        kind = job_type_named(work) if isinstance(work, str) else job_type_of(work)
        own = None if kind is None else kind.options.runner
    return None if isinstance(own, str) and own in _COLOURS else own


def problems_of_runner(
    place: int, phase: Phase, function: Any, runner: str | None
) -> Iterator[ChainProblem]:
    """Yield what is wrong with the runner of a phase.

    Args:
        place: The place of the phase in its chain.
        phase: The phase, whose job type is registered.
        function: Its function.
        runner: The name of the runner of the chain's job; None for a chain without one.
    """
    own = own_runner(phase)
    name = own if own is None or isinstance(own, str) else own.name
    if name == "asyncio":
        text = "asyncio code cannot be a phase: phases run on trio"
        yield ChainProblem("error", phase.name, text, places=(place,))
    elif name is None and phase.runner is not None:
        yield from _problems_of_colour(place, phase, function)
    elif name is not None and runner not in {CHAIN_RUNNER, name}:
        yield _misplaced(place, phase, name, runner)
    elif name == "process" != runner and inspect.iscoroutinefunction(function):
        text = "it is an async def, and a process calls plain functions: leave the runner out"
        yield ChainProblem("error", phase.name, text, places=(place,))


def _problems_of_colour(place: int, phase: Phase, function: Any) -> Iterator[ChainProblem]:
    is_async = inspect.iscoroutinefunction(function)
    if is_async is not _COLOURS[str(phase.runner)]:
        kind = "an async def" if is_async else "a plain function"
        text = f'runner="{phase.runner}" does not fit {kind}: leave it out'
        yield ChainProblem("error", phase.name, text, places=(place,))


def _misplaced(place: int, phase: Phase, name: str, runner: str | None) -> ChainProblem:
    """Return the problem of a phase whose runner its chain cannot use."""
    is_given = phase.runner is not None
    if name == "process" and not is_given:
        text = "it runs in a thread here, although its job type asks for a process"
    elif runner is None and not is_given:
        text = f"it runs where its chain does, although its job type asks for {name}"
    elif runner is None:
        text = (
            f"it has the runner {name}, and a chain that is run without a job has none: submit "
            "the chain, or leave runner= out"
        )
    else:
        text = (
            f"it runs on {name}, and its chain on {runner}, where all phases run: submit the chain "
            f"without runner=, and this phase alone goes to {name}, or the whole chain there"
        )
    is_error = is_given or (runner is not None and name != "process")
    return ChainProblem("error" if is_error else "warning", phase.name, text, places=(place,))
