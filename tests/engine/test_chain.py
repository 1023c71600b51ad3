"""Chains: one job of several phases, that goes on where it stopped."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock


class Broken(Exception):
    """The error of a phase of these tests."""


class Diary:
    """The calls that the phases of one test have made, and those that are to fail."""

    def __init__(self, *failing: str) -> None:
        self.entries: list[str] = []
        self.failing = list(failing)

    def phase(self, name: str, value: Any = None, *, colour: str = "async") -> Callable[[], Any]:
        """Make a phase's function, which returns ``value`` or fails if it is its turn."""

        def work() -> Any:
            self.entries.append(name)
            if name in self.failing:
                self.failing.remove(name)
                raise Broken(name)
            return value

        async def async_work() -> Any:
            await trio.lowlevel.checkpoint()
            return work()

        return async_work if colour == "async" else work


async def end(job: ja.Job[Any]) -> ja.JobSnapshot:
    """Wait for its end and read it, so that no failure is left unread."""
    await job.wait()
    job.exception()
    return job.snapshot()


def failure_of(job: ja.Job[Any]) -> ja.ChainResult:
    """Return the result of a chain that failed."""
    error = job.exception()
    assert isinstance(error, ja.ChainFailed)
    return error.result


# -- running


@pytest.mark.parametrize("colour", ["async", "sync"])
async def test_phases_run_one_after_the_other_in_either_colour(colour: str) -> None:
    diary = Diary()
    chain = ja.chain(
        ja.phase("Clear", diary.phase("Clear", 3, colour=colour)),
        ja.phase("Index", diary.phase("Index", ["a"])),
    )
    async with ja.open_jobs() as jobs:
        result = await jobs.run(chain)
    assert diary.entries == ["Clear", "Index"]
    assert result.success
    assert (result.status, result.message) == ("succeeded", "2 phases completed")
    assert result.completed == ("Clear", "Index")
    assert result.skipped == ()
    assert result.results == {"Clear": 3, "Index": ["a"]}
    assert (result.resumed, result.stopped_at, result.reason) == (False, None, None)
    assert repr(result) == "<ChainResult succeeded: 2 phases completed>", "no values in a log"


async def test_a_blocking_phase_runs_in_a_thread_and_not_in_the_loop() -> None:
    def work() -> bool:
        return threading.current_thread() is home

    home = threading.current_thread()
    async with ja.open_jobs() as jobs:
        result = await jobs.run(ja.chain(ja.phase("Work", work)))
    assert result.results == {"Work": False}


async def test_the_weights_make_one_progress() -> None:
    seen: list[tuple[float | None, tuple[str, ...]]] = []

    async def look() -> None:
        progress = ja.current_job()._meter.read()
        seen.append((progress.fraction, progress.stages))
        ja.progress(1, 2)
        seen.append((ja.current_job()._meter.read().fraction, ()))

    async with ja.open_jobs() as jobs:
        job = jobs.submit(
            ja.chain(
                ja.phase("Clear", look, weight=10),
                ja.phase("Index", look, weight=70),
                ja.phase("Index", look, weight=20),
            )
        )
        await job
    assert [fraction for fraction, _ in seen] == pytest.approx([0, 0.05, 0.1, 0.45, 0.8, 0.9])
    assert [stages for _, stages in seen[::2]] == [("Clear",), ("Index",), ("Index (2)",)]
    assert job.snapshot().progress.percent == 100


async def test_weights_are_halves_by_default_and_need_not_add_up() -> None:
    seen: list[float | None] = []

    async def look() -> None:
        seen.append(ja.current_job()._meter.read().fraction)

    async with ja.open_jobs() as jobs:
        await jobs.run(ja.chain(*[ja.phase(f"{i}", look) for i in range(4)]))
    assert seen == pytest.approx([0, 0.25, 0.5, 0.75])


async def test_results_are_passed_on_in_arguments_and_in_code() -> None:
    async def scrape() -> list[str]:
        return ["a", "b"]

    async def index(pages: list[str], more: dict[str, Any]) -> Any:
        assert ja.result_of("Scrape") is pages
        return [pages, more]

    def tag() -> Any:
        return ja.result_of("Index")[0]

    scraped = ja.result_of("Scrape")
    async with ja.open_jobs() as jobs:
        result = await jobs.run(
            ja.chain(
                ja.phase("Scrape", scrape),
                ja.phase("Index", index, {"pages": scraped, "more": {"x": [scraped, 1]}}),
                ja.phase("Tag", tag),
            )
        )
    assert result.results["Index"] == [["a", "b"], {"x": [["a", "b"], 1]}]
    assert result.results["Tag"] == ["a", "b"]


