"""The phases of a chain that goes on: which of them need their function, and the runners they get.

A phase that is completed never runs again, so that its job type need not be registered where the
chain goes on; one that is not completed needs it, and the obstacle names that phase.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from attrs import evolve

from jobactors.engine.ports.late_binding import is_runner_known
from jobactors.engine.storage.submit_codec import A_LAMBDA, LAMBDA
from jobactors.inside.chain.phase_runner import own_runner
from jobactors.model.chain_document import phase_from_json
from jobactors.model.errors import UnknownJobType
from jobactors.model.exact import from_json
from jobactors.model.job_type import job_type_named
from jobactors.model.phases import Phase, keys_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobactors.engine.records.stored_submit import StoredSubmit
    from jobactors.model.stored_rows import CheckpointRow


def holds_phases(submit: StoredSubmit) -> bool:
    """Whether the store holds a chain's phases, though some of them may not be registered."""
    return bool(_phases_of(submit))


def obstacle_of_phases(submit: StoredSubmit, rows: Iterable[CheckpointRow]) -> str:
    """Return the reason for which a stored chain cannot go on; empty if it can.

    Args:
        submit: The submit of the chain.
        rows: The checkpoints of its job.
    """
    completed = _completed(rows)
    with suppress(TypeError, ValueError):  # the resume says what is wrong with them
        phases = [phase_from_json(one) for one in _phases_of(submit)]
        missing = [
            f"phase {key}: {why}"
            for key, phase in zip(keys_of(phases), phases, strict=True)
            if key not in completed and (why := _obstacle(str(phase.work)) or _no_runner(phase))
        ]
        return "; ".join(missing)
    return ""


def _obstacle(type_name: str) -> str:
    try:
        job_type_named(type_name)
    except UnknownJobType as exc:
        if exc.meant:
            return f"its job type {type_name!r} is now an alias of {' and '.join(exc.meant)}"
        if type_name == LAMBDA:
            return A_LAMBDA
        return f'{type_name} is no registered job type (@ja.job("{type_name}") makes it one)'
    return ""


def _no_runner(phase: Phase) -> str:
    runner = phase.runner
    if not isinstance(runner, str) or is_runner_known(runner):
        return ""
    return f"its runner {runner!r} is not known here: give one with jobs.options(runner=…)"


def with_newest_runners(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a chain, whose phases find their runners by name from now on.

    One whose cluster is lost goes on on the newest one of that name, as a job does.
    """
    phases: Any = kwargs.get("phases")
    if type(phases) is not list and type(phases) is not tuple:
        return kwargs
    return {**kwargs, "phases": list(map(_by_name, cast("list[Any]", phases)))}


def _by_name(one: Any) -> Any:
    with suppress(TypeError, ValueError, UnknownJobType):  # its check says what is wrong
        phase = one if isinstance(one, Phase) else phase_from_json(one)
        own = own_runner(phase)
        if own is not None and not isinstance(own, str):
            return evolve(phase, runner=own.name)
    return one


def _phases_of(submit: StoredSubmit) -> list[Any]:
    try:
        phases: list[Any] = from_json(submit.arguments)["kwargs"]["phases"]
    except (KeyError, TypeError, ValueError):
        return []
    return phases if type(phases) is list else []


def _completed(rows: Iterable[CheckpointRow]) -> set[str]:
    """Return the keys of the phases whose ends were saved."""
    found = set[str]()
    for row in rows:
        with suppress(KeyError, TypeError, ValueError):
            found |= {str(entry["phase"]) for entry in from_json(row.value)["chain"]}
    return found
