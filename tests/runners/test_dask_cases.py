"""Rare moments of jobs on a Dask cluster: between two of its steps, and from odd places."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import asyncio
import gc
import threading
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

import pytest
import trio

import jobactors as ja
from jobactors.runners.process_wire import Kind, pack_result
from tests.bench.scripted_cluster import ScriptedCluster, ScriptedRunner
from tests.engine.scripts import run_script

from . import dask_work as work
from .dask_cluster import blocking, cluster, raised_by, until

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.bench.scripted_cluster import ScriptedTask

CELL = """
FACTOR = 3

def scaled(number):
    return FACTOR * number
"""


class SlowToLeave:
    """A value that leaves its worker when a file is there."""

    def __init__(self, folder: str) -> None:
        self.folder = Path(folder)

    def __reduce__(self) -> tuple[Any, ...]:
        (self.folder / "asked").touch()
        while self.folder.exists() and not (self.folder / "release").exists():
            time.sleep(0.01)
        return int, (7,)


def mark_with(value: object, path: str) -> object:
    work.mark(path)
    return value


def id_in_a_task() -> str:
    """Return the job that a task of Dask's own is in, on a worker."""
    from distributed import get_client

    client = get_client()
    return str(client.submit(current_id, pure=False).result())


def current_id() -> str:
    return ja.current_job().id


def ids_in_threads() -> list[str]:
    """Return the jobs that two threads of this one are in: a bare one, and a bound one."""
    seen: list[str] = []
    note = partial(lambda: seen.append(current_id()))
    for call in (note, ja.bind_context(note)):
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
    return seen


async def test_a_cancel_while_an_argument_is_on_its_way_ends_the_job_at_once(
    tmp_path: Path,
) -> None:
    """It has not begun, and never does."""
    path = str(tmp_path / "started")
    # Over sockets: between workers of one process a value does not travel.
    with cluster(workers=2, protocol="tcp://", host="127.0.0.1") as client:
        one, other = client.scheduler_info()["workers"]
        async with ja.open_jobs() as jobs:
            keeping = jobs.options(runner=ja.DaskRunner(client, keep=True, workers=one))
            value = keeping.submit(SlowToLeave, str(tmp_path))
            await value
            there = jobs.options(runner=ja.DaskRunner(client, workers=other))
            job = there.submit(mark_with, value, path)
            await until((tmp_path / "asked").exists)
            assert job.snapshot().waiting == "cluster"
            job.cancel()
            assert (await job.wait()).state == "cancelled"
            (tmp_path / "release").touch()
            assert await there.submit(work.plus, 1, 2) == 3
    assert work.starts(path) == []


class SlowGather(ScriptedCluster):
    """A cluster whose results are long, and are gathered when that is allowed."""

    def __init__(self) -> None:
        super().__init__(1)
        self.asked = threading.Event()
        self.released = threading.Event()

    def _say(self, task: ScriptedTask, *frames: tuple[Kind, bytes]) -> None:
        long = [(kind, b"" if kind is Kind.RETURNED else content) for kind, content in frames]
        super()._say(task, *long)

    async def gather(self, tasks: Sequence[ScriptedTask]) -> list[Any]:
        """Return the results once they are released."""
        self.asked.set()
        await asyncio.to_thread(self.released.wait)
        return [pack_result(7) for _ in tasks]


async def test_a_cancel_between_the_end_and_the_gathering_comes_too_late() -> None:
    """The function has returned without having heard of it: its job has succeeded."""
    there = SlowGather()
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=ScriptedRunner(there)).submit(work.plus, 3, 4)
        await until(there.asked.is_set)
        job.cancel()
        assert job.state == "cancelling"
        there.released.set()
        assert await job == 7
        assert job.state == "succeeded"


@pytest.mark.parametrize("is_asked_before", [True, False])
async def test_a_job_that_waits_to_be_started_again_is_cancelled_at_once(
    is_asked_before: bool, tmp_path: Path
) -> None:
    """Its worker has left, no other one is there, and it does nothing that could be stopped."""
    path = str(tmp_path / "starts")
    with cluster(workers=1) as client:
        async with ja.open_jobs() as jobs:
            on = jobs.options(runner=ja.DaskRunner(client, allow_restart=True))
            job = on.submit(work.until_file, path, str(tmp_path / "release"))
            await until(lambda: work.starts(path) and job.snapshot().where)
            where, scheduler = job.snapshot().where, client.cluster.scheduler
            if is_asked_before:
                job.cancel("not needed")
            remove = partial(scheduler.remove_worker, where, stimulus_id="test")
            client.loop.add_callback(remove)
            await until(lambda: not scheduler.workers)
            if not is_asked_before:
                await trio.sleep(0.2)  # the news is on its way
                job.cancel("not needed")
            await until(job.done)
            assert isinstance(await raised_by(job), ja.JobCancelled)
            (tmp_path / "release").touch()
            await until(lambda: not scheduler.tasks)
    assert len(work.starts(path)) == 1


