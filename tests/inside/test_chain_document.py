"""Chains as JSON documents and as Python source, and the rules they are checked by."""

# ruff: noqa: D103 - a test's name is its sentence, and so is a sample's

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import sqlite3
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclasses.dataclass
class Filter:
    """A part of an argument."""

    field: str
    value: int = 0


SEEN: list[Any] = []


def check_pages(arguments: Any) -> Iterator[ja.ArgumentProblem | str]:
    if arguments.get("batch", 1) > 500:
        yield ja.problem("warning", "batch", "slow above 500")
    if arguments["folder"] == "/":
        yield "not the whole disk"
    if arguments["folder"] == "?":
        raise LookupError("no such folder")


@ja.job("doc metadata")
def metadata(folder: str = "") -> list[str]:
    return [folder]


@ja.job("doc index", needs="doc metadata", validate=check_pages)
def index(
    folder: str,
    batch: Annotated[int, Meta(ge=1, le=1000)] = 100,
    since: dt.date | None = None,
    filters: list[Filter] = [],  # noqa: B006 - users write it
    pages: list[str] | None = None,
) -> int:
    SEEN.append((folder, since, list(filters), pages))
    return batch


@ja.job("doc sign in", private="token")
def sign_in(user: str, token: str) -> str:
    SEEN.append(token)
    return user


TYPES = ("doc metadata", "doc index", "doc sign in", "not registered here")
texts = st.text(max_size=20)
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**25), 10**25)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts.filter(lambda text: text != "$result_of"), inner, max_size=3)
        | st.fixed_dictionaries({"$result_of": texts})
    ),
    max_leaves=8,
)
phases = st.fixed_dictionaries(
    {
        "id": texts,
        "name": st.text(min_size=1, max_size=20),
        "type": st.sampled_from(TYPES),
        "weight": st.integers(1, 10**6) | st.floats(0.001, 1e21),
        "arguments": st.dictionaries(texts.filter(lambda name: name != "token"), plain, max_size=3),
        "after": st.lists(texts, max_size=2),
        "enabled": st.booleans(),
    }
)
options = st.fixed_dictionaries(
    {},
    optional={
        "subject": texts,
        "tags": st.lists(texts, max_size=3),
        "priority": st.sampled_from(["high", "normal", "low", 3]),
        "metadata": st.dictionaries(texts, plain, max_size=2),
        "timeout": st.floats(0.1, 1e6) | st.none(),
    },
)
documents = st.fixed_dictionaries(
    {
        "version": st.just(1),
        "name": texts,
        "phases": st.lists(phases, max_size=4),
        "options": options,
    }
)


def as_text(document: Any) -> str:
    """Return it as text, in which 1, True and 1.0 differ, and the order of keys does not."""
    return json.dumps(document, sort_keys=True)


@given(documents)
def test_a_document_becomes_a_chain_and_the_same_document_again(document: Any) -> None:
    before = as_text(document)
    chain = ja.chain.from_json(document)
    assert as_text(chain.to_json()) == before
    assert ja.chain.from_json(before) == chain
    assert as_text(document) == before


@given(documents)
def test_copied_python_runs_and_gives_an_equal_chain(document: Any) -> None:
    chain = ja.chain.from_json(document)
    names: dict[str, Any] = {}
    exec(chain.to_python(), names)  # noqa: S102 - what a user does who pastes it
    assert names["chain"] == chain


