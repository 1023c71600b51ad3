"""Tests of the conversation with a front end: commands, answers, and more of one job."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.lowlevel
from jobactors_widgets.conversation import FrontEndConversation

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Replies = list[Mapping[str, Any]]


@contextlib.asynccontextmanager
async def conversation(
    **options: Any,
) -> AsyncIterator[tuple[ja.Jobs, FrontEndConversation, Replies]]:
    """Open a job system with a front end that asks about it."""
    replies: Replies = []
    async with ja.open_jobs(unread_failures="ignore", **options) as jobs:
        yield jobs, FrontEndConversation(jobs, replies.append), replies


async def steps() -> None:
    """Work for a long time, and pause when asked to."""
    async for _ in ja.track(range(1000)):
        await trio.sleep(1)


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ({"kind": "act", "verb": "cancel", "id": "nobody-1"}, "no job 'nobody-1' here"),
        ({"kind": "act", "verb": "__class__", "id": "x"}, "knows no '__class__'"),
        ({"kind": "act", "verb": ["cancel"], "id": 5}, "names no verb and no job"),
    ],
)
async def test_a_command_that_cannot_be_done_is_answered_too(
    autojump_clock: trio.abc.Clock, message: dict[str, Any], why: str
) -> None:
    """A message from a browser is not trusted, and never breaks the loop."""
    async with conversation() as (_, asked, replies):
        asked.hear(message)
        await trio.sleep(1)
        (answered,) = replies
        assert answered["ok"] is False
        assert why in answered["why"]


@pytest.mark.parametrize(
    ("verb", "before", "after"),
    [
        ("hold", "queued", "queued"),
        ("pause", "running", "paused"),
        ("read", "running", "running"),
        ("dismiss", "running", "running"),
    ],
)
async def test_every_verb_reaches_its_job(
    autojump_clock: trio.abc.Clock, verb: str, before: str, after: str
) -> None:
    """It does its work; where it cannot, the answer gives the reason, without the long id."""
    async with conversation(max_running=1) as (jobs, asked, replies):
        running, queued = jobs.submit(steps), jobs.submit(steps)
        await trio.sleep(2)
        job = running if before == "running" else queued
        asked.hear({"kind": "act", "verb": verb, "id": job.id})
        await trio.sleep(2)
        (answered,) = replies
        assert job.state == after
        if verb == "dismiss":
            assert not answered["ok"]
            assert job.id not in answered["why"]
        else:
            assert answered["ok"]
        jobs.select().cancel()


async def test_an_ended_job_is_started_again_and_dismissed(
    autojump_clock: trio.abc.Clock,
) -> None:
    """The new job continues the old one, which is removed."""
    async with conversation() as (jobs, asked, replies):
        job = jobs.submit(trio.sleep, 1)
        await job
        for verb in ("restart", "dismiss"):
            asked.hear({"kind": "act", "verb": verb, "id": job.id})
            await trio.sleep(1)
        assert [answered["ok"] for answered in replies] == [True, True]
        (again,) = jobs.list()
        assert again.info.continues == job.id


async def test_one_verb_for_a_thousand_jobs_is_one_answer(autojump_clock: trio.abc.Clock) -> None:
    """It counts the jobs that could not, and gives the reason of the first."""
    async with conversation() as (jobs, asked, replies):
        held = [jobs.options(hold=True).submit(trio.sleep, 1).id for _ in range(1000)]
        asked.hear({"kind": "act", "verb": "cancel", "ids": [*held, "nobody", 5]})
        await trio.sleep(1)
        (answered,) = replies
        assert not answered["ok"]
        assert answered["why"].startswith("2 of 1002 could not: ")
        assert {snapshot.state.value for snapshot in jobs.list()} == {"cancelled"}


async def test_a_job_in_another_state_than_was_seen_is_left_alone(
    autojump_clock: trio.abc.Clock,
) -> None:
    """It has started while the command for queued jobs was on its way."""
    async with conversation() as (jobs, asked, replies):
        started = jobs.submit(trio.sleep, 100)
        waiting = jobs.options(hold=True).submit(trio.sleep, 100)
        await trio.sleep(1)
        ids = [started.id, waiting.id]
        asked.hear({"kind": "act", "verb": "cancel", "ids": ids, "states": ["queued"]})
        await trio.sleep(1)
        assert (started.state, waiting.state) == (ja.JobState.RUNNING, ja.JobState.CANCELLED)
        (answered,) = replies
        assert answered["why"] == "1 of 2 could not: it is running by now"
        asked.hear({"kind": "act", "verb": "cancel", "ids": ids, "states": "nonsense"})
        await trio.sleep(1)
        assert started.state is ja.JobState.CANCELLED


async def test_details_log_and_result_are_sent_on_request(autojump_clock: trio.abc.Clock) -> None:
    """A job that was removed has no answer: its row disappears as well."""

    async def talk() -> str:
        print("hello")  # noqa: T201
        return "done"

    async with conversation() as (jobs, asked, replies):
        job = jobs.submit(talk)
        await job
        asked.hear({"kind": "details", "id": job.id})
        asked.hear({"kind": "log", "id": job.id, "since": -1})
        asked.hear({"kind": "details", "id": "nobody"})
        details, log = replies
        assert (details["kind"], details["result"]) == ("details", "str")
        assert (log["kind"], log["lines"]) == ("log", [["out", "hello"]])


async def test_after_the_end_commands_are_refused(autojump_clock: trio.abc.Clock) -> None:
    """A page that comes late is answered; the job system itself is released."""
    async with conversation() as (jobs, asked, replies):
        job = jobs.submit(trio.sleep, 1)
        await job
        asked.end()
    assert asked.jobs is None
    for target in ({"id": job.id}, {"ids": [job.id]}):
        asked.hear({"kind": "act", "verb": "cancel"} | target)
    asked.hear({"kind": "details", "id": job.id})
    assert [answered["why"] for answered in replies] == ["this job system has stopped"] * 2


async def test_the_buttons_of_a_schedule_run_pause_and_resume_it(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Without an answer: the schedule that is sent anew is one."""
    async with conversation() as (jobs, asked, replies):
        schedule = jobs.schedule("often", ja.every(hours=1)).submit(steps)
        asked.hear({"kind": "schedule", "verb": "run", "name": "often"})
        await trio.lowlevel.checkpoint()
        assert [row.kind for row in schedule.history()] == ["manual"]
        asked.hear({"kind": "schedule", "verb": "pause", "name": "often"})
        await trio.lowlevel.checkpoint()
        assert schedule.state().standing == "paused"
        asked.hear({"kind": "schedule", "verb": "resume", "name": "often"})
        await trio.lowlevel.checkpoint()
        assert schedule.state().standing == "active"
        assert replies == []
        jobs.select().cancel()


@pytest.mark.parametrize(
    ("verb", "name", "why"),
    [
        ("run", "seldom", "no schedule 'seldom' here"),
        ("remove", "often", "names no verb and no schedule"),
        (["run"], 5, "names no verb and no schedule"),
    ],
)
async def test_a_button_of_a_schedule_that_cannot_be_obeyed_is_answered(
    autojump_clock: trio.abc.Clock, verb: Any, name: Any, why: str
) -> None:
    """With the reason."""
    async with conversation() as (_, asked, replies):
        asked.hear({"kind": "schedule", "verb": verb, "name": name})
        await trio.lowlevel.checkpoint()
        (answered,) = replies
        assert (answered["ok"], answered["id"]) == (False, "")
        assert why in answered["why"]
