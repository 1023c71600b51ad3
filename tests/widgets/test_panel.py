"""A panel: first state, frames, buttons and greetings, over a comm without a kernel."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from jobactors_widgets.feed import Feed
from jobactors_widgets.panel import JobsPanel

import jobactors as ja

from .conftest import RecordingComm

Comms = list[RecordingComm]


@contextlib.asynccontextmanager
async def fed_jobs() -> AsyncIterator[tuple[ja.Jobs, Feed]]:
    """Open a job system with a feed beside it."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        feed = Feed()
        jobs.attach(feed.serve)
        yield jobs, feed


def panel_comm(comms: Comms) -> RecordingComm:
    """The comm of the panel, not the one of its layout."""
    return next(each for each in comms if "rows" in each.first_state)


def states(rows: list[dict[str, Any]]) -> list[str]:
    """How the jobs of these rows stand."""
    return [row["state"] for row in rows]


async def test_a_panel_carries_its_first_state(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    """Nothing need be asked for: a first question may wait for the running cell."""
    async with fed_jobs() as (jobs, feed):
        jobs.submit(trio.sleep, 5)
        await trio.sleep(1)
        JobsPanel(jobs, feed)
        state = panel_comm(comms).first_state
        assert states(state["rows"]) == ["running"]
        assert (state["frame"], state["single"], state["ended"]) == (0, False, False)
        assert state["hears"] is False  # there is no kernel here


async def test_a_page_loaded_again_gets_the_present_state(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    """What ipywidgets sends when it restores is read at that moment, not when something changed."""
    async with fed_jobs() as (jobs, feed):
        panel = JobsPanel(jobs, feed)
        jobs.submit(trio.sleep, 5)
        await trio.sleep(1)
        restored = panel.get_state()
        assert states(restored["rows"]) == ["running"]
        assert restored["frame"] == panel.frames_sent


async def test_frames_are_numbered_and_carry_changes(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    """The first holds everything, the next what changed."""
    async with fed_jobs() as (jobs, feed):
        JobsPanel(jobs, feed)
        await trio.sleep(1)
        jobs.submit(trio.sleep, 5)
        await trio.sleep(10)
        frames = panel_comm(comms).contents
        assert [frame["frame"] for frame in frames] == [1, 2, 3]
        assert [frame.get("full", False) for frame in frames] == [True, False, False]
        assert [states(frame["rows"]) for frame in frames] == [[], ["running"], ["succeeded"]]


async def test_cancel_is_done_and_answered(comms: Comms, autojump_clock: trio.abc.Clock) -> None:
    """A pressed button ends the job, says why, and is answered before the row that shows it."""
    async with fed_jobs() as (jobs, feed):
        job = jobs.submit(trio.sleep, 100)
        JobsPanel(jobs, feed, job.id)
        await trio.sleep(1)
        panel_comm(comms).receive({"kind": "act", "verb": "cancel", "id": job.id})
        await trio.sleep(1)
        _first, answered, *frames = panel_comm(comms).contents
        assert answered == {
            "kind": "answer",
            "id": job.id,
            "verb": "cancel",
            "ok": True,
            "why": "",
        }
        assert frames[-1]["rows"][0]["reason"] == "cancelled by hand"
        assert job.state is ja.JobState.CANCELLED


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ({"kind": "act", "verb": "cancel", "id": "nobody-1"}, "no job 'nobody-1' here"),
        ({"kind": "act", "verb": "__class__", "id": "x"}, "knows no '__class__'"),
        ({"kind": "act", "verb": ["cancel"], "id": 5}, "names no verb and no job"),
    ],
)
async def test_what_cannot_be_done_is_answered_too(
    comms: Comms, autojump_clock: trio.abc.Clock, message: dict[str, Any], why: str
) -> None:
    """A message from a browser is not trusted, and never breaks the loop."""
    async with fed_jobs() as (jobs, feed):
        JobsPanel(jobs, feed)
        await trio.sleep(1)
        panel_comm(comms).receive(message)
        await trio.sleep(1)
        answered = panel_comm(comms).contents[-1]
        assert answered["ok"] is False
        assert why in answered["why"]


@pytest.mark.parametrize("message", [None, 5, "act", {}, {"kind": "act"}, {"kind": "new"}, []])
async def test_a_message_of_no_known_kind_does_nothing(
    comms: Comms, autojump_clock: trio.abc.Clock, message: object
) -> None:
    """A newer front end may say things this kernel does not know."""
    async with fed_jobs() as (jobs, feed):
        JobsPanel(jobs, feed)
        await trio.sleep(1)
        before = len(panel_comm(comms).contents)
        panel_comm(comms).receive(message)
        await trio.sleep(1)
        assert len(panel_comm(comms).contents) == before


async def test_a_browser_that_missed_a_frame_is_told_everything(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    """A greeting with the right number is answered by silence."""
    async with fed_jobs() as (jobs, feed):
        panel = JobsPanel(jobs, feed)
        await trio.sleep(1)
        heard = panel_comm(comms)
        heard.receive({"kind": "hello", "frame": panel.frames_sent})
        await trio.sleep(1)
        assert len(heard.contents) == 1
        heard.receive({"kind": "hello", "frame": -1})
        await trio.sleep(1)
        assert [frame.get("full") for frame in heard.contents] == [True, True]


async def test_the_last_rows_outlive_the_job_system(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    """After the end a page is still served, a button is answered, and no system is kept alive."""
    async with fed_jobs() as (jobs, feed):
        panel = JobsPanel(jobs, feed)
        job = jobs.submit(trio.sleep, 1)
    heard = panel_comm(comms)
    last = heard.contents[-1]
    assert (last["ended"], states(last["rows"])) == (True, ["succeeded"])
    assert states(panel.get_state()["rows"]) == ["succeeded"]
    assert panel.get_state()["ended"] is True
    heard.receive({"kind": "act", "verb": "cancel", "id": job.id})
    assert heard.contents[-1]["why"] == "this job system has stopped"
    heard.receive({"kind": "hello", "frame": -1})


async def test_a_row_stays_when_the_registry_lets_its_job_go(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    """The cell that shows one job goes on showing how it ended."""
    async with fed_jobs() as (jobs, feed):
        job = jobs.submit(trio.sleep, 1)
        panel = JobsPanel(jobs, feed, job.id)
        await job
        await trio.sleep(1)
        jobs.registry.take(job.id)
        await trio.sleep(1)
        assert states(panel.get_state()["rows"]) == ["succeeded"]
        assert "gone" not in panel_comm(comms).contents[-1]
    assert states(panel_comm(comms).contents[-1]["rows"]) == ["succeeded"]


async def test_a_closed_panel_is_sent_nothing_more(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    """When a front end closes the comm, the feed forgets the panel."""
    async with fed_jobs() as (jobs, feed):
        panel = JobsPanel(jobs, feed)
        await trio.sleep(1)
        heard = panel_comm(comms)
        heard.handle_close({})
        before = len(heard.published)
        jobs.submit(trio.sleep, 1)
        await trio.sleep(5)
        assert panel.closed
        assert len(heard.published) == before


async def test_nothing_but_the_first_state_is_ever_a_trait_write(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    """Updates are custom messages: ipywidgets would reorder a mixture of the two in the browser."""
    async with fed_jobs() as (jobs, feed):
        JobsPanel(jobs, feed)
        jobs.submit(trio.sleep, 1)
        await trio.sleep(5)
        methods = {data.get("method") for _, data in panel_comm(comms).published[1:]}
        assert methods == {"custom"}
