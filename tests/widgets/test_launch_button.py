"""Tests of `launcher`: a button that starts a job and shows how it ends."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import trio
from jobactors_widgets import launcher

import jobactors as ja
from jobactors.model import job_type as register

pytestmark = pytest.mark.usefixtures("comms")


def parts(box: Any) -> tuple[Any, Any]:
    """The button of a launcher, and the line below it."""
    (button, _row), (says, _question) = (part.children for part in box.children)
    return button, says


def row(box: Any) -> Any:
    """The row of the launcher's job, as the browser is sent it."""
    (panel,) = box.children[0].children[1].children
    (only,) = panel.present_rows()
    return only


def shown_choices(box: Any) -> dict[str, Any]:
    """The buttons of the question, by their texts; none where nothing is asked."""
    question = box.children[1].children[1]
    asked = question.layout.display != "none"
    return {button.description: button for button in question.children} if asked else {}


async def work(steps: int = 2) -> str:
    """Work for so many seconds."""
    for step in range(steps):
        ja.progress(step, steps, "writing")
        await trio.sleep(1)
    return "a letter"


async def fail() -> None:
    """Fail after a second."""
    await trio.sleep(1)
    raise ValueError("no address")


async def until_text(says: Any, text: str) -> None:
    """Wait for a text from another thread.  The virtual clock would run away from a real wait."""
    for thread in threading.enumerate():
        if thread.name == "jobactors-repr":
            thread.join(10)
    for _ in range(100):
        if says.value == text:
            return
        await trio.sleep(0.001)
    raise AssertionError(says.value)


async def test_the_button_is_disabled_while_its_job_runs_and_then_shows_the_result(
    autojump_clock: trio.abc.Clock,
) -> None:
    """And can be pressed again."""
    async with ja.open_jobs() as jobs:
        box = launcher(work, label="Write", jobs=jobs, args={"steps": 4})
        button, says = parts(box)
        assert (button.description, button.disabled, says.value) == ("Write", False, "")
        button.click()
        assert button.disabled
        await trio.sleep(2.5)
        assert (row(box)["state"], row(box)["fraction"]) == ("running", 0.5)
        await trio.sleep(3)
        assert not button.disabled
        await until_text(says, "'a letter'")
        button.click()
        await trio.sleep(0.5)
        assert [snapshot.state.value for snapshot in jobs.list()] == ["succeeded", "running"]


async def test_a_function_of_the_user_puts_the_result_into_words(
    autojump_clock: trio.abc.Clock,
) -> None:
    """One that raises is named in the result's place, and hurts nothing."""

    def as_title(result: str) -> str:
        return {"a letter": "A Letter"}[result]

    async with ja.open_jobs() as jobs:
        button, says = parts(launcher(work, jobs=jobs, result_text=as_title))
        button.click()
        await trio.sleep(3)
        await until_text(says, "A Letter")
        button, says = parts(launcher(work, subject="b", jobs=jobs, result_text=str.split))
        button.click()
        await trio.sleep(3)
        await until_text(says, "['a', 'letter']")
        button, says = parts(launcher(work, subject="c", jobs=jobs, result_text=int))
        button.click()
        await trio.sleep(3)
        await until_text(says, "result_text raised ValueError")


async def test_an_error_is_shown_and_the_button_works_again(
    autojump_clock: trio.abc.Clock,
) -> None:
    """After both ends."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        box = launcher(fail, jobs=jobs)
        button, says = parts(box)
        button.click()
        await trio.sleep(2)
        assert row(box)["error"] == "ValueError: no address"
        assert (says.value, button.disabled) == ("", False)


async def test_two_buttons_for_the_same_work_start_one_job(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Also with other arguments; another subject is another job; a new button finds the old job."""
    async with ja.open_jobs() as jobs:
        one, two, other = (
            parts(launcher(work, subject=subject, jobs=jobs, args={"steps": steps}))[0]
            for subject, steps in [("42", 2), ("42", 3), ("43", 2)]
        )
        for button in (one, two, other):
            button.click()
        assert [snapshot.subject for snapshot in jobs.list()] == ["42", "43"]
        await trio.sleep(0.5)
        again = launcher(work, subject="42", jobs=jobs)
        await trio.sleep(0.2)
        assert parts(again)[0].disabled
        assert row(again)["state"] == "running"


