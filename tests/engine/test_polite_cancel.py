"""A cancel that a job's code hears of, and answers by returning."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import pytest
import trio
import trio.lowlevel

import jobactors as ja
from jobactors.inside.signals import control

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trio.testing import MockClock


class Library:
    """A library's function that knows of no jobs: it asks a checker, saves, and returns.

    It stands still at item 3, once, until it is told to go on.
    """

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go = threading.Event()

    def index(
        self, checker: Callable[[], bool], save: Callable[[int], object], start: int = 0
    ) -> dict[str, Any]:
        """Index ten items, or as many as it may."""
        for i in range(start, 10):
            if i == 3 and not start:
                self.begun.set()
                self.go.wait(30)
            if checker():
                save(i)
                return {"success": False, "indexed": i}
        return {"success": True, "indexed": 10}

    def job(self) -> dict[str, Any]:
        """Index as a job does."""
        ctx = ja.current_job()
        return self.index(ctx.cancel_checker, ja.save_checkpoint, ctx.checkpoint or 0)

    async def cancel(self, job: ja.Job[Any]) -> ja.JobSnapshot:
        """Cancel the job in the middle of its items, and wait for its end."""
        await trio.to_thread.run_sync(self.begun.wait, 30)
        job.cancel("enough")
        self.go.set()
        return await job.wait()


async def test_a_library_that_asks_saves_and_returns_leaves_a_cancelled_job() -> None:
    library = Library()
    async with ja.open_jobs() as jobs:
        snapshot = await library.cancel(job := jobs.submit(library.job))
        assert snapshot.state == "cancelled"
        assert snapshot.outcome is not None
        assert snapshot.outcome.answer is ja.Answer.STOPPED
        assert snapshot.explanation == "enough (it stopped when told)"
        assert snapshot.to_dict()["answer"] == "stopped"
        with pytest.raises(ja.JobCancelled) as caught:
            await job
        assert caught.value.partial == {"success": False, "indexed": 3}
        [checkpoint] = jobs.checkpoints()
        assert checkpoint.value == 3
        assert await job.restart() == {"success": True, "indexed": 10}


async def test_a_library_that_takes_a_threading_event_is_given_one_that_a_cancel_sets() -> None:
    begun = threading.Event()

    def crawl(progress: Callable[..., object], stop_event: Any) -> dict[str, Any]:
        assert not stop_event.wait(0)
        begun.set()
        assert stop_event.wait()
        assert stop_event.is_set()
        progress(3, 10)  # raises the cancel, unless that is put off
        return {"success": False, "cancelled": True}

    def job() -> dict[str, Any]:
        with ja.shield():
            return crawl(ja.progress, ja.current_job().cancel_event)

    async def no_thread() -> None:
        ja.current_job().cancel_event.wait(0)

    async with ja.open_jobs() as jobs:
        work = jobs.submit(job)
        await trio.to_thread.run_sync(begun.wait, 30)
        work.cancel("enough")
        with pytest.raises(ja.JobCancelled) as caught:
            await work
        assert caught.value.partial == {"success": False, "cancelled": True}
        with pytest.raises(ja.WrongThread, match=r"await ctx\.wait_cancel_requested"):
            await jobs.run(no_thread)
    assert not ja.current_job().cancel_event.wait(0)  # outside a job


class ReportingLibrary(Library):
    """Reports each item after its work, and asks before it, as most libraries do."""

    def index(
        self, checker: Callable[[], bool], save: Callable[[int], object], start: int = 0
    ) -> dict[str, Any]:
        """Index ten items; at item 3 stand still between the question and the report."""
        for i in range(start, 10):
            if checker():
                save(i)
                return {"success": False, "indexed": i}
            if i == 3 and not start:
                self.begun.set()
                self.go.wait(30)
            ja.current_job().progress_callback(i + 1, 10)
        return {"success": True, "indexed": 10}


async def test_a_library_that_asks_is_not_cut_short_by_its_own_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The request comes between a question and a report; the next question has the answer."""
    monkeypatch.setattr(control, "ANSWER_SECONDS", 1000.0)
    library = ReportingLibrary()
    async with ja.open_jobs() as jobs:
        job = jobs.submit(library.job)
        await library.cancel(job)
        with pytest.raises(ja.JobCancelled) as caught:
            await job
        assert caught.value.partial == {"success": False, "indexed": 4}
        assert (await job.restart())["indexed"] == 10


