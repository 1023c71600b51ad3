"""Jobs that come after others, jobs as arguments, and slots lent while waiting."""

from __future__ import annotations

import pytest
import trio

import jobactors as ja


async def value(thing: object) -> object:
    """Return it, after a cancel point."""
    await trio.lowlevel.checkpoint()
    return thing


async def fail() -> None:
    """Fail."""
    raise ValueError("no")


async def test_a_job_as_an_argument_stands_for_its_result() -> None:
    """Positional and by name; ``ja.handle`` passes the job itself."""

    async def gather(first: object, *, second: object, raw: ja.Job[object]) -> object:
        return first, second, raw.id

    async with ja.open_jobs() as jobs:
        one, two = jobs.submit(value, 1), jobs.submit(value, 2)
        job = jobs.submit(gather, one, second=two, raw=ja.handle(two))
        assert await job == (1, 2, two.id)


async def test_after_waits_for_success_and_says_so() -> None:
    """The waiting reason is the dependency; order is kept."""
    order: list[str] = []

    async def note(name: str) -> None:
        order.append(name)

    async with ja.open_jobs() as jobs:
        first = jobs.options(hold=True).submit(note, "first")
        second = jobs.options(after=first).submit(note, "second")
        assert second.snapshot().waiting is ja.Waiting.DEPENDENCY
        first.release()
    assert order == ["first", "second"]


async def test_a_failed_upstream_cancels_what_comes_after_with_the_reason() -> None:
    """And what comes after that, ten thousand deep without recursion."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        upstream = jobs.options(hold=True).submit(fail)
        chain = [jobs.options(after=upstream).submit(value, 1)]
        for _ in range(2_000):
            chain.append(jobs.options(after=chain[-1]).submit(value, 1))
        upstream.release()
        await chain[-1].wait()
    assert chain[0].snapshot().reason == f"it comes after {upstream.id}, which failed"
    assert {job.state for job in chain} == {ja.JobState.CANCELLED}


async def test_an_edge_may_ask_for_any_end() -> None:
    """``ja.after(job, when="finished")``."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        upstream = jobs.submit(fail)
        assert await jobs.options(after=[ja.after(upstream)]).submit(value, "cleaned") == "cleaned"
        late = jobs.options(after=upstream).submit(value, 1)
        with pytest.raises(ja.JobCancelled, match="which failed"):
            await late


async def test_a_depended_upon_result_outlives_being_taken() -> None:
    """The registry lets the upstream go, the dependent still gets its result."""
    async with ja.open_jobs() as jobs:
        one = jobs.submit(value, "kept")
        two = jobs.options(hold=True).submit(value, one)
        await one
        jobs.registry.take(one.id)
        two.release()
        assert await two == "kept"


