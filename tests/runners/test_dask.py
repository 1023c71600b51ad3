"""Jobs on a Dask cluster, whose workers are in this process: quick, and nothing is killed."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import pickle
import subprocess
import sys
import threading
import time
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja
from jobactors.engine.attempt.checkpoint_writer import CheckpointWriter
from jobactors.inside.report.meter import Meter
from jobactors.inside.signals.control import Control
from jobactors.runners import dask_link
from jobactors.runners.dask_call import ClusterCall
from jobactors.runners.dask_client import ClusterClient
from jobactors.runners.process_mail import Mail
from tests.open_telemetry import recording, span_ids

from . import dask_work as work
from .dask_cluster import cluster, raised_by, until

if TYPE_CHECKING:
    from pathlib import Path


def calls_of(jobs: list[ja.Job[Any]]) -> list[ClusterCall]:
    """Return the attempts of jobs on a cluster."""
    ids = {job.id for job in jobs}
    # Not isinstance: it asks an object for its __class__, and there are proxies of what has gone.
    every = [one for one in gc.get_objects() if issubclass(type(one), ClusterCall)]
    return [one for one in every if one._attempt.context.id in ids]


# --- waiting ------------------------------------------------------------------------------------


async def test_a_job_that_no_worker_has_begun_is_queued_and_its_timeout_does_not_run(
    client: Any, tmp_path: Path
) -> None:
    """The one worker that may run them is busy with the first."""
    worker = next(iter(client.scheduler_info()["workers"]))
    runner = ja.DaskRunner(client, workers=worker)
    async with ja.open_jobs() as jobs:
        on = jobs.options(runner=runner)
        first = on.submit(work.until_stopped, str(tmp_path / "first"))
        await until(lambda: first.state == "running")
        second = on.options(timeout=60).submit(work.add, 1, 2)
        await until(lambda: second.snapshot().waiting == "cluster")
        assert (second.state, second.snapshot().started_at) == ("queued", None)
        first.cancel()
        assert await second == 3
        assert second.snapshot().where == first.snapshot().where == worker


async def test_a_cancel_reaches_a_job_that_waits_on_the_cluster_before_it_starts(
    client: Any, tmp_path: Path
) -> None:
    """And its worker is free for others."""
    worker = next(iter(client.scheduler_info()["workers"]))
    async with ja.open_jobs() as jobs:
        on = jobs.options(runner=ja.DaskRunner(client, workers=[worker]))
        first = on.submit(work.until_stopped, str(tmp_path / "first"))
        await until(lambda: first.state == "running")
        second = on.submit(work.mark, str(tmp_path / "second"))
        await until(lambda: second.snapshot().waiting == "cluster")
        second.cancel("not needed")
        assert isinstance(await raised_by(second), ja.JobCancelled)
        first.cancel()
        assert await on.submit(work.add, 1) == 1
    assert work.starts(str(tmp_path / "second")) == []


async def test_a_job_that_no_worker_can_begin_says_so_and_its_deadline_ends_it(
    client: Any,
) -> None:
    """On its row and in its log, after some seconds; when a worker comes, it begins."""
    runner = ja.DaskRunner(client, resources={"GPU": 1})
    with cluster(workers=0) as empty:
        async with ja.open_jobs(unread_failures="ignore") as jobs:
            waiting = jobs.options(runner=ja.DaskRunner(empty)).submit(work.add, 2)
            job = jobs.options(runner=runner, start_deadline=60).submit(work.add, 1)
            await until(lambda: "no worker has the resources GPU=1" in str(job.logs()))
            assert job.snapshot().waiting == "cluster"
            assert job.snapshot().explanation.startswith("no worker has the resources GPU=1")
            job.cancel()
            await until(lambda: "the cluster has no workers yet: cluster.s" in str(waiting.logs()))
            assert waiting.snapshot().explanation.startswith("the cluster has no workers yet")
            await trio.to_thread.run_sync(empty.cluster.scale, 1)
            assert await waiting == 2
            assert waiting.snapshot().explanation == ""


async def test_the_reason_why_none_begins_goes_when_a_worker_comes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A job that waits behind another one then waits for that, and not for want of workers."""
    path = str(tmp_path / "starts")
    monkeypatch.setattr(dask_link, "SLOW_START", 0.2)
    with cluster(workers=0) as empty:
        async with ja.open_jobs() as jobs:
            on = jobs.options(runner=ja.DaskRunner(empty))
            pair = [on.submit(work.until_stopped, path) for _ in range(2)]
            await until(lambda: all(job.snapshot().reason for job in pair))
            await trio.to_thread.run_sync(empty.cluster.scale, 1)
            await until(lambda: any(job.state == "running" for job in pair))
            await until(lambda: not any(job.snapshot().reason for job in pair))
            assert sum(job.state == "queued" for job in pair) == 1
            jobs.select(state="unfinished").cancel()


