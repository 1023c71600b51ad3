"""A chain on a cluster: its phases run on one worker, one after the other, as one attempt.

A worker need not have registered the job types that phases name: their functions are sent along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import evolve

from jobactors.inside.chain.chain import Chain
from jobactors.model.chain_document import phase_from_json
from jobactors.model.job_type import job_type_named
from jobactors.model.outcome import Partial, Succeeded
from jobactors.model.phases import Phase

if TYPE_CHECKING:
    from collections.abc import Sequence


def phases_to_send(phases: Sequence[Any]) -> tuple[Phase, ...]:
    """Return the phases of a chain's job, with their functions in the place of names.

    Their runners stay here: a runner of a phase is that of its chain, or the chain was refused.

    Raises:
        UnknownJobType: for a name that is not registered here.
    """
    return tuple(
        _with_function(one if isinstance(one, Phase) else phase_from_json(one)) for one in phases
    )


def _with_function(phase: Phase) -> Phase:
    work = phase.work
    function = job_type_named(work).function if isinstance(work, str) else work
    return evolve(phase, work=function, runner=None)


def run_phases(phases: tuple[Phase, ...], name: str = "") -> Succeeded | Partial:
    """Run a chain on a worker.

    Raises:
        ChainFailed: if a phase has failed.
    """
    result = Chain(phases, name).run_sync()
    return Succeeded(result) if result.success else Partial(result)
