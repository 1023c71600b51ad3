"""The context variables a job sees: its submitter's, as they were at the submit."""

from __future__ import annotations

from contextvars import Context, copy_context
from typing import Final

from jobactors.inside.context.own_decimals import shares_decimals, take_own_decimals

# ipykernel routes output to a cell by these; a job outlives its cell.
_OF_THE_CELL: Final = frozenset({"parent_header", "shell_parent", "shell_parent_ident"})


def submitter_context() -> Context:
    """Copy the submitter's context variables, without those that tie it to a notebook's cell."""
    context = copy_context()
    if not context:  # as in the main thread of nearly every script
        return context
    if shares_decimals(context):
        context.run(take_own_decimals)  # for a hook, and against what the submitter changes later
    if _OF_THE_CELL.isdisjoint([variable.name for variable in context]):
        return context
    clean = Context()
    for variable, value in context.items():
        if variable.name not in _OF_THE_CELL:
            clean.run(variable.set, value)
    return clean