async def test_what_is_no_job_is_refused() -> None:
    """In ``after=``, ``ja.after`` and ``ja.handle``."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match="after= takes jobs"):
            jobs.options(after=["wiki"]).submit(value, 1)
        with pytest.raises(TypeError, match="takes a job"):
            ja.after("wiki")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="takes a job"):
            ja.handle("wiki")  # type: ignore[arg-type]


@pytest.mark.parametrize("colour", ["trio", "thread"])
async def test_waiting_inside_a_job_for_a_job_lends_the_slot(colour: str) -> None:
    """One slot is enough for jobs that wait for jobs, however deep."""
    async with ja.open_jobs(max_running=1) as jobs:

        async def deep(depth: int) -> int:
            return 0 if depth == 0 else 1 + await jobs.submit(deep, depth - 1)

        def deep_in_threads(depth: int) -> int:
            return 0 if depth == 0 else 1 + jobs.submit(deep_in_threads, depth - 1).result()

        with trio.fail_after(60):
            work = deep if colour == "trio" else deep_in_threads
            assert await jobs.submit(work, 8) == 8
        assert len(jobs.list(state="running")) == 0


async def test_jobs_that_wait_for_each_other_are_told() -> None:
    """The one that would close the circle gets Deadlock instead of waiting for ever."""
    both: list[ja.Job[object]] = []
    ready = trio.Event()

    async def wait_for(index: int) -> object:
        await ready.wait()
        try:
            return await both[index]
        except ja.Deadlock:
            return "told"

    async with ja.open_jobs() as jobs:
        both += [jobs.submit(wait_for, 1), jobs.submit(wait_for, 0)]
        ready.set()
        with trio.fail_after(30):
            assert [await job for job in both] == ["told", "told"]


async def test_a_job_with_several_tasks_waits_for_several_jobs() -> None:
    """Each wait is known: whichever job waits back is told."""
    ends = trio.Event()

    async def wait_back(name: str) -> str:
        await waits.wait()
        try:
            await parents[0]
        except ja.Deadlock:
            return f"{name} told"
        else:
            return f"{name} waited"
        finally:
            await ends.wait()

    async def wait_for_both(*others: ja.Job[str]) -> None:
        async with trio.open_nursery() as nursery:
            for other in others:
                nursery.start_soon(other.wait)

    waits = trio.Event()
    parents: list[ja.Job[None]] = []
    async with ja.open_jobs(max_running=1) as jobs:
        children = [jobs.submit(wait_back, name) for name in "ab"]
        parents.append(jobs.submit(wait_for_both, *map(ja.handle, children)))
        jobs.scale(3)
        await trio.testing.wait_all_tasks_blocked()
        waits.set()
        await trio.testing.wait_all_tasks_blocked()
        jobs.scale(1)
        ends.set()
        with trio.fail_after(60):
            await parents[0]
        assert [await child for child in children] == ["a told", "b told"]


async def test_a_block_inside_a_job_lends_the_jobs_slot() -> None:
    """The block has none of its own."""
    async with ja.open_jobs(max_running=1) as jobs:

        async def outer() -> object:
            async with ja.tracked("outer block"), ja.tracked("inner block"):
                return await jobs.submit(value, 1)

        def outer_in_thread() -> object:
            with ja.tracked("block"):
                return jobs.submit(value, 2).result()

        with trio.fail_after(60):
            assert await jobs.submit(outer) == 1
            assert await jobs.submit(outer_in_thread) == 2
        assert not jobs._system.parts.queue.waits


async def test_a_job_cannot_wait_for_one_that_comes_after_it() -> None:
    """It would wait for its own end."""
    later: list[ja.Job[object]] = []
    begin = trio.Event()

    async def wait() -> str:
        await begin.wait()
        with pytest.raises(ja.Deadlock, match="comes after"):
            await later[0]
        return "told"

    async with ja.open_jobs() as jobs:
        first = jobs.submit(wait)
        later.append(jobs.options(after=first).submit(value, 1))
        begin.set()
        assert await first == "told"


async def test_a_closing_system_does_not_wait_behind_a_job_at_rest() -> None:
    """With a store a held job is only interrupted: what comes after it rests with it."""
    with trio.fail_after(60):
        async with ja.open_jobs(store=ja.MemoryStore()) as jobs:
            held = jobs.options(hold=True).submit(value, 1)
            later = jobs.options(after=held).submit(value, 2)
    assert (held.state, later.state) == (ja.JobState.INTERRUPTED, ja.JobState.INTERRUPTED)


async def test_a_job_cannot_wait_for_itself() -> None:
    """The shortest circle."""

    async def self_serving() -> str:
        with pytest.raises(ja.Deadlock):
            await me[0]
        return "told"

    me: list[ja.Job[str]] = []
    async with ja.open_jobs() as jobs:
        me.append(jobs.submit(self_serving))
        assert await me[0] == "told"


async def test_a_job_of_another_system_cannot_be_waited_for() -> None:
    """Nothing would ever hear of its end; once it has ended, its result is as good as any."""
    async with ja.open_jobs() as here, ja.open_jobs() as there:
        going_on = trio.Event()
        job = there.submit(going_on.wait)
        with pytest.raises(ValueError, match=r"belongs to another job system.*wait for it first"):
            here.options(after=[job]).submit(trio.sleep, 0)
        with pytest.raises(ValueError, match="another job system"):
            here.submit(lambda value: value, job)
        going_on.set()
        await job
        assert await here.submit(lambda value: value, job) is None
