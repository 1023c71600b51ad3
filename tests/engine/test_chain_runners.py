"""Phases with a runner of their own: a process, or a runner that waits elsewhere."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import logging
import os
import threading
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

import jobactors as ja
from jobactors.testing import record_events

from .test_recovery import MortalStore, left_by_a_kill, opened

if TYPE_CHECKING:
    from trio.testing import MockClock


class Cluster:
    """A cluster in the jobs' own loop, which begins with what waits there when it is opened."""

    name = "cluster of phases"
    takes_slot = False
    can_abandon = False
    waits_elsewhere = True

    def __init__(self) -> None:
        self.opened = trio.Event()

    async def run(self, attempt: ja.Attempt) -> Any:
        """Wait for the cluster, say that it begins, and await the function."""
        attempt.explain_wait("it has no workers")
        await self.opened.wait()
        await attempt.started("tcp://there:1")
        return await attempt.function(*attempt.args, **attempt.kwargs)


class Lost(Cluster):
    """A cluster that has gone, with all that it was given."""

    async def run(self, attempt: ja.Attempt) -> Any:
        """Lose it."""
        del attempt
        raise ja.AttemptLost(ja.ClusterLost("the cluster has gone"))


async def until(condition: Any) -> None:
    with trio.fail_after(60):
        while not condition():  # noqa: ASYNC110 - a job's snapshot has no event
            await trio.sleep(0.005)


def pid() -> int:
    return os.getpid()


def own_pid() -> int:
    """Do the same: for the tests that register it."""
    return os.getpid()


def twice(value: int) -> int:
    return 2 * value


def follow() -> int:
    """Report everything that a job reports."""
    print("from the phase")  # noqa: T201 - captured
    for i in range(4):
        ja.progress(i + 1, 4, message=f"step {i + 1}")
    with ja.stage("half", weight=50):
        pass
    return os.getpid()


def count_to(upto: int, first_fails: bool = False) -> list[int]:
    """Count from the checkpoint on; the first time, fail half-way."""
    start = ja.current_job().checkpoint or 0
    for number in range(start, upto):
        ja.save_checkpoint(number + 1)
        if first_fails and not start and number + 1 == upto // 2:
            raise ValueError("half-way")
    return [start, upto]


def until_stopped() -> None:
    for _ in ja.track(range(1_000_000)):
        threading.Event().wait(0.01)


def echo() -> list[Any]:
    """Return the messages up to "end", and answer the questions."""
    told: list[Any] = []
    for message in ja.current_job().inbox:
        if isinstance(message, ja.Question):
            message.reply(message.message * 2)
        elif message == "end":
            return told
        else:
            told.append(message)
    return told


def itself(self: int) -> int:
    return self


def look_up() -> Any:
    return ja.result_of("First")


def collect() -> int:
    for item in ("a", "b"):
        with ja.collect_errors(item):
            raise ValueError(item)
    return 1


# -- in a process


async def test_a_phase_runs_in_a_process_and_the_others_where_their_chain_runs() -> None:
    chain = ja.chain(
        ja.phase("Here", pid),
        ja.phase("There", pid, runner="process"),
        ja.phase("Twice", twice, {"value": ja.result_of("There")}, runner="process"),
        ja.phase("Here again", lambda: ja.result_of("Twice")),
    )
    async with ja.open_jobs() as jobs:
        results = (await jobs.run(chain)).results
    assert results["Here"] == os.getpid() != results["There"]
    assert results["Twice"] == results["Here again"] == 2 * results["There"]


async def test_a_job_types_own_runner_runs_its_phase_and_the_phases_own_wins() -> None:
    there = ja.job("phase runner there", runner="process")(own_pid)
    chain = ja.chain(
        ja.phase("There", "phase runner there"),
        ja.phase("Here", there, runner="thread"),
    )
    async with ja.open_jobs() as jobs:
        results = (await jobs.run(chain)).results
    assert results["There"] != os.getpid() == results["Here"]


async def test_what_a_phase_elsewhere_reports_is_a_part_of_its_chain() -> None:
    chain = ja.chain(
        ja.phase("First", pid, weight=50),
        ja.phase("Follow", follow, weight=25, runner="process"),
        ja.phase("Last", pid, weight=25),
    )
    async with ja.open_jobs() as jobs, record_events(jobs, ja.JobProgressed) as events:
        job = jobs.submit(chain)
        await job
        await trio.testing.wait_all_tasks_blocked()
        log = job.logs()
    samples = [event.progress for event in events if isinstance(event, ja.JobProgressed)]
    fractions = [sample.fraction or 0 for sample in samples]
    assert all(earlier <= later for earlier, later in pairwise(fractions))
    assert fractions[-1] == 1
    assert "from the phase" in str(log)


