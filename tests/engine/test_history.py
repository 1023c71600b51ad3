"""Ended jobs in the store: found, listed, forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja

from .stored_jobs_samples import add, registered, wait

if TYPE_CHECKING:
    from trio.testing import MockClock


async def ended(store: ja.Store | None, *results: Any) -> list[str]:
    """Leave a succeeded job for each result, and return their ids."""
    async with ja.open_jobs(store=store) as jobs:
        made = [jobs.options(name="give").submit(lambda r=result: r) for result in results]  # type: ignore[call-overload]
        for job in made:
            await job.wait()
            job.exception()
    return [job.id for job in made]


RESULTS = [None, 3, 2.5, "text", [1, {"a": None}], True, {"k": [1.0]}]


@pytest.mark.parametrize("result", RESULTS, ids=repr)
async def test_a_result_comes_back_in_the_type_it_had(result: Any) -> None:
    """In another process, from the store."""
    store = ja.MemoryStore()
    (job_id,) = await ended(store, result)
    async with ja.open_jobs(store=store) as jobs:
        value = await jobs.get(job_id)
        assert (type(value), value) == (type(result), result)


async def test_of_other_results_the_types_name_comes_back() -> None:
    """Asking for the value says what to do; looking shows the name."""
    store = ja.MemoryStore()
    ids = await ended(store, (1, 2), object())
    async with ja.open_jobs(store=store) as jobs:
        assert [repr(jobs.get(i).snapshot().outcome.value) for i in ids] == [  # type: ignore[union-attr]
            "<NotKept tuple>",
            "<NotKept object>",
        ]
        with pytest.raises(ja.ResultNotKept, match="let it write a file and return the path"):
            await jobs.get(ids[0])


async def test_the_result_of_a_chain_comes_back() -> None:
    """With its phases and errors; of a value that JSON cannot say, the type's name."""
    store = ja.MemoryStore()

    def index() -> int:
        with ja.collect_errors("page 3"):
            raise ValueError("unreadable")
        return 7

    chain = ja.chain(ja.phase("Index", index), ja.phase("Tag", lambda: (1, 2)))
    async with ja.open_jobs(store=store) as jobs:
        job = jobs.submit(chain)
        result: ja.ChainResult = await job
    async with ja.open_jobs(store=store) as jobs:
        again: ja.ChainResult = await jobs.get(job.id)
        assert again.results == {"Index": 7, "Tag": ja.NotKept("tuple")}
        assert again.errors == result.errors
        assert (again.status, again.message) == (result.status, result.message)


async def test_a_failed_chain_comes_back_with_its_result() -> None:
    """Its phases, where it stopped and why: in the snapshot, and with the error of a waiter."""

    def fail() -> None:
        raise ValueError("connection lost")

    chain = ja.chain(
        ja.phase("Clear", lambda: 5), ja.phase("Index", fail), ja.phase("Tell", lambda: 0)
    )
    store = ja.MemoryStore()
    async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
        job = jobs.submit(chain)
        await job.wait()
        here = job.snapshot().outcome
        assert here is not None
    async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
        again = jobs.get(job.id)
        outcome = again.snapshot().outcome
        assert outcome is not None
        assert outcome.value == here.value
        with pytest.raises(ja.ChainFailed, match="connection lost") as caught:
            await again
        result = caught.value.result
    assert result == here.value
    assert (result.stopped_at, result.results, result.skipped) == ("Index", {"Clear": 5}, ("Tell",))


async def test_a_timed_out_chain_comes_back_with_its_result(autojump_clock: MockClock) -> None:
    """As the cause of the error that says so."""
    chain = ja.chain(ja.phase("Clear", lambda: 5), ja.phase("Wait", trio.sleep_forever))
    store = ja.MemoryStore()
    async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
        job = jobs.options(timeout=5).submit(chain)
        await job.wait()
    async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
        with pytest.raises(ja.JobTimedOut) as caught:
            await jobs.get(job.id)
        assert isinstance(caught.value.__cause__, ja.ChainFailed)
        assert caught.value.__cause__.result.results == {"Clear": 5}


async def test_a_failure_comes_back_as_its_text() -> None:
    """With the traceback of the process it happened in."""
    store = ja.MemoryStore()

    def fail() -> None:
        raise KeyError("gone")

    async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
        job = jobs.submit(fail)
        await job.wait()
    async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
        again = jobs.get(job.id)
        with pytest.raises(ja.JobFailed, match="KeyError: 'gone'"):
            await again
        error = again.snapshot().error
        assert error is not None
        assert "raise KeyError" in error.traceback


async def test_history_is_newest_first_and_filtered(autojump_clock: MockClock) -> None:
    """By state, type, subject, age and number; unfinished jobs are not in it."""
    for store in (None, ja.MemoryStore()):
        async with ja.open_jobs(store=store) as jobs:
            for n in range(5):
                await jobs.options(subject=f"s{n % 2}").submit(trio.sleep, 100)
            jobs.submit(wait).cancel()
            unfinished = jobs.options(hold=True).submit(wait)
            await trio.sleep(1)
            assert [job.state for job in jobs.history()] == ["cancelled"] + ["succeeded"] * 5
            assert [job.subject for job in jobs.history(2, state="succeeded")] == ["s0", "s1"]
            assert len(jobs.history(subject="s1")) == 2
            assert len(jobs.history(type="sleep")) == 5
            assert len(jobs.history(max_age=150)) == 3
            unfinished.cancel()


