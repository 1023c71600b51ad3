"""The part of a submit that a store can hold, and the obstacles to running it elsewhere.

Nothing that is stored is code: a function is found again by the name of its job type, and arguments
are JSON that reads back exactly.  A job without such a description runs as well as any other; it
cannot be resumed after its process, and ``lost`` gives the reason.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast
from weakref import WeakKeyDictionary

from attrs import asdict, fields
from msgspec import Struct

from jobactors.engine.ports.late_binding import runner_from
from jobactors.engine.records.references import JobReference, Nested
from jobactors.engine.records.stored_submit import StoredSubmit
from jobactors.inside.verbs.ranges import Range
from jobactors.model.call_signature import call_signature
from jobactors.model.chain_document import phase_as_json, phase_from_json, private_names
from jobactors.model.checks import is_mapping, is_of
from jobactors.model.every import Every
from jobactors.model.exact import NotExact, exact_json, from_json
from jobactors.model.identity import is_lambda, type_name_of
from jobactors.model.job_type import CHAIN_TYPE, job_type_of
from jobactors.model.limits import Limits
from jobactors.model.options import DEFAULTS, Options
from jobactors.model.phases import Phase
from jobactors.model.retry import Retry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from jobactors.engine.records.record import Edge
    from jobactors.model.job_type import JobType


LARGEST: Final = 64 * 2**20
"""Characters of JSON: longer arguments and results are not stored."""
LAMBDA: Final = "<lambda>"
"""The name of a lambda, which is the job type of none."""
_WITHOUT_NAME: Final = (
    '{} has no name to be found by: make it a def, and register that with @ja.job("…")'
)
A_LAMBDA: Final = _WITHOUT_NAME.format("a lambda")
"""The obstacle that a lambda is."""
_NO_ARGUMENTS: Final = '{"args": [], "kwargs": {}, "jobs": []}'

# Options that are in the job's info already, or do not matter to a later run.
_ELSEWHERE: Final = frozenset(
    {"name", "description", "subject", "tags", "metadata", "icon", "priority", "key", "after"}
    | {"on_checkpoint"}
)
_CLASSES: Final[Mapping[str, Callable[..., object]]] = {
    "checkpoint_every": Every,
    "limits": Limits,
    "retry": Retry,
}


def describe_submit(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    options: Options,
    edges: tuple[Edge, ...],
    given: Mapping[str, Any] | None = None,
) -> StoredSubmit:
    """Describe a submit.  In the submitting thread, before the caller can change an argument.

    ``given`` is JSON of which the function's annotations have made ``kwargs``, if there is any.
    """
    kind = job_type_of(function)
    lost = ""
    arguments = _NO_ARGUMENTS
    if kind is None:
        lost = _unregistered(function)
    elif args or kwargs:
        unregistered = ""
        if kind.name == CHAIN_TYPE:
            phases = _phases(kwargs.get("phases", args[0] if args else ()))
            lost = _told(phases, _private_in)
            unregistered = "" if lost else _told(phases, _unregistered_in)
            if unregistered or any(not isinstance(one.runner, str | None) for one in phases):
                # Stored all the same: a completed one needs no function, a runner is found by name.
                kwargs = {**kwargs, "phases": [phase_as_json(one, _name_in(one)) for one in phases]}
        if not lost:
            arguments, lost = _arguments(function, args, kwargs, options)
            if lost and given is not None:  # a date is none that JSON has; its ISO text is
                as_json, missing = _arguments(function, (), given, options, is_typed=True)
                arguments, lost = (arguments, lost) if missing else (as_json, "")
            lost = lost or unregistered
    return StoredSubmit(
        arguments,
        _options_text(options, DEFAULTS if kind is None else kind.options),
        tuple((edge.upstream.id, edge.when) for edge in edges),
        "" if kind is None else source_of(kind),
        lost,
    )


def _unregistered(function: object) -> str:
    name = getattr(function, "__name__", None)
    if isinstance(name, str) and name.isidentifier():
        return f'{name} is no registered job type (@ja.job("{name}") makes it one)'
    if name == LAMBDA:
        return A_LAMBDA
    return _WITHOUT_NAME.format(f"a callable of type {type(function).__qualname__}")


def _phases(given: object) -> list[Phase]:
    if not isinstance(given, list | tuple):
        return []
    each = cast("Sequence[object]", given)
    return [one if isinstance(one, Phase) else phase_from_json(one) for one in each]


def _told(phases: list[Phase], obstacle: Callable[[Phase], str]) -> str:
    """Return the obstacles among a chain's phases that JSON would not show; empty if none."""
    return "; ".join(f"phase {one.name}: {why}" for one in phases if (why := obstacle(one)))


