"""A result that says of itself that it is a failure."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Callable


def fail_politely() -> dict[str, Any]:
    return {"success": False, "message": "no disk"}


async def test_a_job_that_returns_a_failure_is_warned_of_in_its_log() -> None:
    async with ja.open_jobs() as jobs:
        for _ in range(2):
            job = jobs.submit(fail_politely)
            assert await job == {"success": False, "message": "no disk"}
            assert job.state == "succeeded"
            assert "'success': False" in job.logs()
            assert "raise an exception" in job.logs()


async def test_the_programs_log_has_it_once_a_type(caplog: pytest.LogCaptureFixture) -> None:
    def only_here() -> dict[str, Any]:
        return {"success": False}

    async with ja.open_jobs() as jobs:
        await jobs.map(lambda _: only_here(), range(3))
        for _ in range(3):
            await jobs.submit(only_here)
    said = [record for record in caplog.records if "only_here" in record.getMessage()]
    assert len(said) == 1


async def test_a_phase_that_returns_a_failure_is_named(caplog: pytest.LogCaptureFixture) -> None:
    chain = ja.chain(ja.phase("Index", fail_politely))
    async with ja.open_jobs() as jobs:
        job = jobs.submit(chain)
        assert (await job).success
        assert "phase 'Index' has returned" in job.logs()
    assert "phase 'Index' has returned" in caplog.text


class Key(str):
    """A key whose comparison is code of the user's."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise AssertionError("asked in the loop")

    def __hash__(self) -> int:
        return hash("success")


@pytest.mark.parametrize(
    "make",
    [
        lambda: {"success": True},
        lambda: {"success": 0},
        lambda: {"ok": False},
        lambda: {Key("success"): False},
        lambda: ja.cancelled({"success": False}),
        lambda: None,
    ],
)
async def test_other_results_are_not_warned_of(make: Callable[[], object]) -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.submit(make)
        await job.wait()
        assert job.logs() == ""
