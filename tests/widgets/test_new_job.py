"""Tests of the form of a new job, as a board or the sidebar asks for it."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from jobactors_widgets.conversation import FrontEndConversation

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET = "s3cret-of-a-form"  # noqa: S105 - it is one, for the tests
SEEN: list[Any] = []


@ja.job("form index", private="token", key=None)
async def index(folder: str, since: dt.date | None = None, token: str = "") -> None:
    SEEN.append((folder, since, token))


class Page:
    """A front end's side of one conversation."""

    def __init__(self, jobs: ja.Jobs) -> None:
        self.answers: list[Mapping[str, Any]] = []
        self._conversation = FrontEndConversation(jobs, self.answers.append)

    def ask(self, kind: str, **more: Any) -> Mapping[str, Any]:
        """Send a message and return its answer."""
        self._conversation.hear({"kind": kind, "by": "page", "revision": 3, **more})
        return self.answers[-1]


async def test_the_registered_types_are_listed_with_their_schemas() -> None:
    async with ja.open_jobs() as jobs:
        types = Page(jobs).ask("types")["types"]
        (found,) = [one for one in types if one["name"] == "form index"]
        assert found["schema"]["properties"]["token"] == {
            "type": "string",
            "writeOnly": True,
        }
        assert "chain" not in {one["name"] for one in types}


async def test_a_form_is_checked_and_starts_a_job_with_the_annotated_values() -> None:
    SEEN.clear()
    async with ja.open_jobs() as jobs:
        page = Page(jobs)
        wrong = page.ask("check_new", type="form index", arguments={"since": "never"})
        assert {one["path"] for one in wrong["problems"]} == {"folder", "since"}
        assert wrong["revision"] == 3
        refused = page.ask("start_new", type="form index", arguments={})
        assert (refused["why"], jobs.list()) == ("mend the errors first", [])
        given = {"folder": "wiki/", "since": "2026-11-28"}
        started = page.ask(
            "start_new",
            type="form index",
            arguments=given,
            private={"token": SECRET},
            subject="wiki",
        )
        job = jobs.get(started["id"])
        await job
        assert job.snapshot().info.subject == "wiki"
        assert SECRET not in str(page.answers)
    assert list(SEEN) == [("wiki/", dt.date(2026, 11, 28), SECRET)]


@dataclasses.dataclass
class Area:
    """An argument with parts."""

    name: str
    until: dt.date | None = None


@ja.job("form survey")
async def survey(since: dt.datetime, area: Area, tags: set[str]) -> None:
    SEEN.append((since, area, tags))
    await trio.sleep_forever()


async def test_a_job_of_a_form_goes_on_after_a_restart_with_the_same_values() -> None:
    """A store has the JSON of a date or a dataclass, and the annotations make the value again."""
    SEEN.clear()
    given = {
        "since": "2026-11-28T12:30:00+01:00",
        "area": {"name": "north", "until": "2026-12-24"},
        "tags": ["wet"],
    }
    zone = dt.timezone(dt.timedelta(hours=1))
    since = dt.datetime(2026, 11, 28, 12, 30, tzinfo=zone)
    wanted = (since, Area("north", dt.date(2026, 12, 24)), {"wet"})
    store = ja.MemoryStore()
    async with ja.open_jobs(store=store) as jobs:
        Page(jobs).ask("start_new", type="form survey", arguments=given)
        await trio.testing.wait_all_tasks_blocked()
        await jobs.close(0)
    async with ja.open_jobs(store=store) as jobs:
        (rests,) = jobs.resumable()
        assert rests.obstacle == ""
        job = rests.resume()
        await trio.testing.wait_all_tasks_blocked()
        job.cancel()
        same = jobs.submit("form survey", given)
        await trio.testing.wait_all_tasks_blocked()
        same.cancel()
    assert [wanted] * 3 == SEEN


@pytest.mark.parametrize(
    "message",
    [
        {"type": "nowhere", "arguments": {}},
        {"type": 3},
        {"type": "form index", "arguments": [1], "private": "x", "subject": {}},
        {"type": "chain", "arguments": {"phases": 3}},
        {},
    ],
)
async def test_a_message_that_makes_no_sense_starts_nothing(message: dict[str, Any]) -> None:
    async with ja.open_jobs() as jobs:
        for kind in ("check_new", "start_new"):
            assert "id" not in Page(jobs).ask(kind, **message)
        assert jobs.list() == []


async def test_a_template_fills_the_form_in_and_gives_the_job_its_options() -> None:
    """One of a chain is the builder's; one whose type is gone cannot be chosen, and says why."""
    async with ja.open_jobs() as jobs:
        jobs.add_template(
            "nightly <wiki>",
            "form index",
            arguments={"folder": "wiki/"},
            options={"subject": "wiki", "priority": "high"},
        )
        jobs.add_template("a chain", ja.chain(ja.phase("Index", index, {"folder": "x"})))
        page = Page(jobs)
        entry, *others = page.ask("types")["types"]
        assert all("template" not in other for other in others)
        assert (entry["template"], entry["title"]) == ("nightly <wiki>", "nightly <wiki>")
        assert (entry["name"], entry["category"]) == ("form index", "Templates")
        assert (entry["arguments"], entry["subject"]) == ({"folder": "wiki/"}, "wiki")
        assert entry["schema"]["properties"]["folder"] == {"type": "string"}
        started = page.ask(
            "start_new",
            type="form index",
            template="nightly <wiki>",
            arguments={"folder": "drafts/"},
            subject="",
        )
        info = jobs.get(started["id"]).info
        assert (info.subject, info.priority) == ("wiki", 10)
        refused = page.ask(
            "start_new", type="form index", template="gone", arguments={"folder": "x"}
        )
        assert "no template 'gone' here" in refused["why"]


async def test_a_template_whose_type_is_not_registered_is_listed_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @ja.job("form gone")
    async def gone(folder: str) -> None: ...

    async with ja.open_jobs() as jobs:
        jobs.add_template("old", gone, arguments={"folder": "wiki/"})
        with monkeypatch.context() as patch:
            patch.setattr("jobactors.model.job_type._registered", {})
            (entry,) = Page(jobs).ask("types")["types"]
            assert "'form gone' is not registered yet" in entry["obstacle"]