class SlowToPack:
    """An argument that is a number where it arrives."""

    def __init__(self, number: int, seconds: float) -> None:
        self.number = number
        self.seconds = seconds

    def __reduce__(self) -> Any:
        time.sleep(self.seconds)
        return int, (self.number,)


async def test_jobs_start_in_the_order_of_their_submits_however_long_they_take_to_pack(
    client: Any, tmp_path: Path
) -> None:
    """On one worker, those that are packed at once and in threads: as tasks of Dask do."""
    path = str(tmp_path / "starts")
    async with ja.open_jobs() as jobs:
        on = jobs.options(runner=ja.DaskRunner(client, workers=[0]))
        first = on.submit(work.until_stopped, path)
        await until(lambda: work.starts(path))
        late: list[Any] = [SlowToPack(number, 0.02 * (5 - number)) for number in range(5)]
        later = [on.submit(work.add, slow, 1) for slow in late]
        every = [*later, *(on.submit(work.add, number, 1) for number in range(20))]
        await until(lambda: all(job.snapshot().waiting == "cluster" for job in every))
        await trio.sleep(0.5)
        first.cancel()
        assert [await job for job in later] == [1, 2, 3, 4, 5]
        for job in every:
            await job.wait()
        starts = [job.snapshot().started_at or 0 for job in every]
    assert starts == sorted(starts)


async def test_a_call_that_hangs_in_its_packing_holds_no_other_back(
    runner: ja.DaskRunner,
) -> None:
    """Nor does one that was cancelled while it was packed, or that cannot be."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        on = jobs.options(runner=runner)
        hanging: Any = SlowToPack(1, 2.0)
        slow = on.submit(work.add, hanging, 1)
        unsendable = on.submit(work.size_of, threading.Lock())
        other = on.submit(work.add, 1, 1)
        assert await other == 2
        assert slow.state == "queued"
        assert isinstance(await raised_by(unsendable), TypeError)
        slow.cancel()
        assert isinstance(await raised_by(slow), ja.JobCancelled)
        assert await on.submit(work.add, 2, 1) == 3


# --- what a job says and hears ------------------------------------------------------------------


async def test_no_result_overtakes_the_log_or_the_last_progress(runner: ja.DaskRunner) -> None:
    """They travel on one ordered stream."""
    async with ja.open_jobs() as jobs:
        for job in [jobs.options(runner=runner).submit(work.chat, 50) for _ in range(10)]:
            assert await job == 50
            assert str(job.logs()) == "".join(f"line {i}\n" for i in range(50))
            assert job.snapshot().progress.done == 50


async def test_messages_and_questions_arrive_and_answers_come_back(runner: ja.DaskRunner) -> None:
    """As for a job in any other place."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=runner).submit(work.answer_questions)
        await until(lambda: job.state == "running")
        assert [await job.ask(n) for n in (1, 2)] == [2, 4]
        with pytest.raises(TypeError, match="pickled"):
            job.tell(threading.Lock())
        job.tell("enough")
        assert await job == 2


