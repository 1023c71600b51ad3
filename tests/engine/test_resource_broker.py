"""Resources: held from start to end, or asked for by a running job."""

from __future__ import annotations

import contextvars
import threading
from contextlib import suppress
from typing import Any

import pytest
import trio
import trio.testing

import jobactors as ja


def held(jobs: ja.Jobs) -> dict[str, list[tuple[str, int, str]]]:
    """Return the holders of each resource, with their units and operations."""
    return {
        state.name: [(h.job_id.split("-")[0], h.units, h.operation) for h in state.holders]
        for state in jobs.resources()
        if state.holders
    }


async def test_capacities_are_kept_and_seen(autojump_clock: trio.testing.MockClock) -> None:
    """Never more units held than there are; an undeclared name is a mutex."""
    most = {"gpu": 0, "disk": 0}
    now = {"gpu": 0, "disk": 0}

    async def use(name: str, units: int) -> None:
        now[name] += units
        most[name] = max(most[name], now[name])
        await trio.sleep(1)
        now[name] -= units

    async with ja.open_jobs(resources={"gpu": 3}) as jobs:
        for i in range(9):
            jobs.options(resources={"gpu": 1 + i % 3}).submit(use, "gpu", 1 + i % 3)
            jobs.options(resources="disk").submit(use, "disk", 1)
        await trio.testing.wait_all_tasks_blocked()
        assert {state.name: state.capacity for state in jobs.resources()} == {"gpu": 3, "disk": 1}
        assert all(state.busy and state.free >= 0 for state in jobs.resources())
    assert most == {"gpu": 3, "disk": 1}


async def test_what_can_never_be_had_is_refused_at_submit() -> None:
    """The message says how to declare more."""
    async with ja.open_jobs(resources={"gpu": 2}) as jobs:
        with pytest.raises(ja.TooMuch, match="resources="):
            jobs.options(resources={"gpu": 3}).submit(int)
        with pytest.raises(ja.TooMuch):
            jobs.options(resources={"mutex": 2}).submit(int)


async def test_a_busy_resource_is_waited_for_or_refused() -> None:
    """``on_busy="raise"`` names the holder; the default waits and says why."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        holder = jobs.options(resources="wiki").submit(trio.sleep_forever)
        waiting = jobs.options(resources="wiki").submit(int)
        assert waiting.snapshot().waiting is ja.Waiting.RESOURCE
        with pytest.raises(ja.ResourceBusy, match=holder.id):
            jobs.options(resources="wiki", on_busy="raise").submit(int)
        holder.cancel()
        assert await waiting == 0


async def test_the_next_in_line_starts_when_the_first_is_held_and_needs_less() -> None:
    """Nothing else has to happen for that."""
    async with ja.open_jobs(resources={"gpu": 2}) as jobs:
        holder = jobs.options(resources={"gpu": 1}).submit(trio.sleep_forever)
        first = jobs.options(resources={"gpu": 2}).submit(trio.sleep_forever)
        second = jobs.options(resources={"gpu": 1}).submit(int, "7")
        assert second.snapshot().waiting == "resource"
        first.hold()
        assert await second == 7
        holder.cancel()
        first.cancel()


async def test_a_running_job_acquires_swaps_and_releases(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It says for what, and ``jobs.resources()`` shows it."""

    async def work() -> None:
        ctx = ja.current_job()
        async with ctx.acquire("a", doing="read"):
            await trio.sleep(1)
            async with ctx.acquire({"b": 2}, doing="write"):
                await trio.sleep(1)
        await ctx.acquire("c")
        await trio.sleep(1)
        ctx.release("c")
        await trio.sleep(1)

    seen = []
    async with ja.open_jobs(resources={"b": 2}) as jobs:
        jobs.submit(work)
        for _ in range(4):
            await trio.sleep(0.5)
            seen.append(held(jobs))
            await trio.sleep(0.5)
    assert seen == [
        {"a": [("work", 1, "read")]},
        {"a": [("work", 1, "read")], "b": [("work", 2, "write")]},
        {"c": [("work", 1, "")]},
        {},
    ]


