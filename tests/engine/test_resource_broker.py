"""Resources: held from start to end, or asked for by a running job."""

from __future__ import annotations

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