async def test_the_result_of_a_name_that_is_there_twice_is_the_last_one_before() -> None:
    diary = Diary()
    async with ja.open_jobs() as jobs:
        result = await jobs.run(
            ja.chain(
                ja.phase("Step", diary.phase("1", 1)),
                ja.phase("First", lambda x: x, {"x": ja.result_of("Step")}),
                ja.phase("Step", diary.phase("2", 2)),
                ja.phase("Second", lambda x: x, {"x": ja.result_of("Step")}),
            )
        )
    assert result.results == {"Step": 1, "First": 1, "Step (2)": 2, "Second": 2}


async def test_a_result_that_is_not_there_fails_the_phase_that_asks() -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.submit(ja.chain(ja.phase("Index", lambda: ja.result_of("Scrape"))))
        await end(job)
        assert "no phase 'Scrape' is completed before 'Index'" in str(job.exception())


async def test_it_runs_without_a_job_system() -> None:
    diary = Diary()
    chain = ja.chain(
        ja.phase("Clear", diary.phase("Clear", 3, colour="sync")),
        ja.phase("Index", diary.phase("Index", 4)),
    )
    result = await chain.run()
    assert (result.message, result.results) == ("2 phases completed", {"Clear": 3, "Index": 4})
    with pytest.raises(ja.WrongThread, match=r"await chain.run\(\)"):
        chain.run_sync()
    again = await trio.to_thread.run_sync(chain.run_sync)
    assert again == result


async def test_without_one_a_failure_says_how_far_it_was() -> None:
    diary = Diary("Index")
    chain = ja.chain(
        ja.phase("Clear", diary.phase("Clear")), ja.phase("Index", diary.phase("Index"))
    )
    with pytest.raises(ja.ChainFailed, match="failed in Index") as caught:
        await chain.run()
    assert isinstance(caught.value.__cause__, Broken)
    assert caught.value.result.completed == ("Clear",)
    diary.failing.append("Clear")
    with pytest.raises(ja.ChainFailed, match="failed in Clear"):
        await trio.to_thread.run_sync(chain.run_sync)


async def test_it_runs_inside_another_job() -> None:
    chain = ja.chain(ja.phase("One", lambda: 1))

    async def work() -> Any:
        with ja.stage("half", weight=50):
            result = await chain.run()
        return result.results, ja.current_job()._meter.read().fraction

    async with ja.open_jobs() as jobs:
        assert await jobs.submit(work) == ({"One": 1}, 0.5)
        assert await jobs.submit(lambda: chain.run_sync().results) == {"One": 1}


# -- failing and going on


def three(diary: Diary, colour: str = "async") -> ja.Chain:
    """A chain of three phases."""
    return ja.chain(
        *[ja.phase(name, diary.phase(name, name.lower(), colour=colour)) for name in "ABC"]
    )


async def test_a_failed_phase_fails_the_chain_and_skips_the_rest() -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.submit(three(Diary("B")))
        assert (await end(job)).state == "failed"
        result = failure_of(job)
    assert not result.success
    assert (result.status, result.stopped_at) == ("failed", "B")
    assert result.completed == ("A",)
    assert result.skipped == ("C",)
    assert [phase.status for phase in result.phases] == ["completed", "failed", "skipped"]
    assert str(result.reason).endswith("Broken: B")
    assert "failed in B (2 of 3)" in result.message
    assert isinstance(getattr(job.exception(), "__cause__", None), Broken)