async def test_a_running_job_that_waits_for_units_says_for_which() -> None:
    """It looks other than one that works, and like one again once it has them or gives up."""
    async with ja.open_jobs() as jobs:
        holder = jobs.options(resources="gpu").submit(trio.sleep_forever)
        queued = jobs.options(resources=["gpu", "disk"]).submit(nothing)
        assert queued.snapshot().waits_for == ("gpu",)
        waiting, other = jobs.submit(request, "gpu"), jobs.submit(request, "gpu")
        await trio.testing.wait_all_tasks_blocked()
        for job in (waiting, other):
            snapshot = job.snapshot()
            assert (snapshot.state, snapshot.waiting) == ("running", "resource")
            assert snapshot.waits_for == ("gpu",)
        assert "resource: gpu" in repr(waiting)
        other.cancel()
        await other.wait()
        assert other.snapshot().waits_for == ()
        holder.cancel()
        await waiting
        await queued


async def test_the_operation_on_a_held_resource_changes_from_outside() -> None:
    """Of a job that holds it; of any other there is nothing to say."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(resources="wiki").submit(trio.sleep_forever)
        await trio.testing.wait_all_tasks_blocked()
        job.set_operation("wiki", "build index")
        assert held(jobs)["wiki"] == [("sleep_forever", 1, "build index")]
        with pytest.raises(ja.IllegalVerb, match="does not hold 'gpu'; it holds wiki"):
            job.set_operation("gpu", "train")
        with pytest.raises(TypeError, match="an operation is text"):
            job.set_operation("wiki", 3)  # type: ignore[arg-type]
        job.cancel()


async def test_whichever_is_free_first(autojump_clock: trio.testing.MockClock) -> None:
    """A job with several pending resources takes the first that comes free."""

    async def hold(seconds: float) -> None:
        await trio.sleep(seconds)

    async def take() -> list[str]:
        async with ja.current_job().acquire("slow", "quick", any_of=True) as taken:
            return list(taken)

    async with ja.open_jobs() as jobs:
        jobs.options(resources="slow").submit(hold, 10)
        jobs.options(resources="quick").submit(hold, 1)
        assert await jobs.run(take) == ["quick"]


async def test_a_circle_is_refused_and_everybody_else_goes_on() -> None:
    """The one that would close it gets Deadlock; it can back off."""
    first_has, second_has = trio.Event(), trio.Event()

    async def one() -> str:
        ctx = ja.current_job()
        async with ctx.acquire("a"):
            first_has.set()
            await second_has.wait()
            async with ctx.acquire("b"):
                return "got both"

    async def other() -> str:
        ctx = ja.current_job()
        async with ctx.acquire("b"):
            second_has.set()
            await first_has.wait()
            await trio.testing.wait_all_tasks_blocked()
            try:
                async with ctx.acquire("a"):
                    return "got both"
            except ja.Deadlock:
                return "backed off"

    async with ja.open_jobs() as jobs:
        jobs_ = [jobs.submit(one), jobs.submit(other)]
        assert [await job for job in jobs_] == ["got both", "backed off"]


async def test_queued_jobs_do_not_overtake_a_running_job_that_waits(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It would starve behind a stream of smaller ones; when it leaves, they go on."""
    order: list[str] = []

    async def small(name: str) -> None:
        order.append(name)
        await trio.sleep(1)

    async def big() -> None:
        async with ja.current_job().acquire({"gpu": 2}):
            order.append("big")

    async with ja.open_jobs(resources={"gpu": 2}) as jobs:
        for name in "ab":
            jobs.options(resources="gpu").submit(small, name)
        await trio.sleep(0.5)
        claimant = jobs.submit(big)
        await trio.testing.wait_all_tasks_blocked()
        for name in "cd":
            jobs.options(resources="gpu").submit(small, name)
        await claimant
        impatient = jobs.submit(big)
        await trio.testing.wait_all_tasks_blocked()
        late = jobs.options(resources="gpu").submit(small, "e")
        impatient.cancel()
        await late
    # Who of two that start together runs first is nobody's promise.
    assert (set(order[:2]), order[2], set(order[3:5]), order[5]) == ({*"ab"}, "big", {*"cd"}, "e")