async def test_an_answer_arrives_although_the_job_returns_right_after_it(
    runner: ja.DaskRunner,
) -> None:
    """And the reason for which it cannot be sent does; either is here before the job's end."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=runner).submit(work.answer_and_return, True)
        assert await job.ask("the number") == 42
        assert await job == "done"
        job = jobs.options(runner=runner).submit(work.answer_and_return, False)
        with pytest.raises(TypeError, match="cannot pickle"):
            await job.ask("a lock")
        assert await job == "done"


async def test_a_job_that_says_nothing_makes_no_event(
    runner: ja.DaskRunner, tmp_path: Path
) -> None:
    """However long it runs; nothing travels either."""
    release = tmp_path / "release"
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=runner).submit(
            work.until_file, str(tmp_path / "begun"), str(release)
        )
        await until(lambda: job.state == "running")
        await trio.sleep(0.5)  # the news of the start
        heard = list[ja.Event]()
        jobs.on_event(heard.append)
        await trio.sleep(1.2)  # longer than a worker's look at itself
        assert [event for event in heard if type(event) is not ja.JobRestated] == []
        release.touch()
        assert await job == "released"


async def test_a_job_on_a_worker_runs_in_the_trace_of_its_job(client: Any) -> None:
    """A span that its code begins there has the job's for its parent; the next task has none."""
    worker = next(iter(client.scheduler_info()["workers"]))
    runner = ja.DaskRunner(client, workers=worker)
    with recording():
        async with ja.open_jobs() as jobs:
            job = jobs.options(name="work", runner=runner).submit(work.parent_of_a_new_span)
            parent = await job
        assert parent == span_ids()["work"]
        task = client.submit(work.parent_of_a_new_span, workers=[worker])
        assert await trio.to_thread.run_sync(task.result) == 0


async def test_the_clients_loop_has_no_context_variables_of_a_job(client: Any) -> None:
    """The connections that Dask opens in a call would have them for good."""
    variable = ContextVar("variable", default="none")
    variable.set("of the caller")
    seen = list[str]()
    ClusterClient(client).call_soon(lambda: seen.append(variable.get()))
    await until(lambda: seen)
    assert seen == ["none"]


async def test_a_job_may_give_tasks_to_dask_itself(runner: ja.DaskRunner) -> None:
    """Its worker's client is there, as in any task."""
    async with ja.open_jobs() as jobs:
        assert await jobs.options(runner=runner).submit(work.squares, 5) == 30


async def test_a_chatty_job_is_cut_and_the_cut_is_counted(runner: ja.DaskRunner) -> None:
    """Its own lines are the price, and nothing else."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=runner).submit(_shout, 1_000)
        assert await job == 1_000
        assert "lines were cut here: more than 1 MB of them came in a second" in str(job.logs())


def _shout(lines: int) -> int:
    for i in range(lines):
        print("x" * 9_000, i)
    return lines


# --- results and errors -------------------------------------------------------------------------


async def test_a_long_result_is_gathered_and_a_short_one_travels_with_its_end(
    runner: ja.DaskRunner,
) -> None:
    """Either way it is the result."""
    async with ja.open_jobs() as jobs:
        sizes = (0, 10_000, 10_000_000)
        jobs_ = [jobs.options(runner=runner).submit(work.large, size) for size in sizes]
        assert [len(await job) for job in jobs_] == list(sizes)


async def test_what_cannot_be_pickled_fails_its_job_alone(runner: ja.DaskRunner) -> None:
    """With the cure: an argument, a result, an error."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        on = jobs.options(runner=runner)
        lock: Any = threading.Lock()
        error = await raised_by(on.submit(work.size_of, lock))
        assert "this call cannot be sent to a cluster: argument 1 cannot be:" in str(error)
        error = await raised_by(on.submit(threading.Lock))
        assert "cannot be sent back from its worker: " in str(error)
        assert "return what can be pickled" in str(error)
        assert "lock" in str(await raised_by(on.submit(_raise_with_a_lock)))
        error = await raised_by(on.submit(_Stubborn))
        assert "it does not like this side" in str(error)
        assert "have its modules installed here as well" in error.__notes__[0]
        assert await on.submit(work.add, 1) == 1


class _Locked(Exception):
    def __init__(self) -> None:
        super().__init__("it holds a lock")
        self.lock: Any = threading.Lock()


def _raise_with_a_lock() -> None:
    raise _Locked


class _Stubborn:
    def __reduce__(self) -> tuple[Any, ...]:
        return _refuse, ()


def _refuse() -> None:
    raise ValueError("it does not like this side")