async def test_a_run_that_begins_again_reads_the_messages_that_the_lost_one_has_not_read() -> None:
    """They count as unread: else the mailbox would stay full, and a question without an answer."""
    with cluster(workers=1) as client:
        async with ja.open_jobs() as jobs:
            on = jobs.options(runner=ja.DaskRunner(client, allow_restart=True), mailbox=3)
            job = on.submit(work.answer_questions)
            await until(lambda: job.state == "running")
            assert await job.ask(1) == 2
            job.pause()
            await until(lambda: job.state == "paused")
            replies = [job.ask(number) for number in (2, 3, 4)]
            where = job.snapshot().where
            client.cluster.scale(2)
            await blocking(client.wait_for_workers, 2)
            await blocking(client.retire_workers, [where])
            await until(lambda: job.snapshot().where != where)
            job.resume()
            with trio.fail_after(60):
                assert [await reply for reply in replies] == [4, 6, 8]
            job.tell("stop")
            assert await job == 3


async def test_paused_jobs_keep_the_threads_of_their_workers(
    client: Any, runner: ja.DaskRunner, tmp_path: Path
) -> None:
    """Others wait on the cluster until one of them goes on, and ends."""
    async with ja.open_jobs() as jobs:
        on = jobs.options(runner=runner)
        paused = [on.submit(work.until_stopped, str(tmp_path / str(n))) for n in range(2)]
        await until(lambda: all(job.snapshot().progress.pausable for job in paused))
        for job in paused:
            job.pause()
        await until(lambda: all(job.state == "paused" for job in paused))
        third = on.submit(work.plus, 1, 2)
        await until(lambda: third.snapshot().waiting == "cluster")
        await trio.to_thread.run_sync(client.run, int)  # by then it would have begun if it could
        assert third.state == "queued"
        paused[0].cancel()
        assert await third == 3
        paused[1].resume()
        await until(lambda: paused[1].state == "running")
        paused[1].cancel()


async def test_a_client_may_be_made_in_another_thread(client: Any) -> None:
    """And is used from this one, in whose loop it never was."""
    from distributed import Client

    address = client.scheduler.address
    made = await trio.to_thread.run_sync(partial(Client, address, set_as_default=False))
    try:
        async with ja.open_jobs() as jobs:
            assert await jobs.options(runner=ja.DaskRunner(made)).submit(work.plus, 1, 2) == 3
    finally:
        await trio.to_thread.run_sync(made.close)


async def test_a_run_of_which_nothing_hears_any_more_gives_its_worker_back(
    client: Any, tmp_path: Path
) -> None:
    """Its client has gone, as with its program; its job may be resumed elsewhere by then."""
    from distributed import Client

    path = tmp_path / "starts"
    worker = next(iter(client.scheduler_info()["workers"]))
    going = await blocking(partial(Client, client.scheduler.address, set_as_default=False))
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        left = jobs.options(runner=ja.DaskRunner(going, workers=worker))
        job = left.submit(work.until_stopped, str(path))
        await until(path.exists)
        await blocking(going.close)
        assert isinstance(await raised_by(job), ja.ClusterLost)
        with trio.fail_after(60):
            on = jobs.options(runner=ja.DaskRunner(client, workers=worker))
            assert await on.submit(work.plus, 1, 2) == 3


async def test_the_scheduler_keeps_no_reports_of_clients_that_have_gone(client: Any) -> None:
    """A cluster serves many programs, one after the other, and would hold the last of each."""
    from distributed import Client

    for _ in range(2):
        one = await blocking(partial(Client, client.scheduler.address, set_as_default=False))
        async with ja.open_jobs() as jobs:
            await jobs.options(runner=ja.DaskRunner(one)).submit(work.chat, 10)
        with trio.fail_after(60):
            while await blocking(one.run_on_scheduler, kept_reports):  # noqa: ASYNC110 - no event
                await trio.sleep(0.05)
        await blocking(one.close)


def kept_reports(dask_scheduler: Any) -> int:
    """Return the number of messages on topics of ours to which no client listens."""
    topics, clients = dask_scheduler._broker._topics, set(dask_scheduler.clients)
    ours = [topic for name, topic in topics.items() if name.startswith("jobactors-")]
    return sum(len(topic.events) for topic in ours if not topic.subscribers & clients)


async def test_a_task_that_a_job_gives_to_dask_is_in_no_job(runner: ja.DaskRunner) -> None:
    """It runs in a thread of the worker that may have been another job's."""
    async with ja.open_jobs() as jobs:
        assert await jobs.options(runner=runner).submit(id_in_a_task) == ""


async def test_a_thread_that_a_job_starts_on_a_worker_is_in_it_if_it_is_bound(
    runner: ja.DaskRunner,
) -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.options(runner=runner).submit(ids_in_threads)
        assert await job == ["", job.id]