@pytest.mark.parametrize("how", ["retry", "restart", "submit"])
@pytest.mark.parametrize("colour", ["async", "sync"])
async def test_completed_phases_are_not_run_again(how: str, colour: str) -> None:
    diary = Diary("B", "C")
    chain = three(diary, colour)
    async with ja.open_jobs() as jobs:
        if how == "retry":
            job = jobs.options(retry=ja.Retry(max=5, base=0)).submit(chain)
        else:
            job = jobs.submit(chain)
            for _ in range(2):
                await end(job)
                job = job.restart() if how == "restart" else jobs.submit(chain)
        result = await job
        assert jobs.checkpoints() == []
    assert diary.entries == ["A", "B", "B", "C", "C"]
    assert result.resumed
    assert result.message == "3 phases completed, 2 of them before"
    assert result.results == {"A": "a", "B": "b", "C": "c"}
    assert [phase.kept_from_before for phase in result.phases] == [True, True, False]


async def test_a_checkpoint_is_written_after_every_phase(autojump_clock: MockClock) -> None:
    async with ja.open_jobs() as jobs:
        chain = ja.chain(
            ja.phase("Clear", Diary().phase("Clear", {"n": 1}), weight=30),
            ja.phase("Index", trio.sleep, {"seconds": 10}, weight=70),
        )
        job = jobs.submit(chain)
        await trio.sleep(1)
        (kept,) = jobs.checkpoints("chain")
        assert kept.percent == 30
        assert kept.value == {"chain": [{"phase": "Clear", "type": "dict", "result": {"n": 1}}]}
        await job
        assert jobs.checkpoints() == []


async def test_an_interrupted_phase_goes_on_from_its_own_checkpoint() -> None:
    begun: list[Any] = []

    async def count(stop: int) -> int:
        first = ja.current_job().checkpoint or 0
        begun.append(first)
        for i in range(first, stop):
            ja.save_checkpoint(i + 1)
            if i == 4 and first == 0:
                raise Broken
        return stop

    def loop() -> list[int]:
        done = []
        for i in ja.track(range(4), resumable=True):
            if i == 2 and ja.current_job().attempt == 2:
                raise Broken
            done.append(i)
        begun.append(done)
        return done

    async with ja.open_jobs() as jobs:
        retrying = jobs.options(retry=ja.Retry(max=5, base=0))
        result = await retrying.run(
            ja.chain(
                ja.phase("Count", count, {"stop": 7}),
                ja.phase("Loop", loop),
                ja.phase("Count", count, {"stop": 3}),
            )
        )
        assert jobs.checkpoints() == []
    assert begun == [0, 5, [2, 3], 0], "and the second of a name has one of its own"
    assert result.success


async def test_work_files_belong_to_a_phase() -> None:
    def write() -> str:
        path = ja.current_job().work_file()
        paths.append(path)
        before = path.read_text() if path.exists() else ""
        path.write_text("half")
        if not before:
            raise Broken
        return before

    paths: list[Any] = []
    async with ja.open_jobs() as jobs:
        retrying = jobs.options(retry=ja.Retry(max=5, base=0))
        result = await retrying.run(ja.chain(ja.phase("One", write), ja.phase("Two", write)))
        assert result.results == {"One": "half", "Two": "half"}
    assert len(set(paths)) == 2


async def test_a_result_that_json_cannot_say_is_there_while_the_chain_runs() -> None:
    def add_up(numbers: set[int]) -> int:
        return sum(numbers)

    async with ja.open_jobs() as jobs:
        result = await jobs.run(
            ja.chain(
                ja.phase("Load", lambda: {1, 2}),
                ja.phase("Sum", add_up, {"numbers": ja.result_of("Load")}),
            )
        )
    assert result.results == {"Load": {1, 2}, "Sum": 3}


async def test_a_phase_whose_result_was_not_kept_and_is_needed_is_run_again() -> None:
    diary = Diary("Sum")
    total = diary.phase("Sum", 3)

    async def sum_up(numbers: set[int]) -> Any:
        assert numbers == {1, 2}
        return await total()

    async with ja.open_jobs() as jobs:
        retrying = jobs.options(retry=ja.Retry(base=0))
        result = await retrying.run(
            ja.chain(
                ja.phase("Clear", diary.phase("Clear", {1})),
                ja.phase("Load", diary.phase("Load", {1, 2})),
                ja.phase("Sum", sum_up, {"numbers": ja.result_of("Load")}),
            )
        )
    assert diary.entries == ["Clear", "Load", "Sum", "Load", "Sum"]
    assert result.notes == (
        "Load is run again: Sum takes its result, of type set, which could not be stored",
    )
    assert result.phases[0].value is None, "nobody needs it, so it was not run again"


