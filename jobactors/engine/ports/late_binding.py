"""Modules above the engine, found by name when they are first used.

The engine imports no runner, store, host or face: a program that uses none loads none.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.ports.runner import Runner
    from jobactors.model.options import Options

_MODULES: Final = {
    "executor": "faces.executor",
    "sqlite": "stores.sqlite",
    "terminal": "hosts.terminal",
}
DISPLAYS: Final = ("terminal",)
"""The values of ``display=``."""


def load_module(name: str) -> Any:
    """Return the module of a host, face or store."""
    return importlib.import_module(f"jobactors.{_MODULES[name]}")


def check_display(display: object) -> None:
    """Raise for a display that does not exist.

    Raises:
        ValueError: the message lists those that do.
    """
    if display is not None and display not in DISPLAYS:
        known = ", ".join(f'"{known}"' for known in DISPLAYS)
        raise ValueError(f"display is None or one of {known}, not {display!r:.100}")


NAMES: Final = {
    "trio": "task",
    "thread": "thread",
    "process": "process",
    "asyncio": "asyncio_loop",
}
"""The values of ``runner=``, and the module of ``jobactors.runners`` of each.

A program that never starts a process never loads the modules that this takes.
"""


@functools.cache
def runner_named(name: str) -> Runner:
    """Return the runner of that name.

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
        return runner_named("trio")  # the common case, without a look at the object
    target: Any = function
    while hasattr(target, "func"):  # functools.partial
        target = target.func
    if inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(
        getattr(target, "__call__", None)  # noqa: B004 - asked for its kind, not whether it exists
    ):
        return runner_named("trio")
    return runner_named("thread")


def choose_runner(function: Callable[..., Any], options: Options) -> Runner:
    """Return the runner that the options name, or the one that fits the function.

    Raises:
        ValueError: for a name that is no runner, and for limits that it could not enforce.
    """
    if options.limits is not None and options.runner != "process":
        raise ValueError('limits are enforced for processes only: add runner="process"')
    return runner_for(function) if options.runner is None else runner_named(options.runner)
