"""Job types as JSON Schema, and arguments that are checked against them."""

# ruff: noqa: D101, D103 - a test's name is its sentence, and so is a sample's

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import inspect
import itertools
import json
import os
import subprocess
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, TypedDict

import attrs
import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

import jobactors as ja
from jobactors.model.job_type import JobType
from jobactors.model.options import Options

if TYPE_CHECKING:
    from elsewhere import Frame  # type: ignore[import-not-found]  # noqa: F401 - it is nowhere


class Mode(enum.Enum):
    FAST = "fast"
    DEEP = "deep"


@dataclasses.dataclass
class Filter:
    field: str
    value: int = 0


@attrs.frozen
class Window:
    width: int = attrs.field(validator=attrs.validators.gt(0))


class Point(msgspec.Struct):
    x: float
    y: float = 0.0


class Table(TypedDict, total=False):
    rows: int


class Pair(NamedTuple):
    first: int
    second: str = "x"


@dataclasses.dataclass
class Node:
    name: str
    children: list[Node] = dataclasses.field(default_factory=list)


class Opaque:
    """Something that only code can make."""


def kind_of(function: Callable[..., Any], **options: Any) -> JobType:
    return JobType(getattr(function, "__name__", "it"), function, options=Options(**options))


def schema_of(function: Callable[..., Any], **options: Any) -> dict[str, Any]:
    schema = kind_of(function, **options).schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema
    return schema


def property_of(annotation: Any, default: Any = inspect.Parameter.empty) -> dict[str, Any]:
    """The schema of one parameter with this annotation."""
    schema = schema_of(taking(it=(annotation, default)))["properties"]["it"]
    assert isinstance(schema, dict)
    return schema


def taking(**parameters: tuple[Any, Any]) -> Callable[..., dict[str, Any]]:
    """Make a function with these parameters: name=(annotation, default)."""

    def function(**given: Any) -> dict[str, Any]:
        return given

    keyword = inspect.Parameter.KEYWORD_ONLY
    signature = inspect.Signature(
        [
            inspect.Parameter(name, keyword, annotation=annotation, default=default)
            for name, (annotation, default) in parameters.items()
        ]
    )
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def problems(kind: JobType, arguments: Any) -> dict[str, str]:
    with pytest.raises(ja.ArgumentsInvalid) as caught:
        kind.check(arguments)
    return {problem.path: problem.text for problem in caught.value.problems}


# --- the schema -------------------------------------------------------------------------------


def index(  # noqa: D417 - some are not described
    folder: str,
    batch: Annotated[int, Meta(ge=1, le=1000, description="Documents a step.")] = 100,
    mode: Mode = Mode.FAST,
    since: dt.date | None = None,
    tags: list[str] = [],  # noqa: B006 - such defaults are what it is about
    *,
    dry_run: bool = False,
) -> int:
    """Index documents.

    They are found again later.

    Args:
        folder: Where they lie,
            with all below it.
        batch: How many at once.
        mode (Mode): How thoroughly: "deep" reads all.
        *rest: No parameter.

    Returns:
        dry_run: Not a parameter either.
    """
    return 0


def test_a_schema_tells_names_types_defaults_and_descriptions() -> None:
    assert schema_of(index) == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "index",
        "description": "Index documents.",
        "type": "object",
        "properties": {
            "folder": {"type": "string", "description": "Where they lie, with all below it."},
            "batch": {
                "type": "integer",
                "minimum": 1,
                "maximum": 1000,
                "default": 100,
                "description": "Documents a step.",
            },
            "mode": {
                "$ref": "#/$defs/Mode",
                "default": "fast",
                "description": 'How thoroughly: "deep" reads all.',
            },
            "since": {
                "anyOf": [{"type": "string", "format": "date"}, {"type": "null"}],
                "default": None,
            },
            "tags": {"type": "array", "items": {"type": "string"}, "default": []},
            "dry_run": {"type": "boolean", "default": False},
        },
        "required": ["folder"],
        "additionalProperties": False,
        "$defs": {"Mode": {"title": "Mode", "enum": ["deep", "fast"]}},
    }


