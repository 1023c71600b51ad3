"""Arguments as JSON has them, checked against the annotations of a job type and converted.

An ISO date becomes a ``date``, an object a dataclass.  Each parameter is looked at by itself: a
struct of all of them would stop at its first error, where a form shows all.

Of private arguments no value is in an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from .argument_problem import ArgumentProblem, ArgumentsInvalid, problem
from .parameters import LONGEST, POSITIONAL, Parameter, Signature, is_path, signature_of, text_of

if TYPE_CHECKING:
    from .argument_problem import Validate
    from .argument_schema import Described


def check_arguments(
    kind: Described, arguments: Mapping[Any, Any], elsewhere: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return the arguments, converted; see :meth:`JobType.check`.

    Args:
        kind: The job type.
        arguments: The arguments by name, as JSON has them.
        elsewhere: The names of those whose values come only later, and are not missed here.

    Raises:
        ArgumentsInvalid: with all that is wrong with them.
    """
    if not isinstance(arguments, Mapping):
        text = f"arguments are a JSON object, not {type(arguments).__name__}"
        raise ArgumentsInvalid(kind.name, [ArgumentProblem("", text)])
    signature = signature_of(kind.function)
    problems: list[ArgumentProblem] = []
    checked: dict[str, Any] = {}
    for name, value in arguments.items():
        one = signature.parameters.get(name) if isinstance(name, str) else None
        if one is None:
            problems += _problems_of_name(signature, name)
            checked[name] = value
            continue
        try:
            checked[name] = _converted(one, value)
        except _Refused as exc:
            if name in kind.options.private:
                problems.append(ArgumentProblem(name, _UNSAID))
            else:
                problems.append(ArgumentProblem(f"{name}{exc.path}", exc.text))
    problems += _problems_of_missing(signature, {*arguments, *elsewhere})
    problems += (one for name in elsewhere for one in _problems_of_absent(signature, name))
    if problems:
        raise ArgumentsInvalid(kind.name, problems)
    return checked


_UNSAID: Final = "it does not fit its annotation (no more is said of a private argument)"


def converted_where_it_fits(kind: Described, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Convert those arguments that fit their annotations, and leave the others as they are.

    This runs code of the user's classes, and is called where the function is.
    """
    known = signature_of(kind.function).parameters
    converted = dict(arguments)
    for name, value in arguments.items():
        if name in known:
            with suppress(_Refused):
                converted[name] = _converted(known[name], value)
    return converted


def problems_of(
    kind: Described,
    arguments: Mapping[Any, Any],
    elsewhere: frozenset[str] = frozenset(),
    *,
    with_own: bool = True,
) -> list[ArgumentProblem]:
    """Return all problems of these arguments; see :meth:`JobType.problems`.

    Args:
        kind: The job type.
        arguments: The arguments by name, as JSON has them.
        elsewhere: The names of those whose values come only later, and are not missed here.
        with_own: Whether the type's own ``validate`` is called; it is not if a value comes later,
            which it may need.
    """
    try:
        checked = check_arguments(kind, arguments, elsewhere)
    except ArgumentsInvalid as exc:
        return list(exc.problems)
    if kind.validate is None or elsewhere or not with_own:
        return []
    return _found_by(kind.validate, checked)


def _found_by(validate: Validate, checked: dict[str, Any]) -> list[ArgumentProblem]:
    """Call the user's function, which may return or raise anything."""
    try:
        said: object = validate(checked)
        if isinstance(said, str):
            said = [said]
        if said is None:
            return []
        return [_as_problem(one) for one in islice(cast("Iterable[object]", said), _MOST_FOUND)]
    except Exception as exc:
        return [ArgumentProblem("", f"{type(exc).__name__}: {text_of(exc)}"[:LONGEST])]


def _as_problem(one: object) -> ArgumentProblem:
    if isinstance(one, ArgumentProblem):
        return problem(one.severity, one.path, one.text[:LONGEST])
    if isinstance(one, str):
        return ArgumentProblem("", one[:LONGEST])
    raise TypeError(f"validate returns texts, or ja.problem(…), and not {one!r:.100}")


_MOST_FOUND: Final = 100


def _problems_of_absent(signature: Signature, name: str) -> Iterator[ArgumentProblem]:
    """Find out whether an argument that comes later has its place."""
    if name not in signature.parameters:
        yield from _problems_of_name(signature, name)


def _problems_of_missing(signature: Signature, given: set[Any]) -> Iterator[ArgumentProblem]:
    for one in signature.parameters.values():
        if one.is_required and one.name not in given:
            yield ArgumentProblem(one.name, "it is required, and was not given")
    for name, needed in signature.positional_only.items():
        if needed:
            yield ArgumentProblem(name, POSITIONAL)


def _problems_of_name(signature: Signature, name: object) -> Iterator[ArgumentProblem]:
    if not isinstance(name, str):
        yield ArgumentProblem(f"{name!r:.100}", "names of arguments are text")
    elif signature.takes_more:
        return
    elif name in signature.positional_only:
        if not signature.positional_only[name]:  # else it is said anyway
            yield ArgumentProblem(name, POSITIONAL)
    else:
        known = ", ".join(signature.parameters) or "none"
        yield ArgumentProblem(name, f"there is no such argument; there are: {known}")


class _Refused(Exception):
    """A value does not fit its parameter."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__(text)
        self.path = path
        self.text = text[:LONGEST]


def _converted(one: Parameter, value: object) -> Any:
    """Convert one argument, or raise _Refused if it does not fit."""
    if not one.is_usable:
        return value
    try:
        return msgspec.convert(value, one.hint, dec_hook=_from_json, str_keys=True)
    except msgspec.ValidationError as exc:
        raise _refused(text_of(exc)) from None
    except Exception as exc:  # raised by code of the value's own class
        raise _Refused("", f"{type(exc).__name__}: {text_of(exc)}") from None


_WHERE: Final = re.compile(r" - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`\Z")


def _refused(said: str) -> _Refused:
    """Separate msgspec's message about a value from the place of the value."""
    where = _WHERE.search(said)
    if where is None:
        return _Refused("", said)
    text = said[: where.start()]
    return _Refused(where["path"], f"in a key: {text}" if where["key"] else text)


def _from_json(kind: Any, value: object) -> Any:
    """Make an instance of a class that msgspec does not know; what is one already stays so."""
    if not is_path(kind) or isinstance(value, kind):
        return value
    if not isinstance(value, str):
        raise TypeError(f"Expected a path, got `{type(value).__name__}`")
    return kind(value)