async def test_a_function_of_a_cell_goes_along_with_what_it_uses(runner: ja.DaskRunner) -> None:
    cell: dict[str, Any] = {"__name__": "__main__"}
    exec(CELL, cell)  # noqa: S102 - as a notebook does
    async with ja.open_jobs() as jobs:
        assert await jobs.options(runner=runner).map(cell["scaled"], range(5)) == [0, 3, 6, 9, 12]


async def test_a_job_type_of_a_cell_may_have_the_cluster_as_its_runner(
    runner: ja.DaskRunner,
) -> None:
    """Its function is sent with the type, whose client cannot be; a job that calls it as well."""
    cell: dict[str, Any] = {"__name__": "__main__"}
    exec(CELL, cell)  # noqa: S102 - as a notebook does
    ja.job("test dask cell", runner=runner)(cell["scaled"])
    async with ja.open_jobs() as jobs:
        assert await jobs.submit("test dask cell", {"number": 2}) == 6
        caller = jobs.options(runner="process").submit(call, cell["scaled"], 3)
        assert await caller == 9


def call(function: Callable[[int], int], number: int) -> int:
    return function(number)


async def test_a_client_that_connects_again_serves_jobs_as_before(tmp_path: Path) -> None:
    """To a scheduler that has been started again: later jobs are heard of, and their worker's end.

    What ran is lost.
    """
    from distributed import Client

    paths = [str(tmp_path / name) for name in ("first", "second")]
    release = tmp_path / "release"
    place: Any = {"protocol": "tcp://", "host": "127.0.0.1"}
    async with AsyncExitStack() as stack:
        with cluster(workers=1, **place) as first:
            port = int(first.scheduler.address.rpartition(":")[2])
            client = stack.enter_context(Client(first.scheduler.address, set_as_default=False))
            jobs = await stack.enter_async_context(ja.open_jobs())
            on = jobs.options(runner=ja.DaskRunner(client))
            lost = on.submit(work.until_stopped, paths[0])
            await until(lambda: work.starts(paths[0]))
        assert isinstance(await raised_by(lost), ja.ClusterLost)
        with cluster(workers=1, scheduler_port=port, **place) as second:
            await until(lambda: client.status == "running")
            heard = on.submit(work.plus, 1, 2)
            await until(heard.done)
            deaf = on.submit(work.until_file, paths[1], str(release))
            await until(lambda: work.starts(paths[1]))
            where, remove = deaf.snapshot().where, second.cluster.scheduler.remove_worker
            second.loop.add_callback(partial(remove, where, stimulus_id="test"))
            assert isinstance(await raised_by(deaf), ja.WorkerDied)
            release.touch()


async def test_a_client_that_is_closed_before_its_first_job_makes_no_complaint(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """But the job's own error; its loop goes on here, since it is that of the cluster."""
    from distributed import Client

    with cluster(workers=1) as client:
        closed = Client(client.cluster, set_as_default=False)
        runner = ja.DaskRunner(closed)
        await blocking(closed.close)
        async with ja.open_jobs() as jobs:
            job = jobs.options(runner=runner).submit(work.plus, 1, 2)
            assert isinstance(await raised_by(job), ja.ClusterLost)
        await blocking(client.submit(work.plus, 1, 2).result)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_client_that_was_closed_goes_with_its_cluster() -> None:
    """Though the loop of its jobs goes on.  The last runner stays, for jobs that are resumed."""

    async def use() -> ref[Any]:
        with cluster(workers=1) as client:
            async with ja.open_jobs() as jobs:
                assert await jobs.options(runner=ja.DaskRunner(client)).run(work.plus, 1, 2) == 3
            return ref(client)

    client, _ = await use(), await use()
    await until(lambda: gc.collect() >= 0 and client() is None)


def test_a_client_that_was_made_before_a_fork_is_lost_to_the_child() -> None:
    """Its thread stays in the parent, where it goes on."""
    ended = run_script(
        """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)  # of any fork beside threads, from 3.12
        logging.disable(logging.INFO)  # Dask's own, of each step
        from tests.runners import dask_work as work
        from tests.runners.dask_cluster import cluster

        with cluster(workers=1) as client:
            used = ja.DaskRunner(client)
            unused = ja.DaskRunner(client.cluster.get_client())
            jobs = ja.start()
            print(jobs.options(runner=used).submit(work.plus, 1, 2).result())
            pid = os.fork()
            if not pid:
                try:
                    ja.DaskRunner(client)
                except ValueError as exc:
                    print("made before this process was forked" in str(exc))
                jobs = ja.start()
                for runner in (used, unused):
                    try:
                        jobs.options(runner=runner).submit(work.plus, 1, 2).result()
                    except ja.ClusterLost:
                        print("lost")
                ja.stop()
                os._exit(0)
            print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            print(jobs.options(runner=used).submit(work.plus, 3, 4).result())
            unused.client.close()
            ja.stop()
        """
    )
    assert ended.said == ["3", "True", "lost", "lost", "0", "7"]
    assert (ended.code, ended.errors) == (0, "")