async def test_asking_in_code_for_a_result_that_was_not_kept_says_what_to_do() -> None:
    diary = Diary("Look")
    fail = diary.phase("Look")

    async def look() -> Any:
        await fail()
        return ja.result_of("Load")

    async with ja.open_jobs() as jobs:
        job = jobs.options(retry=ja.Retry(max=2, base=0)).submit(
            ja.chain(ja.phase("Load", diary.phase("Load", {1})), ja.phase("Look", look))
        )
        await end(job)
        assert 'pass it as an argument, ja.result_of("Load")' in str(job.exception())


async def test_a_chain_of_another_name_is_another_work() -> None:
    """Or of other phases, where it has no name: neither is refused, and neither takes anything."""
    async with ja.open_jobs() as jobs:
        await end(jobs.submit(three(Diary("B"))))
        nightly = ja.chain(*three(Diary("B")).phases, name="nightly")
        await end(jobs.submit(nightly))
        assert (await jobs.submit(ja.chain(ja.phase("X", Diary().phase("X"))))).success
        assert (await jobs.submit(ja.chain(*three(Diary()).phases, name="weekly"))).success
        both = jobs.resumable()
        assert [work.name for work in both] == ["nightly", "A → B → C"]
        assert [kept.value["chain"][0]["phase"] for kept in jobs.checkpoints("chain")] == ["A", "A"]


async def test_a_repaired_chain_leaves_out_what_is_completed() -> None:
    """The phase that had failed has another function, another one is new, one is gone."""
    diary = Diary("B")
    load, old, last = three(diary).phases
    async with ja.open_jobs() as jobs:
        first = jobs.submit(ja.chain(load, old, last, name="nightly"))
        await end(first)
        repaired = ja.chain(
            ja.phase("First", diary.phase("First")),
            load,
            ja.phase("B", diary.phase("B repaired")),
            name="nightly",
        )
        job = jobs.submit(repaired)
        result = await job
        assert jobs.checkpoints() == []
    assert diary.entries == ["A", "B", "First", "B repaired"]
    assert job.info.continues == first.id
    assert result.resumed
    assert result.results["A"] == "a"


@pytest.mark.parametrize("change", ["function", "arguments", "gone", "its own checkpoint"])
async def test_a_chain_that_was_changed_in_what_is_done_asks(change: str) -> None:
    """What is completed, or has a checkpoint, was made by other code or from other arguments."""
    made: list[str] = []

    def load(page: int = 1) -> int:
        made.append("load")
        return page

    def load_anew(page: int = 1) -> int:
        made.append("load anew")
        return page

    def index() -> None:
        ja.save_checkpoint(3)
        raise Broken

    def index_anew() -> Any:
        return ja.current_job().checkpoint

    def nightly(*phases: ja.Phase) -> ja.Chain:
        return ja.chain(*phases, name="nightly")

    first = nightly(ja.phase("Load", load, {"page": 1}), ja.phase("Index", index))
    changed = {
        "function": nightly(ja.phase("Load", load_anew, {"page": 1}), ja.phase("Index", index)),
        "arguments": nightly(ja.phase("Load", load, {"page": 2}), ja.phase("Index", index)),
        "gone": nightly(ja.phase("Index", index)),
        "its own checkpoint": nightly(
            ja.phase("Load", load, {"page": 1}), ja.phase("Index", index_anew)
        ),
    }[change]
    why = {
        "function": "of another function, or of other code in Load",
        "arguments": "of other arguments of Load",
        "gone": "of another chain: Load is not in this one",
        "its own checkpoint": "of another function, or of other code in Index",
    }[change]
    async with ja.open_jobs() as jobs:
        await end(jobs.submit(first))
        with pytest.raises(ja.CheckpointFound, match=why):
            jobs.submit(changed)
        assert len(jobs.checkpoints("chain")) == 2
        job = jobs.options(on_checkpoint="resume").submit(changed)
        await end(job)
    assert made == ["load"]
    if change == "its own checkpoint":
        assert job.result().results["Index"] == 3, "as was asked for"


