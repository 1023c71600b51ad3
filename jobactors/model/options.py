"""How a job is to be treated: the options, checked the moment they are given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from .checkpoint import Every
from .checks import check_count, check_seconds
from .info import NO_METADATA
from .limits import Limits
from .resources import NO_NEEDS, as_needs
from .retry import Retry
from .runner_value import RunnerValue, check_runner

if TYPE_CHECKING:
    from .snapshot import JobSnapshot

PRIORITIES: Final[Mapping[str, int]] = {"high": 10, "normal": 0, "low": -10}
OnDone = Callable[["JobSnapshot"], Awaitable[None] | None]
OnCheckpoint = Literal["resume", "fresh", "ask"]
OnDuplicate = Literal["return", "raise", "replace"]
_Check = Callable[[str, Any], None]


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
                f'priority is "high", "normal", "low" or an integer, not {value!r}'
            ) from None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f'priority is "high", "normal", "low" or an integer, not {value!r}')
    return value


def _words(value: str | Iterable[str]) -> tuple[str, ...]:
    """Accept one word or several; a bare string is one tag, not its letters."""
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, Iterable):
        raise TypeError(f"tags are texts, not {type(value).__name__}: {value!r:.100}")
    return tuple(value)


def _names(value: str | Iterable[str]) -> frozenset[str]:
    """Accept one argument's name or several."""
    names = _words(value)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"private= takes names of arguments, not {name!r:.100}")
    return frozenset(names)


def _several(value: object) -> tuple[object, ...]:
    """Accept one job or several."""
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(cast("Iterable[object]", value))
    return (value,)


def _text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} is text, not {type(value).__name__}: {value!r:.100}")


def _texts(name: str, value: tuple[object, ...]) -> None:
    for word in value:
        if not isinstance(word, str):
            raise TypeError(f"{name} are texts, not {type(word).__name__}: {word!r:.100}")


def _flag(name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{name} is True or False, not {value!r:.100}")


def _retry(name: str, value: object) -> None:
    if not isinstance(value, Retry):
        raise TypeError(f"{name} takes ja.Retry(max=3) or None, not {value!r:.100}")


def _every(name: str, value: object) -> None:
    if not isinstance(value, Every):
        raise TypeError(f"{name} takes ja.Every(seconds=60) or None, not {value!r:.100}")


def _limits(name: str, value: object) -> None:
    if not isinstance(value, Limits):
        raise TypeError(f"{name} takes ja.Limits(cpu=60) or None, not {value!r:.100}")


def _callable(name: str, value: object) -> None:
    if not callable(value):
        raise TypeError(f"{name} is a function, not {value!r:.100}")


def _mapping(name: str, value: object) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} is a mapping, not {value!r:.100}")


def _hashable(name: str, value: object) -> None:
    try:
        hash(value)
    except TypeError:
        raise TypeError(f"{name} must be hashable, not {type(value).__name__}") from None


def _one_of(*choices: str) -> _Check:
    def check(name: str, value: object) -> None:
        if value not in choices:
            shown = ", ".join(f'"{choice}"' for choice in choices)
            raise ValueError(f"{name} is one of {shown}, not {value!r:.100}")

    return check


def _or_none(check: _Check) -> _Check:
    def check_if_given(name: str, value: object) -> None:
        if value is not None:
            check(name, value)

    return check_if_given


_CONVERTERS: Final[Mapping[str, Callable[[Any], object]]] = {
    "tags": _words,
    "priority": priority_number,
    "resources": as_needs,
    "after": _several,
    "private": _names,
}
"""What makes one form of the several in which an option may be given."""
_CHECKS: Final[Mapping[str, _Check]] = {
    "name": _text,
    "description": _text,
    "subject": _text,
    "tags": _texts,
    "metadata": _mapping,
    "icon": _text,
    "key": _hashable,
    "on_duplicate": _one_of("return", "raise", "replace"),
    "on_busy": _one_of("wait", "raise"),
    "hold": _flag,
    "start_at": _or_none(check_seconds),
    "retry": _or_none(_retry),
    "timeout": _or_none(check_seconds),
    "start_deadline": _or_none(check_seconds),
    "grace": check_seconds,
    "runner": _or_none(check_runner),
    "checkpoint_every": _or_none(_every),
    "on_checkpoint": _or_none(_one_of("resume", "fresh", "ask")),
    "limits": _or_none(_limits),
    "on_done": _or_none(_callable),
    "log_limit": check_count,
    "mailbox": check_count,
}
"""What an option must be, once it has that form."""


