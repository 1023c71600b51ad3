"""The built-in job type ``chain``, and what a submit asks about chains.

What runs chains is in :mod:`.chain_job`, and loaded with the first one: most programs have none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobactors.model.job_type import BUILT_IN, CHAIN_TYPE, job
from jobactors.model.loaded import loaded_class

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeGuard

    from jobactors.inside.chain.chain import Chain


def is_chain(work: object) -> TypeGuard[Chain]:
    """Whether something to be submitted is a chain."""
    return isinstance(work, loaded_class("jobactors.inside.chain.chain", "Chain"))


def _label(phases: Sequence[Any], name: str = "") -> str:
    from .chain_job import chain_of

    return chain_of(phases, name).label


@job(CHAIN_TYPE, label=_label, category=BUILT_IN)
async def run_chain(phases: Sequence[Any], name: str = "") -> Any:
    """Run the phases one after the other; see :func:`jobactors.chain`.

    Args:
        phases: Phases, or JSON: ``[{"name": "Clear", "type": "clear", "arguments": {…}}, …]``.
        name: The name that is shown; default: the names of the phases.
    """
    from .chain_job import run_phases

    return await run_phases(phases, name)
