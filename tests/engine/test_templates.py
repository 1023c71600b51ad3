"""Templates: job types with arguments and options under a name, stored with the jobs."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import jobactors as ja
from jobactors.model.job_type import job_type_named
from jobactors.model.stored_rows import DocumentRow, PutDocument


@ja.job("template_add")
async def add(left: int, right: int = 1, note: str = "") -> int:
    return left + right


@ja.job("template_secret", private={"token"})
async def secret(url: str, token: str) -> str:
    return url


def not_registered() -> None: ...


async def test_a_template_is_submitted_by_its_name(autojump_clock: object) -> None:
    """Its arguments and options hold, unless the submit has others."""
    async with ja.open_jobs() as jobs:
        jobs.add_template(
            "sum", add, arguments={"left": 2}, options={"subject": "wiki", "priority": "high"}
        )
        job = jobs.template("sum").submit()
        assert await job == 3
        assert (job.info.subject, job.info.priority, job.info.type) == ("wiki", 10, "template_add")
        other = jobs.template("sum").submit({"right": 5}, subject="draft")
        assert await other == 7
        assert (other.info.subject, other.info.priority) == ("draft", 10)


async def test_the_name_of_a_template_is_no_job_type_and_the_error_says_how_to_submit_it(
    autojump_clock: object,
) -> None:
    async with ja.open_jobs() as jobs:
        jobs.add_template("the sum", add, arguments={"left": 2})
        with pytest.raises(ja.UnknownJobType, match=r"jobs\.template\('the sum'\)\.submit\(\)"):
            jobs.submit("the sum")
        with pytest.raises(ja.UnknownJobType, match="import the module that declares it"):
            jobs.submit("no sum")


async def test_arguments_that_are_missing_are_given_at_the_submit(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        template = jobs.add_template("sum", "template_add", arguments={"right": 2})
        assert template.problem == ""
        with pytest.raises(TypeError, match="left"):
            template.submit()
        assert await template.submit({"left": 1}) == 3


async def test_templates_come_in_their_order_and_are_found_by_name(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        for name in "bac":
            jobs.add_template(name, add, arguments={"left": 1})
        jobs.add_template("a", add, arguments={"left": 7})
        found = jobs.templates()
        assert [template.name for template in found] == ["b", "a", "c"]
        assert found["a"].arguments == {"left": 7}
        assert found["a"] == jobs.template("a") != found["b"]
        assert [template.name for template in found[:1]] == ["b"]
        with pytest.raises(ja.UnknownTemplate, match=r"no template 'd' here; there are: b, a, c"):
            jobs.template("d")
        with pytest.raises(ja.UnknownTemplate, match="there are: b, a, c"):
            found["d"]


async def test_an_update_replaces_arguments_or_options_and_leaves_the_rest(
    autojump_clock: object,
) -> None:
    async with ja.open_jobs() as jobs:
        template = jobs.add_template("sum", add, arguments={"left": 1}, options={"timeout": 60})
        template.update(arguments={"left": 2, "right": 2})
        assert (template.arguments, template.options) == (
            {"left": 2, "right": 2},
            {"timeout": 60.0},
        )
        template.update(options={})
        assert (template.arguments["left"], template.options) == (2, {})
        with pytest.raises(ValueError, match="no such argument"):
            template.update(arguments={"lift": 2})
        assert await template.submit() == 4


async def test_a_removed_template_is_gone_and_its_jobs_stay(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        template = jobs.add_template("sum", add, arguments={"left": 1})
        job = template.submit()
        template.remove()
        template.remove()
        assert list(jobs.templates()) == []
        assert repr(template) == "<Template 'sum', removed>"
        with pytest.raises(ja.UnknownTemplate):
            template.submit()
        assert await job == 2


async def test_the_present_system_takes_a_template_too(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        template = ja.template("sum", "template_add", arguments={"left": 1})
        assert list(jobs.templates()) == [template]
    with pytest.raises(ja.NoJobSystem, match=r"ja\.template"):
        ja.template("sum", "template_add")


async def test_a_chain_is_a_template_as_well(autojump_clock: object) -> None:
    """With the weights and references of its phases."""
    async with ja.open_jobs() as jobs:
        chain = ja.chain(
            ja.phase("first", add, {"left": 1}, weight=10),
            ja.phase("second", add, {"left": ja.result_of("first")}),
            name="Twice",
        )
        template = jobs.add_template("twice", chain, options={"subject": "wiki"})
        assert template.type == "chain"
        result = await template.submit()
        assert result.results == {"first": 2, "second": 3}
        assert template.submit().name == "Twice"


# --- after a restart ---------------------------------------------------------------------------


async def test_templates_are_there_after_a_restart(tmp_path: Path) -> None:
    """With every option that JSON holds; a removed one stays away."""
    options: dict[str, Any] = {
        "subject": "wiki",
        "tags": ("a", "b"),
        "key": ("sum", 1),
        "priority": 10,
        "runner": "thread",
        "retry": ja.Retry(max=5, base=2.0),
        "timeout": 60.0,
        "resources": {"gpu": 1},
        "limits": None,
        "private": frozenset({"note"}),
        "on_checkpoint": "fresh",
    }
    async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
        jobs.add_template("sum", add, arguments={"left": 1}, options=options)
        jobs.add_template("gone", add).remove()
    async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
        (template,) = jobs.templates()
        assert (template.name, template.arguments) == ("sum", {"left": 1})
        restored = ja.Options().changed(**template.options)
        assert restored == ja.Options().changed(**options)
        assert template.problem == ""
        assert json.loads(json.dumps(template.to_dict()))["type"] == "template_add"


async def test_a_template_whose_type_has_changed_says_so(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is gone, its arguments do not fit any more, or its source is another one."""
    store = ja.MemoryStore()

    @ja.job("template_changing")
    def changing(folder: str) -> None: ...

    async with ja.open_jobs(store=store) as jobs:
        jobs.add_template("t", changing, arguments={"folder": "wiki/"})

        @ja.job("template_changing")
        def other(folder: str) -> str:
            return folder

        template = jobs.template("t")
        assert "the source of its job type has changed" in template.problem
        template.update()
        assert template.problem == ""

        @ja.job("template_changing")
        def renamed(path: str) -> None: ...

        assert "no such argument; there are: path" in template.problem
        assert "has changed" in repr(template)
        with pytest.raises(TypeError, match=r"template 't': its job type has changed: .*update\("):
            template.submit()
        monkeypatch.delitem(job_type_named.__globals__["_registered"], "template_changing")
        assert "'template_changing' is not registered yet" in template.problem
        with pytest.raises(ja.UnknownJobType):
            template.submit()


