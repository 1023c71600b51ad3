"""The seam between the engine and the runners."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, cast

import trio
from msgspec import Struct

from jobactors.model.options import DEFAULTS

if TYPE_CHECKING:
    from jobactors.inside.context import JobContext
    from jobactors.model.options import Options

NAMES: Final = {
    "trio": "task",
    "thread": "thread",
    "process": "process",
    "asyncio": "asyncio_loop",
}
"""Runners by the name users give, and the module of ``jobactors.runners`` that has each.

They are found by name when first needed: the engine does not import them, and a program that never
starts a process never loads what that takes.
"""


class Attempt(Struct, frozen=True):
    """One run of a job's function, as a runner gets it."""

    context: JobContext
    """What the function's code sees of its job."""
    function: Callable[..., Any]
    """What to call."""
    args: tuple[Any, ...]
    """Its positional arguments."""
    kwargs: dict[str, Any]
    """Its keyword arguments."""
    abandon: Callable[[], trio.CancelScope]
    """Makes the scope that is cancelled when the system can no longer wait for a stuck attempt."""
    options: Options = DEFAULTS
    """How the job is to be treated: a runner reads its ``grace`` and ``limits``."""


class Abandoned(BaseException):
    """Raised by a runner that did not wait for its attempt to end by itself.

    Without a text: it left the attempt behind, because that scope was cancelled.  With one: it
    ended the attempt by force, and the text says how; it is shown with the reason of the cancel.
    """


class Runner(Protocol):
    """How attempts are executed.  Stateless: one runner serves all jobs of its kind.

    ``run`` is called inside the job's own cancel scope and context, returns what the function
    returns, and raises what it raises.  When the scope is cancelled it ends as soon as its kind of
    work can be ended: a trio task at its next cancel point, a thread at its next check.
    """

    name: ClassVar[str]
    """What ``runner=`` says."""
    takes_slot: ClassVar[bool]
    """Whether it counts for ``max_running``; False for code that is running anyway."""
    can_abandon: ClassVar[bool]
    """Whether a stuck attempt can be left behind when the system closes."""

    async def run(self, attempt: Attempt) -> Any:
        """Execute one attempt."""
        ...


@functools.cache
def runner_named(name: str) -> Runner:
    """Return the runner users call ``name``.

    Raises:
        ValueError: for a name that is no runner; the message lists those that are.
    """
    try:
        module = importlib.import_module(f"jobactors.runners.{NAMES[name]}")
    except KeyError:
        known = ", ".join(f'"{known}"' for known in NAMES)
        raise ValueError(f"runner is one of {known}, not {name!r:.100}") from None
    return cast("Runner", module.RUNNER)


def runner_for(function: Callable[..., Any]) -> Runner:
    """Return the runner that fits ``function``: trio for ``async def``, else a thread."""
    if type(function) is FunctionType and function.__code__.co_flags & inspect.CO_COROUTINE:
        return runner_named("trio")  # the common case, seen at once
    target: Any = function
    while hasattr(target, "func"):  # functools.partial
        target = target.func
    if inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(
        getattr(target, "__call__", None)  # noqa: B004 - asked for its kind, not whether it exists
    ):
        return runner_named("trio")
    return runner_named("thread")