async def test_a_failed_submit_is_shown(autojump_clock: trio.abc.Clock) -> None:
    """Arguments are read at the press, and may be wrong."""
    async with ja.open_jobs() as jobs:
        button, says = parts(launcher("nobody knows", jobs=jobs, args=lambda: {"a": 1}))
        button.click()
        assert "UnknownJobType" in says.value
        assert not button.disabled


async def half_done() -> int:
    """Come half of the way the first time, and the whole way from a checkpoint."""
    begun: int = ja.current_job().checkpoint or 0
    ja.progress(begun or 5, 10)
    if not begun:
        ja.save_checkpoint(5)
        raise OSError("the disk is full")
    return begun


@pytest.mark.parametrize(
    ("choice", "ends"),
    [("Resume", "5"), ("Start fresh", None), ("Cancel", None)],
)
async def test_it_asks_what_shall_become_of_a_checkpoint(
    autojump_clock: trio.abc.Clock, choice: str, ends: str | None
) -> None:
    """And does what was answered; the button waits meanwhile."""
    async with ja.open_jobs(unread_failures="ignore", store=ja.MemoryStore()) as jobs:
        box = launcher(half_done, subject="wiki", jobs=jobs)
        button, says = parts(box)
        button.click()
        await trio.sleep(2)
        assert shown_choices(box) == {}
        button.click()
        assert list(shown_choices(box)) == ["Resume", "Start fresh", "Cancel"]
        assert says.value.startswith("failed at 50 %, ")
        assert button.disabled
        shown_choices(box)[choice].click()
        assert shown_choices(box) == {}
        await trio.sleep(2)
        if ends == "5":
            await until_text(says, ends)
        else:
            assert says.value == ""
        assert row(box).get("error") == (None if ends == "5" else "OSError: the disk is full")
        assert not button.disabled


async def test_an_interrupted_job_is_found_and_asked_for(autojump_clock: trio.abc.Clock) -> None:
    """The kernel died last night; the cell with the launcher is run again."""
    store = ja.MemoryStore()
    async with ja.open_jobs(store=store) as jobs:
        parts(launcher(index_for_ever, subject="wiki", jobs=jobs))[0].click()
        await trio.sleep(1)
        await jobs.close(0)
    async with ja.open_jobs(store=store) as jobs:
        box = launcher(index_for_ever, subject="wiki", jobs=jobs)
        button, says = parts(box)
        await trio.sleep(1)
        assert says.value.startswith("interrupted at 45 %, ")
        assert button.disabled
        asked = says.value
        await trio.sleep(600)
        assert says.value != asked  # it was "just now" then
        shown_choices(box)["Cancel"].click()
        assert not button.disabled
        button.click()
        shown_choices(box)["Resume"].click()
        await trio.sleep(1)
        assert row(box)["state"] == "running"
        assert (says.value, shown_choices(box)) == ("", {})
        jobs.select().cancel()


@ja.job("index for the launcher")
async def index_for_ever() -> None:
    """Come to 45 % and stay there."""
    ja.progress(45, 100)
    await trio.sleep_forever()


async def test_a_hostile_repr_does_no_harm(autojump_clock: trio.abc.Clock) -> None:
    """The line reports that it raised."""

    class Bad:
        def __repr__(self) -> str:
            raise SystemExit(1)

    async def make() -> object:
        return Bad()

    async with ja.open_jobs() as jobs:
        button, says = parts(launcher(make, jobs=jobs))
        button.click()
        await trio.sleep(1)
        await until_text(says, "its repr raised SystemExit")


async def test_what_was_left_under_an_earlier_name_of_the_type_is_asked_about(
    autojump_clock: trio.abc.Clock,
) -> None:
    """The launcher of the renamed type offers to go on with it."""
    table = register._registered
    before = dict(table)

    async def index() -> Any:
        found = ja.current_job().checkpoint
        ja.save_checkpoint(3)
        if found is None:
            raise ValueError("gone")
        return found

    try:
        ja.job("index")(index)
        store = ja.MemoryStore()
        async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
            await jobs.options(subject="wiki").submit("index").wait()
        del table["index"]
        ja.job("index_online", aliases="index")(index)
        async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
            box = launcher("index_online", subject="wiki", jobs=jobs)
            await trio.to_thread.run_sync(parts(box)[0].click)
            choices = shown_choices(box)
            assert not choices["Resume"].disabled
            await trio.to_thread.run_sync(choices["Resume"].click)
            latest = jobs.latest("index_online", "wiki")
            assert latest is not None
            assert await latest == 3
    finally:
        table.clear()
        table.update(before)