async def test_a_job_goes_on_with_one_chain_after_another() -> None:
    """The checkpoint of the second chain says nothing about the first."""
    diary = Diary("B")
    first = ja.chain(ja.phase("A", diary.phase("A")))
    second = ja.chain(ja.phase("B", diary.phase("B")))

    async def both() -> None:
        await first.run()
        await second.run()

    async with ja.open_jobs() as jobs:
        await jobs.options(retry=ja.Retry(base=0)).submit(both)
    assert diary.entries[-1] == "B"


@pytest.mark.parametrize("kept", [3, {"chain": 3}, {"chain": [3]}, {"chain": [{"phase": "A"}]}])
async def test_a_checkpoint_that_no_chain_has_written_is_refused(kept: Any) -> None:
    async def work() -> None:
        if ja.current_job().checkpoint is None:
            ja.save_checkpoint(kept)
            raise Broken
        await ja.chain(ja.phase("A", Diary().phase("A"))).run()

    async with ja.open_jobs() as jobs:
        job = jobs.options(retry=ja.Retry(max=2, base=0)).submit(work)
        with pytest.raises(ValueError, match="not one of a chain"):
            await job


async def test_a_phase_may_snooze() -> None:
    async def wait_once() -> int:
        if ja.current_job().attempt == 1:
            raise ja.Snooze(0)
        return ja.current_job().attempt

    diary = Diary()
    async with ja.open_jobs() as jobs:
        result = await jobs.run(
            ja.chain(ja.phase("A", diary.phase("A")), ja.phase("Wait", wait_once))
        )
    assert result.results["Wait"] == 2
    assert diary.entries == ["A"]


async def test_errors_of_single_items_are_in_the_result() -> None:
    async def index() -> int:
        for page in range(4):
            with ja.collect_errors(f"page {page}"):
                if page % 2:
                    raise Broken(page)
        return 4

    diary = Diary("End")
    async with ja.open_jobs() as jobs:
        result = await jobs.options(retry=ja.Retry(base=0)).run(
            ja.chain(ja.phase("Index", index), ja.phase("End", diary.phase("End")))
        )
    assert [error.item for error in result.errors] == ["page 1", "page 3"]
    assert result.phases[0].errors == result.errors, "kept, with the phase that was not run again"
    assert result.message == "2 phases completed, 1 of them before; 2 errors of single items"


# -- cancelling


def partial_of(caught: pytest.ExceptionInfo[ja.JobCancelled]) -> ja.ChainResult:
    """Return the result of a chain that was cancelled."""
    result = caught.value.partial
    assert isinstance(result, ja.ChainResult)
    return result


async def test_a_cancel_ends_the_running_phase_and_skips_the_rest(
    autojump_clock: MockClock,
) -> None:
    diary = Diary()
    chain = ja.chain(
        ja.phase("Clear", diary.phase("Clear", 1)),
        ja.phase("Index", trio.sleep, {"seconds": 100}),
        ja.phase("Tag", diary.phase("Tag")),
    )
    async with ja.open_jobs() as jobs:
        job = jobs.submit(chain)
        await trio.sleep(1)
        job.cancel("enough")
        with pytest.raises(ja.JobCancelled, match="enough") as caught:
            await job
        result = partial_of(caught)
        assert [phase.status for phase in result.phases] == ["completed", "cancelled", "skipped"]
        assert (result.stopped_at, result.reason) == ("Index", "enough")
        assert len(jobs.checkpoints()) == 1
    assert diary.entries == ["Clear"]


async def test_a_cancel_reaches_a_phase_in_a_thread() -> None:
    begun = threading.Event()

    def work() -> None:
        for _ in ja.track(iter(int, 1)):
            begun.set()

    async with ja.open_jobs() as jobs:
        job = jobs.submit(ja.chain(ja.phase("Work", work), ja.phase("More", work)))
        await trio.to_thread.run_sync(begun.wait)
        job.cancel()
        await job.wait()
        assert job.state == "cancelled"
        with pytest.raises(ja.JobCancelled) as caught:
            await job
        assert partial_of(caught).skipped == ("More",)


async def test_a_phase_that_says_it_was_cancelled_ends_the_chain() -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.submit(
            ja.chain(ja.phase("A", lambda: ja.cancelled("some")), ja.phase("B", lambda: 1))
        )
        with pytest.raises(ja.JobCancelled) as caught:
            await job
        result = partial_of(caught)
        assert [(phase.status, phase.value) for phase in result.phases] == [
            ("cancelled", "some"),
            ("skipped", None),
        ]
    direct = await ja.chain(ja.phase("A", lambda: ja.cancelled("some"))).run()
    assert direct.status == "cancelled"


