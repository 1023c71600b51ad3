"""Jobs that come after others, jobs as arguments, and slots lent while waiting."""

from __future__ import annotations

import pickle
from collections import OrderedDict, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import trio
import trio.testing

import jobactors as ja
from jobactors.testing import record_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


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
    before, last = chain[-2:]
    assert (
        chain[0].snapshot().reason == f"it comes after {upstream.id}, which failed: ValueError: no"
    )
    assert (
        last.snapshot().reason == f"it comes after {before.id}, which was cancelled: ValueError: no"
    )
    assert {job.state for job in chain} == {ja.JobState.CANCELLED}


async def test_an_edge_may_ask_for_any_end() -> None:
    """``ja.after(job, when="finished")``."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        upstream = jobs.submit(fail)
        assert await jobs.options(after=[ja.after(upstream)]).submit(value, "cleaned") == "cleaned"
        late = jobs.options(after=upstream).submit(value, 1)
        with pytest.raises(ja.JobCancelled, match="which failed"):
            await late


async def test_a_failed_upstream_is_named_and_is_the_cause() -> None:
    """Of the error of each job that hangs on it, near or far, with the traceback in the job."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        films = jobs.options(name="download films").submit(fail)
        index = jobs.submit(value, films)
        search = jobs.submit(value, index)
        for job in (index, search):
            with pytest.raises(ja.JobCancelled) as caught:
                await job
            cause = caught.value.__cause__
            assert type(cause) is ValueError
            assert f"raised in job {films.id}:" in "".join(cause.__notes__)
            outcome = job.snapshot().outcome
            assert outcome is not None
            assert outcome.cause_id == films.id
        reason = index.snapshot().reason
        assert (
            reason == f"it comes after 'download films' ({films.id}), which failed: ValueError: no"
        )


async def test_a_cancelled_upstream_is_named_with_its_reason() -> None:
    """And it is the cause, as a failed one is."""
    async with ja.open_jobs() as jobs:
        upstream = jobs.options(hold=True).submit(value, 1)
        late = jobs.submit(value, upstream)
        upstream.cancel("no longer needed")
        with pytest.raises(ja.JobCancelled, match="was cancelled: no longer needed") as caught:
            await late
        assert isinstance(caught.value.__cause__, ja.JobCancelled)
        assert upstream.id in str(caught.value.__cause__)


async def test_a_job_after_a_failed_one_and_after_one_that_goes_with_it_is_cancelled_once() -> None:
    """Both ways to it lead from the same failure; the first one takes it along."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        begin = trio.Event()

        async def fail() -> None:
            await begin.wait()
            raise ValueError

        failed = jobs.submit(fail)
        between = jobs.submit(value, failed)
        last = jobs.options(after=[ja.after(failed, "finished")]).submit(value, between)
        begin.set()
        assert (await last.wait()).state == "cancelled"
        assert (await between.wait()).state == "cancelled"
        assert await jobs.run(value, 1) == 1


@dataclass(frozen=True)
class Plan:
    """Work that a person describes."""

    pages: list[object]
    title: str = "wiki"


class Pair(NamedTuple):
    """Two things."""

    one: object
    other: object


@pytest.mark.parametrize("runner", ["trio", "thread", "process"])
async def test_jobs_inside_containers_of_arguments_stand_for_their_results(runner: str) -> None:
    """Lists, tuples, dictionaries and dataclasses, at any depth; the caller's own stay as is."""
    async with ja.open_jobs() as jobs:
        one, two = jobs.submit(value, 1), jobs.submit(value, [2])
        given: list[object] = [one, ("a", {"deep": [two]})]
        work: Any = value if runner == "trio" else given_back
        several = jobs.options(runner=runner)  # type: ignore[arg-type]
        assert await several.submit(work, given) == [1, ("a", {"deep": [[2]]})]
        assert given == [one, ("a", {"deep": [two]})]
        assert await several.submit(work, Plan([one, 3])) == Plan([1, 3])
        assert await several.submit(work, Pair(one, other={"x": two})) == Pair(1, {"x": [2]})
        late = jobs.options(hold=True).submit(value, "late")
        waiting = several.submit(work, {"late": [late]})
        assert waiting.snapshot().waiting is ja.Waiting.DEPENDENCY
        late.release()
        assert await waiting == {"late": ["late"]}