def _private_in(one: Phase) -> str:
    if isinstance(one.work, str):
        hidden = private_names(one.work)
    else:
        kind = job_type_of(one.work)
        hidden = frozenset[str]() if kind is None else kind.options.private
    return _not_kept(hidden & one.arguments.keys())


def _unregistered_in(one: Phase) -> str:
    if isinstance(one.work, str) or job_type_of(one.work) is not None:
        return ""
    return _unregistered(one.work)


def _name_in(one: Phase) -> str:
    """Return the name of a phase's job type, or that of its function."""
    if isinstance(one.work, str):
        return one.work
    kind = job_type_of(one.work)
    if kind is not None:
        return kind.name
    return LAMBDA if is_lambda(one.work) else type_name_of(one.work)


def _not_kept(hidden: frozenset[str]) -> str:
    return f"its private argument {', '.join(sorted(hidden))} is not kept" if hidden else ""


def _arguments(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    options: Options,
    *,
    is_typed: bool = False,
) -> tuple[str, str]:
    if options.private:
        lost = _not_kept(options.private & _names(function, args, kwargs))
        if lost:
            return _NO_ARGUMENTS, lost
    jobs: list[list[Any]] = []
    plain_args = [_plain(position, value, jobs) for position, value in enumerate(args)]
    plain_kwargs = {name: _plain(name, value, jobs) for name, value in kwargs.items()}
    try:
        named: dict[str, object] = {"typed": True} if is_typed else {}
        shown = {"args": plain_args, "kwargs": plain_kwargs, "jobs": jobs, **named}
        text = exact_json(shown, "the arguments")
    except NotExact as exc:
        return _NO_ARGUMENTS, f"{_readable(str(exc))}: pass a path, or plain JSON, instead"
    if len(text) > LARGEST:
        return _NO_ARGUMENTS, "its arguments are too large to be kept: pass a path instead"
    return text, ""


def _readable(text: str) -> str:
    return text.replace("the arguments['kwargs']", "argument ").replace(
        "the arguments['args']", "positional argument "
    )


def _plain(where: int | str, value: object, jobs: list[list[Any]]) -> object:
    """Replace jobs, or a range, by None, and append their references to ``jobs``."""
    if is_of(value, JobReference):
        jobs.append([where, value.record.id, value.gives])
        return None
    if is_of(value, Range):
        jobs.append([where, value.as_text(), "range"])
        return None
    return _plain_inside([where], value.value, jobs) if is_of(value, Nested) else value


def _plain_inside(path: list[int | str], value: object, jobs: list[list[Any]]) -> object:
    """Do the same inside lists and dictionaries; JSON holds nothing else that has parts."""
    if type(value) is JobReference:
        jobs.append([path, value.record.id, value.gives])
        return None
    parts: Any = value
    if type(value) is list:
        return [_plain_inside([*path, place], part, jobs) for place, part in enumerate(parts)]
    if type(value) is dict:
        return {key: _plain_inside([*path, key], part, jobs) for key, part in parts.items()}
    return value


