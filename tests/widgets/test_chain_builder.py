"""Tests of a builder: its messages, its exact values, its run, its templates; without a browser."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated, Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from jobactors_widgets import builder
from jobactors_widgets.builder_document import KnownValues
from jobactors_widgets.type_catalogue import catalogue
from msgspec import Meta

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jobactors_widgets import ChainBuilder

    from .conftest import RecordingComm

    Comms = list[RecordingComm]

SECRET = "s3cret-of-a-builder"  # noqa: S105 - it is one, for the tests
SEEN: list[Any] = []


def check_index(arguments: Any) -> Iterator[ja.ArgumentProblem]:
    if arguments.get("batch", 1) > 500:
        yield ja.problem("warning", "batch", "slow above 500")


@ja.job("build metadata", category="build", label="Read metadata", icon="M")
async def metadata(folder: str = "") -> list[str]:
    """Read what the documents say.

    Args:
        folder: where they are
    """
    await trio.sleep(1)
    return [folder]


@ja.job("build index", category="build", needs="build metadata", validate=check_index)
async def index(
    folder: str,
    batch: Annotated[int, Meta(ge=1, le=1000)] = 100,
    since: dt.date | None = None,
    pages: list[str] | None = None,
) -> int:
    SEEN.append((folder, since, pages))
    await trio.sleep(1)
    if folder == "broken":
        raise ValueError("no such folder")
    return batch


@ja.job("build sign in", category="build web", private="token")
async def sign_in(user: str, token: str) -> str:
    SEEN.append(token)
    return user


@ja.job("build frame", category="build web")
def frame(table: range) -> None:
    """Takes what JSON cannot hold."""


def phase(kind: str, name: str = "", /, **arguments: Any) -> dict[str, Any]:
    title = name or kind
    return {
        "id": title,
        "type": f"build {kind}",
        "name": title,
        "weight": 50,
        "arguments": arguments,
        "after": [],
        "enabled": True,
    }


def document(*phases: dict[str, Any], **options: Any) -> dict[str, Any]:
    return {"version": 1, "name": "", "phases": list(phases), "options": options}


def comm_of(comms: Comms) -> RecordingComm:
    """The comm of the builder, not the one of its layout."""
    return next(each for each in comms if "document" in each.first_state)


def ask(comms: Comms, kind: str, doc: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """Send a message as a page does, and return the answer."""
    link = comm_of(comms)
    before = len(link.contents)
    message = {"kind": kind, "by": "page", "revision": 1, **more}
    link.receive(message if doc is None else {**message, "document": doc})
    answers = [one for one in link.contents[before:] if one.get("by") == "page"]
    return answers[-1] if answers else {}


async def test_the_first_state_has_the_types_and_their_schemas(comms: Comms) -> None:
    async with ja.open_jobs() as jobs:
        build = builder(jobs, categories=["build web", "build"])
        state = comm_of(comms).first_state
        kinds = {one["name"]: one for one in state["types"]}
        assert list(kinds) == ["build sign in", "build frame", "build metadata", "build index"]
        assert kinds["build metadata"]["title"] == "Read metadata"
        described = kinds["build metadata"]["schema"]["properties"]["folder"]
        assert described["description"] == "where they are"
        assert kinds["build metadata"]["returns"]["type"] == "array"
        assert kinds["build frame"]["obstacle"].startswith("table: ")
        assert kinds["build sign in"]["schema"]["properties"]["token"]["writeOnly"] is True
        assert (state["document"], state["is_new"]) == (build.value, True)


async def test_an_edit_is_answered_with_the_problems_of_every_card(comms: Comms) -> None:
    async with ja.open_jobs() as jobs:
        build = builder(jobs)
        doc = document(phase("index", batch=501), phase("metadata", nosuch=1), phase("gone"))
        found = ask(comms, "edit", doc)
        assert (found["kind"], found["revision"]) == ("checked", 1)
        said = {(tuple(one["places"]), one["path"]): one["text"] for one in found["problems"]}
        assert said[(0, 1), ""] == "build metadata must come before build index"
        assert said[(0,), "folder"] == "it is required, and was not given"
        assert "no such argument" in said[(1,), "nosuch"]
        assert "no job type" in said[(2,), ""]
        assert build.value["phases"] == doc["phases"]
        mended = document(phase("metadata"), phase("index", folder="w", batch=501))
        (warning,) = ask(comms, "edit", mended)["problems"]
        assert (warning["severity"], warning["path"]) == ("warning", "batch")


async def test_a_document_that_is_none_yet_has_its_error_on_the_card(comms: Comms) -> None:
    async with ja.open_jobs() as jobs:
        build = builder(jobs)
        (wrong,) = ask(comms, "edit", document(phase("metadata"), phase("index") | {"weight": 0}))[
            "problems"
        ]
        assert (wrong["places"], "above 0" in wrong["text"]) == ([1], True)
        with pytest.raises(ValueError, match="above 0"):
            _ = build.chain
        assert ask(comms, "run", build.value, how="ask")["why"].startswith("ValueError")


async def test_messages_that_make_no_sense_are_answered_in_words(comms: Comms) -> None:
    async with ja.open_jobs() as jobs:
        build = builder(jobs)
        for doc in ({"phases": 3}, {"phases": [3, None]}, {"phases": [{"arguments": 3}]}, {}):
            for kind in ("edit", "plan", "run", "python"):
                ask(comms, kind, doc, how="ask", private=[1])
        for message in (None, 3, {"kind": "nonsense"}, {"kind": "edit", "document": 3}):
            comm_of(comms).receive(message)
        assert ask(comms, "python", document(phase("index") | {"weight": "x"}))["kind"] == "said"
        assert jobs.list() == []
        assert isinstance(build.value, dict)


async def test_private_values_are_used_and_kept_nowhere(
    comms: Comms, tmp_path: Path, autojump_clock: trio.abc.Clock
) -> None:
    SEEN.clear()
    async with ja.open_jobs(store=ja.MemoryStore()) as jobs:
        build = builder(jobs)
        doc = document(phase("sign in", "In", user="ann"))
        private = {"In": {"token": SECRET, "user": "never this"}}
        missing = ask(comms, "edit", doc)["problems"]
        assert [one["path"] for one in missing] == ["token"]
        assert ask(comms, "edit", doc, private=private)["problems"] == []
        smuggled = document(phase("sign in", "In", user="ann", token=SECRET))
        ask(comms, "edit", smuggled)
        ask(comms, "plan", doc, private=private)
        ask(comms, "python", smuggled)
        ask(comms, "save_template", smuggled, name="with a secret")
        ask(comms, "run", doc, private=private, how="ask")
        assert build.job is not None
        assert (await build.job).success
        again = build.run({"In": {"token": SECRET}})
        await again
        assert SEEN == [SECRET, SECRET]
        shown = [build.get_state(), build.value, build._repr_mimebundle_(), comm_of(comms).contents]
        kept = [one.to_dict() for one in jobs.templates()]
        assert "with a secret" in str(kept)
        assert SECRET not in json.dumps([shown, kept], default=str)


async def test_a_run_shows_its_place_and_its_end(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    async with ja.open_jobs() as jobs:
        build = builder(jobs)
        doc = document(
            phase("metadata"), phase("index", folder="w", pages={"$result_of": "metadata"})
        )
        SEEN.clear()
        ask(comms, "run", doc, how="ask")
        job = build.job
        assert job is not None
        await trio.sleep(1.5)
        assert ask(comms, "run", doc, how="ask")["why"] == "it is running already"
        await job.wait()
        await trio.sleep(1)
        states = [one["job"] for one in comm_of(comms).contents if one["kind"] == "job"]
        assert {one["place"] for one in states[:-1]} >= {0, 1}
        assert (states[-1]["ended"], states[-1]["bad"]) == (True, False)
        assert states[-1]["text"] == "succeeded: 2 phases completed"
        assert SEEN == [("w", None, [""])]
        link = comm_of(comms)
        link.receive({"kind": "hello", "by": "another page"})
        assert link.contents[-1] == {"kind": "job", "job": states[-1]}


async def test_a_run_can_be_cancelled_and_the_next_one_asks(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        build = builder(jobs)
        doc = document(phase("metadata"), phase("index", folder="w"))
        ask(comms, "run", doc, how="ask")
        await trio.sleep(1.5)
        comm_of(comms).receive({"kind": "cancel", "by": "page"})
        assert build.job is not None
        await build.job.wait()
        await trio.sleep(1)
        asked = ask(comms, "run", doc, how="ask")["question"]
        assert asked["can_resume"]
        assert "cancelled at 50 %" in asked["text"]
        steps = ask(comms, "plan", doc)["steps"]
        assert [one["text"] for one in steps] == [
            "completed by an earlier run, and left out",
            "runs",
        ]
        ask(comms, "run", doc, how="resume")
        result = await build.job
        assert result.resumed
        await trio.sleep(1)
        ask(comms, "run", doc, how="fresh")
        assert not (await build.job).resumed


async def test_what_validate_finds_keeps_a_run_from_starting(comms: Comms) -> None:
    @ja.job("build checked", validate=lambda _: "not today")
    def checked() -> None: ...

    async with ja.open_jobs() as jobs:
        build = builder(jobs)
        assert "not today" in ask(comms, "run", document(phase("checked")), how="ask")["why"]
        with pytest.raises(ja.ChainInvalid, match="not today"):
            build.run()
        assert jobs.list() == []


async def test_a_dry_run_says_what_a_run_would_do(comms: Comms) -> None:
    async with ja.open_jobs() as jobs:
        builder(jobs)
        off = phase("metadata", "Off") | {"enabled": False}
        doc = document(phase("metadata") | {"weight": 30}, off, phase("index") | {"weight": 10})
        steps = ask(comms, "plan", doc)["steps"]
        assert [(one["name"], one["share"]) for one in steps] == [("metadata", 75), ("index", 25)]
        assert steps[1]["text"] == "cannot run: it is required, and was not given"
        assert jobs.list() == []


async def test_templates_are_in_the_store_and_open_with_their_problems(
    comms: Comms, tmp_path: Path
) -> None:
    path = tmp_path / "jobs.db"
    doc = document(phase("metadata"), phase("index", folder="w"), subject="wiki", priority=10)
    async with ja.open_jobs(store=path) as jobs:
        jobs.add_template("single", "build metadata")
        builder(jobs)
        assert ask(comms, "save_template", doc, name="Rebuild")["text"] == "Saved as Rebuild."
        assert "choose another name" in ask(comms, "save_template", doc, name="single")["text"]
        listed = [one for one in comm_of(comms).contents if one["kind"] == "templates"][-1]
        assert [one["name"] for one in listed["templates"]] == ["Rebuild"]
    comms.clear()

    @ja.job("build index", category="build")
    def changed(directory: str) -> None: ...

    try:
        async with ja.open_jobs(store=path) as jobs:
            build = builder(jobs, template="Rebuild")
            assert build.value == doc
            found = [str(one) for one in build.check()]
            assert any("folder: there is no such argument" in one for one in found)
            ask(comms, "drop_template", name="Rebuild")
            with pytest.raises(ValueError, match="no template 'Rebuild'"):
                builder(jobs, template="Rebuild")
    finally:
        ja.job("build index", category="build", needs="build metadata", validate=check_index)(index)


async def test_the_value_can_be_set_and_the_chain_is_copied_as_python(comms: Comms) -> None:
    async with ja.open_jobs() as jobs:
        chain = ja.chain(ja.phase("Meta", metadata, {"folder": "w"}, weight=10), name="Rebuild")
        build = builder(jobs, document=chain)
        assert build.chain == ja.chain.from_json(chain.to_json())
        names: dict[str, Any] = {}
        exec(ask(comms, "python", build.value)["text"], names)  # noqa: S102 - as a user does
        assert names["chain"] == build.chain
        build.value = ja.chain(ja.phase("Other", metadata))
        assert comm_of(comms).contents[-1]["document"]["phases"][0]["name"] == "Other"
        with pytest.raises(TypeError, match="a chain is"):
            build.value = 3  # type: ignore[assignment]
        with pytest.raises(ValueError, match="not with both"):
            builder(jobs, template="x", document=chain)


async def test_a_type_that_is_declared_again_is_sent_anew(comms: Comms) -> None:
    async with ja.open_jobs() as jobs:
        builder(jobs)

        @ja.job("build new")
        def new(n: int) -> None: ...

        ask(comms, "edit", document(phase("new", n=1)))
        sent = [one for one in comm_of(comms).contents if one["kind"] == "types"]
        assert "build new" in {one["name"] for one in sent[-1]["types"]}
        ask(comms, "edit", document(phase("new", n=2)))
        assert len([one for one in comm_of(comms).contents if one["kind"] == "types"]) == 1


async def test_a_saved_notebook_has_the_phases_as_a_list(comms: Comms) -> None:
    async with ja.open_jobs() as jobs:
        doc = document(phase("metadata", folder="<script>alert(1)</script>"))
        bundle, _ = builder(jobs, document=doc)._repr_mimebundle_()
        assert "&lt;script&gt;" in str(bundle["text/html"])
        assert "<script>" not in str(bundle["text/html"])
        assert str(bundle["text/plain"]).startswith(
            "Chain of 1 phase\n1. metadata (build metadata): "
        )


def test_annotations_that_raise_cost_their_own_type_alone() -> None:
    class Hostile(type):
        def __getattr__(cls, name: str) -> Any:
            raise RuntimeError(name)

    class Odd(metaclass=Hostile): ...

    def odd(x: Any) -> Any: ...

    odd.__annotations__ = {"x": Odd, "return": Odd}
    ja.job("build odd", category="build odd")(odd)
    ja.job("build half \ud800", category="build odd")(lambda: None)
    first, second = catalogue(["build odd"])
    assert first["obstacle"]
    json.dumps([first, second], ensure_ascii=False)
    assert "\ud800" not in second["title"]


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


def as_a_browser_returns_it(value: Any) -> Any:
    """Return a value after JSON.parse and JSON.stringify: all numbers are of one kind."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        if isinstance(value, dict):
            return {name: as_a_browser_returns_it(part) for name, part in value.items()}
        return (
            [as_a_browser_returns_it(part) for part in value] if isinstance(value, list) else value
        )
    try:
        number = float(value)
    except OverflowError:
        return value
    return int(number) if number.is_integer() and abs(number) < 1e21 else number


@given(st.dictionaries(st.text(max_size=3), plain, max_size=4))
def test_what_a_browser_leaves_alone_is_exactly_as_it_was(arguments: dict[str, Any]) -> None:
    doc = document(phase("index", folder="w") | {"arguments": arguments, "weight": 50.0})
    known = KnownValues()
    known.note(doc)
    returned = document(*(as_a_browser_returns_it(one) for one in doc["phases"]))
    assert repr(known.exact(returned)) == repr(doc)
    changed = known.exact(document(returned["phases"][0] | {"arguments": {"other": True}}))
    assert changed["phases"][0]["arguments"] == {"other": True}


def test_is_a_widget_only_when_it_is_used() -> None:
    """``ChainBuilder`` is a public name, and importing the package loads no widget."""
    import jobactors_widgets

    found: type[ChainBuilder] = jobactors_widgets.ChainBuilder
    assert found.__name__ in jobactors_widgets.__all__