async def test_an_async_function_is_refused_with_the_way_to_run_it(runner: ja.DaskRunner) -> None:
    """Dask would run it in the worker's own loop."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        error = await raised_by(jobs.options(runner=runner).submit(trio.sleep, 0))
        assert "submit a def that runs it" in str(error)


async def test_work_files_are_refused_without_a_shared_folder(client: Any, tmp_path: Path) -> None:
    """On another machine they would be lost; in a folder that all have they are found."""
    async with ja.open_jobs(unread_failures="ignore", store=tmp_path / "jobs.db") as jobs:
        error = await raised_by(jobs.options(runner=ja.DaskRunner(client)).submit(_write_file))
        assert "shared_folder=" in str(error)
        (tmp_path / "other").mkdir()
        elsewhere = ja.DaskRunner(client, shared_folder=tmp_path / "other")
        error = await raised_by(jobs.options(runner=elsewhere).submit(_write_file))
        assert "open the job system with a store there" in str(error)
        shared = ja.DaskRunner(client, shared_folder=tmp_path)
        assert await jobs.options(runner=shared).submit(_write_file) == "text"


async def test_work_files_are_the_same_wherever_the_job_runs(client: Any, tmp_path: Path) -> None:
    """A merge, and a job that goes on elsewhere, find them there; no other job writes into them."""
    async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
        places: tuple[Any, ...] = (ja.DaskRunner(client, shared_folder=tmp_path), "process")
        about = jobs.options(subject="wiki")
        here = await about.submit(_work_file)
        assert "wiki" in here
        for runner in places:
            assert await about.options(runner=runner).submit(_work_file) == here


def _work_file() -> str:
    return os.path.realpath(ja.current_job().work_file())


def _write_file() -> str:
    path = ja.current_job().work_file()
    path.write_text("text")
    return path.read_text()


async def test_a_job_type_may_have_the_cluster_as_its_runner(runner: ja.DaskRunner) -> None:
    """Whoever submits it need not know."""
    ja.job("test dask add", runner=runner)(work.add)
    async with ja.open_jobs() as jobs:
        job = jobs.submit("test dask add", {"a": 1, "b": 2})
        assert await job == 3
        assert job.snapshot().runner == "dask"


async def test_a_job_may_lend_its_thread_to_other_tasks_of_its_worker(
    client: Any, tmp_path: Path
) -> None:
    """By Dask's ``secede`` and ``rejoin``; it stays at work, and reports as before."""
    worker = next(iter(client.scheduler_info()["workers"]))
    path, release = tmp_path / "starts", tmp_path / "release"
    async with ja.open_jobs() as jobs:
        on = jobs.options(runner=ja.DaskRunner(client, workers=worker))
        job = on.submit(work.lend_thread, str(path), str(release))
        await until(path.exists)
        assert await on.submit(work.add, 1) == 1
        assert job.state == "running"
        release.touch()
        assert await job == job.id
        assert job.snapshot().progress.message == "back again"


# --- chains -------------------------------------------------------------------------------------


async def test_a_chain_runs_on_a_worker_and_goes_on_after_the_phase_that_was_completed(
    runner: ja.DaskRunner, tmp_path: Path
) -> None:
    """Its phases are one job with one progress, and a checkpoint follows each of them."""
    marks = str(tmp_path / "first")
    first, second = ja.job("test dask mark")(work.mark), ja.job("test dask once")(work.fail_once)
    chain = ja.chain(
        ja.phase("Mark", first, {"path": marks}, weight=30),
        ja.phase("Fail once", second, {"path": str(tmp_path / "second")}, weight=70),
    )
    async with ja.open_jobs(store=tmp_path / "jobs.db", unread_failures="ignore") as jobs:
        on = jobs.options(runner=runner, subject="chain")
        failed = on.submit(chain)
        assert isinstance(await raised_by(failed), ja.ChainFailed)
        assert failed.snapshot().where
        again = failed.restart()
        assert [phase.value for phase in (await again).phases] == [None, "the second time"]
        assert again.snapshot().progress.fraction == 1
    assert len(work.starts(marks)) == 1


# --- the end of the system ----------------------------------------------------------------------


async def test_a_stuck_job_is_left_behind_at_the_end_and_its_row_says_where(
    runner: ja.DaskRunner, tmp_path: Path
) -> None:
    """The end takes no longer than its grace."""
    release = tmp_path / "release"
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        job = jobs.options(runner=runner, grace=0.1).submit(
            work.until_file, str(tmp_path / "begun"), str(release)
        )
        await until(lambda: job.state == "running")
        where = job.snapshot().where
        await jobs.close()
        release.touch()
        assert (await job.wait()).state == "cancelled"
        assert f"it may still run on {where}" in job.snapshot().explanation