@given(plain | documents.map(json.dumps) | st.text(max_size=30))
def test_anything_else_is_refused_in_words(value: Any) -> None:
    refused = ""
    try:
        ja.chain.from_json(value)
    except (TypeError, ValueError) as exc:
        refused = str(exc)
    is_document = isinstance(value, str) and value.startswith("{") and '"phases"' in value
    assert bool(refused) != is_document


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ([], "a chain is"),
        ({}, '"phases" is missing'),
        ({"phases": {}}, "phases are a list"),
        ({"phases": [], "phase": 1}, "no 'phase'"),
        ({"phases": [], "version": 2}, "written by a newer one"),
        ({"phases": [], "version": True}, "newer"),
        ({"phases": [], "name": 3}, "name is text"),
        ({"phases": [{"name": "x"}]}, 'phase 1: "type" is missing'),
        ({"phases": [{"type": "a"}, {"type": "a", "weight": 0}]}, "phase 2: .*above 0"),
        ({"phases": [{"type": "a", "weight": "1"}]}, "weight is a number"),
        ({"phases": [{"type": "a", "enabled": 1}]}, "True or False"),
        ({"phases": [{"type": "a", "id": 1}]}, "id is text"),
        ({"phases": [{"type": print}]}, "cannot hold exactly"),
        ({"phases": [{"type": 3}]}, "name of a job type"),
        ({"phases": [{"type": "a", "arguments": []}]}, "one dictionary"),
        ({"phases": [{"type": "a", "arguments": {"x": {"$result_of": 3}}}]}, "names a phase"),
        ({"phases": [], "options": {"runner": "process"}}, "no option runner"),
        ({"phases": [], "options": {"priority": "urgent"}}, "priority is"),
        ('{"phases": [NaN]}', "cannot hold exactly"),
        ("{", "Expecting"),
    ],
)
def test_what_is_wrong_with_a_document_is_said_with_its_place(document: Any, text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        ja.chain.from_json(document)


def test_a_short_document_is_completed() -> None:
    chain = ja.chain.from_json({"phases": [{"type": "doc metadata"}]})
    assert chain == ja.chain(ja.phase("doc metadata", "doc metadata"))
    assert chain.to_json() == {
        "version": 1,
        "name": "",
        "phases": [
            {
                "id": "",
                "name": "doc metadata",
                "type": "doc metadata",
                "arguments": {},
                "weight": 50,
                "after": [],
                "enabled": True,
            }
        ],
        "options": {},
    }


def test_a_chain_of_functions_is_a_document_if_they_are_registered() -> None:
    chain = ja.chain(
        ja.phase("Meta", metadata, weight=10),
        ja.phase("Index", index, {"folder": "w", "pages": ja.result_of("Meta")}, after="Meta"),
        options={"subject": "wiki"},
    )
    again = ja.chain.from_json(chain.to_json())
    assert again.run_sync().results == {"Meta": [""], "Index": 100}
    assert again.options == {"subject": "wiki"}
    with pytest.raises(ja.ChainInvalid, match="Sort: its function is no registered job type"):
        ja.chain(ja.phase("Sort", sorted)).to_json()
    with pytest.raises(TypeError, match="cannot hold exactly"):
        ja.chain(ja.phase("Index", index, {"folder": {1}})).to_json()


def test_a_metadata_phase_must_come_before_the_index() -> None:
    late = ja.chain.from_json(
        {
            "phases": [
                {"type": "doc index", "name": "Index", "arguments": {"folder": "w"}},
                {"type": "doc metadata", "name": "Meta"},
            ]
        }
    )
    (found,) = late.check()
    assert (found.severity, str(found), found.places) == (
        "error",
        "Index: doc metadata must come before doc index",
        (0, 1),
    )
    with pytest.raises(ja.ChainInvalid, match="must come before"):
        late.run_sync()


def test_one_that_is_not_there_is_a_warning() -> None:
    alone = ja.chain(ja.phase("Index", "doc index", {"folder": "w"}))
    (found,) = alone.check()
    assert (found.severity, found.text) == (
        "warning",
        "doc index needs doc metadata, which is not in this chain",
    )
    assert alone.run_sync().success


def test_arguments_of_a_named_type_are_checked_and_every_problem_has_its_place() -> None:
    chain = ja.chain(
        ja.phase("Meta", "doc metadata", {"nosuch": 1}),
        ja.phase("Index", "doc index", {"batch": 0, "filters": [{"value": "x"}]}),
    )
    found = {(one.places, one.path): one.text for one in chain.check()}
    assert set(found) == {
        ((0,), "nosuch"),
        ((1,), "batch"),
        ((1,), "filters[0].value"),
        ((1,), "folder"),
    }
    assert found[(1,), "folder"] == "it is required, and was not given"


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({"folder": "w"}, []),
        ({"folder": "w", "batch": 501}, [("warning", "batch", "slow above 500")]),
        ({"folder": "/"}, [("error", "", "not the whole disk")]),
        ({"folder": "?"}, [("error", "", "LookupError: no such folder")]),
        ({"batch": 501}, [("error", "folder", "it is required, and was not given")]),
    ],
)
def test_a_type_finds_what_its_annotations_cannot_say(arguments: Any, found: Any) -> None:
    kind = ja.job_types()["doc index"]
    problems = [(one.severity, one.path, one.text) for one in kind.problems(arguments)]
    assert problems == found


def test_a_submit_does_not_call_what_may_block() -> None:
    chain = ja.chain(ja.phase("Meta", metadata), ja.phase("Index", "doc index", {"folder": "/"}))
    assert [str(one) for one in chain.check()] == ["Index: not the whole disk"]
    assert chain.run_sync().success


def test_what_validate_returns_may_be_anything() -> None:
    def kind_with(validate: Any) -> ja.JobType:
        @ja.job("doc odd", validate=validate)
        def odd() -> None: ...

        return ja.job_types()["doc odd"]

    def endless(_: Any) -> Iterator[str]:
        while True:
            yield "again"

    assert kind_with(lambda _: "one text").problems({})[0].text == "one text"
    assert kind_with(lambda _: None).problems({}) == []
    assert "TypeError" in kind_with(lambda _: [3]).problems({})[0].text
    assert "TypeError" in kind_with(lambda _: 3).problems({})[0].text
    assert len(kind_with(endless).problems({})) == 100
    with pytest.raises(TypeError, match="is a function of the arguments"):
        kind_with(3)
    with pytest.raises(TypeError, match="names of job types"):
        ja.job("doc odd", needs=[3])  # type: ignore[list-item]


