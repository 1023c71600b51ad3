"""Modules above the engine, found by name when they are first used.

The engine imports no runner, store, host or face: a program that uses none loads none.

Runners are found by name as well: ours in their modules, those of others in a table of the values
that this process was given.  A job is stored with the name of its runner alone, so that a resumed
one needs the name to lead somewhere: to the newest value that ``runner=`` was given with it.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, cast

from jobactors.engine.ports.runner import GivenRunner
from jobactors.model.errors import JobactorsError
from jobactors.model.nearest import or_nearest

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.ports.runner import KnownRunner
    from jobactors.model.options import Options
    from jobactors.model.runner_value import RunnerValue

_MODULES: Final = {
    "executor": "faces.executor",
    "http": "faces.http",
    "sqlite": "stores.sqlite",
    "start": "hosts.start",
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
        meant = or_nearest(display, DISPLAYS)
        raise ValueError(f"display is None or one of {known}, not {display!r:.100}{meant}")


NAMES: Final = {
    "trio": "task",
    "thread": "thread",
    "process": "process",
    "asyncio": "asyncio_loop",
}
"""The values of ``runner=``, and the module of ``jobactors.runners`` of each.

A program that never starts a process never loads the modules that this takes.
"""
RESERVED: Final = frozenset({*NAMES, "block"})
"""Names that no runner of a user may have."""


@functools.cache
def _built_in(name: str) -> KnownRunner:
    module = importlib.import_module(f"jobactors.runners.{NAMES[name]}")
    try:
        return cast("KnownRunner", module.RUNNER)
    except AttributeError:  # a signal handler or finalizer that has struck the import itself
        raise JobactorsError(
            f'runner="{name}" is being loaded in this very thread: submit again afterwards'
        ) from None


# Written by any thread that gives a runner; the newest of a name wins, and stays.
_given: dict[str, GivenRunner] = {}


def is_runner_known(name: str) -> bool:
    """Whether a runner of this name can be found now."""
    return name in NAMES or name in _given


def runner_named(name: str) -> KnownRunner:
    """Return the runner of this name: one of ours, or the newest that was given as a value.

    Raises:
        ValueError: for a name that is no runner; the message lists those that are.
    """
    if name in NAMES:
        return _built_in(name)
    try:
        return _given[name]
    except KeyError:
        known = ", ".join(f'"{known}"' for known in (*NAMES, *_given))
        meant = or_nearest(name, (*NAMES, *_given))
        raise ValueError(
            f"runner is one of {known}, or a runner of your own, not {name!r:.100}{meant}"
        ) from None


def runner_from(value: str | RunnerValue) -> KnownRunner:
    """Return the runner of an option; one that is a value is found by its name from now on.

    Raises:
        ValueError: for a name that is no runner, and for a value that has the name of one of ours.
    """
    if isinstance(value, str):
        return runner_named(value)
    name = value.name
    if name in RESERVED:
        if name in NAMES and _built_in(name) is value:
            return _built_in(name)
        raise ValueError(f'"{name}" is a runner of jobactors: give yours another name')
    known = _given.get(name)
    if known is None or known.value is not value:
        known = _given[name] = GivenRunner.of(value)
    return known


def held_runner(value: str | RunnerValue) -> KnownRunner:
    """Return the runner of an option as it was given, though a newer one has its name by now.

    Raises:
        ValueError: for a name that is no runner.
    """
    if isinstance(value, str):
        return runner_named(value)
    known = _given.get(value.name)
    return known if known is not None and known.value is value else GivenRunner.of(value)


def newest(runner: KnownRunner) -> KnownRunner:
    """Return the newest runner of the same name: a job that goes on finds its new cluster by it."""
    return _given.get(runner.name, runner)


def runner_for(function: Callable[..., Any]) -> KnownRunner:
    """Return the runner that fits ``function``: trio for ``async def``, else a thread."""
    if type(function) is FunctionType:  # the common cases, without a look at the object
        if function.__code__.co_flags & inspect.CO_COROUTINE:
            return _built_in("trio")
        if not function.__dict__:  # which may mark it as one that returns a coroutine
            return _built_in("thread")
    target: Any = function
    while hasattr(target, "func"):  # functools.partial
        target = target.func
    if inspect.iscoroutinefunction(target) or inspect.iscoroutinefunction(
        getattr(target, "__call__", None)  # noqa: B004 - asked for its kind, not whether it exists
    ):
        return runner_named("trio")
    return runner_named("thread")


def choose_runner(function: Callable[..., Any], options: Options) -> KnownRunner:
    """Return the runner that the options name, or the one that fits the function.

    Raises:
        ValueError: for a name that is no runner, and for limits or a fresh process, of which it
            knows nothing.
    """
    runner = options.runner
    if not (isinstance(runner, str) and runner == "process"):
        if options.limits is not None:
            raise ValueError('limits are enforced for processes only: add runner="process"')
        if options.fresh:
            raise ValueError('fresh=True is for processes only: add runner="process"')
    return runner_for(function) if runner is None else runner_from(runner)
