"""The options of a job, checked the moment they are given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from attrs import field, fields_dict, frozen

from .checks import (
    Field,
    Validator,
    as_moment,
    as_seconds,
    as_seconds_or_none,
    check_count,
    check_moment,
    check_seconds,
    class_name_of,
    is_mapping,
    shown,
)
from .every import Every
from .field_docs import documented
from .info import NO_METADATA
from .limits import Limits
from .nearest import or_nearest
from .plain_values import copied
from .resources import NO_NEEDS, as_needs
from .retry import Retry
from .runner_value import RunnerValue, check_runner
from .snapshot import JobSnapshot
from .upstream import check_upstream

if TYPE_CHECKING:
    from attrs import Attribute


LONGEST_TEXT: Final = 100_000
"""Characters of a text among the options, and of all tags together."""
_HIGHEST: Final = 10**15
PRIORITIES: Final[Mapping[str, int]] = {"high": 10, "normal": 0, "low": -10}
OnDone = Callable[[JobSnapshot], Awaitable[None] | None]
OnCheckpoint = Literal["resume", "fresh", "ask"]
OnDuplicate = Literal["return", "raise", "replace"]
OnBusy = Literal["wait", "raise"]


def priority_number(value: str | int) -> int:
    """Return a priority as a number; larger runs first.

    Raises:
        ValueError: for a name that is not "high", "normal" or "low".
        TypeError: for anything that is neither such a name nor an integer.
    """
    if isinstance(value, str):
        try:
            return PRIORITIES[value]
        except KeyError:
            raise ValueError(
                f'priority is "high", "normal", "low" or an integer, not {shown(value)}'
            ) from None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f'priority is "high", "normal", "low" or an integer, not {shown(value)}')
    if not -_HIGHEST <= value <= _HIGHEST:
        raise ValueError(f"priority is an integer of at most {_HIGHEST:,} either way")
    return value


def _words(value: str | Iterable[str]) -> tuple[str, ...]:
    """Accept one word or several; a bare string is one tag, not its letters."""
    return _one_or_more(value, "tags are texts")


def _names(value: str | Iterable[str]) -> frozenset[str]:
    """Accept one argument's name or several."""
    expected = "private= takes names of arguments"
    names = _one_or_more(value, expected)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{expected}, not {shown(name)}")
    return frozenset(names)


def _one_or_more(value: str | Iterable[str], expected: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Iterable):
        raise TypeError(f"{expected}, not {type(value).__name__}: {shown(value)}")
    return tuple(value)


def _several(value: object) -> tuple[object, ...]:
    """Accept one job or several."""
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(cast("Iterable[object]", value))
    return (value,)


def _text(options: Options, field: Field, value: object) -> None:
    del options
    if not isinstance(value, str):
        raise TypeError(f"{field.name} is text, not {type(value).__name__}: {shown(value)}")
    _check_length(field.name, len(value))


def _check_length(name: str, length: int) -> None:
    if length > LONGEST_TEXT:
        raise ValueError(
            f"{name} is at most {LONGEST_TEXT:,} characters long, not {length:,}: what is longer "
            "belongs into a file"
        )


def _texts(options: Options, field: Field, value: tuple[object, ...]) -> None:
    del options
    for word in value:
        if not isinstance(word, str):
            raise TypeError(f"{field.name} are texts, not {type(word).__name__}: {shown(word)}")
    _check_length(field.name, sum(map(len, cast("tuple[str, ...]", value))))


def _flag(options: Options, field: Field, value: object) -> None:
    del options
    if value is not True and value is not False:
        raise TypeError(f"{field.name} is True or False, not {shown(value)}")


def _count(options: Options, field: Field, value: object) -> None:
    del options
    check_count(field.name, value)


def _seconds(options: Options, field: Field, value: object) -> None:
    del options
    check_seconds(field.name, value)


def _moment(options: Options, field: Field, value: object) -> None:
    del options
    check_moment(field.name, value)


def _callable(options: Options, field: Field, value: object) -> None:
    del options
    if not callable(value):
        raise TypeError(f"{field.name} is a function, not {shown(value)}")


def _as_given(value: Mapping[str, object]) -> Mapping[str, object]:
    """Copy metadata: what its owner changes later is no change of the job."""
    given: object = value
    if value is NO_METADATA or not is_mapping(given):
        return value
    return cast("Mapping[str, object]", copied(dict(given)))


def _mapping(options: Options, field: Field, value: object) -> None:
    del options
    if not is_mapping(value):
        raise TypeError(f'{field.name} is a mapping, such as {{"paper": 7}}, not {shown(value)}')