# --- a cluster that is closed --------------------------------------------------------------------


@pytest.mark.parametrize("closes", ["client", "cluster"])
async def test_a_job_of_a_closed_cluster_rests_with_a_store_and_else_fails_as_lost(
    closes: str, tmp_path: Path
) -> None:
    """A worker that leaves in that course is no worker that has died; the work goes on here."""
    with cluster(workers=2) as closed:
        async with (
            ja.open_jobs(store=tmp_path / "jobs.db") as storing,
            ja.open_jobs(unread_failures="ignore") as jobs,
        ):
            runner = ja.DaskRunner(closed)
            marks = str(tmp_path / "a")
            about = storing.options(runner=runner, subject="numbers")
            stored = about.submit(work.save_and_go_on, marks, 10)
            lost = jobs.options(runner=runner).submit(work.until_stopped, str(tmp_path / "b"))
            await until(lambda: stored.snapshot().progress.done == 6)
            await until(lambda: lost.state == "running")
            await trio.to_thread.run_sync((closed if closes == "client" else closed.cluster).close)
            assert (await stored.wait()).state == "interrupted"
            assert "is out of reach" in str(stored.snapshot().reason)
            error = await raised_by(lost)
            assert isinstance(error, ja.ClusterLost)
            assert "give a runner of another cluster" in str(error)
            error = await raised_by(jobs.options(runner=runner).submit(work.add, 1))
            assert isinstance(error, ja.ClusterLost)
            here = about.options(runner="thread", on_checkpoint="resume")
            assert await here.submit(work.save_and_go_on, marks, 10) == [6, 10]


# --- clients ------------------------------------------------------------------------------------


async def test_two_systems_share_a_client_and_one_system_has_two(client: Any) -> None:
    """Each job comes back to its own."""
    with cluster(workers=1) as other:
        async with ja.open_jobs() as one, ja.open_jobs() as two:
            jobs = [
                system.options(runner=ja.DaskRunner(on)).submit(work.add, n, place)
                for n, system in enumerate((one, two))
                for place, on in ((10, client), (20, other))
            ]
            assert [await job for job in jobs] == [10, 20, 11, 21]


async def _deaf(address: str) -> None:
    from distributed import Client

    async with Client(address, asynchronous=True, set_as_default=False) as deaf:
        ja.DaskRunner(deaf)


async def test_a_client_that_cannot_serve_is_refused_with_the_cure(client: Any) -> None:
    """When the runner is made, not when a job hangs."""
    from distributed import Client

    wrong: Any = client.scheduler.address
    with pytest.raises(TypeError, match=r"is a dask.distributed.Client, not 'inproc"):
        ja.DaskRunner(wrong)
    with pytest.raises(TypeError, match="hears nothing while a cell"):
        await trio.to_thread.run_sync(asyncio.run, _deaf(client.scheduler.address))
    closed = Client(client.scheduler.address, set_as_default=False)
    closed.close()
    with pytest.raises(ValueError, match="is closed, and reaches no cluster any more"):
        ja.DaskRunner(closed)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"resources": {"GPU": "one"}}, "names of workers' resources to numbers above 0"),
        ({"resources": ["GPU"]}, "maps names of workers' resources to numbers"),
        ({"resources": {"GPU": 10**400}}, "to numbers above 0"),
        ({"resources": {"": 1}}, "to numbers above 0"),
        ({"workers": [1.5]}, "takes addresses, names or hosts of workers"),
        ({"workers": True}, "takes addresses, names or hosts of workers, not True"),
        ({"workers": []}, r"workers=\[\]\) names no worker: leave it out for all"),
        ({"workers": ["there", ""]}, "names no worker"),
        ({"keep": "yes"}, r"keep=…\) is True or False, not 'yes'"),
        ({"shared_folder": 7}, r"shared_folder=…\) is a path, not 7"),
        ({"shared_folder": ""}, r"shared_folder=''\) is no path"),
        ({"shared_folder": "/nowhere/at all"}, "is no folder here: make it, or mount it"),
        ({"shared_folder": __file__}, "is no folder here"),
        ({"shared_folder": "a\0b"}, "is no path: leave it out"),
    ],
)
def test_wrong_options_are_refused(client: Any, options: dict[str, Any], message: str) -> None:
    """Each with what it takes."""
    with pytest.raises((TypeError, ValueError), match=message):
        ja.DaskRunner(client, **options)


