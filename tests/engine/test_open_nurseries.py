"""A function that opens a nursery and does not close it fails alone."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import contextvars
import logging
from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

ENDED: contextvars.ContextVar[list[str]] = contextvars.ContextVar("ENDED")
LEFT_OPEN = "a nursery was opened here and never closed"


async def note_its_end() -> None:
    try:
        await trio.sleep_forever()
    finally:
        ENDED.get().append("cancelled")


async def leave_open(*_: Any, inner: int = 1, fails: bool = False) -> None:
    for _number in range(inner):
        nursery = await trio.open_nursery().__aenter__()
        nursery.start_soon(note_its_end)
    await wait_all_tasks_blocked()
    if fails:
        raise KeyError("of its own")


async def leave_a_scope_in_it(*_: Any) -> None:
    await leave_open()
    trio.CancelScope().__enter__()


@pytest.fixture
async def jobs() -> AsyncGenerator[ja.Jobs]:
    """A system with another job at work, which goes on to its end."""
    ENDED.set([])
    go_on = trio.Event()
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        other = jobs.submit(go_on.wait)
        yield jobs
        go_on.set()
        await other


@pytest.mark.parametrize("inner", [1, 3])
async def test_the_job_fails_with_the_cure_and_its_tasks_are_cancelled(
    jobs: ja.Jobs, inner: int
) -> None:
    with pytest.raises(RuntimeError, match=f"{LEFT_OPEN}.*async with trio.open_nursery"):
        await jobs.submit(leave_open, inner=inner)
    assert ENDED.get() == ["cancelled"] * inner


async def test_an_error_of_its_own_is_told_as_well(jobs: ja.Jobs) -> None:
    with pytest.raises(RuntimeError, match=LEFT_OPEN) as caught:
        await jobs.submit(leave_open, fails=True)
    assert isinstance(caught.value.__context__, KeyError)


async def test_a_scope_that_is_open_in_it_is_no_worse(jobs: ja.Jobs) -> None:
    with pytest.raises(RuntimeError, match=LEFT_OPEN):
        await jobs.submit(leave_a_scope_in_it)
    assert ENDED.get() == ["cancelled"]


async def test_a_phase_fails_and_not_the_next_one(jobs: ja.Jobs) -> None:
    chain = ja.chain(ja.phase("Leave", leave_open), ja.phase("Next", trio.sleep, {"seconds": 0}))
    with pytest.raises(ja.ChainFailed, match=f"failed in Leave.*{LEFT_OPEN}"):
        await jobs.submit(chain)


async def test_a_hook_is_logged_and_its_job_unaffected(caplog: pytest.LogCaptureFixture) -> None:
    ENDED.set([])
    caplog.set_level(logging.ERROR, "jobactors")
    async with ja.open_jobs() as jobs:
        assert await jobs.options(on_done=leave_open).submit(str, 7) == "7"
    assert LEFT_OPEN in caplog.text
    assert ENDED.get() == ["cancelled"]


async def test_a_callback_for_events_is_logged_and_ends(caplog: pytest.LogCaptureFixture) -> None:
    ENDED.set([])
    caplog.set_level(logging.ERROR, "jobactors")
    async with ja.open_jobs() as jobs:
        jobs.on_event(leave_open, ja.JobFinished)
        assert await jobs.submit(str, 7) == "7"
    assert LEFT_OPEN in caplog.text
    assert ENDED.get() == ["cancelled"]
