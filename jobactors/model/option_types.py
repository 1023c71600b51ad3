"""The options of a job, as editors, type checkers and ``help()`` show them.

``jobs.options(…)``, ``job.update(…)``, ``@ja.job(…)`` and ``ja.tracked(…)`` take the same keyword
arguments.  Checkers read them from the dictionaries here, by ``Unpack``; the running program has
them as a signature, so that ``help()`` and completion in a notebook list each by its name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any, Literal, TypedDict, TypeVar, get_type_hints

from .checks import Seconds
from .every import Every
from .limits import Limits
from .options import DEFAULTS, OPTION_NAMES, UPDATABLE, OnCheckpoint, OnDone, OnDuplicate
from .retry import Retry
from .runner_value import RunnerValue

C = TypeVar("C", bound=Callable[..., Any])

Priority = Literal["high", "normal", "low"] | int
"""Larger runs first; "high" is 10, "normal" 0, "low" -10."""
RunnerName = Literal["trio", "thread", "process", "asyncio"]
"""The runners that come with the package."""


class _Updatable(TypedDict, total=False):
    description: str
    tags: str | Iterable[str]
    metadata: Mapping[str, object]
    icon: str
    priority: Priority
    resources: str | Iterable[str] | Mapping[str, int]
    start_at: float | datetime | None
    retry: Retry | None
    timeout: Seconds | None
    grace: Seconds
    on_done: OnDone | None


class UpdatableOptions(_Updatable, total=False):
    """The options that ``job.update(…)`` changes after the submit."""

    name: str


class NamedOptions(_Updatable, total=False):
    """The options of what has a name already: a job type, a block."""

    subject: str
    key: object
    on_duplicate: OnDuplicate
    on_busy: Literal["wait", "raise"]
    after: object
    hold: bool
    start_deadline: Seconds | None
    runner: RunnerName | RunnerValue | None
    checkpoint_every: Every | None
    on_checkpoint: OnCheckpoint | None
    limits: Limits | None
    fresh: bool
    log_limit: int
    mailbox: int
    private: str | Iterable[str]


class JobOptions(NamedOptions, total=False):
    """All options of a job; :class:`~jobactors.Options` has their texts, units and defaults."""

    name: str


def names_options(function: C) -> C:
    """Give a function that takes ``**options`` a signature which names each of them.

    The options are those of the dictionary that the function's annotation unpacks.
    """
    written = inspect.signature(function)
    function.__signature__ = _WithOptions(written)  # type: ignore[attr-defined]
    return function


class _WithOptions(inspect.Signature):
    """A signature that names the options, made when it is first looked at: imports are quick."""

    def __init__(self, written: inspect.Signature) -> None:
        self._written = written

    @cached_property
    def _whole(self) -> inspect.Signature:
        *others, last = self._written.parameters.values()
        known = UPDATABLE if "Updatable" in str(last.annotation) else OPTION_NAMES
        named = [_parameter(name) for name in sorted(known - {other.name for other in others})]
        return self._written.replace(parameters=[*others, *named])

    @property
    def parameters(self) -> MappingProxyType[str, inspect.Parameter]:
        return self._whole.parameters

    @property
    def return_annotation(self) -> Any:
        return self._whole.return_annotation

    def replace(self, **changes: Any) -> inspect.Signature:  # type: ignore[override]
        return self._whole.replace(**changes)

    def __reduce__(self) -> Any:
        return self._whole.__reduce__()


@cache
def _hints() -> Mapping[str, Any]:
    """Return the types of the options: in the dictionaries themselves they are texts."""
    return get_type_hints(JobOptions)


def _parameter(name: str) -> inspect.Parameter:
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=getattr(DEFAULTS, name),
        annotation=_hints().get(name, inspect.Parameter.empty),
    )