async def test_a_cancel_ends_the_phase_elsewhere_and_skips_the_rest() -> None:
    chain = ja.chain(ja.phase("Stop", until_stopped, runner="process"), ja.phase("Never", pid))
    async with ja.open_jobs() as jobs:
        job = jobs.submit(chain)
        await until(lambda: job.snapshot().progress.stages == ("Stop",))
        await until(lambda: job.snapshot().progress.done > 1)
        shown = job.snapshot().progress
        assert (shown.total, shown.pausable) == (1_000_000, True)
        assert shown.fraction is not None
        assert 0 < shown.fraction < 0.5, "the phase is half of its chain"
        job.cancel("enough")
        result = (await job.wait()).outcome.value  # type: ignore[union-attr]
        assert job.state == "cancelled"
    assert isinstance(result, ja.ChainResult)
    assert (result.stopped_at, result.skipped) == ("Stop", ("Never",))


async def test_a_phase_elsewhere_pauses_and_goes_on() -> None:
    chain = ja.chain(ja.phase("Stop", until_stopped, runner="process"))
    async with ja.open_jobs() as jobs:
        job = jobs.submit(chain)
        await until(lambda: job.snapshot().progress.done > 1)
        job.pause()
        await until(lambda: job.state == "paused")
        done = job.snapshot().progress.done
        job.resume()
        await until(lambda: job.snapshot().progress.done > done)
        job.cancel()


async def test_a_phase_elsewhere_goes_on_from_its_own_checkpoint_and_none_runs_again() -> None:
    runs: list[str] = []
    chain = ja.chain(
        ja.phase("First", lambda: runs.append("First")),
        ja.phase("Count", count_to, {"upto": 10, "first_fails": True}, runner="process"),
    )
    async with ja.open_jobs() as jobs:
        job = jobs.options(retry=ja.Retry(max=2, base=0)).submit(chain)
        assert (await job).results["Count"] == [5, 10]
        assert job.snapshot().attempt == 2
    assert runs == ["First"]


def die_once(folder: str) -> str:
    if ja.current_job().attempt == 1:
        os._exit(1)
    return folder


@pytest.mark.parametrize("on", [ja.WorkerDied, ja.ChainFailed])
async def test_a_chain_is_tried_again_when_the_process_of_its_phase_has_died(
    on: type[Exception],
) -> None:
    chain = ja.chain(ja.phase("Die", die_once, {"folder": "wiki"}, runner="process"))
    async with ja.open_jobs() as jobs:
        retrying = jobs.options(retry=ja.Retry(max=2, base=0, on=on))
        assert (await retrying.submit(chain)).results == {"Die": "wiki"}


async def test_the_error_of_a_phase_elsewhere_is_that_of_its_chain() -> None:
    chain = ja.chain(
        ja.phase("Count", count_to, {"upto": 10, "first_fails": True}, runner="process")
    )
    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.ChainFailed, match="ValueError: half-way") as caught:
            await jobs.submit(chain)
    cause = caught.value.__cause__
    assert isinstance(cause, ValueError)
    assert "in count_to" in "".join(cause.__notes__), "where it was raised"
    assert caught.value.result.stopped_at == "Count"


async def test_collected_errors_of_a_phase_elsewhere_are_in_the_result() -> None:
    chain = ja.chain(ja.phase("Collect", collect, runner="process"))
    async with ja.open_jobs() as jobs:
        (phase,) = (await jobs.run(chain)).phases
    assert [error.item for error in phase.errors] == ["a", "b"]


@pytest.mark.parametrize(
    ("phase", "text"),
    [
        (
            ja.phase("Lock", twice, {"value": threading.Lock()}, runner="process"),
            "cannot be sent to a process.*give it what can be pickled",
        ),
        (ja.phase("Look", look_up, runner="process"), r"Pass it as an argument, ja.result_of"),
        (ja.phase("Result", threading.Lock, runner="process"), "return what can be pickled"),
    ],
)
async def test_what_cannot_go_to_another_process_fails_with_the_cure(phase: Any, text: str) -> None:
    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.ChainFailed, match=f"(?s){text}"):
            await jobs.submit(ja.chain(ja.phase("First", pid), phase))


async def test_messages_reach_a_phase_elsewhere_those_sent_before_it_first() -> None:
    chain = ja.chain(ja.phase("Echo", echo, runner="process"))
    async with ja.open_jobs() as jobs:
        job = jobs.options(hold=True).submit(chain)
        job.tell("early")
        job.tell(threading.Lock())
        job.release()
        assert await job.ask(21) == 42
        with pytest.raises(TypeError, match="did not arrive"):
            await job.ask(threading.Lock())
        job.tell("end")
        assert (await job).results["Echo"] == ["early"]
        assert "a message to this job was dropped" in str(job.logs())


