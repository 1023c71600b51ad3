"""Tests of the kernel's end of the sidebar without a kernel; `tests/kernel` tries real ones."""

from __future__ import annotations

import contextlib
import logging
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import trio
from jobactors_widgets import sidebar as module
from jobactors_widgets.sidebar import Sidebar
from jobactors_widgets.wire import MOVED

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


class Window:
    """Records the messages to a window's sidebar."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.hears = True

    def open(self, _kernel: object, _comm_id: str, _hear: object) -> Callable[[Any, Any], None]:
        """Stand in for the comm."""
        return self.hear

    def hear(self, data: dict[str, Any], buffers: list[bytes]) -> None:
        """Record a message, and its binary parts beside it."""
        self.messages.append(data | ({"buffers": buffers} if buffers else {}))

    @property
    def kinds(self) -> list[str]:
        """The kinds of messages, in order."""
        return [data["kind"] for data in self.messages]

    @property
    def frames(self) -> list[dict[str, Any]]:
        """The frames, in order."""
        return [data for data in self.messages if data["kind"] == "frame"]


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> Window:
    """A window that looks at this process as at a kernel."""
    window = Window()
    monkeypatch.setattr(module, "current_kernel", SimpleNamespace)
    monkeypatch.setattr(module, "open_fixed_comm", window.open)
    monkeypatch.setattr(module, "hears_while_busy", lambda _: window.hears)
    return window


@contextlib.asynccontextmanager
async def followed() -> AsyncIterator[tuple[ja.Jobs, Sidebar]]:
    """Open a job system that a sidebar follows."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        sidebar = Sidebar()
        sidebar.follow(jobs)
        yield jobs, sidebar


def states(frame: dict[str, Any]) -> list[str]:
    """The states of its rows."""
    return [row["state"] for row in frame["rows"]]


async def test_outside_of_a_kernel_nothing_happens() -> None:
    """A terminal has no sidebar."""
    async with followed() as (_, sidebar):
        sidebar.hear({"kind": "hello", "frame": -1})


async def test_a_window_tells_which_jobs_it_has_in_sight(
    window: Window, autojump_clock: trio.abc.Clock
) -> None:
    """Only those are sent ten times a second; before a hello it is no matter."""

    async def work() -> None:
        for step in range(100):
            ja.progress(step, 100)
            await trio.sleep(0.1)

    async with followed() as (jobs, sidebar):
        job = jobs.submit(work)
        sidebar.hear({"kind": "sight", "place": "list", "ids": []})
        sidebar.hear({"kind": "hello", "frame": -1})
        for ids, frames in ([], 3), ([job.id], 30), ([], 3):
            sidebar.hear({"kind": "sight", "place": "list", "ids": ids})
            await trio.sleep(0.5)
            before = len(window.frames)
            await trio.sleep(3)
            assert len(window.frames) - before == pytest.approx(frames, abs=1)
        job.cancel()