class Options(Struct, frozen=True):
    """How a job is to be treated, apart from what it does.

    Wrong values are refused where they are given, not when the job starts.
    """

    name: str = ""
    """What a person reads; default: the job type's label or the function's name."""
    description: str = ""
    """A sentence about it."""
    subject: str = ""
    """What the job is about; part of keys, and filtered by."""
    tags: tuple[str, ...] = ()
    """Words to filter by."""
    metadata: Mapping[str, object] = NO_METADATA
    """Kept with the job, shown, never interpreted."""
    icon: str = ""
    """A short text, such as an emoji."""
    priority: int = 0
    """"high", "normal", "low" or an integer; larger first, first come first served inside one."""
    key: object = None
    """Hashable; at most one unfinished job has it.  Default: no such rule.

    Where that job rests interrupted, a submit of the same function and arguments resumes it.
    """
    on_duplicate: OnDuplicate = "return"
    """What a submit with the key of an unfinished job does: "return" it if it would do the same.

    Otherwise, and with "raise", it raises :class:`DuplicateJob`; "replace" cancels that job.
    """
    resources: Mapping[str, int] = NO_NEEDS
    """Named capacities held from start to end: "gpu", ["gpu", "disk"] or {"gpu": 2}."""
    on_busy: Literal["wait", "raise"] = "wait"
    """What a submit does when a resource it needs is held."""
    after: tuple[Any, ...] = ()
    """Jobs that must have succeeded first; ``ja.after(job, when="finished")`` for any end."""
    hold: bool = False
    """Whether to wait for ``release()`` before starting."""
    start_at: float | None = None
    """Not before this time, in seconds since the epoch."""
    retry: Retry | None = None
    """When to try again after a failure; default: never."""
    timeout: float | None = None
    """Seconds one attempt may work, pauses left out; default: for ever."""
    start_deadline: float | None = None
    """Seconds after submit by which it must have started, or it fails; default: none."""
    grace: float = 10.0
    """Seconds from a cancel until the job counts as stuck, or a process gets SIGTERM."""
    runner: str | RunnerValue | None = None
    """"trio", "thread", "process", "asyncio", or a :class:`Runner` of your own; default:
    ``async def`` trio, ``def`` thread."""
    checkpoint_every: Every | None = Every()
    """How often its last checkpoint is written while it runs; None: it has no checkpoints."""
    on_checkpoint: OnCheckpoint | None = None
    """What a submit does about a checkpoint that an earlier job of its (type, subject) left: go on
    from it, drop it, or raise.  Default: go on if that job had equal arguments, else raise."""
    limits: Limits | None = None
    """What the job may use of the machine, with ``runner="process"``; default: no limits."""
    on_done: OnDone | None = None
    """Called once with the terminal snapshot; sync or async; its errors are logged."""
    log_limit: int = 2**20
    """How many bytes of its log are kept, the newest; default: 1 MiB."""
    mailbox: int = 64
    """How many messages wait for the job before ``tell`` is refused."""

    private: frozenset[str] = frozenset()
    """Names of arguments that leave nothing in a store; the job is not resumable without them."""

    def __post_init__(self) -> None:
        for name, convert in _CONVERTERS.items():
            force_setattr(self, name, convert(getattr(self, name)))
        for name, check in _CHECKS.items():
            check(name, getattr(self, name))

    def changed(self, **changes: Any) -> Options:
        """Return these options with some changed.

        Raises:
            TypeError: for a name that is no option; the message lists those that are.
        """
        unknown = changes.keys() - OPTION_NAMES
        if unknown:
            raise TypeError(
                f"unknown option{'s' * (len(unknown) > 1)} {', '.join(sorted(unknown))}; "
                f"options are {', '.join(sorted(OPTION_NAMES))} "
                "(the function's own arguments go to submit())"
            )
        return replace(self, **changes)


UPDATABLE: Final = frozenset(
    {"name", "description", "tags", "metadata", "icon", "priority", "resources", "start_at"}
    | {"retry", "timeout", "grace", "on_done"}
)
"""Options that can be changed after the submit; the last four count from the next attempt on."""
OPTION_NAMES: Final = frozenset(Options.__struct_fields__)
DEFAULTS: Final = Options()