async def test_a_phase_that_ignores_the_cancel_is_completed_and_the_next_is_not_begun() -> None:
    begun, go = threading.Event(), threading.Event()

    def ignore() -> str:
        begun.set()
        go.wait()
        return "done"

    async with ja.open_jobs() as jobs:
        job = jobs.submit(ja.chain(ja.phase("A", ignore), ja.phase("B", lambda: 1)))
        await trio.to_thread.run_sync(begun.wait)
        job.cancel()
        go.set()
        with pytest.raises(ja.JobCancelled) as caught:
            await job
        assert partial_of(caught).results == {"A": "done"}


async def test_a_timeout_is_no_cancel(autojump_clock: MockClock) -> None:
    async with ja.open_jobs() as jobs:
        chain = ja.chain(ja.phase("Index", trio.sleep, {"seconds": 100}))
        job = jobs.options(timeout=5).submit(chain)
        outcome = (await end(job)).outcome
        assert isinstance(job.exception(), ja.JobTimedOut)
    assert outcome is not None
    assert outcome.state == "failed"
    assert isinstance(outcome.value, ja.ChainResult)
    assert (outcome.value.status, outcome.value.stopped_at) == ("failed", "Index")
    assert outcome.value.reason == "it took longer than its timeout of 5 s"


async def test_a_thread_that_does_not_end_is_left_behind_at_the_end(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    go, begun = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        go.wait()

    async with ja.open_jobs() as jobs:
        job = jobs.options(grace=0).submit(ja.chain(ja.phase("Hang", hang)))
        await trio.to_thread.run_sync(begun.wait)
        await jobs.close()
    assert job.state == "cancelled"
    assert "abandoned" in str(job.snapshot().reason)
    go.set()


async def test_it_pauses_between_two_phases() -> None:
    begun, go = trio.Event(), trio.Event()
    diary = Diary()

    async def wait() -> None:
        begun.set()
        await go.wait()

    async with ja.open_jobs() as jobs:
        job = jobs.submit(ja.chain(ja.phase("A", wait), ja.phase("B", diary.phase("B"))))
        await begun.wait()
        job.pause()
        go.set()
        async with jobs.subscribe(ja.JobPaused):
            await trio.testing.wait_all_tasks_blocked()
        assert job.state == "paused"
        assert diary.entries == []
        job.resume()
        await job
    assert diary.entries == ["B"]


# -- before the start


async def work_with(folder: str) -> None:
    """Be a phase that takes an argument."""


def texts(chain: ja.Chain, severity: str) -> list[str]:
    return [str(problem) for problem in chain.check() if problem.severity == severity]


def generator() -> Any:
    """Be no function to run."""
    yield


@pytest.mark.parametrize(
    ("phases", "text"),
    [
        ([], "a chain has at least one phase"),
        ([ja.phase("Index", "no-such-type")], "Index: no job type 'no-such-type'"),
        ([ja.phase("Index", work_with)], "Index: it cannot be called so: missing"),
        ([ja.phase("Index", generator)], "Index: a generator function"),
        (
            [ja.phase("Index", work_with, {"folder": ja.result_of("Load")})],
            "Index: it takes the result of 'Load', which is not in this chain",
        ),
        (
            [
                ja.phase("Index", work_with, {"folder": [ja.result_of("Load")]}),
                ja.phase("Load", trio.lowlevel.checkpoint),
            ],
            "Index: it takes the result of 'Load', which comes later",
        ),
        (
            [
                ja.phase("Index", work_with, {"folder": ""}, after=["Metadata"]),
                ja.phase("Metadata", trio.lowlevel.checkpoint),
            ],
            "Index: 'Metadata' has to come before it",
        ),
    ],
)
async def test_what_is_wrong_is_said_before_the_start(phases: list[ja.Phase], text: str) -> None:
    chain = ja.chain(*phases)
    assert any(problem.startswith(text) for problem in texts(chain, "error"))
    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.ChainInvalid) as caught:
            jobs.submit(chain)
        assert caught.value.problems
        assert jobs.list() == []
    with pytest.raises(ja.ChainInvalid):
        await chain.run()


