"""Tests of a panel: first state, frames, buttons and greetings, over a comm without a kernel."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
import trio
from jobactors_widgets.change_feed import ChangeFeed
from jobactors_widgets.panel import JobsPanel
from msgspec.structs import replace

import jobactors as ja

from .conftest import RecordingComm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Comms = list[RecordingComm]


@contextlib.asynccontextmanager
async def fed_jobs() -> AsyncIterator[tuple[ja.Jobs, ChangeFeed]]:
    """Open a job system with a feed beside it."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        feed = ChangeFeed()
        ja.lowlevel.attach(jobs, feed.serve)
        yield jobs, feed


def panel_comm(comms: Comms) -> RecordingComm:
    """The comm of the panel, not the one of its layout."""
    return next(each for each in comms if "rows" in each.first_state)


def states(rows: list[dict[str, Any]]) -> list[str]:
    """The states of these rows."""
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
        assert (state["frame"], state["single"], state["ended"]) == (feed.frame, False, False)
        assert state["hears"] is False  # there is no kernel here


async def test_a_panel_out_of_sight_is_sent_numbers_once_a_second(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    """Its views tell so."""

    async def work() -> None:
        for step in range(100):
            ja.progress(step, 100)
            await trio.sleep(0.1)

    async with fed_jobs() as (jobs, feed):
        job = jobs.submit(work)
        JobsPanel(jobs, feed)
        comm = panel_comm(comms)
        for ids, frames in ([], 3), ([job.id], 30):
            comm.receive({"kind": "sight", "place": "cell", "ids": ids})
            await trio.sleep(0.5)
            before = len(comm.contents)
            await trio.sleep(3)
            assert len(comm.contents) - before == pytest.approx(frames, abs=1)
        job.cancel()


async def test_a_page_loaded_again_gets_the_present_state(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    """The state that ipywidgets sends when it restores is read at that moment."""
    async with fed_jobs() as (jobs, feed):
        panel = JobsPanel(jobs, feed)
        jobs.submit(trio.sleep, 5)
        await trio.sleep(1)
        restored = panel.get_state()
        assert states(restored["rows"]) == ["running"]
        assert restored["frame"] == panel.last_frame


async def test_frames_are_numbered_and_carry_changes(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    """The first state is not sent again; each frame names the one that it follows."""
    async with fed_jobs() as (jobs, feed):
        jobs.submit(trio.sleep, 100)
        await trio.sleep(1)
        JobsPanel(jobs, feed)
        await trio.sleep(1)
        jobs.submit(trio.sleep, 5)
        await trio.sleep(10)
        frames = panel_comm(comms).contents
        first = panel_comm(comms).first_state["frame"]
        assert [states(frame["rows"]) for frame in frames] == [["running"], ["succeeded"]]
        assert [(frame["after"] - first, frame["frame"] - first) for frame in frames] == [
            (0, 1),
            (1, 2),
        ]
        jobs.select().cancel()


async def test_cancel_is_done_and_answered(comms: Comms, autojump_clock: trio.abc.Clock) -> None:
    """A pressed button ends the job, gives a reason, and is answered before the row shows it."""
    async with fed_jobs() as (jobs, feed):
        job = jobs.submit(trio.sleep, 100)
        JobsPanel(jobs, feed, job)
        await trio.sleep(1)
        panel_comm(comms).receive({"kind": "act", "verb": "cancel", "id": job.id})
        await trio.sleep(1)
        (answered,) = [each for each in panel_comm(comms).contents if each["kind"] == "answer"]
        frames = [each for each in panel_comm(comms).contents if each["kind"] == "frame"]
        assert answered == {
            "kind": "answer",
            "id": job.id,
            "verb": "cancel",
            "ok": True,
            "why": "",
        }
        assert frames[-1]["rows"][0]["reason"] == "by hand"
        assert job.state is ja.JobState.CANCELLED


@pytest.mark.parametrize("message", [None, 5, "act", {}, {"kind": "act"}, {"kind": "new"}, []])
async def test_a_message_of_no_known_kind_does_nothing(
    comms: Comms, autojump_clock: trio.abc.Clock, message: object
) -> None:
    """A newer front end may send kinds that this kernel does not know."""
    async with fed_jobs() as (jobs, feed):
        JobsPanel(jobs, feed)
        await trio.sleep(1)
        before = len(panel_comm(comms).contents)
        panel_comm(comms).receive(message)
        await trio.sleep(1)
        assert len(panel_comm(comms).contents) == before


async def test_a_browser_that_missed_a_frame_is_sent_what_changed_since(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    """A greeting with the right number is answered by silence; one without, by everything."""
    async with fed_jobs() as (jobs, feed):
        for seconds in (3, 100):
            jobs.submit(trio.sleep, seconds)
        panel = JobsPanel(jobs, feed)
        await trio.sleep(1)
        first = panel.last_frame
        await trio.sleep(5)
        heard = panel_comm(comms)
        before = len(heard.contents)
        for frame in (panel.last_frame, first, -1):
            heard.receive({"kind": "hello", "frame": frame})
            await trio.sleep(1)
        since, everything = heard.contents[before:]
        assert states(since["rows"]) == ["succeeded"]
        assert since["after"] == first
        assert states(everything["rows"]) == ["succeeded", "running"]
        assert everything["full"]
        jobs.select().cancel()


async def test_the_last_rows_outlive_the_job_system(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    """After the end a page is still served, a button is answered, and the system is released."""
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
        panel = JobsPanel(jobs, feed, job)
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


async def until_answered(heard: RecordingComm, kind: str) -> dict[str, Any]:
    """Return the last message of a kind."""
    await trio.sleep(1)
    return [content for content in heard.contents if content["kind"] == kind][-1]


async def test_what_ten_thousand_jobs_cost_on_the_wire(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    """Short rows, once, with the first state; then a delta a frame, and nothing without news."""
    async with fed_jobs() as (jobs, feed):
        held = jobs.options(hold=True, tags=("batch",), subject="wiki")
        made = [held.options(name=f"page {n}").submit(trio.sleep, 1) for n in range(10_000)]
        JobsPanel(jobs, feed)
        heard = panel_comm(comms)
        assert len(json.dumps(heard.first_state["rows"])) < 10_000 * 180
        await trio.sleep(1)
        assert heard.contents == []
        for job in made[:100]:
            job.cancel()
        await trio.sleep(5)
        (delta,) = [len(json.dumps(content)) for content in heard.contents]
        assert delta < 100 * 200
        jobs.select().cancel()


async def test_trouble_with_the_store_is_shown_on_the_board_alone(
    comms: Comms, autojump_clock: trio.abc.Clock
) -> None:
    """In the first state, in a frame when it is news, and not beside each single job."""
    async with fed_jobs() as (jobs, feed):
        job = jobs.submit(trio.sleep, 100)
        await trio.sleep(1)
        board, alone = JobsPanel(jobs, feed), JobsPanel(jobs, feed, job)
        ja.lowlevel.describe_store(jobs, trouble="jobs are kept in memory only")
        assert board.get_state()["notice"] == "jobs are kept in memory only"
        assert alone.get_state()["notice"] == ""
        feed.look_again()
        await trio.sleep(1)
        ja.lowlevel.describe_store(jobs)
        job.cancel()
        await trio.sleep(1)
        told = [each["notice"] for each in panel_comm(comms).contents if "notice" in each]
        assert told == ["jobs are kept in memory only", ""]


async def interrupted(store: ja.MemoryStore, name: str) -> str:
    """Leave an interrupted job of a type that is called so in the store; return its id."""

    @ja.job(name)
    async def index() -> None:
        ja.progress(45, 100)
        await trio.sleep_forever()

    async with ja.open_jobs(store=store) as jobs:
        job = jobs.submit(name)
        await trio.sleep(1)
        await jobs.close(0)
    return job.id


@pytest.mark.parametrize(
    ("verb", "states"),
    [("resume", ["running"]), ("fresh", ["cancelled", "running"]), ("discard", ["cancelled"])],
)
async def test_an_interrupted_job_goes_on_or_not(
    comms: Comms, autojump_clock: trio.abc.Clock, verb: str, states: list[str]
) -> None:
    """It rests until the user has pressed one of three buttons."""
    store = ja.MemoryStore()
    job_id = await interrupted(store, "index for the panel")
    async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
        feed = ChangeFeed()
        ja.lowlevel.attach(jobs, feed.serve)
        JobsPanel(jobs, feed)
        heard = panel_comm(comms)
        (row,) = heard.first_state["rows"]
        assert (row["state"], row["fraction"], "obstacle" in row) == ("interrupted", 0.45, False)
        heard.receive({"kind": "act", "verb": verb, "id": job_id})
        assert (await until_answered(heard, "answer"))["why"] == ""
        assert [snapshot.state.value for snapshot in jobs.list()] == states
        jobs.select().cancel()


async def test_an_obstacle_is_shown_until_a_cell_removes_it(
    comms: Comms, autojump_clock: trio.abc.Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The type is declared by a cell that has not been run yet."""
    store = ja.MemoryStore()
    await interrupted(store, "index of yesterday")
    obstacle = "its job type is not registered yet"

    def resumable(jobs: ja.Jobs) -> list[Any]:
        return [replace(work, obstacle=obstacle) for work in found(jobs)]

    found = ja.Jobs.resumable
    monkeypatch.setattr(ja.Jobs, "resumable", resumable)
    async with ja.open_jobs(store=store) as jobs:
        feed = ChangeFeed()
        ja.lowlevel.attach(jobs, feed.serve)
        JobsPanel(jobs, feed)
        heard = panel_comm(comms)
        assert [row["obstacle"] for row in heard.first_state["rows"]] == [obstacle]
        await trio.sleep(1)
        feed.look_again()
        await trio.sleep(1)
        before = len(heard.contents)
        monkeypatch.setattr(ja.Jobs, "resumable", found)
        feed.look_again()
        await trio.sleep(1)
        (frame,) = heard.contents[before:]
        assert ["obstacle" in row for row in frame["rows"]] == [False]
        jobs.select().cancel()