async def test_in_a_kernel_of_another_kind_jobs_go_on_without_it(
    window: Window, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Python kernel that is not ipykernel has no such doors."""

    def refuse(*_: object) -> None:
        raise AttributeError("session")

    monkeypatch.setattr(module, "open_fixed_comm", refuse)
    async with followed() as (jobs, _):
        await jobs.submit(trio.sleep, 0)
    assert window.messages == []


async def test_nothing_is_followed_before_a_hello(
    window: Window, autojump_clock: trio.abc.Clock
) -> None:
    """A kernel whose front end has no sidebar pays one message."""
    async with followed() as (jobs, sidebar):
        await jobs.submit(trio.sleep, 5)
        assert window.messages == [{"kind": "here"}]
        sidebar.hear({"kind": "hello", "frame": -1})
        await trio.sleep(1)
        assert [states(frame) for frame in window.frames] == [["succeeded"]]


async def test_a_kernel_that_is_deaf_in_a_cell_sends_rows_at_once(
    window: Window, autojump_clock: trio.abc.Clock
) -> None:
    """Every frame reports that."""
    window.hears = False
    async with followed() as (jobs, _):
        jobs.submit(trio.sleep, 5)
        await trio.sleep(1)
        (frame,) = window.frames
        assert (frame["full"], frame["hears"]) == (True, False)


async def test_frames_have_numbers_and_a_window_with_the_last_is_sent_nothing(
    window: Window, autojump_clock: trio.abc.Clock
) -> None:
    """A window that missed one receives what changed since; one without any, all."""
    async with followed() as (jobs, sidebar):
        sidebar.hear({"kind": "hello", "frame": -1})
        jobs.submit(trio.sleep, 5)
        jobs.submit(trio.sleep, 10)
        await trio.sleep(1)
        first = window.frames[-1]["frame"]
        await trio.sleep(5)
        before = len(window.frames)
        for frame in (first + 1, first, -1):
            sidebar.hear({"kind": "hello", "frame": frame})
            await trio.sleep(1)
        since, everything = window.frames[before:]
        assert (since["after"], since["frame"]) == (first, first + 1)
        assert [states(since), states(everything)] == [["succeeded"], ["succeeded", "running"]]
        assert everything["full"]


async def test_progress_travels_beside_the_message(
    window: Window, autojump_clock: trio.abc.Clock
) -> None:
    """A few bytes a job, which JSON would make ten times as many."""

    async def work() -> None:
        for step in (1, 2, 3):
            ja.progress(step)
            await trio.sleep(1)

    async with followed() as (jobs, sidebar):
        sidebar.hear({"kind": "hello", "frame": -1})
        jobs.submit(work)
        await trio.sleep(2.5)
        (moved,) = window.frames[-1]["buffers"]
        assert (window.frames[-1]["rows"], len(moved)) == ([], MOVED)


async def test_buttons_are_answered(window: Window, autojump_clock: trio.abc.Clock) -> None:
    """One by one, and all at once."""
    async with followed() as (jobs, sidebar):
        made = [jobs.submit(trio.sleep, 100) for _ in range(300)]
        sidebar.hear({"kind": "act", "verb": "cancel", "id": made[0].id})
        sidebar.hear({"kind": "act", "verb": "fly", "id": made[0].id})
        await trio.sleep(1)
        assert [data["ok"] for data in window.messages[1:]] == [True, False]
        sidebar.hear({"kind": "act", "verb": "cancel", "ids": [job.id for job in made]})
        await trio.sleep(1)
        assert {job.state for job in made} == {ja.JobState.CANCELLED}
        assert [(data["id"], data["ok"]) for data in window.messages[3:]] == [("", True)]


async def test_more_of_one_job_is_sent_on_request(
    window: Window, autojump_clock: trio.abc.Clock
) -> None:
    """The same as below a row in a cell; a job that is gone has no answer."""

    async def answer() -> int:
        return 42

    async with followed() as (jobs, sidebar):
        job = jobs.submit(answer)
        await job
        sidebar.hear({"kind": "details", "id": job.id})
        sidebar.hear({"kind": "log", "id": job.id, "since": -1})
        sidebar.hear({"kind": "details", "id": "nobody"})
        assert window.kinds == ["here", "details", "log"]
        assert window.messages[1]["result"] == "int"


async def test_the_last_rows_stay_for_windows_to_come(
    window: Window, autojump_clock: trio.abc.Clock
) -> None:
    """And a click that comes late is answered."""
    async with followed() as (jobs, sidebar):
        sidebar.hear({"kind": "hello", "frame": -1})
        job = jobs.submit(trio.sleep, 5)
    assert window.frames[-1]["ended"]
    window.messages.clear()
    for data in (
        {"kind": "hello", "frame": -1},
        {"kind": "act", "verb": "cancel", "id": job.id},
        {"kind": "details", "id": job.id},
    ):
        sidebar.hear(data)
    assert window.kinds == ["frame", "answer"]
    assert states(window.frames[0]) == ["succeeded"]
    assert window.messages[1]["why"] == "this job system has stopped"


async def test_the_next_system_takes_the_place_of_the_last(
    window: Window, autojump_clock: trio.abc.Clock
) -> None:
    """Frames are counted on, so that no window mixes the two up."""
    async with followed() as (_, sidebar):
        sidebar.hear({"kind": "hello", "frame": -1})
        await trio.sleep(1)
    before = window.frames[-1]["frame"]
    async with ja.open_jobs() as jobs:
        sidebar.follow(jobs)
        assert window.messages[-1] == {"kind": "here"}
        sidebar.hear({"kind": "hello", "frame": before})
        await trio.sleep(1)
        assert (window.frames[-1]["frame"], window.frames[-1].get("ended")) == (before + 1, None)


async def test_an_unknown_message_is_logged(
    window: Window, caplog: pytest.LogCaptureFixture
) -> None:
    """A message from a browser is not trusted."""
    caplog.set_level(logging.WARNING)
    async with followed() as (_, sidebar):
        for data in (None, {}, {"kind": "act"}, {"kind": "log", "id": 1}):
            sidebar.hear(data)
    assert len(caplog.records) == 4


async def test_a_job_system_with_a_file_has_the_same_name_in_every_kernel(
    window: Window, autojump_clock: trio.abc.Clock, tmp_path: Path
) -> None:
    """An output of yesterday finds its jobs by it; the path itself is not in the notebook."""
    names: list[str] = []
    for store in (tmp_path / "a.db", tmp_path / "a.db", tmp_path / "b.db", None, None):
        async with ja.open_jobs(store=store) as jobs:
            sidebar = Sidebar()
            sidebar.follow(jobs)
            sidebar.hear({"kind": "hello", "frame": -1})
            await trio.sleep(1)
            name = sidebar.name_of(jobs)
            assert window.frames[-1]["system"] == name
            names.append(name or "")
        assert sidebar.name_of(jobs) is None
    assert names[0] == names[1]
    assert len(set(names)) == 4
    assert not any("a.db" in name for name in names)


def until(condition: Callable[[], bool]) -> None:
    """Wait for the loops of started systems."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_every_system_of_a_kernel_is_served_beside_the_others(window: Window) -> None:
    """Messages from and to a named one have its name; those of the kernel's own have none."""
    sidebar = Sidebar()
    own, films = ja.start(), ja.start(name="films")
    try:
        sidebar.follow(own)
        sidebar.follow(films)
        assert window.messages == [{"kind": "here"}, {"kind": "here", "named": "films"}]
        sidebar.hear({"kind": "hello", "frame": -1})
        assert {"kind": "systems", "systems": ["films"]} in window.messages
        sidebar.hear({"kind": "hello", "frame": -1, "named": "films"})
        made = [jobs.options(hold=True).submit(int) for jobs in (own, films)]
        wanted = {(None, made[0].id), ("films", made[1].id)}
        until(
            lambda: (
                wanted
                == {
                    (frame.get("named"), row["id"])
                    for frame in window.frames
                    for row in frame["rows"]
                }
            )
        )
        assert len({frame["system"] for frame in window.frames}) == 2
        act = {"kind": "act", "verb": "cancel", "id": made[1].id}
        for name in ("books", ["films"], "films"):
            sidebar.hear(act | {"named": name})
        until(lambda: "answer" in window.kinds)
        (answer,) = [data for data in window.messages if data["kind"] == "answer"]
        assert (answer["named"], answer["id"], answer["ok"]) == ("films", made[1].id, True)
        assert [job.state for job in made] == ["queued", "cancelled"]
    finally:
        ja.stop()
        ja.stop(name="films")


def test_the_rows_of_a_named_system_that_has_stopped_go_with_the_next_start(
    window: Window,
) -> None:
    """Those of the kernel's own stay until that is started again."""
    sidebar = Sidebar()
    try:
        own, films = ja.start(), ja.start(name="films")
        sidebar.follow(own)
        sidebar.follow(films)
        assert sidebar.name_of(own) != sidebar.name_of(films)
        ja.stop()
        ja.stop(name="films")
        sidebar.follow(ja.start(name="books"))
        assert window.messages[-1] == {"kind": "systems", "systems": ["books"]}
        window.messages.clear()
        sidebar.hear({"kind": "hello", "frame": -1})
        assert window.kinds == ["systems", "frame"]
        assert window.frames[0]["ended"]
    finally:
        for name in ("", "films", "books"):
            ja.stop(name=name) if name else ja.stop()