def test_the_schema_of_a_registered_type_is_that_of_its_function() -> None:
    ja.job("index")(index)
    assert ja.job_types()["index"].schema() == schema_of(index)


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (Any, {}),
        (object, {}),
        (None, {"type": "null"}),
        (Path, {"type": "string", "format": "path"}),
        (str | Path, {"type": "string"}),
        (str | os.PathLike[str], {"type": "string"}),
        (Annotated[str | Path | None, Meta(title="F")], {"title": "F"}),
        (Decimal, {"type": "string", "format": "decimal"}),
        (dt.timedelta, {"type": "string", "format": "duration"}),
        (Literal["b", "a"], {"enum": ["a", "b"]}),
        (Literal["b", 1, "a"], {"enum": [1, "a", "b"]}),
        (Sequence[int], {"type": "array", "items": {"type": "integer"}}),
        (Mapping[str, bool], {"type": "object", "additionalProperties": {"type": "boolean"}}),
        (Annotated[str, Meta(pattern="^a", title="A")], {"pattern": "^a", "title": "A"}),
        ("list[Filter]", {"type": "array", "items": {"$ref": "#/$defs/Filter"}}),
        (list["Filter"], {"type": "array", "items": {"$ref": "#/$defs/Filter"}}),
        (Window, {"$ref": "#/$defs/Window"}),
        (Point, {"$ref": "#/$defs/Point"}),
        (Table, {"$ref": "#/$defs/Table"}),
        (Pair, {"$ref": "#/$defs/Pair"}),
        (Node, {"$ref": "#/$defs/Node"}),
    ],
    ids=str,
)
def test_annotations_become_their_schemas(annotation: Any, schema: dict[str, Any]) -> None:
    found = property_of(annotation)
    assert schema.items() <= found.items()
    assert "x-needs-code" not in found


