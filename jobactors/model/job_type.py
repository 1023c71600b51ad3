"""Job types: functions registered under a name, found again after a restart."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final, TypeVar, Unpack

from msgspec import Struct

from .argument_problem import ArgumentProblem, Validate
from .call_signature import call_signature
from .errors import UnknownJobType
from .field_docs import documented
from .option_types import NamedOptions, names_options
from .options import DEFAULTS, Options

F = TypeVar("F", bound=Callable[..., Any])
_ATTRIBUTE: Final = "__job_type__"
BUILT_IN: Final = "built-in"
"""The category of the types that come with this package; their names are taken."""
CHAIN_TYPE: Final = "chain"
"""The job type that chains are."""


@documented
class JobType(Struct, frozen=True):
    """A function registered under a name, with what a person should read about it."""

    name: str
    """Unique in the process; it stands in the store and in ``submit("name", {…})``."""
    function: Callable[..., Any]
    """The plain function, unchanged."""
    label: str | Callable[..., str] = ""
    """The label that a person reads; a function of the job's arguments if it depends on them."""
    category: str = ""
    """Groups types in a list."""
    unique: bool = False
    """Whether one unfinished job a (type, subject) is enough."""
    options: Options = DEFAULTS
    """The options its jobs have unless submitted with others."""
    aliases: tuple[str, ...] = ()
    """Earlier names, still found."""
    needs: tuple[str, ...] = ()
    """The job types that must come before it in a chain, if they are in the chain at all."""
    validate: Validate | None = None
    """A function that finds what the annotations cannot say."""

    @property
    def title(self) -> str:
        """The text in a list of types: the label, or the name where that depends on arguments."""
        return self.label if isinstance(self.label, str) and self.label else self.name

    @property
    def description(self) -> str:
        """A sentence about it: the option, or the first line of the function's docstring."""
        said = self.options.description or (self.function.__doc__ or "").strip()
        return said.partition("\n")[0]

    @property
    def icon(self) -> str:
        """A short text such as an emoji; may be empty."""
        return self.options.icon

    def label_for(self, *args: Any, **kwargs: Any) -> str:
        """Return the label of a job with these arguments; empty if there is none."""
        return self.label(*args, **kwargs) if callable(self.label) else self.label

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema (2020-12) of its arguments, as one JSON object, by name.

        From the function's signature: annotations (the builtins, dates, enums, ``Literal``, unions,
        dataclasses, attrs classes, msgspec structs, ``TypedDict``, ``NamedTuple``, and the limits
        of ``Annotated[int, msgspec.Meta(ge=1)]``), defaults, and the docstring's ``Args:`` section
        as descriptions.  A parameter without an annotation takes anything.  Values of an enum are
        sorted.

        Beyond the standard: ``"format": "path"`` for paths, and ``"x-needs-code": true`` for a
        parameter whose values JSON cannot hold, such as a data frame or a name that cannot be
        resolved, with the reason in ``$comment``.  The same mark on the whole schema means that a
        required parameter has it, so that no form can make this job.  Private arguments are
        ``writeOnly``, and their default is left out.  ``*args`` are left out.

        Example::

            ja.job_types()["index"].schema()["properties"]["folder"]  # {"type": "string"}
        """
        from .argument_schema import schema_of

        return schema_of(self)

    def check(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return these arguments converted to the types of the function's annotations.

        Nothing is filled in: an argument that is not given has the function's own default.  Numbers
        and texts are not converted into one another; ``1.0`` is no whole number.  Parameters that
        need code, see :meth:`schema`, are passed on as they are where JSON could never hold them.

        Args:
            arguments: The arguments by name, as JSON has them: an ISO text for a date, an object
                for a dataclass, a value for an enum.  Values of the annotated type itself are
                taken, too.

        Raises:
            ArgumentsInvalid: with everything that is wrong with them, one problem an argument.

        Example::

            index(**ja.job_types()["index"].check({"folder": "wiki/", "since": "2026-11-28"}))
        """
        from .argument_check import check_arguments

        return check_arguments(self, arguments)

    def problems(self, arguments: Mapping[str, Any]) -> list[ArgumentProblem]:
        """Return everything that is wrong with these arguments, warnings too; empty if all is well.

        Beyond :meth:`check` it calls the type's own ``validate``, if the arguments fit the
        annotations; what that raises is a problem, too.  So call it where code of yours may run.

        Args:
            arguments: The arguments by name, as JSON has them.

        Example::

            ja.job_types()["index"].problems({"folder": "wiki/", "batch": 0})
        """
        from .argument_check import problems_of

        return problems_of(self, arguments)