def _upstreams(options: Options, field: Field, value: tuple[object, ...]) -> None:
    del options, field
    for item in value:
        check_upstream(item)


def _hashable(options: Options, field: Field, value: object) -> None:
    del options
    try:
        hash(value)
    except Exception as exc:  # its own code may raise anything
        raise TypeError(
            f"{field.name} must be hashable, not {class_name_of(value)}: write lists as tuples"
        ) from (None if type(exc) is TypeError else exc)


def _one_of(*choices: str) -> Validator:
    def check(options: Options, field: Field, value: object) -> None:
        del options
        if value not in choices:
            names = ", ".join(f'"{choice}"' for choice in choices)
            meant = or_nearest(value, choices)
            raise ValueError(f"{field.name} is one of {names}, not {shown(value)}{meant}")

    return check


def _made_by(kind: type[object], example: str) -> Validator:
    def check(options: Options, field: Field, value: object) -> None:
        del options
        if not isinstance(value, kind):
            raise TypeError(f"{field.name} takes {example} or None, not {shown(value)}")

    return check


def _runner(options: Options, field: Field, value: object) -> None:
    del options
    check_runner(field.name, value)


def _or_none(check: Validator) -> Validator:
    def check_if_given(options: Options, field: Field, value: object) -> None:
        if value is not None:
            check(options, field, value)

    return check_if_given


_on_duplicate: Callable[[Any, Field, OnDuplicate], None] = _one_of("return", "raise", "replace")
_on_busy: Callable[[Any, Field, OnBusy], None] = _one_of("wait", "raise")