async def test_a_library_that_asks_no_more_is_cancelled_by_its_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It has had its time."""
    monkeypatch.setattr(control, "ANSWER_SECONDS", 0.0)
    begun = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def work() -> None:
        ctx = ja.current_job()
        assert not ctx.cancel_checker()
        token.run_sync_soon(begun.set)
        while True:
            ctx.progress_callback(1, 2)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await begun.wait()
        job.cancel()
        assert (await job.wait()).state == "cancelled"


async def test_a_library_that_asks_is_paused_by_its_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(control, "ANSWER_SECONDS", 1000.0)
    begun = trio.Event()
    token = trio.lowlevel.current_trio_token()

    def work() -> str:
        ctx = ja.current_job()
        while not ctx.cancel_checker():
            token.run_sync_soon(begun.set)
            ctx.progress_callback(1, 2)
        return "stopped"

    async with ja.open_jobs() as jobs, jobs.subscribe(ja.JobPaused) as pauses:
        job = jobs.submit(work)
        await begun.wait()
        job.pause()
        with trio.fail_after(60):
            await anext(aiter(pauses))
        job.resume()
        job.cancel()
        with pytest.raises(ja.JobCancelled) as caught:
            await job
        assert caught.value.partial == "stopped"


async def test_its_phase_of_a_chain_is_not_completed_and_is_finished_later() -> None:
    library = Library()
    chain = ja.chain(ja.phase("Index", library.job), ja.phase("Tag", lambda: "tagged"))
    async with ja.open_jobs() as jobs:
        job = jobs.submit(chain)
        await library.cancel(job)
        with pytest.raises(ja.JobCancelled) as caught:
            await job
        result = caught.value.partial
        assert isinstance(result, ja.ChainResult)
        assert [phase.status for phase in result.phases] == ["cancelled", "skipped"]
        assert result.phases[0].value == {"success": False, "indexed": 3}
        later = await job.restart()
        assert later.results == {"Index": {"success": True, "indexed": 10}, "Tag": "tagged"}


async def test_a_chain_that_is_run_within_a_job_ends_there_too() -> None:
    library = Library()
    chain = ja.chain(ja.phase("Index", library.job), ja.phase("Tag", lambda: "tagged"))
    async with ja.open_jobs() as jobs:
        job = jobs.submit(chain.run_sync)
        assert (await library.cancel(job)).state == "cancelled"
        with pytest.raises(ja.JobCancelled) as caught:
            await job
        assert isinstance(caught.value.partial, ja.ChainResult)
        assert caught.value.partial.skipped == ("Tag",)


async def test_a_phase_can_say_that_it_has_finished_all_the_same() -> None:
    library = Library()

    def work() -> str:
        library.job()
        return ja.succeeded("whole")

    async with ja.open_jobs() as jobs:
        last = jobs.submit(ja.chain(ja.phase("A", work)))
        assert (await library.cancel(last)).state == "succeeded"
        assert (await last).results == {"A": "whole"}
        library.begun.clear()
        library.go.clear()
        first = jobs.options(subject="two").submit(
            ja.chain(ja.phase("A", work), ja.phase("B", lambda: 1))
        )
        await library.cancel(first)
        with pytest.raises(ja.JobCancelled) as caught:
            await first
        assert isinstance(caught.value.partial, ja.ChainResult)
        assert caught.value.partial.results == {"A": "whole"}


async def test_a_polite_return_is_not_tried_again(autojump_clock: MockClock) -> None:
    begun: list[int] = []

    async def work() -> str:
        begun.append(1)
        if len(begun) == 1:
            raise ValueError("once")
        with trio.CancelScope(shield=True):
            await ja.current_job().wait_cancel_requested()
        return "so far"

    async with ja.open_jobs() as jobs:
        job = jobs.options(retry=ja.Retry(max=5, base=1)).submit(work)
        await trio.sleep(10)
        job.cancel()
        assert (await job.wait()).state == "cancelled"
    assert len(begun) == 2


async def test_a_polite_return_after_a_timeout_has_failed(autojump_clock: MockClock) -> None:
    async def work() -> str:
        with trio.CancelScope(shield=True):
            while not ja.current_job().cancel_requested:  # noqa: ASYNC110 - it is polled
                await trio.sleep(1)
            ja.save_checkpoint(3)
        return "so far"

    async with ja.open_jobs(unread_failures="ignore") as jobs:
        for runs_in_chain in (False, True):
            options = jobs.options(timeout=5, subject=str(runs_in_chain))
            job: ja.Job[Any] = (
                options.submit(ja.chain(ja.phase("A", work)))
                if runs_in_chain
                else options.submit(work)
            )
            with pytest.raises(ja.JobTimedOut):
                await job
            assert job.state == "failed"
            assert jobs.checkpoints(subject=str(runs_in_chain))


@pytest.mark.parametrize("in_chain", [False, True])
async def test_a_polite_return_at_the_end_of_the_program_is_interrupted(in_chain: bool) -> None:
    begun = trio.Event()

    async def work() -> str:
        with trio.CancelScope(shield=True):
            begun.set()
            await ja.current_job().wait_cancel_requested()
            ja.save_checkpoint(3)
        return "so far"

    async with ja.open_jobs(store=ja.MemoryStore()) as jobs:
        job = jobs.submit(ja.chain(ja.phase("A", work)) if in_chain else work)
        await begun.wait()
        await jobs.close()
        assert job.state == "interrupted"
        assert job.snapshot().explanation.endswith("(it stopped when told)")


async def test_trio_code_that_catches_its_cancellation_has_stopped() -> None:
    async def work() -> str:
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            return "so far"

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await trio.testing.wait_all_tasks_blocked()
        job.cancel()
        with pytest.raises(ja.JobCancelled) as caught:
            await job
        assert caught.value.partial == "so far"


async def test_a_time_limit_under_a_shield_tells_of_no_cancel(autojump_clock: MockClock) -> None:
    async def work() -> str:
        with trio.CancelScope(shield=True):
            with trio.move_on_after(5):
                await trio.sleep_forever()
        return "whole"

    async with ja.open_jobs() as jobs:
        before, meanwhile = jobs.submit(work), jobs.submit(work)
        await trio.sleep(1)
        meanwhile.cancel()
        assert await before == "whole"
        assert await meanwhile == "whole"
        assert before.snapshot().explanation == ""
        assert meanwhile.snapshot().explanation == "it had finished before it looked"


async def test_a_worker_thread_of_trio_code_answers_for_it() -> None:
    library = Library()

    async def work() -> dict[str, Any]:
        return await trio.to_thread.run_sync(library.job)

    async with ja.open_jobs() as jobs:
        assert (await library.cancel(jobs.submit(work))).state == "cancelled"


async def test_a_question_may_be_asked_in_another_thread() -> None:
    """As a library does that has workers of its own, and leaves work out in them."""
    library = Library()
    asked: list[bool] = []

    def look() -> None:
        asked.append(ja.current_job().cancel_requested)

    def work() -> str:
        library.begun.set()
        library.go.wait(30)
        with ThreadPoolExecutor(1) as pool:
            pool.submit(ja.bind_context(look)).result()
        return "whole"

    async with ja.open_jobs() as jobs:
        snapshot = await library.cancel(jobs.submit(work))
        assert snapshot.state == "cancelled"
        assert snapshot.outcome is not None
        assert snapshot.outcome.value == "whole"
    assert asked == [True]


async def test_ranges_of_a_polite_job_stay_for_the_next_one(tmp_path: Path) -> None:
    library = Library()

    def tag(part: ja.Range) -> str:
        ctx = ja.current_job()
        for i in part.track():
            if i == 3 and not library.begun.is_set():
                library.begun.set()
                library.go.wait(30)
            if ctx.cancel_requested:
                break
        else:
            return "all"
        return "some"

    async with ja.open_jobs() as jobs:
        [part] = ja.ranges(10, 1)
        snapshot = await library.cancel(job := jobs.submit(tag, part))
        assert snapshot.state == "cancelled"
        [checkpoint] = jobs.checkpoints()
        assert checkpoint.items == 3
        assert await job.restart() == "all"


async def test_batches_of_a_polite_job_stay_for_the_next_one() -> None:
    library = Library()
    seen: list[list[int]] = []

    def work() -> str:
        for batch in ja.batches(range(6), 2):
            seen.append(batch)
            if batch == [2, 3] and not library.begun.is_set():
                library.begun.set()
                library.go.wait(30)
            if ja.current_job().cancel_requested:
                return "some"
        return "all"

    async with ja.open_jobs() as jobs:
        snapshot = await library.cancel(job := jobs.submit(work))
        assert snapshot.state == "cancelled"
        assert await job.restart() == "all"
    assert seen == [[0, 1], [2, 3], [2, 3], [4, 5]]


async def test_an_executor_hands_the_partial_result_on() -> None:
    library = Library()
    async with ja.open_jobs() as jobs:
        future = cast("ja.JobFuture[Any]", jobs.as_executor().submit(library.job))
        await library.cancel(future.job)
        error = await trio.to_thread.run_sync(future.exception)
        assert isinstance(error, ja.JobCancelled)
        assert error.partial == {"success": False, "indexed": 3}


async def test_what_is_stored_says_how_a_request_was_answered() -> None:
    store = ja.MemoryStore()
    polite, deaf = Library(), Library()

    def work() -> str:
        deaf.begun.set()
        deaf.go.wait(30)
        return "whole"

    async with ja.open_jobs(store=store) as jobs:
        stopped, finished = jobs.submit(polite.job), jobs.submit(work)
        await polite.cancel(stopped)
        await deaf.cancel(finished)
    async with ja.open_jobs(store=store) as jobs:
        said = {entry.id: entry.explanation for entry in jobs.history()}
    assert said[stopped.id] == "enough (it stopped when told)"
    assert said[finished.id] == "it had finished before it looked"


def test_run_inside_says_what_a_job_would_be() -> None:
    library = Library()
    library.go.set()
    seen = ja.testing.run_inside(library.job, cancel_after=0)
    assert (seen.cancelled, seen.stopped) == (True, False)
    assert seen.value == {"success": False, "indexed": 0}
    assert not ja.testing.run_inside(lambda: ja.succeeded(7), cancel_after=0).cancelled
    assert ja.testing.run_inside(lambda: ja.succeeded(7)).value == 7


async def test_the_frames_of_a_waiting_trio_job_can_be_seen() -> None:
    """By what shows the tasks of a program: the layer that listens hides nothing."""
    tasks: list[trio.lowlevel.Task] = []

    async def deep_inside() -> None:
        tasks.append(trio.lowlevel.current_task())
        await trio.sleep_forever()

    async def work() -> None:
        await deep_inside()

    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await trio.testing.wait_all_tasks_blocked()
        names = [frame.f_code.co_name for frame, _ in tasks[0].iter_await_frames()]
        assert [name for name in names if name in {"work", "deep_inside"}] == [
            "work",
            "deep_inside",
        ]
        job.cancel()


async def test_an_awaitable_that_is_no_coroutine_runs_as_a_job() -> None:
    class Later:
        def __await__(self) -> Any:
            yield from trio.lowlevel.checkpoint().__await__()  # noqa: ASYNC105 - it is, by hand
            return 7

    async with ja.open_jobs() as jobs:
        assert await jobs.options(runner="trio").submit(Later) == 7