async def test_a_stored_template_that_makes_no_sense_is_left_out_with_a_warning(
    autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    store = ja.MemoryStore()
    store.open()
    bad = ["[]", "{", '{"type": 3}', '{"type": "x", "arguments": [], "options": {}}']
    rows = [DocumentRow("template", f"bad {n}", value, 0.0) for n, value in enumerate(bad)]
    good = DocumentRow("template", "good", '{"type":"x","arguments":{},"options":{"new":1}}', 0.0)
    store.apply([PutDocument(row) for row in (*rows, good)])
    store.close()
    async with ja.open_jobs(store=store) as jobs:
        assert [template.name for template in jobs.templates()] == ["good"]
        assert jobs.template("good").options == {}
    assert caplog.text.count("cannot be read") == len(bad)


# --- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "work", "given", "error", "reason"),
    [
        ("", add, {}, ValueError, "from 1 to 200 characters"),
        ("x" * 201, add, {}, ValueError, "from 1 to 200 characters"),
        (3, add, {}, TypeError, "is text"),
        ("t", not_registered, {}, TypeError, r"not_registered is no registered job type.*@ja\.job"),
        ("t", "nothing", {}, ja.UnknownJobType, "nothing"),
        ("t", add, {"arguments": {"left": object()}}, TypeError, "plain JSON"),
        ("t", add, {"arguments": {"left": "three"}}, ValueError, "left: Expected"),
        ("t", add, {"arguments": {"lift": 3}}, ValueError, "no such argument"),
        ("t", add, {"arguments": [3]}, TypeError, "dictionary by name"),
        ("t", secret, {"arguments": {"token": "abc"}}, ValueError, "token is private"),
        ("t", add, {"options": {"priotity": 1}}, TypeError, "unknown option priotity"),
        ("t", add, {"options": {"timeout": -1}}, ValueError, "timeout"),
        ("t", add, {"options": {"on_done": print}}, TypeError, "on_done means one job"),
        ("t", add, {"options": {"after": ["x"]}}, TypeError, "after means one job"),
        ("t", add, {"options": {"key": object()}}, TypeError, "give it at the submit"),
        ("t", add, {"options": []}, TypeError, "options are a dictionary"),
    ],
)
async def test_what_cannot_be_a_template_is_refused_with_the_cure(
    autojump_clock: object,
    name: Any,
    work: Any,
    given: dict[str, Any],
    error: type[Exception],
    reason: str,
) -> None:
    async with ja.open_jobs() as jobs:
        with pytest.raises(error, match=reason):
            jobs.add_template(name, work, **given)
        assert list(jobs.templates()) == []


async def test_a_hostile_name_is_shown_as_text(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        jobs.add_template("<script>alert(1)</script>", add, arguments={"note": "<b>"})
        table = jobs.templates()._repr_html_()
    assert "<script>" not in table
    assert "<b>" not in table
    assert "&lt;script&gt;" in table