async def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    """Neither a request that is met later, nor units without a holder."""

    async def want() -> None:
        await ja.current_job().acquire("a")

    async with ja.open_jobs() as jobs:
        holder = jobs.options(resources="a").submit(trio.sleep_forever)
        waiter = jobs.submit(want)
        await trio.testing.wait_all_tasks_blocked()
        waiter.cancel()
        await waiter.wait()
        holder.cancel()
        await holder.wait()
        assert held(jobs) == {}


async def test_a_thread_acquires_too() -> None:
    """``with ctx.acquire(…)``, with a timeout where wanted."""

    def work() -> dict[str, int]:
        ctx = ja.current_job()
        with pytest.raises(TimeoutError):
            ctx.acquire("busy").result(timeout=0.01)
        with ctx.acquire("free") as taken:
            return dict(taken)

    async with ja.open_jobs() as jobs:
        holder = jobs.options(resources="busy").submit(trio.sleep_forever)
        assert await jobs.run(work) == {"free": 1}
        holder.cancel()


def test_outside_a_job_there_is_nothing_to_acquire() -> None:
    """A clear error, with the cure."""
    with pytest.raises(ja.NoJobSystem, match=r"ja\.start"):
        ja.current_job().acquire("a")


# -- circles of jobs and resources


def nothing_is_left(jobs: ja.Jobs) -> bool:
    """Whether the tables of waits, requests and slots are empty."""
    parts = jobs._system.parts
    tables = (parts.queue.waits, parts.requests.waiting, parts.slots.returning, parts.queue.freed)
    return not any(tables)


async def nothing() -> str:
    """Be done."""
    return "done"


async def request(name: str) -> str:
    """Acquire a resource, or say that it would be a circle."""
    try:
        async with ja.current_job().acquire(name):
            return "got it"
    except ja.Deadlock as exc:
        return ", ".join(exc.circle)


async def read(job: ja.Job[str], begin: trio.Event) -> str:
    """Await another job, or say that it would be a circle."""
    await begin.wait()
    try:
        return await job
    except ja.Deadlock as exc:
        return ", ".join(exc.circle)


@pytest.mark.parametrize("colour", ["trio", "asyncio", "thread", "block"])
async def test_a_holder_cannot_await_a_queued_job_that_needs_what_it_holds(colour: str) -> None:
    """The submit is legal, the wait is refused; once the holder gives back, it may wait."""
    async with ja.open_jobs(max_running=1) as jobs:
        needy = jobs.options(resources="r")

        async def parent() -> str:
            child = needy.submit(nothing)
            with pytest.raises(ja.Deadlock, match=r"parent-\S+ holds 'r' and waits for nothing-"):
                await child
            ja.current_job().release("r")
            return await child

        def parent_in_thread() -> str:
            child = needy.submit(nothing)
            with pytest.raises(ja.Deadlock, match=r"is queued for 'r'"):
                child.result(timeout=60)
            ja.current_job().release("r")
            return child.result()

        async def parent_of_block() -> str:
            context = ja.current_job()
            async with ja.tracked("inside"):
                child = needy.submit(nothing)
                with pytest.raises(ja.Deadlock, match=r"holds 'r' and waits for block-"):
                    await child
                context.release("r")
                return await child

        work: dict[str, Any] = {
            "trio": parent,
            "asyncio": parent,
            "thread": parent_in_thread,
            "block": parent_of_block,
        }
        runner = "asyncio" if colour == "asyncio" else None
        with trio.fail_after(60):
            assert await needy.options(runner=runner).submit(work[colour]) == "done"  # type: ignore[arg-type]
        assert nothing_is_left(jobs)


async def test_a_job_cannot_request_what_a_job_holds_that_awaits_it() -> None:
    """The holder waited first: the request is refused, and the holder gets the job's result."""
    begin, holds = trio.Event(), trio.Event()

    async def ask() -> str:
        await holds.wait()
        await trio.testing.wait_all_tasks_blocked()
        return await request("r")

    async with ja.open_jobs() as jobs:
        asking = jobs.submit(ask)
        holder = jobs.options(resources="r").submit(read, ja.handle(asking), begin)
        begin.set()
        holds.set()
        said = f"{asking.id} waits for 'r', {holder.id} holds 'r' and waits for {asking.id}"
        assert await holder == said
        assert nothing_is_left(jobs)