async def test_a_phase_elsewhere_has_arguments_of_any_name() -> None:
    phase = ja.phase("Itself", itself, {"self": 1}, runner="process")
    async with ja.open_jobs() as jobs:
        assert (await jobs.run(ja.chain(phase))).results == {"Itself": 1}


# -- on a cluster


async def test_a_chain_shows_that_its_phase_waits_and_its_timeout_stands_still(
    autojump_clock: MockClock,
) -> None:
    cluster = Cluster()
    chain = ja.chain(
        ja.phase("Here", trio.sleep, {"seconds": 5}),
        ja.phase("There", trio.sleep, {"seconds": 4}, runner=cluster),
    )
    async with ja.open_jobs() as jobs:
        job = jobs.options(timeout=10).submit(chain)
        await trio.sleep(100)
        waiting = job.snapshot()
        assert (waiting.state, waiting.waiting, waiting.where) == ("running", "cluster", "")
        assert waiting.reason == "it has no workers"
        cluster.opened.set()
        await trio.sleep(1)
        begun = job.snapshot()
        assert (begun.waiting, begun.where) == (None, "tcp://there:1")
        assert (await job).success
        assert job.snapshot().where == ""


async def test_the_timeout_of_a_chain_goes_on_when_its_phase_begins(
    autojump_clock: MockClock,
) -> None:
    cluster = Cluster()
    chain = ja.chain(
        ja.phase("Here", trio.sleep, {"seconds": 5}),
        ja.phase("There", trio.sleep, {"seconds": 6}, runner=cluster),
    )
    async with ja.open_jobs() as jobs:
        job = jobs.options(timeout=10).submit(chain)
        await trio.sleep(100)
        cluster.opened.set()
        with pytest.raises(ja.JobTimedOut):
            await job


async def test_a_chain_lends_its_slot_to_others_and_has_it_back_for_the_next_phase(
    autojump_clock: MockClock,
) -> None:
    cluster, order = Cluster(), list[str]()

    async def note(name: str, seconds: float = 0) -> None:
        await trio.sleep(seconds)
        order.append(name)

    chain = ja.chain(
        ja.phase("There", note, {"name": "there", "seconds": 5}, runner=cluster),
        ja.phase("Here", note, {"name": "here"}),
    )
    async with ja.open_jobs(max_running=1) as jobs:
        job = jobs.submit(chain)
        other = jobs.submit(note, "other", 50)
        await trio.sleep(1)
        assert (job.state, other.state) == ("running", "running")
        cluster.opened.set()
        await trio.sleep(10)
        assert (order, job.snapshot().waiting) == (["there"], "slot")
        await job
    assert order == ["there", "other", "here"]


async def test_a_chain_whose_last_phase_is_elsewhere_ends_without_its_slot(
    autojump_clock: MockClock,
) -> None:
    cluster = Cluster()
    cluster.opened.set()
    chain = ja.chain(ja.phase("There", trio.sleep, {"seconds": 5}, runner=cluster))
    async with ja.open_jobs(max_running=1) as jobs:
        job, other = jobs.submit(chain), jobs.submit(trio.sleep, 50)
        await job
        assert other.state == "running"


async def test_the_end_of_the_block_waits_for_a_phase_elsewhere_before_held_jobs_are_given_up(
    autojump_clock: MockClock,
) -> None:
    cluster, seen = Cluster(), list[str]()
    cluster.opened.set()

    async def release() -> None:
        await trio.sleep(5)
        held.release()

    chain = ja.chain(ja.phase("There", release, runner=cluster))
    async with ja.open_jobs() as jobs:
        held = jobs.options(hold=True).submit(lambda: seen.append("held"))
        jobs.submit(chain)
    assert seen == ["held"]


async def test_a_cancel_reaches_a_phase_that_waits_on_the_cluster() -> None:
    chain = ja.chain(ja.phase("There", trio.sleep, {"seconds": 4}, runner=Cluster()))
    async with ja.open_jobs() as jobs:
        job = jobs.submit(chain)
        await until(lambda: job.snapshot().waiting == "cluster")
        job.cancel()
        assert (await job.wait()).state == "cancelled"
        assert job.snapshot().waiting is None


async def test_a_chain_whose_cluster_is_lost_goes_on_in_that_phase_on_the_newest_one() -> None:
    runs: list[str] = []
    first, second = ja.job("phase runner first"), ja.job("phase runner second")

    @first
    async def note_first() -> None:
        runs.append("first")

    @second
    async def note_second() -> None:
        runs.append("second")

    chain = ja.chain(
        ja.phase("First", "phase runner first"), ja.phase("Second", note_second, runner=Lost())
    )
    async with ja.open_jobs() as jobs:
        job = jobs.submit(chain)
        assert (await job.wait()).state == "interrupted"
        assert job.snapshot().reason == "the cluster has gone"
        newer = Cluster()
        newer.opened.set()
        jobs.options(runner=newer)
        job.resume()
        assert (await job).success
    assert runs == ["first", "second"]


