"""Job types: functions registered under a name, found again after a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs

from .errors import UnknownJobType
from .options import DEFAULTS, Options

if TYPE_CHECKING:
    from collections.abc import Mapping

F = TypeVar("F", bound=Callable[..., Any])
_ATTRIBUTE: Final = "__job_type__"


@attrs.frozen
class JobType:
    """A function registered under a name, with what a person should read about it."""

    name: str
    """Unique in the process; what the store and ``submit("name", {…})`` say."""
    function: Callable[..., Any]
    """The plain function, unchanged."""
    label: str | Callable[..., str] = ""
    """What a person reads; a function of the job's arguments where it depends on them."""
    category: str = ""
    """Groups types in a list."""
    unique: bool = False
    """Whether one unfinished job a (type, subject) is enough."""
    options: Options = DEFAULTS
    """The options its jobs have unless submitted with others."""
    aliases: tuple[str, ...] = ()
    """Earlier names, still found."""


# Written by @job at import time, read by everybody.
_registered: dict[str, JobType] = {}


def job(
    name: str,
    *,
    label: str | Callable[..., str] = "",
    category: str = "",
    unique: bool = False,
    aliases: str | Iterable[str] = (),
    **options: Any,
) -> Callable[[F], F]:
    """Register a function as the job type ``name``; the function itself stays as it is.

    Declaring a name again (a cell run twice, a module reloaded) replaces the earlier function.

    Args:
        name: Unique in the process; not empty.
        label: What a person reads; a function of the job's arguments where it depends on them.
        category: Groups types in a list.
        unique: Submit at most one unfinished job a (type, subject): a further one returns it.
        aliases: Earlier names under which stored jobs may still ask for it.
        **options: Any job option: the default of this type's jobs.

    Raises:
        TypeError: for an unknown option, a name that is not text, or a callable that cannot be
            marked, such as a builtin.

    Example::

        @ja.job("index", label="Index documents", unique=True)
        def index(folder: str) -> int: ...

        jobs.options(subject="wiki").submit("index", {"folder": "wiki/"})
    """
    given: object = name  # @ja.job without parentheses passes the function here
    if not isinstance(given, str) or not given:
        raise TypeError(f'@ja.job takes a name: @ja.job("index"), not @ja.job({name!r:.100})')
    checked = DEFAULTS.changed(**options)
    earlier = (aliases,) if isinstance(aliases, str) else tuple(aliases)

    def register(function: F) -> F:
        kind = JobType(name, function, label, category, unique, checked, earlier)
        try:
            function.__dict__[_ATTRIBUTE] = kind
        except (AttributeError, TypeError):
            raise TypeError(
                f"@ja.job marks a function made with def, which {function!r:.100} is not: wrap it"
            ) from None
        for known_as in [known for known, other in _registered.items() if other.name == name]:
            del _registered[known_as]
        for known_as in (name, *earlier):
            _registered[known_as] = kind
        return function

    return register


def job_type_named(name: str) -> JobType:
    """Return the type registered as ``name``, or as an alias of it.

    Raises:
        UnknownJobType: if no imported module has declared it.
    """
    try:
        return _registered[name]
    except KeyError:
        raise UnknownJobType(name, tuple(sorted(_registered))) from None


def job_type_of(function: Callable[..., Any]) -> JobType | None:
    """Return the type ``function`` was registered as, or None."""
    kind = getattr(function, _ATTRIBUTE, None)
    return kind if isinstance(kind, JobType) else None


def job_types() -> Mapping[str, JobType]:
    """Return all registered types by name, without aliases."""
    return {kind.name: kind for kind in _registered.values()}