def test_a_phase_that_is_switched_off_is_neither_checked_nor_run() -> None:
    chain = ja.chain(
        ja.phase("Broken", "nowhere", enabled=False), ja.phase("Meta", metadata, {"folder": "w"})
    )
    assert chain.check() == []
    assert chain.label == "Meta"
    assert chain.run_sync().completed == ("Meta",)
    off = ja.chain(ja.phase("Meta", metadata, enabled=False))
    assert str(off.check()[0]) == "every phase is switched off"
    needs = ja.chain(
        ja.phase("Meta", metadata, enabled=False),
        ja.phase("Index", "doc index", {"folder": ja.result_of("Meta")}),
    )
    assert "it takes the result of 'Meta', which is switched off" in str(needs.check()[0])


def test_json_arguments_reach_a_phase_as_its_annotations_have_them() -> None:
    SEEN.clear()
    arguments = {"folder": "w", "since": "2026-11-28", "filters": [{"field": "x"}]}
    chain = ja.chain(
        ja.phase("Meta", "doc metadata"),
        ja.phase("Index", "doc index", {**arguments, "pages": ja.result_of("Meta")}),
    )
    chain.run_sync()
    assert list(SEEN) == [("w", dt.date(2026, 11, 28), [Filter("x")], [""])]


async def test_a_job_runs_a_document_with_its_options(tmp_path: Path) -> None:
    SEEN.clear()
    document = {
        "phases": [
            {"type": "doc metadata", "name": "Meta"},
            {"type": "nowhere", "enabled": False},
            {"type": "doc index", "arguments": {"folder": "w", "since": "2026-11-28"}},
        ],
        "options": {"subject": "wiki", "priority": "low"},
    }
    chain = ja.chain.from_json(document)
    async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
        job = jobs.submit(chain)
        assert (await job).completed == ("Meta", "doc index")
        info = job.snapshot().info
        assert (info.subject, info.priority, info.name) == ("wiki", -10, "Meta → doc index")
        other = jobs.options(subject="films").submit(chain)
        await other
        assert (other.snapshot().info.subject, other.snapshot().info.priority) == ("films", -10)
    assert SEEN[0][1] == dt.date(2026, 11, 28)


async def test_private_arguments_of_a_phase_are_kept_nowhere(tmp_path: Path) -> None:
    SEEN.clear()
    secret = "s3cret-of-a-phase"  # noqa: S105 - it is one, for the test
    chain = ja.chain(
        ja.phase("In", "doc sign in", {"user": "ann", "token": secret}, weight=1),
        ja.phase("By function", sign_in, {"user": "bob", "token": secret}),
    )
    path = tmp_path / "jobs.db"
    async with ja.open_jobs(store=path) as jobs:
        job = jobs.submit(chain)
        await job
        assert secret not in json.dumps(job.to_dict())
        held = jobs.options(hold=True).submit(chain)
        await held.stored()
        assert secret not in repr(held.snapshot())
    assert list(SEEN) == [secret, secret]
    assert secret not in json.dumps(chain.to_json())
    assert secret not in chain.to_python()
    with sqlite3.connect(path) as database:
        dump = "\n".join(database.iterdump())
    database.close()
    assert "doc sign in" in dump or "By function" in dump
    assert secret not in dump
    async with ja.open_jobs(store=path) as jobs:
        (work,) = jobs.resumable()
        assert "phase In: its private argument token is not kept" in work.obstacle
        work.discard()


async def test_a_template_of_a_chain_keeps_no_private_argument(tmp_path: Path) -> None:
    secret = "s3cret-of-a-template"  # noqa: S105 - it is one, for the test
    arguments = {"user": "ann", "token": secret}
    path = tmp_path / "jobs.db"
    async with ja.open_jobs(store=path) as jobs:
        chain = ja.chain(ja.phase("In", sign_in, arguments), options={"subject": "wiki"})
        assert jobs.add_template("chain", chain).options == {"subject": "wiki"}
        phases = [{"type": "doc sign in", "arguments": arguments}]
        made = jobs.add_template("by name", "chain", arguments={"phases": phases})
        assert made.arguments["phases"][0]["arguments"] == {"user": "ann"}
    with sqlite3.connect(path) as database:
        dump = "\n".join(database.iterdump())
    database.close()
    assert "by name" in dump
    assert secret not in dump