@pytest.mark.parametrize(
    ("annotation", "why"),
    [
        (Opaque, "JSON cannot say Opaque"),
        (list[Opaque], "JSON cannot say Opaque"),
        (Callable[[int], int], "JSON cannot say Callable"),
        (Iterator[int], "JSON cannot say Iterator"),
        (os.PathLike[str], "JSON cannot say PathLike"),
        (list[int] | set[int], "more than one array-like"),
        (Filter | Node, "more than one dataclass"),
        ("Frame", "name 'Frame' is not defined at run time"),
        ("list[Nowhere]", "name 'Nowhere' is not defined"),
        ("two words", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
        (7, "its annotation cannot be used"),
    ],
    ids=str,
)
def test_what_json_cannot_say_needs_code(annotation: Any, why: str) -> None:
    found = property_of(annotation)
    assert found["x-needs-code"] is True
    assert why in found["$comment"]


def test_a_type_needs_code_if_a_required_parameter_does() -> None:
    required = schema_of(taking(frame=(Opaque, inspect.Parameter.empty)))
    assert required["x-needs-code"] is True
    assert required["$comment"] == "frame: JSON cannot say Opaque"
    assert "x-needs-code" not in schema_of(taking(frame=(Opaque | None, None)))


@pytest.mark.parametrize(
    ("default", "said"),
    [
        ([1], [1]),
        ((1, (2,)), [1, [2]]),
        ({"a": {1}}, {"a": [1]}),
        (Filter("x"), {"field": "x", "value": 0}),
        (Path("a/b"), "a/b"),
        (dt.date(2026, 11, 28), "2026-11-28"),
        (Mode.DEEP, "deep"),
    ],
    ids=str,
)
def test_defaults_are_said_as_json(default: Any, said: Any) -> None:
    assert property_of(Any, default)["default"] == said


@pytest.mark.parametrize("default", [float("nan"), Opaque(), len, [Opaque()]], ids=str)
def test_a_default_that_json_cannot_say_is_left_out(default: Any) -> None:
    schema = schema_of(taking(it=(Any, default)))
    assert schema["properties"] == {"it": {}}
    assert schema["required"] == []


def test_private_arguments_are_written_only_and_show_no_default() -> None:
    function = taking(token=(str, "s3cret"), url=(str, "x"))
    schema = schema_of(function, private=("token",))
    assert schema["properties"]["token"] == {"type": "string", "writeOnly": True}
    assert "s3cret" not in json.dumps(schema)


def test_further_keyword_arguments_may_be_anything() -> None:
    def function(*args: int, **kwargs: int) -> None: ...

    schema = schema_of(function, private="token")
    assert schema["additionalProperties"] is True
    assert schema["properties"] == {"token": {"writeOnly": True}}
    assert kind_of(function).check({"a": [1]}) == {"a": [1]}


def test_positional_only_parameters_are_refused_with_the_cure() -> None:
    def function(a: int, b: int = 0, /, c: int = 0) -> None: ...

    schema = schema_of(function)
    assert list(schema["properties"]) == ["c"]
    assert schema["x-needs-code"] is True
    assert "remove the /" in schema["$comment"]
    assert problems(kind_of(function), {"a": 1, "b": 1}).keys() == {"a", "b"}
    assert "positional-only" in problems(kind_of(function), {"c": 1})["a"]


def test_an_optional_positional_only_parameter_keeps_its_default() -> None:
    def function(a: int = 0, /, **more: int) -> int:
        return a

    kind = kind_of(function)
    assert "x-needs-code" not in kind.schema()
    assert function(**kind.check({"a": 5})) == 0


def test_partials_methods_and_decorated_functions_show_what_is_left_to_give() -> None:
    class Worker:
        def __call__(self, rows: int, *, mode: Mode = Mode.FAST) -> None: ...

    @functools.wraps(index)
    def wrapped(*args: Any, **kwargs: Any) -> int:
        return index(*args, **kwargs)

    assert list(schema_of(Worker())["properties"]) == ["rows", "mode"]
    assert schema_of(wrapped) == schema_of(index)
    bound = schema_of(functools.partial(index, "wiki", batch=7))
    assert bound["properties"]["batch"]["default"] == 7
    assert bound["properties"]["tags"]["type"] == "array"
    assert bound["required"] == []


def test_a_function_that_does_not_tell_takes_anything() -> None:
    kind = JobType("it", type("Odd", (), {"__signature__": 7, "__call__": len})())
    assert kind.schema()["x-needs-code"] is True
    assert kind.check({"a": 1}) == {"a": 1}


# --- the check --------------------------------------------------------------------------------


def test_arguments_are_converted_to_what_the_annotations_say() -> None:
    function = taking(
        since=(dt.date, None),
        mode=(Mode, None),
        filters=(list[Filter], None),
        path=(Path, None),
        by_id=(dict[int, str], None),
        window=(Window | None, None),
    )
    assert kind_of(function).check(
        {
            "since": "2026-11-28",
            "mode": "deep",
            "filters": [{"field": "x"}],
            "path": "a/b",
            "by_id": {"1": "one"},
            "window": {"width": 3},
        }
    ) == {
        "since": dt.date(2026, 11, 28),
        "mode": Mode.DEEP,
        "filters": [Filter("x", 0)],
        "path": Path("a/b"),
        "by_id": {1: "one"},
        "window": Window(3),
    }


def test_nothing_is_filled_in() -> None:
    assert kind_of(index).check({"folder": "wiki"}) == {"folder": "wiki"}


def test_values_of_the_annotated_type_are_taken_as_they_are() -> None:
    function = taking(day=(dt.date, None), filter=(Filter, None), path=(Path, None), it=(Opaque, 0))
    given = {"day": dt.date(2026, 1, 1), "filter": Filter("x"), "path": Path("x"), "it": Opaque()}
    assert kind_of(function).check(given) == given


def test_all_problems_are_listed_with_their_paths() -> None:
    function = taking(
        folder=(str, inspect.Parameter.empty),
        url=(str, inspect.Parameter.empty),
        batch=(Annotated[int, Meta(ge=1)], 1),
        filters=(list[Filter], ()),
        limits=(dict[Literal["a"], int], {}),
        window=(Window, None),
    )
    kind = kind_of(function)
    assert problems(
        kind,
        {
            "folder": 3,
            "batch": 0,
            "filters": [{"field": "x"}, {"field": 7}],
            "limits": {"b": 1},
            "window": {"width": 0},
            "nope": 1,
            4: 5,
        },
    ) == {
        "folder": "Expected `str`, got `int`",
        "batch": "Expected `int` >= 1",
        "filters[1].field": "Expected `str`, got `int`",
        "limits": "in a key: Invalid enum value 'b'",
        "window": "'width' must be > 0: 0",
        "nope": "there is no such argument; there are: folder, url, batch, filters, limits, window",
        "4": "names of arguments are text",
        "url": "it is required, and was not given",
    }


def test_the_error_says_all_problems_in_one_text() -> None:
    with pytest.raises(ja.ArgumentsInvalid) as caught:
        kind_of(index).check({"batch": "many"})
    assert str(caught.value) == (
        "arguments of index: batch: Expected `int`, got `str`; "
        "folder: it is required, and was not given"
    )
    assert isinstance(caught.value, ja.JobactorsError | ValueError)
    assert caught.value.problems[0] == ja.ArgumentProblem("batch", "Expected `int`, got `str`")


def test_arguments_that_are_no_object_are_refused() -> None:
    assert problems(kind_of(index), [1]) == {"": "arguments are a JSON object, not list"}


def test_what_is_wrong_with_a_private_argument_is_not_said() -> None:
    kind = kind_of(taking(token=(Literal["a"], "a")), private=("token",))
    with pytest.raises(ja.ArgumentsInvalid) as caught:
        kind.check({"token": "s3cret"})
    assert "token: it does not fit" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_arguments_that_need_code_are_checked_as_far_as_their_class_is_known() -> None:
    kind = kind_of(taking(it=(Opaque, None), several=(list[Opaque], ()), unknown=("Frame", None)))
    value = Opaque()
    assert kind.check({"it": value, "several": [value], "unknown": 7})["unknown"] == 7
    assert problems(kind, {"it": 3, "several": [value, 3]}) == {
        "it": "Expected `Opaque`, got `int`",
        "several[1]": "Expected `Opaque`, got `int`",
    }


def test_code_of_a_values_class_that_raises_refuses_that_argument_alone() -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise ValueError

    @dataclasses.dataclass
    class Fussy:
        a: int

        def __post_init__(self) -> None:
            raise Unprintable

    kind = kind_of(taking(it=(Fussy, None), path=(Path, "x")))
    assert problems(kind, {"it": {"a": 1}, "path": 7}) == {
        "it": "Unprintable: which cannot be shown",
        "path": "Expected a path, got `int`",
    }


def test_a_long_problem_is_cut() -> None:
    kind = kind_of(taking(it=(Literal["a"], "a")))
    assert len(problems(kind, {"it": "x" * 10_000})["it"]) <= 300


# --- hostile annotations ----------------------------------------------------------------------


class Raising(type):
    def __hash__(cls) -> int:
        raise RuntimeError("no hash")

    def __instancecheck__(cls, instance: object) -> bool:
        raise RuntimeError("no instances")


class Unhashable(metaclass=Raising):
    pass


class Unsubscriptable:
    def __class_getitem__(cls, item: object) -> Any:
        raise RuntimeError("no items")


@dataclasses.dataclass
class Dangling:
    to: Nowhere  # type: ignore[name-defined]  # noqa: F821 - which is the point


@pytest.mark.parametrize("annotation", ["Unsubscriptable[int]", Unhashable, Dangling])
def test_hostile_annotations_cost_their_own_parameter_alone(annotation: Any) -> None:
    kind = kind_of(taking(bad=(annotation, inspect.Parameter.empty), good=(int, 0)))
    properties = kind.schema()["properties"]
    assert properties["bad"]["x-needs-code"] is True
    assert properties["good"] == {"type": "integer", "default": 0}
    assert kind.check({"bad": 7, "good": 1}) == {"bad": 7, "good": 1}
    assert problems(kind, {"bad": 7, "good": "x"}).keys() == {"good"}


def test_recursive_types_are_referred_to() -> None:
    kind = kind_of(taking(tree=(Node, inspect.Parameter.empty)))
    children = kind.schema()["$defs"]["Node"]["properties"]["children"]
    assert children["items"] == {"$ref": "#/$defs/Node"}
    assert kind.check({"tree": {"name": "a", "children": [{"name": "b"}]}}) == {
        "tree": Node("a", [Node("b")])
    }
    wrong = {"tree": {"name": "a", "children": [{"name": 1}]}}
    assert problems(kind, wrong).keys() == {"tree.children[0].name"}


def test_a_type_that_contains_itself_without_end_needs_code() -> None:
    endless = types.GenericAlias(list, ("endless",))
    function = taking(it=(endless, inspect.Parameter.empty))
    function.__globals__["endless"] = endless
    try:
        assert schema_of(function)["x-needs-code"] is True
    finally:
        del function.__globals__["endless"]


def test_classes_of_one_name_are_kept_apart() -> None:
    other = dataclasses.make_dataclass("Filter", [("n", int)])
    other.__module__ = "elsewhere"
    schema = schema_of(taking(a=(Filter, None), b=(other, None)))
    assert schema["properties"]["a"]["$ref"] != schema["properties"]["b"]["$ref"]
    assert len(schema["$defs"]) == 2


def test_two_hundred_parameters_are_all_there() -> None:
    kind = kind_of(taking(**{f"p{i}": (int, inspect.Parameter.empty) for i in range(200)}))
    assert len(kind.schema()["properties"]) == 200
    assert len(problems(kind, {f"p{i}": "x" for i in range(200)})) == 200


def test_schemas_are_loaded_when_first_asked_for(tmp_path: Path) -> None:
    program = (
        "import sys, jobactors as ja; ja.job('x')(lambda: 0)\n"
        "assert 'jobactors.model.argument_schema' not in sys.modules\n"
        "ja.job_types()['x'].schema()\n"
        "assert 'jobactors.model.argument_schema' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


# --- two classes of one name ---


def _film(field: str) -> Any:
    """Return a class; the next one has the same full name, as a cell's that was run again."""
    return dataclasses.make_dataclass("Film", [(field, str)])


def test_two_classes_of_one_name_are_told_apart() -> None:
    """A form of either has its own fields."""
    one: Any = _film("title")
    other: Any = _film("name")

    many_others: Any = list.__class_getitem__(other)
    both: Any = tuple.__class_getitem__((one, other))

    def work(a: Any, b: Any, c: Any, d: Any) -> None: ...

    work.__annotations__ = {"a": one, "b": many_others, "c": one, "d": both}
    ja.job("two films")(work)
    schema = ja.job_types()["two films"].schema()
    properties, defs = schema["properties"], schema["$defs"]
    fields = [
        list(defs[ref.removeprefix("#/$defs/")]["properties"])
        for ref in (
            properties["a"]["$ref"],
            properties["b"]["items"]["$ref"],
            properties["c"]["$ref"],
            *(item["$ref"] for item in properties["d"]["prefixItems"]),
        )
    ]
    assert fields == [["title"], ["name"], ["title"], ["title"], ["name"]]


# --- schema and check agree -------------------------------------------------------------------

# JSON whose numbers with a fraction have one: JSON Schema takes 1.0 for a whole number, and the
# check does not.
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.sampled_from([0.5, -1.5, 1e-3]),
    st.sampled_from(["", "a", "b", "fast", "deep", "ab", "10", "ä🦊"]),
)
KEYS = st.sampled_from(["a", "b", "field", "value", "rows", "x", "y", "width", "name", "children"])
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)
LEAVES: list[Any] = [
    int,
    float,
    str,
    bool,
    Any,
    Mode,
    Filter,
    Point,
    Table,
    Pair,
    Node,
    Literal["a", "b"],
    Literal[1, 2],
    Annotated[int, Meta(ge=0, lt=4)],
    Annotated[float, Meta(gt=-1)],
    Annotated[str, Meta(min_length=1, max_length=2)],
    Annotated[list[int], Meta(max_length=1)],
]