class Rebuilt:
    """An argument that is rebuilt by a call."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize(
    ("module", "kind", "message", "cure"),
    [
        ("secret", ModuleNotFoundError, "No module named 'secret'", "the worker does not have it"),
        ("aged", AttributeError, "Can't get attribute 'new' on <module 'aged'", "another version"),
    ],
)
async def test_a_module_that_a_worker_lacks_fails_the_job_with_the_cure(
    runner: ja.DaskRunner,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    kind: type[Exception],
    message: str,
    cure: str,
) -> None:
    """Or has in another version: class and words stay, and the row says what to do."""
    (tmp_path / "aged.py").write_text("old = 1")
    monkeypatch.syspath_prepend(tmp_path)
    argument = Rebuilt(pickle.loads, f"c{module}\nnew\n.".encode())  # as one of that module is
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        job = jobs.options(runner=runner).submit(work.size_of, argument)
        assert type(await raised_by(job)) is kind
        shown = str(job.snapshot().error)
        assert shown.startswith(f"{kind.__name__}: {message}")
        assert cure in shown
        assert f'client.upload_file("{module}.py")' in shown
        assert f'PipInstall(["{module}"])' in shown


async def test_a_client_that_is_given_as_a_runner_is_told_of_the_runner(client: Any) -> None:
    """Not of the attributes that it lacks."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match=r"a client of Dask: ja\.DaskRunner\(client\) runs"):
            jobs.options(runner=client)


def test_a_runner_shows_the_options_that_it_was_given(client: Any, tmp_path: Path) -> None:
    """And no others."""
    address = client.scheduler.address
    assert repr(ja.DaskRunner(client)) == f"<DaskRunner {address}>"
    given = ja.DaskRunner(client, keep=True, workers=[0], resources={"GPU": 1})
    assert repr(given) == f"<DaskRunner {address} resources={{'GPU': 1}} workers=(0,) keep=True>"
    shared = ja.DaskRunner(client, shared_folder=tmp_path)
    assert repr(shared) == f"<DaskRunner {address} shared_folder='{tmp_path.resolve()}'>"


def test_the_signature_of_the_runner_has_the_types_of_its_options() -> None:
    """As ``help(ja.DaskRunner)`` shows it."""
    parameters = inspect.signature(ja.DaskRunner).parameters
    assert parameters["resources"].annotation == "Mapping[str, float] | None"
    assert parameters["workers"].annotation == "str | int | Iterable[str | int] | None"
    assert parameters["shared_folder"].annotation == "str | os.PathLike[str] | None"


async def test_an_async_def_fails_before_it_is_sent() -> None:
    """Though no worker is there to find it out."""
    with cluster(workers=0) as empty:
        async with ja.open_jobs(unread_failures="ignore") as jobs:
            job = jobs.options(runner=ja.DaskRunner(empty)).submit(trio.sleep, 1)
            assert "is an async def, and Dask runs plain functions" in str(await raised_by(job))


async def test_a_worker_may_be_named_by_its_number(client: Any, tmp_path: Path) -> None:
    """As ``LocalCluster`` names its workers; a number that none has costs its own job alone."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        job = jobs.options(runner=ja.DaskRunner(client, workers=1)).submit(work.add, 1, 2)
        assert await job == 3
        assert job.snapshot().where == client.cluster.workers[1].address
        other = jobs.options(runner=ja.DaskRunner(client)).submit(
            work.until_stopped, str(tmp_path / "begun")
        )
        await until(lambda: other.state == "running")
        on_none = jobs.options(runner=ja.DaskRunner(client, workers=[7]))
        for _ in range(3):
            missing = on_none.submit(work.add, 1, 2)
            assert "a number that names no worker" in str(await raised_by(missing))
        await jobs.options(runner=ja.DaskRunner(client)).submit(work.add, 1, 2)
        assert (client.status, other.state) == ("running", "running")
        other.cancel()


async def test_a_cancelled_task_is_no_silent_end(client: Any, tmp_path: Path) -> None:
    """``client.cancel`` and ``client.restart`` go past the job: it fails, and says so."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        job = jobs.options(runner=ja.DaskRunner(client)).submit(
            work.until_stopped, str(tmp_path / "begun")
        )
        await until(lambda: job.state == "running")
        (key,) = [key for key in client.futures if job.id in key]
        await trio.to_thread.run_sync(client.cancel, [_future(client, key)])
        error = await raised_by(job)
        assert isinstance(error, ja.WorkerDied)
        assert "was cancelled on the Dask cluster" in str(error)