async def test_jobs_inside_the_containers_of_collections_do_too() -> None:
    """Each copy is of the same class, with its maker of missing values or its greatest length."""
    async with ja.open_jobs() as jobs:
        one = jobs.submit(value, 1)
        made: Any = lambda: "none"  # noqa: E731 - what a defaultdict makes
        ordered: Any = await jobs.submit(value, OrderedDict(q=one))
        missing: Any = await jobs.submit(value, defaultdict(made, q=one))
        last: Any = await jobs.submit(value, deque([0, one], 2))
    assert (type(ordered), ordered) == (OrderedDict, {"q": 1})
    assert (type(missing), missing["none"], missing["q"]) == (defaultdict, "none", 1)
    assert (last, last.maxlen) == (deque([0, 1]), 2)


async def test_a_job_among_the_arguments_of_a_phase_is_refused_with_the_cure() -> None:
    """However deep; and the chain is not submitted."""
    async with ja.open_jobs() as jobs:
        one = jobs.submit(value, 1)
        chain = ja.chain(ja.phase("Report", value, {"thing": {"rows": [one]}}))
        with pytest.raises(TypeError, match=r"'Report' has a job .* ja\.result_of\(\)"):
            jobs.submit(chain)
        await one
        assert len(jobs.list()) == 1


def given_back(thing: object) -> object:
    """Return it."""
    return thing


async def test_a_list_that_two_arguments_share_stays_one_list() -> None:
    """As it is for a call; and what has no job in it is passed as it is."""

    async def compare(first: object, second: object, plain: object) -> bool:
        return first is second and plain is untouched

    async with ja.open_jobs() as jobs:
        shared = [jobs.submit(value, 1)]
        untouched: object = [[1, 2], {"x": ()}]
        assert await jobs.submit(compare, shared, shared, untouched) is True


async def test_a_handle_inside_a_list_is_passed_as_it_is() -> None:
    """And nothing waits for it; the handle shows the arguments as they were given."""
    async with ja.open_jobs() as jobs:
        held = jobs.options(hold=True).submit(value, 1)
        job = jobs.submit(value, [ja.handle(held), {"x": 1}])
        assert await job == [held, {"x": 1}]
        assert job.arguments == (([ja.handle(held), {"x": 1}],), {})
        held.cancel()


async def test_a_job_that_cannot_be_replaced_is_refused_with_the_cure() -> None:
    """In sets and keys, whose values would have to be hashable; in a list that holds itself."""
    async with ja.open_jobs() as jobs:
        one = jobs.submit(value, 1)
        with pytest.raises(TypeError, match="put it into a list"):
            jobs.submit(value, {one})
        with pytest.raises(TypeError, match="put it into a list"):
            jobs.submit(value, [{("wiki", one): 2}])
        circle: list[object] = [one]
        circle.append(circle)
        with pytest.raises(ValueError, match="contains itself"):
            jobs.submit(value, circle)
        circle.remove(one)
        assert await jobs.submit(value, circle) is circle
        with pytest.raises(TypeError, match=r"send job\.id"):
            pickle.dumps(one)


