"""Runners of other people: given as values, stored by name, found again."""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja
from jobactors.engine.ports import late_binding
from jobactors.model.options import Options
from jobactors.runners.thread import RUNNER as THREAD

if TYPE_CHECKING:
    from trio.testing import MockClock


class OwnThread:
    """The runner of :class:`jobactors.Runner`'s example."""

    takes_slot = True
    can_abandon = False

    def __init__(self, name: str = "own thread") -> None:
        self.name = name
        self.ran: list[str] = []

    async def run(self, attempt: ja.Attempt) -> Any:
        """Call the function in a thread, and remember whose it was."""
        self.ran.append(attempt.context.id)
        call = partial(attempt.function, *attempt.args, **attempt.kwargs)
        with trio.CancelScope(shield=True):
            return await trio.to_thread.run_sync(call)


class Elsewhere(OwnThread):
    """A runner whose work needs nothing of this machine."""

    takes_slot = False

    async def run(self, attempt: ja.Attempt) -> Any:
        """Await the function here, which is elsewhere enough."""
        self.ran.append(attempt.context.id)
        return await attempt.function(*attempt.args, **attempt.kwargs)


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No runner is known but ours, as in a new process."""
    monkeypatch.setattr(late_binding, "_given", {})


def add(a: int, b: int) -> int:
    """Add."""
    return a + b


def test_the_public_types_describe_a_runner_that_is_derived_from_none() -> None:
    """For a type checker, too."""
    runner: ja.Runner = OwnThread()
    assert inspect.iscoroutinefunction(runner.run)


# --- given as values ---------------------------------------------------------------------------


async def test_a_runner_is_given_as_a_value_and_shown_by_its_name() -> None:
    """It gets the attempt, and its value is the job's."""
    runner = OwnThread()
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=runner).submit(add, 1, b=2)
        assert await job == 3
        assert job.snapshot().runner == "own thread"
    assert runner.ran == [job.id]


async def test_a_job_type_may_have_a_runner_of_its_own() -> None:
    """As any option."""
    runner = OwnThread()
    ja.job("test own runner", runner=runner)(partial(add, 1))
    async with ja.open_jobs() as jobs:
        assert await jobs.run("test own runner", {"b": 2}) == 3
    assert len(runner.ran) == 1


async def test_a_runner_runs_an_executors_calls() -> None:
    """The executor takes options like any submitter."""
    runner = OwnThread()
    async with ja.open_jobs() as jobs:
        with jobs.options(runner=runner).as_executor() as executor:
            future = executor.submit(add, 1, 2)
            assert await trio.to_thread.run_sync(future.result) == 3
    assert len(runner.ran) == 1


class Nothing:
    """No runner at all."""


class Half(OwnThread):
    """A runner that forgot what it is."""

    takes_slot = "yes"  # type: ignore[assignment]
    waits_elsewhere = "no"

    def run(self, attempt: ja.Attempt) -> Any:
        """Run at once, and block the loop."""


class Raising(OwnThread):
    """A runner whose attributes raise."""

    @property
    def can_abandon(self) -> bool:  # type: ignore[override]
        """Raise."""
        raise RuntimeError

    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("make", "missing"),
    [
        (
            Nothing,
            (
                "lacks name (a text), takes_slot (True or False), can_abandon (True or False), "
                "async def run(attempt)"
            ),
        ),
        (
            Half,
            (
                "lacks takes_slot (True or False), a waits_elsewhere that is True or False, "
                "async def run(attempt)"
            ),
        ),
        (lambda: OwnThread(name=""), "lacks name (a text)"),
        (Raising, "a Raising lacks can_abandon (True or False)"),
        (lambda: OwnThread, "OwnThread is a class of them: OwnThread()"),
        (lambda: ja.DaskRunner, "DaskRunner is a class of them: DaskRunner(client)"),
        (lambda: 7, "7 lacks name"),
    ],
)
async def test_what_is_no_runner_is_told_all_that_it_lacks(make: Any, missing: str) -> None:
    """At once, where it is given."""
    runner = make()
    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match="runner ") as caught:
            jobs.options(runner=runner)
    assert missing in str(caught.value)


