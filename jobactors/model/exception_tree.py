"""An exception and all that hangs on it, read past what its classes make of it.

A job may raise an object of any class.  Its properties may raise, or answer with a new exception at
every look; its ``__class__`` may lie; groups may be nested deeper than Python's stack.  So whatever
is asked of an exception here is asked of the slots that the interpreter itself uses, in loops, and
none of these functions raises.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Final, TypeGuard, cast


def slot(owner: type[BaseException], name: str) -> Callable[[BaseException], Any]:
    """Return the reader of an attribute as the interpreter has it."""
    return cast("Callable[[BaseException], Any]", vars(owner)[name].__get__)


traceback_of: Final[Callable[[BaseException], TracebackType | None]] = slot(
    BaseException, "__traceback__"
)
cause_of: Final[Callable[[BaseException], BaseException | None]] = slot(BaseException, "__cause__")
context_of: Final[Callable[[BaseException], BaseException | None]] = slot(
    BaseException, "__context__"
)
is_context_hidden: Final[Callable[[BaseException], bool]] = slot(
    BaseException, "__suppress_context__"
)
_members_of: Final[Callable[[BaseException], tuple[BaseException, ...]]] = slot(
    BaseExceptionGroup, "exceptions"
)
attributes_of: Final[Callable[[BaseException], dict[str, object]]] = slot(BaseException, "__dict__")
args_of: Final[Callable[[BaseException], tuple[object, ...]]] = slot(BaseException, "args")
message_of_group: Final[Callable[[BaseException], str]] = slot(BaseExceptionGroup, "message")
bases_of: Final[Callable[[type], tuple[type[Any], ...]]] = vars(type)["__mro__"].__get__
"""Returns a class and its bases, in the order of look-ups."""
contents_of: Final[Callable[[type], Mapping[str, Any]]] = vars(type)["__dict__"].__get__
"""Returns what stands in a class itself."""


def is_a(exc: BaseException, *kinds: type[BaseException]) -> bool:
    """Whether an ``except`` clause for one of these would catch it.

    Neither the object's ``__class__`` nor a hook of the classes is asked, as ``isinstance`` would.
    """
    return any(type.__subclasscheck__(kind, type(exc)) for kind in kinds)


def is_group(exc: BaseException) -> TypeGuard[BaseExceptionGroup[BaseException]]:
    """Whether this is a group of exceptions.

    After a plain ``isinstance``, its members would be *unknown* to a type checker.
    """
    return is_a(exc, BaseExceptionGroup)


def members_of(exc: BaseException) -> tuple[BaseException, ...]:
    """Return the exceptions of a group; none for what is no group."""
    return _members_of(exc) if is_group(exc) else ()


def leaves_of(exc: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions in a group and in the groups in it; what is no group is its own leaf."""
    pending = [exc]
    while pending:
        error = pending.pop()
        if is_group(error):
            pending += reversed(members_of(error))
        else:
            yield error


def holds(exc: BaseException, kind: type[BaseException]) -> bool:
    """Whether it is of this class, or a group with one of it: a nursery makes such of any error."""
    return any(is_a(one, kind) for one in leaves_of(exc))


def family_of(exc: BaseException) -> Iterator[tuple[BaseException, int]]:
    """Yield an exception and all that a traceback shows with it, each once.

    Causes and contexts come at the depth of what they led to, members of a group one deeper; what
    is nearer to the exception comes first.
    """
    pending, seen = deque([(exc, 0)]), {id(exc)}
    while pending:
        error, depth = pending.popleft()
        yield error, depth
        cause = cause_of(error)
        if cause is None and not is_context_hidden(error):
            cause = context_of(error)
        before = () if cause is None else ((cause, depth),)
        for one, level in (*before, *((member, depth + 1) for member in members_of(error))):
            if id(one) not in seen:
                seen.add(id(one))
                pending.append((one, level))


def release_frames(exc: BaseException) -> None:
    """Drop the tracebacks of ``exc`` and of all it is chained to, so that no frame stays alive."""
    for error in _chained_to(exc):
        without_traceback(error)


def tracebacks_of(exc: BaseException) -> list[TracebackType | None]:
    """Return the tracebacks that :func:`release_frames` drops."""
    return [traceback_of(error) for error in _chained_to(exc)]


def _chained_to(exc: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it holds by way of others, each once."""
    pending, seen = [exc], {id(exc)}
    while pending:
        error = pending.pop()
        yield error
        for one in (cause_of(error), context_of(error), *members_of(error)):
            if one is not None and id(one) not in seen:
                seen.add(id(one))
                pending.append(one)


def notes_of(exc: BaseException) -> list[str]:
    """Return the notes of an exception that are texts."""
    notes = attributes_of(exc).get("__notes__")
    if type(notes) is not list:
        return []
    return [note for note in cast("list[object]", notes) if type(note) is str]


def add_note(exc: BaseException, note: str) -> None:
    """Add a note, unless the exception's notes are something else than a list."""
    notes = attributes_of(exc).setdefault("__notes__", [])
    if type(notes) is list:
        cast("list[object]", notes).append(note)


def set_args(exc: BaseException, args: tuple[object, ...]) -> None:
    """Set the ``args`` of an exception, whatever its class makes of that name."""
    vars(BaseException)["args"].__set__(exc, args)


def link(
    exc: BaseException,
    cause: BaseException | None,
    context: BaseException | None,
    *,
    is_context_hidden: bool,
) -> None:
    """Chain an exception to those before it."""
    for name, value in (
        ("__cause__", cause),
        ("__context__", context),
        ("__suppress_context__", is_context_hidden),  # last: setting the cause sets it as well
    ):
        vars(BaseException)[name].__set__(exc, value)


def without_traceback(exc: BaseException) -> None:
    """Drop the traceback of an exception, whatever its own ``with_traceback`` does."""
    BaseException.with_traceback(exc, None)
