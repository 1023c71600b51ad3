"""An exception with all that is chained to it, in parts that can be pickled.

A job may raise an object of any class, and each part of it may refuse to be pickled here, or to be
rebuilt on the other side: its class, one of its ``args``, an attribute, an exception among its
causes.  So every part is pickled by itself, inside a guard.  A part that fails is left out alone: a
text takes its place, and a note of the exception names it.  A class that fails is replaced by the
nearest of its bases that arrives.

The exceptions stand in one list and name each other by their place in it.  So a chain may
have any length and a group any depth, and two exceptions may have one cause.

A class that has its own way through pickle (``__reduce__``) is asked first, and taken apart if that
fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice
from typing import Any, Final

from msgspec import Struct

from .checks import class_name_of
from .error_text import ErrorText
from .exception_tree import (
    add_note,
    attributes_of,
    bases_of,
    cause_of,
    context_of,
    family_of,
    is_context_hidden,
    is_group,
    link,
    members_of,
    message_of_group,
    notes_of,
)
from .pickling import has_own_way, rebuild, set_state, state_of

Dumps = Callable[[object], bytes]
"""Pickles a value; may raise anything."""
Loads = Callable[[bytes], object]
"""Rebuilds a pickled value; may raise anything."""

MOST: Final = 10_000
"""Exceptions that are sent; those of a larger group are left out, from its end."""
_PLAIN: Final = frozenset(map(id, (str, int, float, bool, bytes, type(None))))
_NOTES: Final = "__notes__"


class _Pickled(Struct, frozen=True):
    """One value that has been pickled by itself."""

    content: bytes
    type: str


class _Unsent(Struct, frozen=True):
    """Stands for a value that could not be pickled."""

    type: str


class _Part(Struct, frozen=True):
    """One exception of the list.  Others are named by their place in it."""

    kind: int
    """The place of its class in the list of classes."""
    whole: bytes
    """The exception as its own class pickles it; empty if it has no way of its own."""
    message: str
    """The message of a group."""
    args: list[object]
    attributes: dict[str, object]
    fields: dict[str, object]
    notes: list[str]
    members: list[int] | None
    """None for an exception that is no group."""
    cause: int | None
    context: int | None
    is_context_hidden: bool


class ExceptionParts(Struct, frozen=True):
    """An exception in parts, for pickle."""

    classes: list[list[bytes]]
    """Each class, and behind it its bases; empty where one could not be pickled."""
    names: list[str]
    """The names of the classes."""
    parts: list[_Part]
    """The exceptions; the first is the one that was raised."""


def take_apart(exc: BaseException, dumps: Dumps) -> ExceptionParts:
    """Take an exception apart; nothing escapes that its own code raises."""
    return _Sender(exc, dumps).sent()


def put_together(sent: ExceptionParts, loads: Loads) -> BaseException | None:
    """Make an exception anew from its parts; nothing escapes that its own code raises.

    Returns:
        None if nothing is known of its class but that it is an ``Exception``.
    """
    return _Receiver(sent, loads).made()


class _Sender:
    """Takes one exception apart."""

    def __init__(self, exc: BaseException, dumps: Dumps) -> None:
        self._dumps = dumps
        self._family = [error for error, _ in islice(family_of(exc), MOST)]
        self._place = {id(error): place for place, error in enumerate(self._family)}
        self._kinds: dict[int, int] = {}
        self._classes: list[list[bytes]] = []
        self._names: list[str] = []

    def sent(self) -> ExceptionParts:
        parts = [self._part(error) for error in self._family]
        return ExceptionParts(self._classes, self._names, parts)

    def _part(self, exc: BaseException) -> _Part:
        state, notes = state_of(exc), notes_of(exc)
        state.attributes.pop(_NOTES, None)
        members = members_of(exc)
        places = [place for member in members if (place := self._place_of(member)) is not None]
        if len(places) < len(members):
            notes.append(f"{len(members) - len(places):,} of its exceptions were left out")
        return _Part(
            self._kind_of(exc),
            self._whole(exc),
            str.__str__(message_of_group(exc)) if is_group(exc) else "",
            [self._value(arg, f"args[{i}]", notes) for i, arg in enumerate(state.args)],
            self._values(state.attributes, notes),
            self._values(state.fields, notes),
            notes,
            places if is_group(exc) else None,
            self._place_of(cause_of(exc)),
            self._place_of(context_of(exc)),
            is_context_hidden(exc),
        )

    def _place_of(self, exc: BaseException | None) -> int | None:
        return self._place.get(id(exc))

    def _kind_of(self, exc: BaseException) -> int:
        kind = type(exc)
        if id(kind) not in self._kinds:
            self._kinds[id(kind)] = len(self._classes)
            self._names.append(class_name_of(exc))
            self._classes.append([self._class(base) for base in bases_of(kind) if _is_error(base)])
        return self._kinds[id(kind)]

    def _class(self, kind: type) -> bytes:
        with suppress(BaseException):  # a class of a cell is sent with all that its code uses
            return self._dumps(kind)
        return b""

    def _whole(self, exc: BaseException) -> bytes:
        with suppress(BaseException):  # its own way, its class's own code
            if not is_group(exc) and has_own_way(type(exc)):
                return self._dumps(exc)
        return b""

    def _values(self, values: dict[str, object], notes: list[str]) -> dict[str, object]:
        return {
            str.__str__(name): self._value(value, name, notes) for name, value in values.items()
        }

    def _value(self, value: object, name: str, notes: list[str]) -> object:
        if id(type(value)) in _PLAIN:
            return value
        kind = class_name_of(value)
        try:
            return _Pickled(self._dumps(value), kind)
        except BaseException as exc:  # the code of its class may raise anything
            notes.append(f"its {name} could not be sent by its process: {ErrorText.of(exc)}")
            return _Unsent(kind)


class _Receiver:
    """Makes one exception anew."""

    def __init__(self, sent: ExceptionParts, loads: Loads) -> None:
        self._sent = sent
        self._loads = loads
        self._kinds: dict[int, tuple[type[BaseException], str]] = {}
        self._made: dict[int, BaseException] = {}

    def made(self) -> BaseException | None:
        for place in range(len(self._sent.parts)):
            self._make_all(place)
        for place, part in enumerate(self._sent.parts):
            link(
                self._made[place],
                None if part.cause is None else self._made[part.cause],
                None if part.context is None else self._made[part.context],
                is_context_hidden=part.is_context_hidden,
            )
        root = self._made[0]
        is_plain = type(root) is Exception or type(root) is BaseException
        return None if is_plain and self._is_replaced(0) else root

    def _is_replaced(self, place: int) -> bool:
        return bool(self._kind_at(self._sent.parts[place].kind)[1])

    def _make_all(self, place: int) -> None:
        """Make an exception, and before it the members of a group; as deep as it is, in a loop."""
        pending = [place]
        while pending:
            part = self._sent.parts[pending[-1]]
            missing = [member for member in part.members or () if member not in self._made]
            if missing:
                pending += missing
                continue
            now = pending.pop()
            if now not in self._made:
                self._made[now] = self._make(part)

    def _make(self, part: _Part) -> BaseException:
        notes = list(part.notes)
        exc = self._whole(part) if part.whole else None
        if exc is None:
            exc = self._from_parts(part, notes)
        attributes_of(exc).pop(_NOTES, None)
        for note in notes:
            add_note(exc, note)
        return exc

    def _whole(self, part: _Part) -> BaseException | None:
        with suppress(BaseException):  # its own way back, its class's own code
            exc = self._loads(part.whole)
            if isinstance(exc, BaseException):
                return exc
        return None

    def _from_parts(self, part: _Part, notes: list[str]) -> BaseException:
        kind, why = self._kind_at(part.kind)
        if why:
            notes.append(f"it was a {self._sent.names[part.kind]}, {why}")
        args = tuple(self._value(arg, f"args[{i}]", notes) for i, arg in enumerate(part.args))
        attributes, fields = (
            {name: self._value(value, name, notes) for name, value in values.items()}
            for values in (part.attributes, part.fields)
        )
        if part.members is None:
            return rebuild(kind, args, attributes, fields)
        members = [self._made[member] for member in part.members]
        exc = _group(kind, part.message, members)
        with suppress(BaseException):
            set_state(exc, None, attributes, fields)
        return exc

    def _kind_at(self, place: int) -> tuple[type[BaseException], str]:
        """Return a class or its nearest base that can be found here, and why it is only a base."""
        if place not in self._kinds:
            self._kinds[place] = self._first_found(self._sent.classes[place])
        return self._kinds[place]

    def _first_found(self, classes: Iterable[bytes]) -> tuple[type[BaseException], str]:
        why = ""
        for content in classes:
            if not content:
                why = why or "whose class could not be sent by its process"
                continue
            try:
                kind: Any = self._loads(content)
            except BaseException as exc:  # a module that cannot be imported here raises anything
                why = why or f"whose class could not be found here: {ErrorText.of(exc)}"
            else:
                return kind, why
        return Exception, why

    def _value(self, value: object, name: str, notes: list[str]) -> object:
        if type(value) is _Unsent:
            return f"<{value.type}>"
        if type(value) is not _Pickled:
            return value
        try:
            return self._loads(value.content)
        except BaseException as exc:  # the code of its class may raise anything
            notes.append(f"its {name} could not be rebuilt here: {ErrorText.of(exc)}")
            return f"<{value.type}>"


def _group(kind: type[BaseException], message: str, members: list[BaseException]) -> BaseException:
    """Make a group; a plain one, if no member is left or the class has become none."""
    if not members:
        return Exception(message)
    made: Any = kind if type.__subclasscheck__(BaseExceptionGroup, kind) else BaseExceptionGroup
    try:
        group: BaseException = BaseExceptionGroup.__new__(made, message, members)
    except TypeError:  # a member whose class was replaced is no longer what it holds
        group = BaseExceptionGroup(message, members)
    return group


def _is_error(kind: type) -> bool:
    return type.__subclasscheck__(BaseException, kind)