@pytest.mark.parametrize("name", ["trio", "thread", "process", "asyncio", "block"])
async def test_a_name_of_ours_is_refused(name: str) -> None:
    """A stored job would be run by another runner than its own."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(ValueError, match="give yours another name"):
            jobs.options(runner=OwnThread(name))


async def test_a_runner_of_ours_may_be_given_as_a_value() -> None:
    """It is the one of that name."""
    async with ja.open_jobs() as jobs:
        assert await jobs.options(runner=THREAD).run(add, 1, 2) == 3


async def test_limits_are_for_processes_only() -> None:
    """A runner of somebody's own does not enforce them."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(ValueError, match="limits are enforced for processes only"):
            jobs.options(runner=OwnThread(), limits=ja.Limits(cpu=1)).submit(add, 1, 2)


async def test_a_runner_is_found_by_its_name_once_it_was_given() -> None:
    """The newest of a name counts."""
    first, second = OwnThread(), OwnThread()
    async with ja.open_jobs() as jobs:
        with pytest.raises(ValueError, match='"asyncio", or a runner of your own, not \'own'):
            jobs.options(runner="own thread")  # type: ignore[arg-type]
        jobs.options(runner=first)
        by_name = jobs.options(runner="own thread")  # type: ignore[arg-type]
        jobs.options(runner=second)
        assert await by_name.run(add, 1, 2) == 3
        with pytest.raises(ValueError, match='"own thread", or a runner of your own'):
            jobs.options(runner="other")  # type: ignore[arg-type]
    assert (len(first.ran), len(second.ran)) == (0, 1)


class Moody(OwnThread):
    """A runner whose code raises wherever it is asked after it was given."""

    def __init__(self) -> None:
        super().__init__("moody")
        self.calm = True

    def __getattribute__(self, name: str) -> Any:
        if name in {"name", "takes_slot", "can_abandon"} and not self.calm:
            raise RuntimeError(name)
        return super().__getattribute__(name)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("compared")

    __hash__ = None  # type: ignore[assignment]


async def test_a_runner_is_asked_for_its_attributes_only_when_it_is_given() -> None:
    """What it raises later raises in no step of the engine."""
    runner = Moody()
    store = ja.MemoryStore()
    async with ja.open_jobs(store=store) as jobs:
        moody = jobs.options(runner=runner, retry=ja.Retry(max=2, base=1))
        held = moody.options(hold=True).submit(add, 1, 2)
        job = moody.submit(add, 1, 2)
        assert await job == 3
        runner.calm = False
        held.release()
        assert await held == 3


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), BaseException("bare")], ids=str)
async def test_what_a_runner_raises_fails_its_job_alone(error: BaseException) -> None:
    """As if the function had."""

    class Failing(OwnThread):
        async def run(self, attempt: ja.Attempt) -> Any:
            assert attempt.context.attempt == 1
            raise error

    async with ja.open_jobs(unread_failures="ignore") as jobs:
        job = jobs.options(runner=Failing()).submit(add, 1, 2)
        assert (await job.wait()).state == "failed"
        assert await jobs.run(add, 1, 2) == 3


async def test_a_phase_with_a_runner_of_its_own_runs_there_alone_or_with_its_whole_chain() -> None:
    """In either case its runner gets one attempt: that of the phase, or of the chain."""
    runner = Elsewhere("test elsewhere")

    @ja.job("test phase", runner=runner)
    async def plus(a: int, b: int) -> int:
        return a + b

    chain = ja.chain(ja.phase("Add", "test phase", {"a": 1, "b": 2}))
    assert chain.check() == []
    async with ja.open_jobs() as jobs:
        there = jobs.submit(chain)
        assert (await there).results == {"Add": 3}
        whole = jobs.options(runner=runner).submit(chain)
        assert (await whole).results == {"Add": 3}
        with pytest.raises(ja.ChainInvalid, match=r"it runs on test elsewhere, and its chain on"):
            jobs.options(runner=Elsewhere("another place")).submit(chain)
    assert runner.ran == [there.id, whole.id]


# --- without a slot ----------------------------------------------------------------------------