def _future(client: Any, key: str) -> Any:
    from distributed import Future

    return Future(key, client)


async def test_jobs_that_may_restart_run_without_asking(client: Any) -> None:
    """Many at once, and their ends come back."""
    runner = ja.DaskRunner(client, allow_restart=True)
    async with ja.open_jobs() as jobs:
        assert await jobs.options(runner=runner).map(work.add, range(100)) == list(range(100))


async def test_a_map_is_taken_in_by_the_clusters_threads_and_not_by_max_running(
    runner: ja.DaskRunner, tmp_path: Path
) -> None:
    """Three jobs a thread: one runs, and others are on their way, so that no thread waits."""
    async with ja.open_jobs(max_running=1) as jobs:
        paths = (str(tmp_path / str(number)) for number in range(1_000))
        batch = jobs.options(runner=runner).map(work.until_stopped, paths)
        await until(lambda: len(jobs.list(state="running")) == 2 and len(jobs) >= 6)
        assert len(jobs) == 6
        batch.cancel()


async def test_a_map_gives_each_job_its_own_result_and_its_rest_is_cancelled_at_once(
    runner: ja.DaskRunner,
) -> None:
    """Its jobs are listed as far as they were taken in, and the workers are free afterwards."""
    async with ja.open_jobs() as jobs:
        on = jobs.options(runner=runner)
        assert await on.map(work.plus, range(200), range(200)) == [2 * n for n in range(200)]
        batch, done = on.map(work.plus, range(10_000)), 0
        async for _ in batch:
            done += 1
            if done == 50:
                break
        assert done <= len(jobs.list(limit=10_000)) < 300 + done
        batch.cancel()
        await until(lambda: not jobs.list(state="unfinished"))
        assert batch.counts[ja.JobState.SUCCEEDED] < 300
        assert await on.submit(work.plus, 1, 2) == 3


async def test_a_job_that_waits_on_the_cluster_has_no_parts_that_only_a_running_one_needs(
    client: Any, tmp_path: Path
) -> None:
    """Tens of thousands may wait, and the garbage collector goes through all that they hold."""
    worker = next(iter(client.scheduler_info()["workers"]))
    on_one = ja.DaskRunner(client, workers=worker)
    async with ja.open_jobs() as jobs:
        on = jobs.options(runner=on_one)
        first = on.submit(work.until_stopped, str(tmp_path / "first"))
        await until(lambda: first.state == "running")
        waiting = [on.submit(work.plus, number) for number in range(20)]
        await until(lambda: len(calls_of(waiting)) == len(waiting))
        for call in calls_of(waiting):
            held = {type(one) for one in gc.get_referents(call, call._attempt.context._toolbox)}
            assert not held & {Meter, Control, Mail, CheckpointWriter}
        first.cancel()
        assert [await job for job in waiting] == list(range(20))


def test_nothing_of_dask_is_loaded_before_a_runner_is_made() -> None:
    """Not by the package, and not by its name."""
    code = "import sys, jobactors as ja; ja.DaskRunner; ja.ClusterLost; ja.open_jobs; "
    code += "print([name for name in sys.modules if name in {'distributed', 'dask', 'tornado'}])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_worker_half_loads_no_engine() -> None:
    """Only the model, and what a job's own code touches."""
    code = "import sys, jobactors.runners.dask_worker; "
    code += "print([n for n in sys.modules if n == 'trio' or n.startswith('jobactors.engine')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_notebooks_thread_and_a_plain_script_use_it_as_well(client: Any) -> None:
    """The client was made in another thread than the loop of the jobs."""
    jobs = ja.start()
    try:
        on = jobs.options(runner=ja.DaskRunner(client))
        assert on.submit(partial(work.add, 1), 2).result(60) == 3
    finally:
        ja.stop()
