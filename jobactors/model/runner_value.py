"""A runner that is given as a value, checked by what it has and not by what it is derived from."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from typing import Any, Protocol


class RunnerValue(Protocol):
    """A runner as the options see it: :class:`jobactors.Runner` states its promises."""

    @property
    def name(self) -> str:
        """The name under which jobs are stored, and shown."""
        ...

    @property
    def takes_slot(self) -> bool:
        """Whether its attempts count for ``max_running``."""
        ...

    @property
    def can_abandon(self) -> bool:
        """Whether a stuck attempt can be left behind."""
        ...

    async def run(self, attempt: Any, /) -> Any:
        """Execute one attempt."""
        ...


def check_runner(option: str, value: object) -> None:
    """Raise unless this is the name of a runner, or has what a runner has.

    Raises:
        TypeError: the message lists everything that is missing.
    """
    if isinstance(value, str):
        return
    if isinstance(value, type):
        name = value.__name__
        call = f"{name}({', '.join(_required_by(value))})"
        raise TypeError(f"{option} takes a runner, and {name} is a class of them: {call}")
    if _is_dask_client(value):
        raise TypeError(
            f"{option} takes a runner, and this is a client of Dask: ja.DaskRunner(client) runs "
            "jobs on its cluster"
        )
    missing = ", ".join(_missing_in(value))
    if missing:
        raise TypeError(
            f"{option} is the name of a runner, or a value with the attributes of ja.Runner: "
            f"{_shown(value)} lacks {missing}"
        )


def _required_by(kind: type) -> Iterator[str]:
    """Yield the names of the arguments without which no value of a class can be made."""
    try:
        parameters = inspect.signature(kind).parameters.values()
    except (TypeError, ValueError):  # it does not tell
        return
    for one in parameters:
        variadic = one.kind in {one.VAR_POSITIONAL, one.VAR_KEYWORD}
        if one.default is one.empty and not variadic:
            yield f"{one.name}=…" if one.kind is one.KEYWORD_ONLY else one.name


def _is_dask_client(value: object) -> bool:
    """Whether this is a client of ``dask.distributed``, which is not imported for the question."""
    client = getattr(sys.modules.get("distributed"), "Client", None)
    return isinstance(client, type) and issubclass(type(value), client)


def _missing_in(value: object) -> Iterator[str]:
    name = _attribute(value, "name")
    if not isinstance(name, str) or not name:
        yield "name (a text)"
    for flag in ("takes_slot", "can_abandon"):
        if not isinstance(_attribute(value, flag), bool):
            yield f"{flag} (True or False)"
    if _attribute(value, "waits_elsewhere") not in (None, False, True):
        yield "a waits_elsewhere that is True or False"
    if not inspect.iscoroutinefunction(_attribute(value, "run")):
        yield "async def run(attempt)"


def _attribute(value: object, name: str) -> Any:
    try:
        return getattr(value, name, None)
    except Exception:  # a property of the user's own
        return None


def _shown(value: object) -> str:
    try:
        return f"{value!r:.100}"
    except Exception:  # its __repr__ is the user's
        return f"a {type(value).__name__}"