async def test_a_restart_gets_the_results_inside_containers_again() -> None:
    """They are the upstream's, which has not run again."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(value, {"of": [jobs.submit(value, 1)]})
        assert await job == {"of": [1]}
        assert await job.restart() == {"of": [1]}


async def test_jobs_inside_lists_are_jobs_of_the_same_system() -> None:
    """As those that are arguments themselves."""
    async with ja.open_jobs() as other, ja.open_jobs() as jobs:
        foreign = other.options(hold=True).submit(value, 1)
        with pytest.raises(ValueError, match="belongs to another job system"):
            jobs.submit(value, [foreign])
        foreign.cancel()


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
            jobs.options(after=["wiki"])
        with pytest.raises(TypeError, match=r"jobs\.get\(id\) returns the job of an id"):
            ja.Options(after="value-1-k7m2x9qaef")
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


async def test_a_queued_job_says_for_which_jobs_it_waits() -> None:
    """In its snapshot and its events, and for fewer as they end; the first ten of many."""
    async with ja.open_jobs() as jobs:
        async with record_events(jobs) as events:
            first, second = (jobs.options(hold=True).submit(value, n) for n in (1, 2))
            late = jobs.submit(value, [first, second])
            snapshot = late.snapshot()
            assert (snapshot.waiting, snapshot.waits_for) == ("dependency", (first.id, second.id))
            first.release()
            await first
            await trio.testing.wait_all_tasks_blocked()
            second.release()
            assert await late == [1, 2]
            assert late.snapshot().waits_for == ()
            await trio.testing.wait_all_tasks_blocked()
        assert waits_of(events, late)[:2] == [
            ("dependency", (first.id, second.id)), ("dependency", (second.id,))
        ]  # fmt: skip

        many = [jobs.options(hold=True).submit(value, n) for n in range(30)]
        last = jobs.submit(value, many)
        assert last.snapshot().waits_for == tuple(job.id for job in many[:10])
        jobs.select().cancel()


def waits_of(
    events: Iterable[ja.Event], job: ja.Job[object]
) -> list[tuple[str | None, tuple[str, ...]]]:
    """Return the reasons for which a job has waited, in order."""
    return [
        (event.waiting, event.waits_for)
        for event in events
        if isinstance(event, ja.JobWaiting) and event.job_id == job.id
    ]


async def test_a_running_job_says_for_which_job_it_waits() -> None:
    """Awaited in its own code; and for a slot, if none is free when that one has ended."""
    ends = trio.Event()

    async def outer() -> object:
        return await inner

    async with ja.open_jobs(max_running=1) as jobs:
        async with record_events(jobs) as events:
            inner = jobs.options(hold=True).submit(value, 7)
            job = jobs.submit(outer)
            await trio.testing.wait_all_tasks_blocked()
            assert job.snapshot().waits_for == (inner.id,)
            jobs.submit(ends.wait)
            await trio.testing.wait_all_tasks_blocked()
            jobs.scale(2)
            inner.release()
            await inner
            jobs.scale(1)
            await trio.testing.wait_all_tasks_blocked()
            ends.set()
            assert await job == 7
            await trio.testing.wait_all_tasks_blocked()
        assert waits_of(events, job)[-1] == (None, ())
        assert ("dependency", (inner.id,)) in waits_of(events, job)


@pytest.mark.parametrize("place", [lambda batch: batch, lambda batch: [{"them": batch}]])
async def test_a_batch_among_the_arguments_is_refused_with_the_way_round_it(
    place: Callable[[object], object],
) -> None:
    """It would be neither waited for, nor replaced by its results."""
    async with ja.open_jobs() as jobs:
        for batch in (jobs.map(abs, [-1, -2]), jobs.group("nightly")):
            with pytest.raises(TypeError, match=r"pass batch.jobs once all of them are submitted"):
                jobs.submit(str, place(batch))
        batch = jobs.map(abs, [-1, -2])
        assert await jobs.submit(sum, batch.jobs) == 3  # type: ignore[arg-type]


async def test_a_job_deep_inside_is_refused_and_other_deep_values_pass() -> None:
    """Up to a hundred levels are looked through, whatever the stack of the caller."""

    def nested(inner: object, levels: int) -> list[object]:
        value = [inner]
        for _ in range(levels - 1):
            value = [value]
        return value

    def innermost(value: object) -> object:
        while isinstance(value, list):
            (value,) = value
        return value

    async with ja.open_jobs() as jobs:
        job = jobs.submit(abs, -7)
        assert await jobs.submit(innermost, nested(job, 90)) == 7
        for levels in (101, 5_000):
            with pytest.raises(ValueError, match="more than 100 levels"):
                jobs.submit(innermost, nested(job, levels))
        both = jobs.submit(lambda deep, seven: [innermost(deep), seven], nested("x", 5_000), job)
        assert await both == ["x", 7]
