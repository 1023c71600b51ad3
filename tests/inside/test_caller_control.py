"""``chain.run_sync(progress=…, cancel=…)``: a chain for programs that know of no jobs."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import threading
from typing import Any

import pytest
import trio

import jobactors as ja


def track_ten(done: list[int]) -> int:
    done.extend(ja.track(range(10)))
    return len(done)


class Caller:
    """The callbacks of a library's function."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.told: list[tuple[float, float, str]] = []
        self.asked = 0
        self.stop_at = stop_at

    def progress(self, done: float, total: float, text: str) -> None:
        """Take what is told."""
        self.told.append((done, total, text))

    def cancel(self) -> bool:
        """Stop at a question."""
        self.asked += 1
        return self.stop_at is not None and self.asked > self.stop_at


def test_progress_is_told_in_percent_at_the_ends_of_phases() -> None:
    caller, done = Caller(), list[int]()
    chain = ja.chain(
        ja.phase("A", track_ten, {"done": done}, weight=25), ja.phase("B", int, weight=75)
    )
    assert chain.run_sync(progress=caller.progress).results == {"A": 10, "B": 0}
    assert caller.told[0][:2] == (0, 100)
    assert (25, 100) in [entry[:2] for entry in caller.told]
    assert caller.told[-1][:2] == (100, 100)
    assert [entry[0] for entry in caller.told] == sorted(entry[0] for entry in caller.told)


def test_progress_names_the_phase_and_its_message() -> None:
    caller = Caller()

    def work() -> None:
        ja.progress(1, 2, "half way")
        caller.told.clear()

    ja.chain(ja.phase("A", work), ja.phase("B", int)).run_sync(
        progress=lambda done, total, text: caller.told.append((done, total, text))
    )
    assert caller.told[0][2].endswith("half way")


@pytest.mark.parametrize("items", [range(10), list(range(10)), {i: i for i in range(10)}])
def test_a_phase_is_cancelled_between_two_items(items: Any) -> None:
    caller, done = Caller(stop_at=4), list[int]()

    def work() -> None:
        for i in ja.track(items):
            done.append(i)

    result = ja.chain(ja.phase("A", work), ja.phase("B", int)).run_sync(cancel=caller.cancel)
    assert result.status == "cancelled"
    assert [phase.status for phase in result.phases] == ["cancelled", "skipped"]
    assert len(done) == 3  # one question came before the phase


def test_a_phase_that_asks_politely_is_cancelled_too() -> None:
    caller = Caller(stop_at=2)

    def work() -> str:
        ctx = ja.current_job()
        while not ctx.cancel_checker():
            pass
        return "so far"

    result = ja.chain(ja.phase("A", work), ja.phase("B", int)).run_sync(cancel=caller.cancel)
    assert result.status == "cancelled"
    assert [phase.value for phase in result.phases] == ["so far", None]


def test_a_phase_of_trio_code_is_cancelled_where_it_checks() -> None:
    caller = Caller(stop_at=3)

    async def work() -> None:
        while True:
            await ja.current_job().check()

    assert ja.chain(ja.phase("A", work)).run_sync(cancel=caller.cancel).status == "cancelled"


def test_a_chain_that_nothing_cancels_ends_as_ever() -> None:
    caller, done = Caller(), list[int]()
    chain = ja.chain(ja.phase("A", track_ten, {"done": done}))
    assert chain.run_sync(cancel=caller.cancel).success
    assert caller.asked > 10


def test_a_callback_that_raises_fails_the_phase() -> None:
    def broken(*_: object) -> None:
        raise ValueError("broken bar")

    with pytest.raises(ja.ChainFailed, match="broken bar"):
        ja.chain(ja.phase("A", int)).run_sync(progress=broken)


async def test_inside_a_job_the_jobs_own_callbacks_do() -> None:
    """As a library's function takes them, which runs its phases by a chain."""
    begun = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def loop() -> None:
        token.run_sync_soon(begun.set)
        for _ in ja.track(iter(int, 1)):
            pass

    def rebuild(progress: Any, cancel: Any) -> ja.ChainResult:
        chain = ja.chain(ja.phase("A", int), ja.phase("B", loop))
        return chain.run_sync(progress=progress, cancel=cancel)

    def work() -> ja.ChainResult:
        ctx = ja.current_job()
        return rebuild(ctx.progress_callback, ctx.cancel_checker)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await begun.wait()
        job.cancel()
        with pytest.raises(ja.JobCancelled) as caught:
            await job
        assert isinstance(caught.value.partial, ja.ChainResult)
        assert caught.value.partial.results == {"A": 0}
        assert job.snapshot().progress.fraction == 0.5
        assert jobs.checkpoints(), "its completed phase is there for the next one"


async def test_inside_a_job_its_own_cancel_still_ends_the_chain() -> None:
    begun = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def loop() -> None:
        token.run_sync_soon(begun.set)
        for _ in ja.track(iter(int, 1)):
            pass

    def work() -> ja.ChainResult:
        return ja.chain(ja.phase("A", loop)).run_sync(progress=Caller().progress)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await begun.wait()
        job.cancel()
        assert (await job.wait()).state == "cancelled"


async def test_a_cancel_that_a_progress_callback_meets_ends_the_chain_as_well() -> None:
    """It is the first to report after the request, and its job's point of obeying."""
    begun, cancelled = trio.Event(), threading.Event()
    token = trio.lowlevel.current_trio_token()

    def loop() -> None:
        for _ in ja.track(iter(int, 1)):
            pass

    def work() -> ja.ChainResult:
        report = ja.current_job().progress_callback

        def progress(done: float, total: float, text: str) -> None:
            if text.startswith("B"):
                token.run_sync_soon(begun.set)
                cancelled.wait()
            report(done, total, text)

        chain = ja.chain(ja.phase("A", int), ja.phase("B", loop))
        return chain.run_sync(progress=progress)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await begun.wait()
        job.cancel("enough")
        cancelled.set()
        with pytest.raises(ja.JobCancelled, match="enough") as caught:
            await job
        assert isinstance(caught.value.partial, ja.ChainResult)
        assert caught.value.partial.results == {"A": 0}
