"""Recovery: the fate of jobs whose process has stopped, when their store is opened again."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from msgspec.structs import asdict, replace

import jobactors as ja
from jobactors.model.states import Request
from jobactors.model.stored_rows import PutJob

from .stored_jobs_samples import add, registered, wait

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from trio.testing import MockClock


def opened(store: ja.Store, **how: Any) -> AbstractAsyncContextManager[ja.Jobs]:
    """Open a system on ``store``; the failures of its jobs are no concern of the block."""
    return ja.open_jobs(store=store, unread_failures="ignore", **how)


class Killed(Exception):
    """The process is gone: nothing more of it reaches the store."""


class MortalStore(ja.MemoryStore):
    """A store in memory that outlives a process which dies without a word."""

    def __init__(self) -> None:
        super().__init__()
        self.dead = False
        self.last_written: float | None = None

    def apply(self, writes: Any) -> None:
        """Write, unless the process is dead: nothing that it writes then arrives."""
        if not self.dead:
            super().apply(writes)


async def left_by_a_kill(store: MortalStore, leave: Any, **how: Any) -> Any:
    """Run ``leave(jobs)`` in a system that is killed after it; return what it returned."""
    left = None

    async def live() -> None:
        nonlocal left
        async with opened(store, **how) as jobs:
            left = await leave(jobs)
            await trio.testing.wait_all_tasks_blocked()
            store.dead = True
            raise Killed

    with pytest.raises(Killed):
        await live()
    store.dead = False
    return left


async def in_every_state(jobs: ja.Jobs) -> dict[str, str]:
    """Leave a job of each kind, and return their ids."""
    running = jobs.options(subject="running").submit("wait", {})
    paused = jobs.options(subject="paused").submit(count_up)
    cancelling = jobs.options(subject="cancelling").submit(stubborn)
    retrying = jobs.options(subject="retrying", retry=ja.Retry(base=100)).submit(fail)
    held = jobs.options(subject="held", hold=True).submit("add", {"a": 1})
    behind = jobs.options(subject="behind", after=[running]).submit("add", {"a": 2})
    later = jobs.options(subject="later", start_at=4e9).submit("add", {"a": 3})
    await trio.testing.wait_all_tasks_blocked()
    paused.pause()
    cancelling.cancel("enough")
    await trio.sleep(1)
    made = (running, paused, cancelling, retrying, held, behind, later)
    assert [job.state for job in made] == [
        "running", "paused", "cancelling", "queued", "queued", "queued", "queued"
    ]  # fmt: skip
    return {job.info.subject: job.id for job in made}


async def count_up() -> None:
    """Stand still where it can."""
    async for _ in ja.track(range(10**9)):
        await trio.sleep(0.01)


async def stubborn() -> None:
    """Not end when asked to."""
    with trio.CancelScope(shield=True):
        await trio.sleep(80_000)


async def fail() -> None:
    """Fail."""
    raise ValueError("no")


TYPES = {"wait": wait, "add": add, "count_up": count_up, "stubborn": stubborn, "fail": fail}


async def test_what_has_no_name_is_told_to_get_one() -> None:
    """A decorator around a lambda would be no advice."""
    store = ja.MemoryStore()
    async with opened(store) as jobs:
        jobs.options(name="nameless", hold=True).submit(lambda: 1)
        jobs.options(name="partial", hold=True).submit(partial(add, 1))
        jobs.options(name="plain", hold=True).submit(fail)
    async with opened(store) as jobs:
        why = {work.name: work.obstacle for work in jobs.resumable()}
    to_do = 'has no name to be found by: make it a def, and register that with @ja.job("…")'
    assert why["nameless"] == f"a lambda {to_do}"
    assert why["partial"] == f"a callable of type partial {to_do}"
    assert why["plain"] == 'fail is no registered job type (@ja.job("fail") makes it one)'


async def test_the_phases_that_keep_a_chain_from_going_on_are_named() -> None:
    """By their names, not by their place in a structure."""
    store = ja.MemoryStore()
    with registered(add=add):
        chain = ja.chain(
            ja.phase("Clear", fail),
            ja.phase("Add", add, {"a": 1}),
            ja.phase("Tell", lambda: None),
            name="rebuild",
        )
        async with opened(store) as jobs:
            jobs.options(hold=True).submit(chain)
        async with opened(store) as jobs:
            [work] = jobs.resumable()
    assert work.obstacle.startswith("phase Clear: fail is no registered job type (@ja.job(")
    assert "; phase Tell: a lambda has no name to be found by: make it a def" in work.obstacle
    assert "phase Add" not in work.obstacle


def first() -> int:
    """The first phase."""
    return 1


def never_registered() -> int:
    """The first phase, of no job type."""
    return 1


BEGUN: list[trio.Event] = []


async def last(number: int) -> int:
    """The last phase, which is interrupted as long as there is an event to set."""
    if BEGUN:
        BEGUN.pop().set()
        await trio.sleep_forever()
    return number


@pytest.mark.parametrize("function", [first, never_registered])
async def test_a_completed_phase_of_a_chain_needs_no_function_any_more(
    function: Callable[[], int],
) -> None:
    """Neither one that never was a job type, nor one whose module is not imported here."""
    store, begun = ja.MemoryStore(), trio.Event()
    BEGUN.append(begun)
    with registered(last=last, **({"first": first} if function is first else {})):
        chain = ja.chain(ja.phase("First", function), ja.phase("Last", last, {"number": 2}))
        async with opened(store) as jobs:
            jobs.submit(chain)
            await begun.wait()
            await jobs.close()
    with registered(last=last):
        async with opened(store) as jobs:
            [work] = jobs.resumable()
            assert work.obstacle == ""
            result = await work.resume()
    assert (result.completed, result.results) == (("First", "Last"), {"First": 1, "Last": 2})


async def test_a_phase_that_is_not_completed_is_named_where_its_type_is_not_registered() -> None:
    """And the chain rests on, until it is."""
    store = ja.MemoryStore()
    with registered(last=last, first=first):
        chain = ja.chain(ja.phase("First", first), ja.phase("Last", last, {"number": 2}))
        async with opened(store) as jobs:
            jobs.options(hold=True).submit(chain)
    with registered(last=last):
        async with opened(store) as jobs:
            [work] = jobs.resumable()
            with pytest.raises(ja.NotResumable, match="phase First: first is no registered job"):
                work.resume()
            assert jobs.get(work.job_id).state is ja.JobState.INTERRUPTED


@pytest.mark.parametrize(("written", "rests_after"), [(30, 30), (-9, 0), (10**6, 3600)])
async def test_a_job_rests_from_the_moment_at_which_its_process_wrote_last(
    autojump_clock: MockClock, written: float, rests_after: float
) -> None:
    """Nobody was at work until the store was opened again; a wrong clock changes little."""
    store = MortalStore()

    async def leave(jobs: ja.Jobs) -> ja.JobSnapshot:
        job = jobs.submit(wait)
        await trio.testing.wait_all_tasks_blocked()
        return job.snapshot()

    with registered(wait=wait):
        left: ja.JobSnapshot = await left_by_a_kill(store, leave)
        await trio.sleep(3600)
        store.last_written = left.changed_at + written
        async with opened(store) as jobs:
            job = jobs.get(left.id)
            assert job.snapshot().changed_at - left.changed_at == pytest.approx(rests_after, abs=1)
            (bar,) = jobs.timeline("type")
            assert bar.seconds_at_work == pytest.approx(rests_after, abs=1)
            assert bar.end - bar.start == pytest.approx(3600, abs=1)


async def test_the_key_of_a_job_that_rests_says_what_to_do_with_that() -> None:
    """Waiting for it would be in vain; an equal submit resumes it."""
    store = ja.MemoryStore()
    with registered(add=add):
        async with opened(store) as jobs:
            left = jobs.options(key="sum", hold=True).submit(add, 1)
        async with opened(store) as jobs:
            keyed = jobs.options(key="sum")
            says = (
                rf"the interrupted job {left.id}: it has other .*; resume\(\) or discard\(\) that"
            )
            with pytest.raises(ja.DuplicateJob, match=says):
                keyed.submit(add, 2)
            assert jobs.get(left.id).state == "interrupted"
            again = keyed.submit(add, 1)
            assert again.id == left.id
            assert again.state != "interrupted"
            again.cancel()


async def test_what_was_left_rests_until_somebody_says_more(autojump_clock: MockClock) -> None:
    """Under "ask" nothing starts by itself; what was being cancelled is cancelled."""
    store = MortalStore()
    with registered(**TYPES):
        ids = await left_by_a_kill(store, in_every_state)
        async with opened(store) as jobs:
            await trio.testing.wait_all_tasks_blocked()
            states = {subject: jobs.get(job_id).state for subject, job_id in ids.items()}
            assert states.pop("cancelling") == "cancelled"
            assert set(states.values()) == {"interrupted"}
            assert jobs.get(ids["running"]).snapshot().progress.percent == 50
            with pytest.raises(ja.JobInterrupted, match="call resume"):
                await jobs.get(ids["running"])


async def test_what_was_left_starts_again_by_itself(autojump_clock: MockClock) -> None:
    """Under "auto" all goes on but a job that was paused."""
    store = MortalStore()
    with registered(**TYPES):
        ids = await left_by_a_kill(store, in_every_state)
        async with opened(store, recover="auto") as jobs:
            await trio.testing.wait_all_tasks_blocked()
            states = {subject: str(jobs.get(job_id).state) for subject, job_id in ids.items()}
            assert states == {
                "running": "running",
                "paused": "interrupted",
                "cancelling": "cancelled",
                "retrying": "queued",
                "held": "queued",
                "behind": "queued",
                "later": "queued",
            }
            assert jobs.get(ids["held"]).snapshot().waiting is ja.Waiting.HOLD
            assert jobs.get(ids["retrying"]).snapshot().waiting is ja.Waiting.RETRY
            assert jobs.get(ids["behind"]).snapshot().waiting is ja.Waiting.DEPENDENCY
            assert jobs.get(ids["running"]).snapshot().attempt == 2
            assert jobs.get(ids["paused"]).snapshot().request is Request.PAUSE
            for snapshot in jobs.list():
                jobs.get(snapshot.id).cancel()


async def test_what_is_resumed_waits_for_what_it_waited_for(autojump_clock: MockClock) -> None:
    """One that was held is held, one for later starts later; a retry does not wait again."""
    store = MortalStore()
    with registered(**TYPES):
        ids = await left_by_a_kill(store, in_every_state)
        async with opened(store) as jobs:
            jobs.select(state="interrupted").resume()
            await trio.testing.wait_all_tasks_blocked()
            waiting = {
                subject: jobs.get(job_id).snapshot().waiting for subject, job_id in ids.items()
            }
            assert waiting == {
                "running": None,
                "paused": None,
                "cancelling": None,
                "retrying": ja.Waiting.RETRY,
                "held": ja.Waiting.HOLD,
                "behind": ja.Waiting.DEPENDENCY,
                "later": ja.Waiting.START_TIME,
            }
            assert jobs.get(ids["retrying"]).snapshot().attempt == 2, "it was tried at once"
            held = jobs.get(ids["held"])
            held.release()
            assert await held == 1
            for snapshot in jobs.list():
                jobs.get(snapshot.id).cancel()


async def test_an_interrupted_job_goes_on_under_its_id() -> None:
    """Same job, next attempt, same arguments and options."""
    store = MortalStore()
    with registered(add=add):

        async def leave(jobs: ja.Jobs) -> str:
            options = jobs.options(hold=True, name="Sum", subject="x", tags=["t"], timeout=7)
            return options.submit("add", {"a": 1, "b": 2}).id

        job_id = await left_by_a_kill(store, leave)
        async with opened(store) as jobs:
            job = jobs.get(job_id)
            job.resume()
            job.release()
            assert await job == 3
            assert (job.name, job.info.subject, job.info.tags) == ("Sum", "x", ("t",))
            assert job.arguments == ((), {"a": 1, "b": 2})


async def test_a_discarded_job_is_cancelled_for_good() -> None:
    """It is not offered again."""
    store = MortalStore()
    with registered(wait=wait):

        async def leave(jobs: ja.Jobs) -> str:
            return jobs.submit("wait", {}).id

        job_id = await left_by_a_kill(store, leave)
        async with opened(store) as jobs:
            assert jobs.get(job_id).discard().state == "cancelled"
            assert jobs.resumable() == []
        async with opened(store) as jobs:
            assert jobs.get(job_id).state == "cancelled"


async def test_only_an_interrupted_job_is_discarded() -> None:
    """The error says what ends or forgets the others."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(wait)
        with pytest.raises(ja.IllegalVerb, match="cancel\\(\\) ends it"):
            job.discard()
        job.cancel()
        await job.wait()
        with pytest.raises(ja.IllegalVerb, match="delete\\(\\) forgets it"):
            job.discard()