async def test_a_job_that_got_units_cannot_await_one_that_stands_in_line_for_them() -> None:
    """They were handed over in between: the edges follow the units."""
    begin = trio.Event()

    async def take(other: ja.Job[str]) -> str:
        await ja.current_job().acquire("r")
        return await read(other, begin)

    async with ja.open_jobs() as jobs:
        first = jobs.options(resources="r").submit(trio.sleep_forever)
        behind = jobs.options(hold=True).submit(request, "r")
        taker = jobs.submit(take, ja.handle(behind))
        await trio.testing.wait_all_tasks_blocked()
        behind.release()
        await trio.testing.wait_all_tasks_blocked()
        first.cancel()
        begin.set()
        said = f"{taker.id} holds 'r' and waits for {behind.id}, {behind.id} waits for 'r'"
        assert [await taker, await behind] == [said, "got it"]
        assert nothing_is_left(jobs)


async def test_needs_that_would_close_a_circle_are_refused() -> None:
    """The update raises, since neither job could ever go on; the job stays as it was."""
    begin = trio.Event()
    begin.set()
    async with ja.open_jobs() as jobs:
        queued = jobs.options(hold=True).submit(nothing)
        holder = jobs.options(resources="r").submit(read, ja.handle(queued), begin)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ja.Deadlock):
            queued.update(resources="r", priority="high")
        assert queued.snapshot().info.priority == 0
        queued.release()
        assert await holder == "done"