async def test_jobs_without_a_slot_count_for_no_limit(autojump_clock: MockClock) -> None:
    """And wait for none; not even in a retry."""
    runner = Elsewhere()
    tries: list[int] = []

    async def fail_once() -> None:
        tries.append(1)
        if len(tries) == 1:
            raise ValueError
        await trio.sleep(5)

    async with ja.open_jobs(max_running=1) as jobs:
        retrying = jobs.options(runner=runner, retry=ja.Retry(max=2, base=1)).submit(fail_once)
        blocker = jobs.submit(trio.sleep, 10)
        several = [jobs.options(runner=runner).submit(trio.sleep, 3) for _ in range(3)]
        await trio.sleep(2)
        assert {job.state for job in (retrying, blocker, *several)} == {"running"}
        blocker.cancel()
        await trio.sleep(1)
        assert await jobs.run(add, 1, 2) == 3  # the retry holds no slot


async def test_jobs_without_a_slot_wait_for_all_else(autojump_clock: MockClock) -> None:
    """Holds, start times, dependencies and resources."""
    async with ja.open_jobs() as jobs:
        now = (await jobs.submit(trio.sleep, 0).wait()).changed_at
        options = jobs.options(runner=Elsewhere())
        first = options.options(resources="gpu").submit(trio.sleep, 5)
        held = options.options(hold=True).submit(trio.sleep, 0)
        later = options.options(start_at=now + 100).submit(trio.sleep, 0)
        after = options.options(after=[first]).submit(trio.sleep, 0)
        second = options.options(resources="gpu").submit(trio.sleep, 0)
        await trio.sleep(1)
        waiting = {job.snapshot().waiting for job in (held, later, after, second)}
        assert waiting == {
            ja.Waiting.HOLD, ja.Waiting.START_TIME, ja.Waiting.DEPENDENCY, ja.Waiting.RESOURCE
        }  # fmt: skip
        jobs.hold_dispatch()
        last = options.submit(trio.sleep, 0)
        await trio.sleep(1)
        assert last.snapshot().waiting is ja.Waiting.HOLD
        jobs.release_dispatch()
        held.release()


# --- stored by name ----------------------------------------------------------------------------


async def leave(store: ja.Store, runner: Any) -> str:
    """Leave a held job of the type "add" in a store."""
    async with ja.open_jobs(store=store) as jobs:
        job = jobs.options(runner=runner, hold=True).submit("test add", {"a": 1, "b": 2})
    return job.id


async def test_a_job_rests_until_a_runner_of_its_name_is_given_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The store has its name alone."""
    ja.job("test add")(add)
    store = ja.MemoryStore()
    job_id = await leave(store, OwnThread())
    monkeypatch.setattr(late_binding, "_given", {})
    async with ja.open_jobs(store=store, recover="auto") as jobs:
        [work] = jobs.resumable()
        why = "until a runner of that name is given again, with jobs.options(runner=…)"
        assert why in work.obstacle
        assert why in caplog.text
        with pytest.raises(ja.NotResumable, match="its runner 'own thread' is not known here"):
            jobs.get(job_id).resume()
        runner = OwnThread()
        jobs.options(runner=runner)
        [work] = jobs.resumable()
        assert not work.obstacle
        job = work.resume()
        job.release()
        assert await job == 3
    assert runner.ran == [job_id]


async def test_a_job_types_own_runner_is_there_again_with_the_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that ``recover="auto"`` goes on by itself, with whatever the type says by then."""
    ja.job("test add", runner=OwnThread())(add)
    store = ja.MemoryStore()
    async with ja.open_jobs(store=store) as jobs:
        job = jobs.options(hold=True).submit("test add", {"a": 1, "b": 2})
    monkeypatch.setattr(late_binding, "_given", {})
    runner = OwnThread("another")
    ja.job("test add", runner=runner)(add)
    async with ja.open_jobs(store=store, recover="auto") as jobs:
        jobs.get(job.id).release()
        assert await jobs.get(job.id) == 3
    assert runner.ran == [job.id]


def test_options_keep_the_very_value() -> None:
    """Copied with changes, too."""
    runner = OwnThread()
    assert Options(runner=runner).changed(name="x").runner is runner