async def test_work_that_can_go_on_is_listed() -> None:
    """With how far it was, how long ago, and what stands in the way."""
    store = MortalStore()
    with registered(wait=wait):

        async def leave(jobs: ja.Jobs) -> None:
            jobs.options(subject="wiki", name="index").submit("wait", {})
            jobs.options(name="odd").submit(trio.sleep_forever)

        await left_by_a_kill(store, leave)
        async with opened(store) as jobs:
            work = {work.name: work for work in jobs.resumable()}
            assert str(work["index"]) == (
                "index wiki: interrupted at 50 %, just now, without a checkpoint"
            )
            assert not work["index"].obstacle
            assert "is no registered job type" in work["odd"].obstacle
            with pytest.raises(ja.NotResumable, match="no registered job type"):
                work["odd"].resume()
            work["odd"].discard()
            work["index"].resume().cancel()


async def test_work_that_can_go_on_is_as_far_as_its_checkpoint(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Its row had come further; with the file of a part it begins where the file is whole."""
    store = MortalStore()

    async def write_part(part: ja.Range) -> None:
        with part.open() as out:
            async for i in part.track():
                out.write(f"{i}\n")
                await trio.sleep(1)

    async def leave(jobs: ja.Jobs, seconds: float) -> None:
        jobs.submit("write part", {"part": ja.ranges(20, 1)[0]})
        await trio.sleep(seconds)

    with registered(**{"write part": write_part}):
        await left_by_a_kill(store, partial(leave, seconds=2.5))
        async with opened(store) as jobs:
            (begun,) = jobs.resumable()
            assert (begun.fraction, begun.items, begun.has_checkpoint) == (0, 0, True)
            begun.discard()
        await left_by_a_kill(store, partial(leave, seconds=12.5))
        async with opened(store) as jobs:
            (work,) = jobs.resumable()
            assert work.items == pytest.approx(5, abs=1)
            assert work.fraction == pytest.approx(work.items / 20, abs=0.06)
            work.resume().cancel()


async def test_a_type_that_is_not_registered_yet_is_waited_for() -> None:
    """The job rests, says what it needs, and goes on once that is there."""
    store = MortalStore()
    with registered(add=add):

        async def leave(jobs: ja.Jobs) -> str:
            return jobs.options(hold=True).submit("add", {"a": 5}).id

        job_id = await left_by_a_kill(store, leave)
    async with opened(store, recover="auto") as jobs:
        job = jobs.get(job_id)
        assert job.state == "interrupted"
        with pytest.raises(ja.NotResumable, match="'add' is not registered yet"):
            job.resume()
        with registered(add=add):
            job.resume()
            job.release()
            assert await job == 5


async def test_arguments_that_json_cannot_say_leave_only_a_reason() -> None:
    """The job runs as any other, and says later why it cannot go on."""
    store = MortalStore()

    def join(a: tuple[int], b: tuple[int]) -> tuple[int, ...]:
        return a + b

    with registered(join=join):

        async def leave(jobs: ja.Jobs) -> str:
            assert len(await jobs.submit(join, (1,), (2,))) == 2
            return jobs.options(hold=True).submit(join, (1,), b=(2,)).id

        job_id = await left_by_a_kill(store, leave)
        async with opened(store) as jobs:
            with pytest.raises(ja.NotResumable, match="is tuple, which JSON cannot hold exactly"):
                jobs.get(job_id).resume()


async def test_private_arguments_leave_nothing() -> None:
    """Not a trace of them is in any row, by name or by position."""
    store = MortalStore()
    with registered(add=add):

        async def leave(jobs: ja.Jobs) -> list[str]:
            hidden = jobs.options(private="b", hold=True)
            return [hidden.submit(add, 1, 4711).id, hidden.submit(add, a=1, b=4711).id]

        ids = await left_by_a_kill(store, leave)
        store.open()
        rows = store.unfinished()
        store.close()
        assert len(rows) == 2
        assert not any("4711" in str(asdict(row)) for row in rows)
        async with opened(store) as jobs:
            for job_id in ids:
                with pytest.raises(ja.NotResumable, match="private argument b is not kept"):
                    jobs.get(job_id).resume()


async def test_a_private_argument_that_does_not_exist_is_a_mistake() -> None:
    """A slip of the keyboard would keep the secret."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match=r"names tokn, and add\(\) has no such argument"):
            jobs.options(private="tokn").submit(add, 1)
        with pytest.raises(TypeError, match="wrap it in a def"):
            jobs.options(private="obj").submit(iter, [1])
        with pytest.raises(TypeError, match="it has a, b"):
            ja.job("add privately", private={"c"})(add)


async def test_jobs_as_arguments_are_found_again() -> None:
    """By id: the upstream's result comes from the store."""
    store = MortalStore()
    with registered(add=add):

        async def leave(jobs: ja.Jobs) -> str:
            first = jobs.submit(add, 40)
            await first
            return jobs.options(hold=True).submit(add, first, b=2).id  # type: ignore[arg-type]

        job_id = await left_by_a_kill(store, leave)
        async with opened(store) as jobs:
            jobs.get(job_id).resume()
            jobs.get(job_id).release()
            assert await jobs.get(job_id) == 42


async def test_jobs_inside_lists_and_dictionaries_are_found_again() -> None:
    """At any depth, next to plain values, and a handle as a handle."""
    store = MortalStore()

    async def total(parts: list[Any], *, more: dict[str, Any]) -> tuple[int, str]:
        return parts[0] + parts[1]["deep"][0] + more["x"], more["job"].id

    with registered(add=add, total=total):

        async def leave(jobs: ja.Jobs) -> tuple[str, str]:
            first = jobs.submit(add, 40)
            await first
            job = jobs.options(hold=True).submit(
                total, [1, {"deep": [first]}], more={"x": first, "job": ja.handle(first)}
            )
            return job.id, first.id

        job_id, first_id = await left_by_a_kill(store, leave)
        async with opened(store) as jobs:
            jobs.get(job_id).resume()
            jobs.get(job_id).release()
            assert await jobs.get(job_id) == (81, first_id)


async def test_the_cause_of_a_cancelled_job_is_known_in_the_next_process() -> None:
    """As text: its exception is gone."""
    store = MortalStore()
    with registered(fail=fail, add=add):

        async def leave(jobs: ja.Jobs) -> tuple[str, str]:
            upstream = jobs.submit(fail)
            job: ja.Job[int] = jobs.submit(add, upstream)  # type: ignore[arg-type]
            await job.wait()
            return job.id, upstream.id

        job_id, upstream_id = await left_by_a_kill(store, leave)
        async with opened(store) as jobs:
            with pytest.raises(ja.JobCancelled, match="ValueError: no") as caught:
                await jobs.get(job_id)
            assert isinstance(caught.value.__cause__, ja.JobFailed)
            assert upstream_id in str(caught.value.__cause__)


async def test_a_submit_with_the_key_of_an_interrupted_job_resumes_it() -> None:
    """A submit asks for the work; the job is the one there was."""
    store = MortalStore()
    with registered(add=add):

        async def leave(jobs: ja.Jobs) -> str:
            return jobs.options(key=("sum", 1), hold=True).submit(add, 1).id

        job_id = await left_by_a_kill(store, leave)
        async with opened(store) as jobs:
            job = jobs.options(key=("sum", 1)).submit(add, 1)
            assert job.id == job_id
            assert await job == 1


async def test_a_new_submit_that_goes_on_from_its_checkpoint_ends_an_interrupted_job() -> None:
    """Otherwise both would do the same work; the old one says which job has it now."""
    store = MortalStore()

    async def save(n: int) -> int:
        start: int = ja.current_job().checkpoint or 0
        ja.save_checkpoint(7)
        if not start:
            await trio.sleep_forever()
        return start + n

    with registered(save=save):

        async def leave(jobs: ja.Jobs) -> str:
            return jobs.options(checkpoint_every=ja.Every(items=1)).submit(save, 1).id

        job_id = await left_by_a_kill(store, leave)
        async with opened(store) as jobs:
            new = jobs.submit(save, 1)
            assert await new == 8
            old = jobs.get(job_id).snapshot()
            assert (old.state, old.reason) == ("cancelled", f"its work goes on as {new.id}")
            assert jobs.resumable() == []


async def test_an_interrupted_job_is_started_afresh_as_another() -> None:
    """The old one is cancelled, and its reason names the job that replaced it."""
    store = MortalStore()
    with registered(add=add):

        async def leave(jobs: ja.Jobs) -> str:
            return jobs.options(hold=True).submit(add, 1).id

        job_id = await left_by_a_kill(store, leave)
        async with opened(store) as jobs:
            old = jobs.get(job_id)
            new = old.restart(from_checkpoint=False)
            assert await new == 1
            assert new.info.continues == job_id
            assert old.snapshot().reason == f"started again as {new.id}"


async def test_a_changed_source_is_seen_before_resuming() -> None:
    """The function is found by name: what it does now may be something else."""
    store = MortalStore()
    with registered(work=add):

        async def leave(jobs: ja.Jobs) -> None:
            jobs.options(hold=True).submit("work", {"a": 1})

        await left_by_a_kill(store, leave)
        async with opened(store) as jobs:
            assert [work.changed for work in jobs.resumable()] == [False]
    with registered(work=wait):
        async with opened(store) as jobs:
            assert [work.changed for work in jobs.resumable()] == [True]


async def test_what_rests_at_a_normal_end_is_there_the_next_day() -> None:
    """With a store, held and paused jobs are interrupted, not cancelled."""
    store = MortalStore()
    with registered(add=add):
        async with opened(store) as jobs:
            job_id = jobs.options(hold=True).submit(add, 1).id
        async with opened(store) as jobs:
            assert jobs.get(job_id).state == "interrupted"


async def test_a_closed_system_interrupts_what_runs() -> None:
    """close() is the end of the process, not of the work."""
    store = MortalStore()
    with registered(wait=wait):
        async with opened(store) as jobs:
            job = jobs.submit("wait", {})
            await trio.testing.wait_all_tasks_blocked()
            await jobs.close()
            assert job.state == "interrupted"


async def test_a_row_that_makes_no_sense_hides_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """It is left out, and named in the log."""
    store = MortalStore()
    with registered(add=add):

        async def leave(jobs: ja.Jobs) -> list[str]:
            return [jobs.options(hold=True).submit(add, n).id for n in range(2)]

        bad, good = await left_by_a_kill(store, leave)
        store.open()
        (row,) = store.get([bad])
        store.apply([PutJob(replace(row, spec='{"arguments": 3}'))])
        store.close()
        async with opened(store) as jobs:
            assert [snapshot.id for snapshot in jobs.list()] == [good]
    assert bad in caplog.text


async def test_recover_says_what_it_takes() -> None:
    """A typing error is no policy."""
    with pytest.raises(ValueError, match='recover is "ask" or "auto"'):
        async with ja.open_jobs(recover="yes"):  # type: ignore[arg-type]
            pass


async def test_a_job_that_takes_its_process_with_it_is_started_three_times(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Then it rests until it is resumed: the others are not to die with it for ever."""
    store = MortalStore()

    async def leave(jobs: ja.Jobs) -> None:
        if not jobs.list():
            jobs.submit("wait", {})

    with registered(wait=wait):
        for attempt in (1, 2, 3):
            await left_by_a_kill(store, leave, recover="auto")
            assert json.loads(store_status(store))["attempt"] == attempt
        async with opened(store, recover="auto") as jobs:
            (snapshot,) = jobs.list()
            assert snapshot.state == "interrupted"
            assert "ended under it 3 times" in caplog.text
            jobs.get(snapshot.id).resume()
            await trio.testing.wait_all_tasks_blocked()
            assert jobs.get(snapshot.id).state == "running"
            jobs.get(snapshot.id).cancel()


def store_status(store: ja.MemoryStore) -> str:
    """Return the status of the one stored job."""
    store.open()
    try:
        (row,) = store.unfinished()
        return row.status
    finally:
        store.close()


async def test_parts_of_a_killed_work_go_on_each_from_its_own_checkpoint() -> None:
    """None of them is taken for a second job of the same work."""
    store = MortalStore()
    begun: list[int] = []
    hangs = True

    async def tag(part: ja.Range) -> int:
        done = 0
        async for i in part.track():
            begun.append(i)
            if i % 10 == 6 and hangs:
                await trio.sleep_forever()
            done += 1
        return done

    with registered(tag=tag):

        async def leave(jobs: ja.Jobs) -> None:
            often = jobs.options(subject="films", checkpoint_every=ja.Every(items=1))
            often.map(tag, ja.ranges(30, 3))

        await left_by_a_kill(store, leave)
        hangs = False
        assert sorted(begun) == [n for n in range(30) if n % 10 <= 6]
        async with opened(store) as jobs:
            said = {work.part: str(work) for work in jobs.resumable()}
            assert said.keys() == {"1/3", "2/3", "3/3"}
            assert all(said[part].startswith(f"tag films {part}: interr") for part in said)
            resumed = [work.resume() for work in jobs.resumable()]
            assert sorted([await job for job in resumed]) == [4, 4, 4]
        assert sorted(begun[21:]) == [n for n in range(30) if n % 10 >= 6]


async def test_restored_jobs_are_in_the_order_of_their_submission(
    autojump_clock: MockClock,
) -> None:
    """However they ended, and those that rest among those that have ended."""
    store = MortalStore()

    async def nap(seconds: float) -> None:
        await trio.sleep(seconds)

    with registered(nap=nap):

        async def leave(jobs: ja.Jobs) -> list[str]:
            made = [jobs.submit(nap, seconds) for seconds in (5, 100, 1, 3)]
            await trio.sleep(10)
            return [job.id for job in made]

        ids = await left_by_a_kill(store, leave)
        async with opened(store) as jobs:
            assert [snapshot.id for snapshot in jobs.list()] == ids
            latest = jobs.latest("nap")
            assert latest is not None
            assert latest.id == ids[-1]


async def test_work_that_somebody_has_gone_on_with_is_not_begun_again() -> None:
    """A list of what can go on is of its moment: a second click does not do the work twice."""
    stumble = True

    async def count(n: int) -> int:
        done = 0
        async for i in ja.track(range(n), resumable=True):
            if i == 2 and stumble:
                raise ValueError
            done += 1
        return done

    async with ja.open_jobs(unread_failures="ignore") as jobs:
        await jobs.submit(count, 5).wait()
        (work,) = jobs.resumable()
        stumble = False
        assert await work.resume() == 3
        for again in (work.resume, work.start_fresh):
            with pytest.raises(ja.NotResumable, match="its work was taken up by another job"):
                again()


async def test_a_clock_that_was_set_back_loses_nothing() -> None:
    """A job that seems to come from the future is there, is not old, and goes on."""
    store = MortalStore()
    with registered(add=add, wait=wait):

        async def leave(jobs: ja.Jobs) -> list[str]:
            ended = jobs.submit(add, 1)
            await ended
            return [ended.id, jobs.options(hold=True).submit(add, 2).id]

        ended, left = await left_by_a_kill(store, leave)
        store.open()
        ahead = 40 * 86400.0
        for row in store.get([ended, left]):
            end = None if row.finished_at is None else row.finished_at + ahead
            moved = replace(row, changed_at=row.changed_at + ahead, finished_at=end)
            store.apply([PutJob(replace(moved, submitted_at=row.submitted_at + ahead))])
        store.close()
        async with opened(store) as jobs:
            assert [snapshot.id for snapshot in jobs.history()] == [ended]
            (work,) = jobs.resumable()
            assert str(work) == "add: interrupted, just now"
            job = work.resume()
            job.release()
            assert await job == 2
            assert (jobs.get(left).snapshot().elapsed(0.0) or 0.0) >= 0