async def test_a_killed_chain_goes_on_with_the_runner_of_its_phase_once_there_is_one() -> None:
    runs: list[str] = []

    @ja.job("phase runner kept")
    async def note(name: str) -> str:
        runs.append(name)
        return name

    class Later(Cluster):
        name = "given later"

    async def leave(jobs: ja.Jobs) -> str:
        job = jobs.submit(
            ja.chain(
                ja.phase("First", note, {"name": "first"}),
                ja.phase("Second", note, {"name": "second"}, runner=Later()),
            )
        )
        await until(lambda: job.snapshot().waiting == "cluster")
        await job.stored()
        return job.id

    store = MortalStore()
    job_id = await left_by_a_kill(store, leave)
    async with opened(store) as jobs:
        job = jobs.get(job_id)
        assert job.state == "interrupted"
        newer = Later()
        newer.opened.set()
        jobs.options(runner=newer)
        job.resume()
        assert (await job).results == {"First": "first", "Second": "second"}
    assert runs == ["first", "second"]


# -- what is refused, and documents


@pytest.mark.parametrize(
    ("phase", "text"),
    [
        (ja.phase("Pid", pid, runner="proces"), "runner is one of .*did you mean"),
        (ja.phase("Pid", pid, runner="asyncio"), "asyncio code cannot be a phase"),
        (ja.phase("Pid", pid, runner="trio"), "does not fit a plain function"),
        (ja.phase("Sleep", trio.sleep, {"seconds": 1}, runner="thread"), "not fit an async def"),
        (ja.phase("Sleep", trio.sleep, {"seconds": 1}, runner="process"), "is an async def"),
    ],
)
async def test_a_runner_that_a_phase_cannot_have_is_refused_at_the_submit(
    phase: Any, text: str
) -> None:
    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.ChainInvalid, match=text):
            jobs.submit(ja.chain(phase))
        assert jobs.list() == []


@pytest.mark.parametrize("runner", ["thread", "process", "asyncio"])
async def test_a_runner_that_a_whole_chain_cannot_have_is_refused_at_the_submit(
    runner: Any,
) -> None:
    async with ja.open_jobs() as jobs:
        with pytest.raises(ValueError, match=r"give the phases .* a runner of their own"):
            jobs.options(runner=runner).submit(ja.chain(ja.phase("Pid", pid)))
        assert jobs.list() == []


def test_a_phases_runner_is_checked_where_it_is_given() -> None:
    with pytest.raises(TypeError, match="lacks name"):
        ja.phase("Pid", pid, runner=object())  # type: ignore[arg-type]


def test_a_chain_that_is_run_without_a_job_has_no_runners() -> None:
    chain = ja.chain(ja.phase("Pid", pid, runner="process"))
    assert chain.check() == []
    with pytest.raises(ja.ChainInvalid, match="submit the chain, or leave runner= out"):
        chain.run_sync()


async def test_a_chain_that_runs_elsewhere_as_a_whole_has_no_phase_in_a_third_place() -> None:
    class Other(Cluster):
        name = "another cluster"

    chain = ja.chain(ja.phase("Pid", pid, runner=Cluster()))
    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.ChainInvalid, match="and its chain on another cluster"):
            jobs.options(runner=Other()).submit(chain)


def test_a_document_has_the_name_of_a_phases_runner() -> None:
    ja.job("phase runner written")(own_pid)
    chain = ja.chain(
        ja.phase("There", "phase runner written", runner=Cluster()),
        ja.phase("Here", "phase runner written"),
    )
    document = chain.to_json()
    assert [one.get("runner") for one in document["phases"]] == ["cluster of phases", None]
    again = ja.chain.from_json(document)
    assert again.to_json() == document
    assert "runner='cluster of phases'" in again.to_python()
    with pytest.raises(TypeError, match="a phase's runner is the name of one"):
        ja.chain.from_json({"phases": [{"type": "phase runner written", "runner": 3}]})


def test_a_job_types_runner_is_mentioned_where_it_is_not_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ja.job("phase runner unused", runner="process")(own_pid)
    chain = ja.chain(ja.phase("Pid", "phase runner unused"))
    with caplog.at_level(logging.WARNING):
        assert chain.run_sync().results == {"Pid": os.getpid()}
    assert "it runs in a thread here, although its job type asks for a process" in caplog.text
