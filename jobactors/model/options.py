"""How a job is to be treated: the options, checked the moment they are given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from .checkpoint import Every
from .checks import check_count, check_seconds
from .limits import Limits
from .resources import as_needs
from .retry import Retry
from .snapshot import NO_METADATA

if TYPE_CHECKING:
    from .snapshot import JobSnapshot

PRIORITIES: Final[Mapping[str, int]] = {"high": 10, "normal": 0, "low": -10}
OnDone = Callable[["JobSnapshot"], Awaitable[None] | None]
OnCheckpoint = Literal["resume", "fresh", "ask"]
OnDuplicate = Literal["return", "raise", "replace"]


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
    return tuple(value) if isinstance(value, list | tuple | set | frozenset) else (value,)


def _text(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{field.name} is text, not {type(value).__name__}: {value!r:.100}")


def _texts(_: object, field: attrs.Attribute[Any], value: tuple[object, ...]) -> None:
    for word in value:
        if not isinstance(word, str):
            raise TypeError(f"{field.name} are texts, not {type(word).__name__}: {word!r:.100}")


def _seconds(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is None and field.default is None:
        return
    check_seconds(field.name, value)


def _flag(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{field.name} is True or False, not {value!r:.100}")


def _retry(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, Retry):
        raise TypeError(f"{field.name} takes ja.Retry(max=3) or None, not {value!r:.100}")


def _every(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not isinstance(value, Every):
        raise TypeError(f"{field.name} takes ja.Every(seconds=60) or None, not {value!r:.100}")


def _count(_: object, field: attrs.Attribute[Any], value: object) -> None:
    check_count(field.name, value)


def _one_of(*choices: str) -> Callable[[object, attrs.Attribute[Any], object], None]:
    def check(_: object, field: attrs.Attribute[Any], value: object) -> None:
        if value not in choices:
            shown = ", ".join(f'"{choice}"' for choice in choices)
            raise ValueError(f"{field.name} is one of {shown}, not {value!r:.100}")

    return check


def _callable(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if value is not None and not callable(value):
        raise TypeError(f"{field.name} is a function, not {value!r:.100}")


def _mapping(_: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"{field.name} is a mapping, not {value!r:.100}")


@attrs.frozen
class Options:
    """How a job is to be treated, apart from what it does.

    Wrong values are refused where they are given, not when the job starts.
    """

    name: str = attrs.field(default="", validator=_text)
    """What a person reads; default: the job type's label or the function's name."""
    description: str = attrs.field(default="", validator=_text)
    """A sentence about it."""
    subject: str = attrs.field(default="", validator=_text)
    """What the job is about; part of keys, and filtered by."""
    tags: tuple[str, ...] = attrs.field(default=(), converter=_words, validator=_texts)
    """Words to filter by."""
    metadata: Mapping[str, object] = attrs.field(default=NO_METADATA, validator=_mapping)
    """Kept with the job, shown, never interpreted."""
    icon: str = attrs.field(default="", validator=_text)
    """A short text, such as an emoji."""
    priority: int = attrs.field(default=0, converter=priority_number)
    """"high", "normal", "low" or an integer; larger first, first come first served inside one."""
    key: object = None
    """Hashable; at most one unfinished job has it.  Default: no such rule.

    Where that job rests interrupted, a submit of the same function and arguments resumes it.
    """
    on_duplicate: OnDuplicate = attrs.field(
        default="return", validator=_one_of("return", "raise", "replace")
    )
    """What a submit with the key of an unfinished job does: "return" it if it would do the same.

    Otherwise, and with "raise", it raises :class:`DuplicateJob`; "replace" cancels that job.
    """
    resources: Mapping[str, int] = attrs.field(default=(), converter=as_needs)
    """Named capacities held from start to end: "gpu", ["gpu", "disk"] or {"gpu": 2}."""
    on_busy: Literal["wait", "raise"] = attrs.field(
        default="wait", validator=_one_of("wait", "raise")
    )
    """What a submit does when a resource it needs is held."""
    after: tuple[Any, ...] = attrs.field(default=(), converter=_several)
    """Jobs that must have succeeded first; ``ja.after(job, when="finished")`` for any end."""
    hold: bool = attrs.field(default=False, validator=_flag)
    """Whether to wait for ``release()`` before starting."""
    start_at: float | None = attrs.field(default=None, validator=_seconds)
    """Not before this time, in seconds since the epoch."""
    retry: Retry | None = attrs.field(default=None, validator=_retry)
    """When to try again after a failure; default: never."""
    timeout: float | None = attrs.field(default=None, validator=_seconds)
    """Seconds one attempt may work, pauses left out; default: for ever."""
    start_deadline: float | None = attrs.field(default=None, validator=_seconds)
    """Seconds after submit by which it must have started, or it fails; default: none."""
    grace: float = attrs.field(default=10.0, validator=_seconds)
    """Seconds from a cancel until the job counts as stuck, or a process gets SIGTERM."""
    runner: str | None = attrs.field(default=None, validator=attrs.validators.optional(_text))
    """"trio", "thread", "process" or "asyncio"; default: ``async def`` trio, ``def`` thread."""
    checkpoint_every: Every | None = attrs.field(default=Every(), validator=_every)
    """How often its last checkpoint is written while it runs; None: it has no checkpoints."""
    on_checkpoint: OnCheckpoint | None = attrs.field(
        default=None,
        validator=attrs.validators.optional(_one_of("resume", "fresh", "ask")),
    )
    """What a submit does about a checkpoint that an earlier job of its (type, subject) left: go on
    from it, drop it, or raise.  Default: go on if that job had equal arguments, else raise."""
    limits: Limits | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.instance_of(Limits))
    )
    """What the job may use of the machine, with ``runner="process"``; default: no limits."""
    on_done: OnDone | None = attrs.field(default=None, validator=_callable)
    """Called once with the terminal snapshot; sync or async; its errors are logged."""
    log_limit: int = attrs.field(default=2**20, validator=_count)
    """How many bytes of its log are kept, the newest; default: 1 MiB."""
    mailbox: int = attrs.field(default=64, validator=_count)
    """How many messages wait for the job before ``tell`` is refused."""

    private: frozenset[str] = attrs.field(default=frozenset(), converter=_names)
    """Names of arguments that leave nothing in a store; the job is not resumable without them."""

    def __attrs_post_init__(self) -> None:
        try:
            hash(self.key)
        except TypeError:
            raise TypeError(f"key must be hashable, not {type(self.key).__name__}") from None

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
        return attrs.evolve(self, **changes)


UPDATABLE: Final = frozenset(
    {"name", "description", "tags", "metadata", "icon", "priority", "resources", "start_at"}
    | {"retry", "timeout", "grace", "on_done"}
)
"""Options that can be changed after the submit; the last four count from the next attempt on."""
OPTION_NAMES: Final = frozenset(field.name for field in attrs.fields(Options))
DEFAULTS: Final = Options()
