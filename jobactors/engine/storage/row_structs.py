"""The JSON texts of a job's row, as structs: the same ones describe a job and read it back.

A field that has its default is left out of the text.  The fields of a submit that have none are
always written, so that a reader of an earlier version finds them; :func:`decode` takes values for
those that a text lacks.

Writing and reading are not symmetrical, for a reason:

- *msgspec writes*, in a tenth of the time that ``json`` takes, except for half a surrogate, which
  only ``json`` writes out.  It does not look at the types of the fields.  Objects of the user's own
  classes in them (a number of numpy's, a label of a class derived from ``str``) are written as the
  plain value that they hold, or as the name of their type.
- *json reads*: it takes half a surrogate, and the ``Infinity`` of the first version.  msgspec then
  converts what it has read, and checks every type; a bool is no number there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, cast

import msgspec
from msgspec import UNSET, Struct

from jobactors.model.checks import class_name_of
from jobactors.model.exact import from_json
from jobactors.model.outcome import Answer, NotKept
from jobactors.model.states import Request, Waiting

if TYPE_CHECKING:
    from collections.abc import Callable

S = TypeVar("S", bound=Struct)
Number = int | float


class SubmitJson(Struct, omit_defaults=True, gc=False):
    """The submit of a job: the column ``spec``."""

    name: str
    type: str
    subject: str
    arguments: str
    options: str
    after: tuple[tuple[str, Literal["succeeded", "finished"]], ...]
    source: str
    lost: str
    description: str = ""
    icon: str = ""
    priority: int = 0
    continues: str | None = None
    from_checkpoint: bool = False
    tags: tuple[str, ...] = ()
    schedule: str = ""
    occurrence: Number | None = None
    metadata: dict[str, Any] | None = None
    key: Any = UNSET
    """Texts, integers and ``{"tuple": […]}`` of these; null if the key cannot be stored."""
    batch: str = ""
    index: int | None = None
    batch_size: int | None = None
    item: str = ""


class ProgressJson(Struct, gc=False):
    """A job's progress, without its speed, which holds for the moment only."""

    done: Number | None
    """Null for a number that JSON does not know, as the next two."""
    total: Number | None
    fraction: Number | None
    unit: str
    message: str
    counters: dict[str, Any]
    """The job's own numbers; one that is no JSON number is left out by the reader."""
    stages: tuple[str, ...]
    pausable: bool


class OutcomeJson(Struct, omit_defaults=True, gc=False):
    """The end of a job, beside its state and its result, which have columns of their own."""

    reason: str | None = None
    failed: bool = False
    """Whether the job's error is that of its end."""
    type: str | None = None
    """The name of the result's type."""
    cause: str | None = None
    """The id of the job whose end cancelled it."""
    answer: Answer | None = None


class StatusJson(Struct, omit_defaults=True, gc=False):
    """The rest of a job's snapshot: the column ``status``."""

    attempt: int = 0
    runner: str = ""
    where: str = ""
    started_at: Number | None = None
    waiting: Waiting | None = None
    due: Number | None = None
    request: Request | None = None
    reason: str | None = None
    stuck: bool = False
    paused_for: Number = 0
    log: tuple[int, int] | None = None
    """The lines written, and those cut off."""
    progress: Any = None
    """A :class:`ProgressJson`, read by itself: a bad one is left out alone."""
    error: tuple[str, str, str] | None = None
    """Type, message and traceback."""
    outcome: OutcomeJson | None = None


def encode(described: object) -> str:
    """Return the JSON text of a struct or dictionary; values without JSON are named by type."""
    try:
        return _encoder.encode(described).decode()
    except UnicodeEncodeError:  # half a surrogate, which only json writes out
        return json.dumps(msgspec.to_builtins(described, enc_hook=_plain))


def decode(text: str, kind: type[S], odd: list[str], **absent: object) -> S:
    """Return the struct of a JSON text.

    Args:
        text: JSON; unknown names in it are ignored.
        kind: The struct.
        odd: Gets the names of fields that were left out, see :func:`convert`.
        **absent: Values for fields that the text lacks.

    Raises:
        ValueError: if the text is no such thing; the message names the field.
    """
    return convert(from_json(text), kind, odd, **absent)


def convert(read: object, kind: type[S], odd: list[str], **absent: object) -> S:
    """Return the struct of a JSON object.

    A field that is only shown to people, and has a wrong type, is left out, and
    its name is added to ``odd``.

    Args:
        read: The object; unknown names in it are ignored.
        kind: The struct.
        odd: Gets the names of the fields that were left out.
        **absent: Values for fields that it lacks.

    Raises:
        ValueError: if it is no such thing; the message names the field.
    """
    if not isinstance(read, dict):
        raise ValueError(f"it is no JSON object, but {type(read).__name__}")  # noqa: TRY004
    fields: dict[str, Any] = {**absent, **cast("dict[str, Any]", read)}
    try:
        return msgspec.convert(fields, kind)
    except msgspec.ValidationError as exc:
        wrong = _SHOWN.get(kind, frozenset()) & _wrong_fields(fields, kind)
        if not wrong:
            raise ValueError(str(exc)) from None
    odd += sorted(wrong)
    left = {name: value for name, value in fields.items() if name not in wrong}
    return convert({**absent, **left}, kind, odd)


def _wrong_fields(fields: dict[str, Any], kind: type[Struct]) -> frozenset[str]:
    wrong: set[str] = set()
    for field in msgspec.structs.fields(kind):
        try:
            if field.name in fields:
                msgspec.convert(fields[field.name], field.type)
        except msgspec.ValidationError:
            wrong.add(field.name)
    return frozenset(wrong)


_SHOWN: Final[Mapping[type[Struct], frozenset[str]]] = {
    SubmitJson: frozenset({"name", "description", "icon", "priority", "tags", "metadata"}),
    ProgressJson: frozenset(ProgressJson.__struct_fields__),
    StatusJson: frozenset(
        {"runner", "where", "started_at", "reason", "stuck", "paused_for", "log", "error"}
    ),
}
"""Fields that a person looks at, and nothing is decided by."""


def type_name(value: object) -> str:
    """Return the name of a value's type, with its module unless it is built in."""
    return value.type if type(value) is NotKept else class_name_of(value)


def _plain(value: object) -> object:
    """Return the plain text or number that an object holds, or the name of its type."""
    for kind, as_it_is in _PLAIN.items():  # of a derived class, or it would not come here
        if issubclass(type(value), kind):
            return as_it_is(value)
    return type_name(value)


_PLAIN: Final[Mapping[type, Callable[[Any], object]]] = {
    str: str.__str__,
    int: int.__int__,
    float: float.__float__,
}
_encoder: Final = msgspec.json.Encoder(enc_hook=_plain)
