"""A job that raises, returns or asks for anything at all ends alone."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import jobactors as ja
from tests.model.hostile import EXCEPTIONS, RESULTS, SNOOZES, striking_kind, take_apart

if TYPE_CHECKING:
    from collections.abc import Callable

RUNNERS = ["trio", "thread"]


async def end_of(runner: Any, code: Callable[[], Any], **options: Any) -> ja.JobSnapshot:
    """Run a job beside another one, which must be none the worse, and so must a later one."""

    async def in_loop() -> Any:
        return code()

    async with ja.open_jobs(unread_failures="ignore", store=ja.MemoryStore()) as jobs:
        beside = jobs.options(hold=True).submit(int)
        job = jobs.options(runner=runner, **options).submit(in_loop if runner == "trio" else code)
        await job.wait()
        await job.stored()
        beside.release()
        assert await beside == 0
        assert await jobs.run(int) == 0
        return job.snapshot()


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("name", EXCEPTIONS)
async def test_a_job_fails_with_any_exception(name: str, runner: str) -> None:
    made = []

    def fail() -> None:
        made.append(EXCEPTIONS[name]())
        raise made[0]

    snapshot = await end_of(runner, fail, retry=ja.Retry(max=2, on=striking_kind(Exception)))
    assert snapshot.state is ja.JobState.FAILED
    assert snapshot.attempt == 1
    assert snapshot.error
    take_apart(made[0])


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("name", RESULTS)
async def test_a_job_succeeds_with_any_result(name: str, runner: str) -> None:
    snapshot = await end_of(runner, RESULTS[name])
    assert snapshot.state is ja.JobState.SUCCEEDED


@pytest.mark.parametrize("runner", RUNNERS)
@pytest.mark.parametrize("name", SNOOZES)
async def test_a_bad_snooze_fails_its_job_and_says_what_was_wrong(name: str, runner: str) -> None:
    make, says = SNOOZES[name]

    def doze() -> None:
        raise make()

    snapshot = await end_of(runner, doze)
    assert snapshot.state is ja.JobState.FAILED
    assert snapshot.error is not None
    assert says in snapshot.error.message
    assert "raise make()" in snapshot.error.traceback, "it says where"