# Written by @job at import time, read from any thread.
_registered: dict[str, JobType] = {}


@names_options
def job(
    name: str,
    *,
    label: str | Callable[..., str] = "",
    category: str = "",
    unique: bool = False,
    aliases: str | Iterable[str] = (),
    needs: str | Iterable[str] = (),
    validate: Validate | None = None,
    **options: Unpack[NamedOptions],
) -> Callable[[F], F]:
    """Register a function as the job type ``name``; the function itself stays as it is.

    Declaring a name again (a cell run twice, a module reloaded) replaces the earlier function.

    Args:
        name: Unique in the process; not empty.
        label: What a person reads; a function of the job's arguments where it depends on them.
        category: Groups types in a list.
        unique: Submit at most one unfinished job a (type, subject): a further one returns it.
        aliases: Earlier names, one or several: jobs, history and checkpoints of these are its own.
            What is another type's name is refused.  Several types may share an alias, as when one
            was divided: all of them find its past, and none goes on from that unasked.
        needs: Names of job types, one or several, that must come before this one in a chain.  One
            that comes later is an error of the chain, and one that is not in it a warning.
        validate: A function that takes the arguments as a dictionary, converted to the annotated
            types, and returns what is wrong with them: texts, or :func:`jobactors.problem`; what it
            raises is a problem, too.  Forms, :meth:`JobType.problems` and :meth:`Chain.check`
            call it, a submit does not; it may take a moment, such as for a look at a disk.
            Default: none.
        **options: Any job option: the default of this type's jobs.

    Raises:
        TypeError: for an unknown option, a name that is not text, or a callable that cannot be
            marked, such as a builtin.
        ValueError: for a name or alias that means another type already, or a built-in one.

    Example::

        @ja.job("index", label="Index documents", unique=True)
        def index(folder: str) -> int: ...

        jobs.options(subject="wiki").submit("index", {"folder": "wiki/"})

        def check(arguments):
            if arguments.get("batch", 1) > 500:
                yield ja.problem("warning", "batch", "slow above 500")

        @ja.job("tag", needs="index", validate=check)
        def tag(batch: int = 100) -> int: ...
    """
    given: object = name  # @ja.job without parentheses passes the function here
    if not isinstance(given, str) or not given:
        raise TypeError(f'@ja.job takes a name: @ja.job("index"), not @ja.job({name!r:.100})')
    checked = DEFAULTS.changed(**options)
    earlier = _checked_names(name, aliases, "aliases of {} are earlier names")
    needed = _checked_names(name, needs, "needs of {} are names of job types")
    if validate is not None and not callable(validate):
        raise TypeError(f"validate of {name!r} is a function of the arguments, not {validate!r}")

    def register(function: F) -> F:
        check_private(function, checked.private)
        renamed = _refuse_taken(name, earlier, function)
        kind = JobType(name, function, label, category, unique, checked, earlier, needed, validate)
        try:
            function.__dict__[_ATTRIBUTE] = kind
        except (AttributeError, TypeError):
            raise TypeError(
                f"@ja.job marks a function made with def, which {function!r:.100} is not: wrap it"
            ) from None
        gone = {name, *renamed}
        for known_as in [known for known, other in _registered.items() if other.name in gone]:
            del _registered[known_as]
        _registered[name] = kind
        for other in list(_registered.values()):  # an alias may have stood for two
            for alias in other.aliases:
                _registered.setdefault(alias, other)
        return function

    return register