async def test_a_rule_about_a_phase_that_is_not_there_is_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    chain = ja.chain(ja.phase("Index", Diary().phase("Index"), after="Metadata"), name="Rebuild")
    (warning,) = texts(chain, "warning")
    assert warning == "Index: it usually comes after 'Metadata', which is not in this chain"
    assert texts(chain, "error") == []
    with caplog.at_level(logging.WARNING):
        await chain.run()
    assert f"chain Rebuild: {warning}" in caplog.text


def test_a_rule_that_is_kept_is_no_news() -> None:
    chain = ja.chain(
        ja.phase("Metadata", trio.lowlevel.checkpoint),
        ja.phase("Index", work_with, {"folder": ""}, after="Metadata"),
    )
    assert chain.check() == []


@pytest.mark.parametrize(
    "make",
    [
        lambda: ja.phase("", len),
        lambda: ja.phase("A", len, weight=0),
        lambda: ja.phase("A", len, weight=float("nan")),
        lambda: ja.phase("A", 3),  # type: ignore[arg-type]
        lambda: ja.phase("A", len, ["x"]),  # type: ignore[arg-type]
        lambda: ja.phase("A", len, after=[1]),  # type: ignore[list-item]
        lambda: ja.chain(len),  # type: ignore[arg-type]
        lambda: ja.chain(name=3),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_phase_is_refused_at_once(make: Callable[[], Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        make()


async def test_a_chain_takes_no_arguments_beside_its_phases() -> None:
    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match="arguments of its phases"):
            jobs.submit(three(Diary()), 3)  # type: ignore[call-overload]


# -- as JSON


@ja.job("chain-test-add")
async def add(left: int, right: int = 1) -> int:
    """Be a registered phase."""
    return left + right


@ja.job("chain-test-double", runner="process")
def double(value: int) -> int:
    """Be another one."""
    return 2 * value


async def test_a_chain_of_job_types_is_json_and_the_same_by_name() -> None:
    chain = ja.chain(
        ja.phase("Add", add, {"left": 2}, weight=10),
        ja.phase("Double", "chain-test-double", {"value": ja.result_of("Add")}, after="Add"),
        name="Sums",
    )
    described = {
        "name": "Sums",
        "phases": [
            {
                "name": "Add",
                "type": "chain-test-add",
                "arguments": {"left": 2},
                "weight": 10,
                "after": [],
            },
            {
                "name": "Double",
                "type": "chain-test-double",
                "arguments": {"value": {"$result_of": "Add"}},
                "weight": 50,
                "after": ["Add"],
            },
        ],
    }
    async with ja.open_jobs() as jobs:
        one = jobs.options(subject="a").submit(chain)
        other = jobs.options(subject="b").submit("chain", described)
        assert one.arguments == other.arguments == ((), described)
        assert (await one).results == (await other).results == {"Add": 3, "Double": 6}
        assert {one.info.type, other.info.type} == {"chain"}
        assert {one.name, other.name} == {"Sums"}


async def test_short_json_is_enough() -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.submit(
            "chain", {"phases": [{"type": "chain-test-add", "arguments": {"left": 1}}]}
        )
        assert (await job).results == {"chain-test-add": 2}
        assert job.name == "chain-test-add"


@pytest.mark.parametrize(
    ("phases", "text"),
    [
        ("Add", '"phases" are a list'),
        ([3], "a phase is"),
        ([{"name": "Add"}], '"type" is missing'),
        ([{"type": "chain-test-add", "wait": 3}], "no 'wait'"),
        ([{"type": "no-such-type"}], "no job type"),
        ([{"type": "chain-test-add", "arguments": {}}], "left: it is required, and was not given"),
    ],
)
async def test_json_that_makes_no_chain_is_refused_at_the_submit(phases: Any, text: str) -> None:
    async with ja.open_jobs() as jobs:
        with pytest.raises((TypeError, ValueError), match=text):
            jobs.submit("chain", {"phases": phases})
        assert jobs.list() == []


async def test_a_chain_with_other_functions_runs_as_well() -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.submit(ja.chain(ja.phase("Add", add, {"left": 1}), ja.phase("Own", lambda: 1)))
        assert (await job).results == {"Add": 2, "Own": 1}
        assert job.name == "Add → Own"