def _names(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> frozenset[str]:
    """Return the names under which a call passes arguments."""
    if not args:
        return frozenset(kwargs)
    unknown = frozenset(kwargs) | {"its positional arguments"}
    signature = call_signature(function)
    if signature is None:  # all of them, to be safe
        return unknown
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError:
        return unknown
    return frozenset(bound.arguments) | frozenset(kwargs)


def _options_text(options: Options, base: Options) -> str:
    if options is base:
        return "{}"
    changed: dict[str, Any] = {}
    for name in (field.name for field in fields(Options)):
        if name in _ELSEWHERE:
            continue
        value = _comparable(name, options)
        if value != _comparable(name, base):
            with suppress(NotExact):  # a function, such as on_done, is not stored
                changed[name] = option_as_json(name, value)
    return json.dumps(changed)


def _comparable(name: str, options: Options) -> Any:
    """Return an option; of a runner only its name, as the rest is the user's own code."""
    value = getattr(options, name)
    return runner_from(value).name if name == "runner" and value is not None else value


def option_as_json(name: str, value: Any) -> Any:
    """Return an option as JSON.

    Raises:
        NotExact: if JSON cannot hold it.
    """
    if name in _CLASSES and value is not None:
        value = {
            field: "inf" if part == math.inf else part
            for field, part in asdict(value, recurse=False).items()
            if field != "on"  # exception classes are code: the default takes their place
        }
    elif isinstance(value, tuple | frozenset):
        value = sorted(cast("Iterable[str]", value))
    elif is_mapping(value):
        value = dict(value)
    exact_json(value, f"the option {name}")
    return value


def options_from(text: str, base: Options) -> Options:
    """Return ``base`` with the stored options over it.

    Raises:
        ValueError, TypeError: if the text is no such thing; options are checked as at a submit.
    """
    read = from_json(text)
    if not isinstance(read, dict):
        raise TypeError(f"options are a JSON object, not {type(read).__name__}")
    options = cast("dict[str, Any]", read)
    changes = {name: option_from_json(name, value) for name, value in options.items()}
    return base.changed(**changes) if changes else base


def option_from_json(name: str, value: Any) -> Any:
    """Return an option as a submit takes it, from its JSON.

    Raises:
        ValueError, TypeError: if it is no such thing.
    """
    make = _CLASSES.get(name)
    if make is None or not isinstance(value, dict):
        return value
    fields = cast("dict[str, Any]", value)
    values: dict[str, Any] = {n: math.inf if part == "inf" else part for n, part in fields.items()}
    return make(**values)


Path = tuple[int | str, ...]
"""The place of a value among arguments: its argument, and then where it is inside of that."""


class Arguments(Struct, frozen=True):
    """Stored arguments, read back: jobs are named by their ids."""

    args: list[Any]
    kwargs: dict[str, Any]
    jobs: list[tuple[Path, str, str]]
    """Each value that stands for a job: its place, the job's id, and "result" or "handle"; for a
    range "range", and its text in place of the id."""
    is_typed: bool = False
    """Whether annotations make the values of the named ones."""

    def fill(self, find: Callable[[str, str], object]) -> None:
        """Put ``find(id, how)`` into the place of each value that stands for a job."""
        for path, job_id, how in self.jobs:
            target, last = self.holder_of(path), path[-1]
            target[last] = find(job_id, how)

    def holder_of(self, path: Path) -> Any:
        """Return the list or dictionary in which the value of a path is.

        Raises:
            ValueError: if there is no such place.
        """
        target: Any = self.args if isinstance(path[0], int) else self.kwargs
        try:
            for step in path[:-1]:
                target = target[step]
            target[path[-1]]
        except (LookupError, TypeError):
            raise ValueError("a stored argument stands for something that is no job") from None
        return target


def arguments_from(text: str) -> Arguments:
    """Read stored arguments.

    Raises:
        ValueError: if the text is no such thing.
    """
    match from_json(text):
        case {"args": [*args], "kwargs": {**named}, "jobs": [*jobs], **more}:
            kwargs, typed = cast("dict[str, Any]", named), more.get("typed") is True
            arguments = Arguments(args, kwargs, list(map(_reference, jobs)), typed)
            for path, _, _ in arguments.jobs:
                arguments.holder_of(path)
            return arguments
        case _:
            raise ValueError("the stored arguments have another form")


def part_from(text: str) -> str:
    """Return a job's part of its work, by its stored arguments; empty for all of it."""
    if '"range"' not in text:  # nearly all arguments are without
        return ""
    try:
        found = [
            Range.from_text(text) for _, text, how in arguments_from(text).jobs if how == "range"
        ]
    except ValueError:
        return ""
    return found[0].part if found else ""


def _reference(job: Any) -> tuple[Path, str, str]:
    match job:
        case [int() | str() as where, str(job_id), "result" | "handle" | "range" as how]:
            path: Path = (where,)
        case [[int() | str(), *_] as places, str(job_id), "result" | "handle" as how]:
            path = tuple(cast("list[int | str]", places))
        case _:
            raise ValueError("a stored argument stands for something that is no job")
    if any(isinstance(step, int) and step < 0 for step in path):
        raise ValueError("a stored argument stands for something before the first one")
    return path, job_id, how


# Keyed by the function: a redefined type has another one.  From any thread; at worst done twice.
_sources: WeakKeyDictionary[Callable[..., Any], str] = WeakKeyDictionary()


def source_of(kind: JobType) -> str:
    """Return a fingerprint of a job type's source; empty if it has none."""
    try:
        known = _sources.get(kind.function)
        if known is None:
            known = _sources[kind.function] = _fingerprint(kind.function)
    except TypeError:  # a function that cannot be referred to weakly
        return ""
    return known


def _fingerprint(function: Callable[..., Any]) -> str:
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        return ""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
