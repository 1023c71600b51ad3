"""The context variables a job sees: its submitter's, as they were at the submit.

A thread that submits many jobs nearly always has the same ones each time, so the jobs share one
``Context``: a thousand queued jobs would each have three objects that say the same.  That is never
run, since two loops could not enter it at once: what runs code of a job runs a copy of it.
"""

from __future__ import annotations

import threading
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

from jobactors.inside.context.own_decimals import hold_decimals

if TYPE_CHECKING:
    from collections.abc import Callable

# ipykernel routes output to a cell by these; a job outlives its cell.
_OF_THE_CELL: Final = frozenset({"parent_header", "shell_parent", "shell_parent_ident"})
_EMPTY: Final = Context()
_UNSET: Final = object()


class _Latest(threading.local):
    """The context of a thread's last submit, as long as a job has it."""

    context: Callable[[], Context | None] = staticmethod(lambda: None)


_LATEST: Final = _Latest()


def submitter_context() -> Context:
    """Return the submitter's context variables, without those that tie it to a notebook's cell.

    Jobs share what is returned: run a copy.
    """
    present = copy_context()
    if not present:  # as in the main thread of nearly every script
        return _EMPTY
    variables = {one: value for one, value in present.items() if one.name not in _OF_THE_CELL}
    hold_decimals(variables)
    latest = _LATEST.context()
    if latest is not None and _has_just(latest, variables):
        return latest
    context = present if len(present) == len(variables) else Context()
    for variable, value in variables.items():
        if context.get(variable, _UNSET) is not value:
            context.run(variable.set, value)
    _LATEST.context = ref(context)
    return context


def _has_just(context: Context, variables: dict[ContextVar[Any], Any]) -> bool:
    """Whether a context has these variables, with these very values, and no other ones."""
    if len(context) != len(variables):
        return False
    return all(context.get(one, _UNSET) is value for one, value in variables.items())