async def test_a_job_is_not_tried_again_if_it_could_never_start(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The job that awaits it has taken what the next attempt needs: it fails with both reasons."""
    gave_back, taken = trio.Event(), trio.Event()

    async def fail() -> None:
        ja.current_job().release("r")
        gave_back.set()
        await taken.wait()
        raise OSError("not yet")

    async def take(other: ja.Job[None]) -> BaseException | None:
        await gave_back.wait()
        async with ja.current_job().acquire("r"):
            taken.set()
            with pytest.raises(ja.Deadlock, match="is queued for 'r'") as raised:
                await other
            return raised.value.__cause__

    async with ja.open_jobs(unread_failures="ignore") as jobs:
        failing = jobs.options(resources="r", retry=ja.Retry(max=3)).submit(fail)
        cause = await jobs.submit(take, ja.handle(failing))
        assert isinstance(cause, OSError)
        assert failing.snapshot().attempt == 1


async def test_a_child_passes_the_job_that_waits_for_its_parent(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Strictly in line, the large job would wait for the parent, and the parent behind it."""
    order: list[str] = []

    async def note(name: str) -> None:
        order.append(name)

    async with ja.open_jobs(resources={"gpu": 2}) as jobs:

        async def parent() -> None:
            await trio.sleep(1)
            await jobs.options(resources="gpu").submit(note, "child")
            order.append("parent")

        jobs.options(resources="gpu").submit(parent)
        jobs.options(resources={"gpu": 2}, priority="high").submit(note, "large")
        jobs.options(resources="gpu").submit(note, "small")
    assert order == ["child", "parent", "large", "small"]


async def test_a_wait_with_a_time_limit_is_refused_as_well() -> None:
    """A circle is a mistake, however long somebody would wait in it."""
    async with ja.open_jobs() as jobs:
        needy = jobs.options(resources="r")

        async def parent() -> None:
            with pytest.raises(ja.Deadlock), trio.fail_after(60):
                await needy.submit(nothing).wait()
            with pytest.raises(ja.Deadlock), trio.fail_after(60):
                await needy.run(nothing)

        await needy.submit(parent)


async def test_many_jobs_leave_nothing_in_the_tables(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Whatever they wait for, and however they end."""
    async with ja.open_jobs(max_running=5, resources={"gpu": 3}) as jobs:

        async def work(number: int) -> None:
            context = ja.current_job()
            with trio.move_on_after(number % 7), suppress(ja.Deadlock):
                async with context.acquire({"gpu": 1 + number % 3}), context.acquire("a", "b"):
                    await trio.sleep(number % 5)
            if number:
                jobs.options(resources={"gpu": 1}).submit(work, number // 3)
                await jobs.submit(work, number // 2).wait()

        running = [jobs.submit(work, number) for number in range(30)]
        await trio.sleep(3)
        for job in running[::4]:
            job.cancel()
        while unfinished := [s for s in jobs.list() if not s.state.is_terminal]:
            await jobs.get(unfinished[0].id).wait()
        assert nothing_is_left(jobs)
        assert held(jobs) == {}


async def test_a_thread_that_a_job_has_left_behind_gets_nothing() -> None:
    """Units for an attempt that has ended would never come back."""
    told: list[BaseException] = []

    def want(context: ja.JobContext) -> None:
        try:
            context.acquire("a").result()
        except BaseException as exc:
            told.append(exc)

    threads: list[threading.Thread] = []

    async def leave() -> None:
        threads.append(threading.Thread(target=want, args=[ja.current_job()]))
        threads[0].start()
        while not jobs._system.parts.requests.waiting:
            await trio.lowlevel.checkpoint()

    async with ja.open_jobs() as jobs:
        holder = jobs.options(resources="a").submit(trio.sleep_forever)
        await jobs.submit(leave)
        await trio.to_thread.run_sync(threads[0].join)
        assert "its attempt has ended" in str(told[0])
        holder.cancel()
        await holder.wait()
        assert held(jobs) == {}
        assert nothing_is_left(jobs)


# --- what an attempt leaves behind ------------------------------------------------------------


def leave_behind(task: Any) -> None:
    """Start a task of the current job that its attempt does not wait for."""
    trio.lowlevel.spawn_system_task(task, context=contextvars.copy_context())


async def test_a_task_left_by_an_attempt_returns_no_slot_to_the_next_one(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Its wait ends while the next attempt waits, whose slot another job has meanwhile."""
    waits, opened, late_opened = trio.Event(), trio.Event(), trio.Event()

    async def work(early: ja.Job[None], late: Any) -> None:
        if ja.current_job().attempt == 1:
            leave_behind(early.wait)
            await trio.testing.wait_all_tasks_blocked()
            raise OSError
        waits.set()
        await late()

    async with ja.open_jobs(max_running=2) as jobs:
        early = jobs.submit(opened.wait)
        worker = jobs.options(retry=ja.Retry(base=0)).submit(
            work, ja.handle(early), lambda: jobs.run(late_opened.wait)
        )
        await waits.wait()
        await trio.testing.wait_all_tasks_blocked()
        opened.set()
        await early
        await trio.testing.wait_all_tasks_blocked()
        with trio.fail_after(10):
            await jobs.run(trio.sleep, 1)  # one slot of the two is free
        late_opened.set()
        await worker


async def test_a_task_left_by_an_attempt_frees_nothing_that_the_next_one_holds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Its block ends when the units are not its own any more; nor can it acquire or release."""
    held_again, left, done = trio.Event(), trio.Event(), trio.Event()
    refused: list[type[BaseException]] = []

    async def behind(first: trio.Event) -> None:
        ctx = ja.current_job()
        async with ctx.acquire("r"):
            first.set()
            await held_again.wait()
        ctx.release()
        try:
            await ctx.acquire("s")
        except BaseException as exc:
            refused.append(type(exc))
        left.set()

    async def work() -> None:
        if ja.current_job().attempt == 1:
            first = trio.Event()
            leave_behind(lambda: behind(first))
            await first.wait()
            raise OSError
        async with ja.current_job().acquire("r"):
            held_again.set()
            await done.wait()

    async with ja.open_jobs() as jobs:
        worker = jobs.options(retry=ja.Retry(base=0)).submit(work)
        await left.wait()
        assert held(jobs) == {"r": [("work", 1, "")]}
        assert [kind.__name__ for kind in refused] == ["StopJob"]
        done.set()
        await worker