@documented
@frozen
class Options:
    """The treatment of a job, apart from the work it does.

    Wrong values are refused where they are given, not when the job starts.

    Raises:
        TypeError, ValueError: for such a value; the message names what to give instead.
    """

    name: str = field(default="", validator=_text)
    """The label that a person reads; default: the job type's label or the function's name."""
    description: str = field(default="", validator=_text)
    """A sentence about it, for a person."""
    subject: str = field(default="", validator=_text)
    """The thing it is about, such as "wiki": part of keys and checkpoints, and filtered by."""
    tags: tuple[str, ...] = field(default=(), converter=_words, validator=_texts)
    """Words to filter by; one or several."""
    metadata: Mapping[str, object] = field(
        hash=False, default=NO_METADATA, converter=_as_given, validator=_mapping
    )
    """Values that go along with the job, by name; shown, never interpreted.  Lists and dictionaries
    among them are copied."""
    icon: str = field(default="", validator=_text)
    """A short text such as an emoji, shown before the name."""
    priority: int = field(default=0, converter=priority_number)
    """"high", "normal", "low" or an integer; larger first, first come first served inside one."""
    key: object = field(default=None, validator=_hashable)
    """Hashable; at most one unfinished job has it.  Default: no such rule.

    Where that job rests interrupted, a submit of the same function and arguments resumes it.
    """
    on_duplicate: OnDuplicate = field(default="return", validator=_on_duplicate)
    """The answer to a submit with the key of an unfinished job: "return" that job if it would do
    the same.  Otherwise, and with "raise", :class:`DuplicateJob`; "replace" cancels that job."""
    resources: Mapping[str, int] = field(hash=False, default=NO_NEEDS, converter=as_needs)
    """Named capacities held from start to end: "gpu", ["gpu", "disk"] or {"gpu": 2}."""
    on_busy: OnBusy = field(default="wait", validator=_on_busy)
    """Whether to "wait" for a resource that is held, or to "raise" :class:`ResourceBusy`."""
    after: tuple[Any, ...] = field(default=(), converter=_several, validator=_upstreams)
    """Jobs that must have succeeded first; ``ja.after(job, when="finished")`` for any end."""
    hold: bool = field(default=False, validator=_flag)
    """Whether it waits for ``release()`` before it starts."""
    start_at: float | None = field(default=None, converter=as_moment, validator=_or_none(_moment))
    """The earliest time of its start, in seconds since the epoch, or a datetime, which without a
    zone is local time; default: at once."""
    retry: Retry | None = field(
        default=None, validator=_or_none(_made_by(Retry, "ja.Retry(max=3)"))
    )
    """When to try again after a failure; default: never."""
    timeout: float | None = field(
        default=None, converter=as_seconds_or_none, validator=_or_none(_seconds)
    )
    """Seconds one attempt may work, or a timedelta, pauses left out; default: for ever."""
    start_deadline: float | None = field(
        default=None, converter=as_seconds_or_none, validator=_or_none(_seconds)
    )
    """Seconds after submit by which it must have started, or it fails; default: none."""
    grace: float = field(default=10.0, converter=as_seconds, validator=_seconds)
    """Seconds from a cancel until the job counts as stuck, or a process gets SIGTERM."""
    runner: str | RunnerValue | None = field(hash=False, default=None, validator=_or_none(_runner))
    """"trio", "thread", "process", "asyncio", or a :class:`Runner` of your own; default:
    ``async def`` trio, ``def`` thread."""
    checkpoint_every: Every | None = field(
        default=Every(), validator=_or_none(_made_by(Every, "ja.Every(seconds=60)"))
    )
    """The intervals at which its last checkpoint is written while it runs; None: it has no
    checkpoints."""
    on_checkpoint: OnCheckpoint | None = field(
        default=None, validator=_or_none(_one_of("resume", "fresh", "ask"))
    )
    """The use of a checkpoint that an earlier job of its (type, subject) left: "resume" goes on
    from it, "fresh" drops it, "ask" raises :class:`CheckpointFound`.  Default: go on if that job
    had the same function and equal arguments, else raise.  A job type is the same by its name and
    aliases; another function by module, name and code; a lambda finds its own alone."""
    limits: Limits | None = field(
        default=None, validator=_or_none(_made_by(Limits, "ja.Limits(cpu=60)"))
    )
    """Limits on processor time and memory, with ``runner="process"``; default: no limits."""
    fresh: bool = field(default=False, validator=_flag)
    """Whether a process with ``runner="process"`` is started for this job, and ends with it; by
    default one may serve job after job, as long as each leaves it as it was."""
    on_done: OnDone | None = field(hash=False, default=None, validator=_or_none(_callable))
    """A function called once with the terminal snapshot; its errors are logged.  A plain one is
    called in a thread, and at most a hundred at once; an async one in the loop.  Default: none."""
    log_limit: int = field(default=2**20, validator=_count)
    """Bytes of its log that stay, the newest; default: 1 MiB."""
    mailbox: int = field(default=64, validator=_count)
    """The number of messages that wait for the job before ``tell`` is refused."""

    private: frozenset[str] = field(default=frozenset(), converter=_names)
    """Names of arguments that leave nothing in a store; the job is not resumable without them."""

    def changed(self, **changes: Any) -> Options:
        """Return these options with some changed; only those are checked.

        Raises:
            TypeError: for a name that is no option; the message lists those that are.
        """
        if not changes:
            return self
        unknown = changes.keys() - OPTION_NAMES
        if unknown:
            meant = or_nearest(min(unknown), OPTION_NAMES)
            raise TypeError(
                f"unknown option{'s' * (len(unknown) > 1)} {', '.join(sorted(unknown))}{meant}; "
                f"options are {', '.join(sorted(OPTION_NAMES))} "
                "(the function's own arguments go to submit())"
            )
        # Not attrs.evolve, which converts and checks all of them: each `jobs.options` passes here.
        options = object.__new__(type(self))
        for store, value in zip(_SLOTS.values(), _values_of(self), strict=True):
            store(options, value)
        for name, value in changes.items():
            convert = _CONVERTERS[name]
            _SLOTS[name](options, value if convert is None else convert(value))
        for name in changes:
            check = _VALIDATORS[name]
            if check is not None:
                check(options, _FIELDS[name], getattr(options, name))
        return options


_FIELDS: Final = cast("Mapping[str, Attribute[Any]]", fields_dict(Options))
_CONVERTERS: Final = {name: cast("Any", field).converter for name, field in _FIELDS.items()}
_VALIDATORS: Final = {name: field.validator for name, field in _FIELDS.items()}
_values_of: Final = attrgetter(*_FIELDS)
_SLOTS: Final[Mapping[str, Callable[[Options, Any], None]]] = {
    name: vars(Options)[name].__set__ for name in _FIELDS
}
UPDATABLE: Final = frozenset(
    {"name", "description", "tags", "metadata", "icon", "priority", "resources", "start_at"}
    | {"retry", "timeout", "grace", "on_done"}
)
"""Options that can be changed after the submit; the last four count from the next attempt on."""
OPTION_NAMES: Final = frozenset(_FIELDS)
DEFAULTS: Final = Options()


def options_with(base: Options, changed: Options, names: Iterable[str]) -> Options:
    """Return ``base`` with those of ``changed`` that have these names; nothing is checked again."""
    options = object.__new__(Options)
    for store, value in zip(_SLOTS.values(), _values_of(base), strict=True):
        store(options, value)
    for name in names:
        _SLOTS[name](options, getattr(changed, name))
    return options