def _around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        inner.map(lambda hint: list[hint]),  # type: ignore[valid-type]
        inner.map(lambda hint: dict[str, hint]),  # type: ignore[valid-type]
        inner.map(lambda hint: typing.Optional[hint]),  # noqa: UP045 - computed
        inner.map(lambda hint: tuple[hint, ...]),  # type: ignore[valid-type]
        st.tuples(inner, inner).map(lambda hints: tuple[hints]),  # type: ignore[valid-type]
    )


HINTS = st.recursive(st.sampled_from(LEAVES), _around, max_leaves=3)


@st.composite
def functions(draw: st.DrawFn) -> Callable[..., dict[str, Any]]:
    """A function of a few annotated parameters, some of them optional."""
    names = draw(st.lists(st.sampled_from("abcd"), unique=True, max_size=3))
    defaults = st.sampled_from([inspect.Parameter.empty, None])
    return taking(**{name: (draw(HINTS), draw(defaults)) for name in names})


@given(functions(), st.data())
def test_what_the_schema_takes_the_check_takes_and_no_more(
    function: Callable[..., dict[str, Any]], data: st.DataObject
) -> None:
    kind = kind_of(function)
    names = [*inspect.signature(function).parameters, "z"]
    arguments = data.draw(st.dictionaries(st.sampled_from(names), JSON, max_size=4))
    fits = jsonschema.Draft202012Validator(kind.schema()).is_valid(arguments)
    if fits:
        checked = kind.check(arguments)
        inspect.signature(function).bind(**checked)
        assert function(**checked).keys() == arguments.keys()
        assert kind.check(checked).keys() == checked.keys()
    else:
        wrong = problems(kind, arguments)
        culprits = {path.partition(".")[0].partition("[")[0] for path in wrong}
        assert culprits <= {*names}
        assert culprits