async def test_history_holds_no_unfinished_jobs() -> None:
    """Asking for such is a mistake, and said to be one."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(ValueError, match=r"history holds ended jobs.*jobs\.list"):
            jobs.history(state="running")


@pytest.mark.parametrize("store", [None, ja.MemoryStore()])
@pytest.mark.parametrize(
    ("error", "says", "wrong"),
    [(TypeError, "is a (whole )?number", ["3", True, [3]]), (ValueError, "at least 0", [-1])],
)
async def test_numbers_that_are_none_are_refused(
    store: ja.Store | None, error: type[Exception], says: str, wrong: list[Any]
) -> None:
    """By name, and before anything is done."""
    async with ja.open_jobs(store=store) as jobs:
        job = jobs.submit(add, 1)
        await job
        for value in wrong:
            with pytest.raises(error, match=f"limit {says}" if error is TypeError else says):
                jobs.history(value)
            with pytest.raises(error, match="max_age is a number of seconds"):
                jobs.history(max_age=value)
            with pytest.raises(error, match="limit is a whole number"):
                jobs.list(limit=value)
            with pytest.raises(error, match="older_than is a number of seconds"):
                jobs.clear(older_than=value)
        assert jobs.history(0) == jobs.list(limit=0) == []
        assert job.id in {kept.id for kept in jobs.history(max_age=float("inf"))}


async def test_the_latest_job_of_a_type_and_subject_is_found_in_the_store() -> None:
    """A page that comes back after a restart finds the result."""
    store = ja.MemoryStore()
    with registered(add=add):
        async with ja.open_jobs(store=store) as jobs:
            await jobs.options(subject="letter 42").submit(add, 1)
            await jobs.options(subject="letter 42").submit(add, 2)
        async with ja.open_jobs(store=store, retention=ja.Retention(read=0)) as jobs:
            assert jobs.list() == []
            job = jobs.latest("add", "letter 42")
            assert job is not None
            assert await job == 2
            assert jobs.latest("add", "letter 43") is None


async def test_a_deleted_job_is_gone_for_good() -> None:
    """From the registry and from the store."""
    store = ja.MemoryStore()
    ids = await ended(store, 1, 2)
    async with ja.open_jobs(store=store) as jobs:
        jobs.get(ids[0]).delete()
        with pytest.raises(ja.UnknownJob):
            jobs.get(ids[0])
    async with ja.open_jobs(store=store) as jobs:
        assert [job.id for job in jobs.history()] == [ids[1]]


async def test_what_is_unfinished_or_needed_is_not_deleted() -> None:
    """The error says why."""
    async with ja.open_jobs(store=ja.MemoryStore()) as jobs:
        first = jobs.submit(add, 1)
        await first
        held = jobs.options(hold=True).submit(add, first, b=1)  # type: ignore[arg-type, var-annotated]
        with pytest.raises(ja.IllegalVerb, match=f"{held.id} comes after it"):
            first.delete()
        with pytest.raises(ja.IllegalVerb, match="cannot remove job"):
            held.delete()
        assert jobs.clear() == 0
        held.cancel()


async def test_what_a_resting_job_comes_after_is_not_deleted() -> None:
    """It could not go on without; also if it was not resumed yet in this process."""
    store = ja.MemoryStore()
    with registered(add=add):
        async with ja.open_jobs(store=store) as jobs:
            first = jobs.submit("add", {"a": 1})
            await first
            jobs.options(hold=True).submit(add, first)  # type: ignore[arg-type]
        async with ja.open_jobs(store=store) as jobs:
            (resting,) = jobs.list(state="interrupted")
            assert jobs.clear() == 0
            with pytest.raises(ja.IllegalVerb, match=f"{resting.id} comes after it"):
                jobs.get(first.id).delete()
            again = jobs.get(resting.id)
            again.resume()
            again.release()
            assert await again == 1
            assert jobs.clear() == 2


async def test_all_that_match_are_cleared() -> None:
    """Also those that only the store holds; the count is returned."""
    store = ja.MemoryStore()
    await ended(store, 1, 2, 3)
    async with ja.open_jobs(store=store, retention=ja.Retention(read=1)) as jobs:
        with registered(add=add):
            await jobs.submit(add, 1)
        assert jobs.clear(type="nothing of that kind") == 0
        assert jobs.clear(state="failed") == 0
        assert jobs.clear(type="add") == 1
        assert jobs.clear(older_than=1000) == 0
        assert jobs.clear() == 3
        assert (jobs.history(), jobs.list()) == ([], [])


async def test_hostile_text_comes_back_as_it_was() -> None:
    """Half surrogates, NUL, markup: in every field that a job can set."""
    text = "<script>\ud800\x00\u202e'; DROP TABLE jobs; --"
    store = ja.MemoryStore()
    async with ja.open_jobs(store=store) as jobs:
        job = jobs.options(
            name=text, subject=text, description=text, tags=[text], icon=text, metadata={text: text}
        ).submit(lambda: text)
        assert await job == text
    async with ja.open_jobs(store=store) as jobs:
        again = jobs.get(job.id)
        assert again.info == job.info
        assert await again == text
        assert [found.id for found in jobs.history(subject=text)] == [job.id]