def _checked_names(name: str, value: str | Iterable[str], expected: str) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value)
    for other in names:
        if not isinstance(other, str) or not other:
            raise TypeError(f"{expected.format(repr(name))}, not {other!r:.100}")
    return tuple(dict.fromkeys(other for other in names if other != name))


def _refuse_taken(name: str, aliases: tuple[str, ...], function: Callable[..., Any]) -> list[str]:
    """Refuse names of other types; return the aliases that this type is renamed from."""
    # Two types may share an alias.
    renamed: list[str] = []
    for known_as in (name, *aliases):
        other = _registered.get(known_as)
        if other is None:
            continue
        if other.name == known_as != name and _stand_at_one_place(other.function, function):
            renamed.append(known_as)
        elif other.name != name and known_as in {name, other.name}:
            what = "the name" if other.name == known_as else "an alias"
            raise ValueError(
                f"{known_as!r} is {what} of the job type {other.name!r}, and cannot mean "
                f"{name!r} as well: choose another name, or take it from the other one"
            )
        if other.category == BUILT_IN and other.function.__module__ != function.__module__:
            raise ValueError(f"the job type {name!r} is built in: choose another name")
    return renamed


def _stand_at_one_place(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    """Whether a function takes another one's place, as that of a cell which is run again."""
    places = [
        (getattr(function, "__module__", None), getattr(function, "__qualname__", None))
        for function in (one, other)
    ]
    return places[0] == places[1] and None not in places[0]


def check_private(function: Callable[..., Any], private: Collection[str]) -> None:
    """Refuse private names that are no arguments: a misspelt one would store a secret.

    Raises:
        TypeError: the message lists the arguments; for a function without a signature, the cure.
    """
    if not private:
        return
    signature = call_signature(function)
    if signature is None:
        name = getattr(function, "__name__", type(function).__name__)
        raise TypeError(
            f"private= names arguments, and {name}() does not list the names of its own: wrap it "
            "in a def that has them"
        )
    parameters = signature.parameters
    if any(known.kind is known.VAR_KEYWORD for known in parameters.values()):
        return
    unknown = sorted(set(private) - set(parameters))
    if unknown:
        name = getattr(function, "__name__", type(function).__name__)
        raise TypeError(
            f"private= names {', '.join(unknown)}, and {name}() has no such argument; "
            f"it has {', '.join(parameters) or 'none'}"
        )


def job_type_named(name: str) -> JobType:
    """Return the type registered as ``name``, or with that as an alias.

    Raises:
        UnknownJobType: if no imported module has declared it, or several types share that alias.
    """
    found = types_known_as(name)
    if len(found) != 1:
        meant = tuple(kind.name for kind in found)
        raise UnknownJobType(name, tuple(sorted(_registered)), meant)
    return found[0]


def types_known_as(name: str) -> tuple[JobType, ...]:
    """Return the type of that name, or else those that have it as an alias; none for no type."""
    kind = _registered.get(name)
    if kind is None or kind.name == name:
        return () if kind is None else (kind,)
    kinds = {other.name: other for other in _registered.copy().values() if name in other.aliases}
    return tuple(kinds.values())


def job_type_of(function: Callable[..., Any]) -> JobType | None:
    """Return the type ``function`` was registered as, or None."""
    try:
        kind = getattr(function, _ATTRIBUTE, None)
    except Exception:  # a __getattr__ of the user's
        return None
    return kind if type(kind) is JobType else None


def job_types(category: str | None = None) -> Mapping[str, JobType]:
    """Return the registered types by name, without aliases, in the order of registration.

    Args:
        category: Only those of this category; default: all, the built-in ones included.

    Example::

        for kind in ja.job_types("Search").values():
            print(kind.icon, kind.title, kind.description)
    """
    kinds = (kind for kind in _registered.values() if category in {None, kind.category})
    return {kind.name: kind for kind in kinds}