@given(st.sampled_from(LEAVES), st.data())
def test_each_common_type_agrees_with_its_schema(hint: Any, data: st.DataObject) -> None:
    kind = kind_of(taking(it=(hint, inspect.Parameter.empty)))
    arguments = {"it": data.draw(JSON)}
    if jsonschema.Draft202012Validator(kind.schema()).is_valid(arguments):
        kind.check(arguments)
    else:
        assert problems(kind, arguments)


@given(st.dictionaries(st.sampled_from(["folder", "batch", "mode", "tags", "dry_run"]), JSON))
def test_what_the_check_takes_the_function_can_be_called_with(arguments: dict[str, Any]) -> None:
    try:
        checked = kind_of(index).check(arguments)
    except ja.ArgumentsInvalid:
        return
    assert index(**checked) == 0


def test_the_agreement_is_tried_on_both_sides() -> None:
    """The generated JSON does fit now and then, for every common type."""
    samples: list[Any] = [None, True, 1, 0.5, "a", "fast", [], [1], {}]
    samples += [{"field": "x"}, {"x": 1}, {"rows": 1}, {"name": "n"}]
    for hint, value in itertools.product(LEAVES, samples):
        kind = kind_of(taking(it=(hint, inspect.Parameter.empty)))
        valid = jsonschema.Draft202012Validator(kind.schema()).is_valid({"it": value})
        if valid:
            kind.check({"it": value})
        else:
            assert problems(kind, {"it": value})
