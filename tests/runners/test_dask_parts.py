"""The parts of the Dask runner that need no cluster: fence, frames, packing, reports, hints."""

from __future__ import annotations

import copyreg
import json
import pickle
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cloudpickle
import pytest
import trio
import trio.testing
from distributed.scheduler import KilledWorker

import jobactors as ja
from jobactors.runners import dask_wire
from jobactors.runners.dask_client import TaskEnd
from jobactors.runners.dask_fence import Ruling, StartFence
from jobactors.runners.dask_hints import cluster_lost, task_failed, why_none_begins
from jobactors.runners.dask_packing import (
    is_soon_packed,
    pack_call,
    unpack_call,
    unpack_plain,
)
from jobactors.runners.dask_reports import RunReports
from jobactors.runners.dask_side import AT_ONCE, EngineSide
from jobactors.runners.dask_task import task_function
from jobactors.runners.dask_wire import BATCH, batches, key_for
from jobactors.runners.process_pickler import pickled
from jobactors.runners.process_speaker import SentLog
from jobactors.runners.process_wire import Kind

from . import dask_work as work

# --- the fence ----------------------------------------------------------------------------------


def test_the_first_run_that_was_granted_is_the_only_one_that_begins() -> None:
    """Whatever becomes of it; asking again, it is granted again."""
    fence = StartFence(restarts=False)
    assert fence.ask("a") is Ruling.WAIT
    fence.grant()
    assert fence.ask("b") is Ruling.REFUSE
    assert fence.ask("a") is Ruling.GRANT
    assert fence.run == "a"


def test_a_run_that_was_never_granted_gives_its_place_to_the_next_one() -> None:
    """It has not begun, and cannot: the grant will name the other one."""
    fence = StartFence(restarts=False)
    assert [fence.ask(run) for run in "ab"] == [Ruling.WAIT, Ruling.WAIT]
    assert not fence.is_granted
    fence.grant()
    assert fence.run == "b"
    assert fence.ask("a") is Ruling.REFUSE


def test_a_run_whose_worker_has_left_before_the_grant_never_begins_unless_it_asks_again() -> None:
    """A worker that seemed to have left may be there."""
    fence = StartFence(restarts=False)
    assert fence.ask("a") is Ruling.WAIT
    fence.withdraw()
    assert not fence.run
    assert fence.ask("a") is Ruling.WAIT
    fence.grant()
    fence.withdraw()
    assert (fence.run, fence.is_granted) == ("a", True)


def test_no_run_begins_after_the_attempt_has_ended() -> None:
    """With restarts or without."""
    for restarts in (True, False):
        fence = StartFence(restarts)
        fence.is_over = True
        assert fence.ask("a") is Ruling.REFUSE


def test_with_restarts_every_run_begins_and_the_last_one_counts() -> None:
    """Frames of the one before come too late."""
    fence = StartFence(restarts=True)
    assert [fence.ask(run) for run in "ab"] == [Ruling.WAIT, Ruling.MOVED]
    assert (fence.run, fence.is_granted) == ("b", True)


# --- news ---------------------------------------------------------------------------------------


class _NoLink:
    """Stands for the link of a side that is asked for nothing."""

    def wake(self) -> None:
        """Do nothing."""


async def test_news_of_many_attempts_is_taken_in_order_and_the_loop_turns_between() -> None:
    """A hundred in a turn: between two turns of a task beside, any other one has two at most."""
    link: Any = _NoLink()
    side, taken = EngineSide(link), list[int]()
    for number in range(5 * AT_ONCE):
        side.post(taken.append, number)
    most = before = 0
    while len(taken) < 5 * AT_ONCE:
        await trio.lowlevel.checkpoint()
        most, before = max(most, len(taken) - before), len(taken)
    assert taken == list(range(5 * AT_ONCE))
    assert most <= 2 * AT_ONCE
    side.post(taken.append, -1)
    await trio.testing.wait_all_tasks_blocked()
    assert taken[-1] == -1


# --- frames, keys, packing ----------------------------------------------------------------------


def test_a_key_begins_with_the_type_and_belongs_to_one_epoch() -> None:
    """Dask groups by the one; by the other it knows no result of before."""
    assert key_for("Index Wiki!", "index-1-x", 2, "e1") == "index_wiki-e1-index-1-x-2"
    assert key_for("索引", "j", 1, "e1").startswith("job-")
    assert key_for("a", "j", 1, "e1") != key_for("a", "j", 1, "e2")


def test_frames_are_divided_into_messages_of_a_bearable_size_in_their_order() -> None:
    """One that is larger than that goes alone."""
    sizes = [10, BATCH, 10, 10, BATCH - 5]
    divided = list(batches([("k", "r", 1, bytes(size)) for size in sizes]))
    assert [[len(frame[3]) for frame in batch] for batch in divided] == [
        [10],
        [BATCH],
        [10, 10],
        [BATCH - 5],
    ]


class _Future:
    """Stands for a future of a cluster."""

    def __init__(self, key: str) -> None:
        self.key = key


def test_results_on_the_cluster_are_packed_by_number_at_any_depth() -> None:
    """Each once; their values are put in where they are rebuilt."""
    one, two = _Future("1"), _Future("2")
    content, held = pack_call(max, (one, [two, {"again": one}]), {"key": two}, _Future)
    assert held == [one, two]
    assert unpack_call(content, ["A", "B"]) == (max, ("A", ["B", {"again": "A"}]), {"key": "B"})


def test_an_exception_is_pickled_whole_although_distributed_has_a_way_of_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It registers tblib's for every class, which loses what a constructor does not pass on."""

    def of_tblib(error: BaseException) -> Any:
        return type(error), ()

    of_tblib.__module__ = "tblib.pickling_support"
    for kind in (StopIteration, BaseExceptionGroup):
        monkeypatch.setitem(copyreg.dispatch_table, kind, of_tblib)
    group = BaseExceptionGroup("g", [KeyboardInterrupt()])
    stopped, grouped = pickle.loads(pickled([StopIteration("x"), group]))  # noqa: S301 - ours
    assert (stopped.value, grouped.message, len(grouped.exceptions)) == ("x", "g", 1)


@pytest.mark.parametrize(
    ("function", "args", "is_soon"),
    [
        (work.add, (1, 2.5), True),
        (work.mark, ("a path",), True),
        (work.mark, ("x" * 10_000,), False),
        (work.sizes, ([1, 2],), False),
        (lambda: 1, (), False),
        (max, (1, 2), False),
    ],
)
def test_only_a_call_that_runs_no_code_of_the_user_is_packed_in_the_loop(
    function: Any, args: tuple[Any, ...], is_soon: bool
) -> None:
    """A function found by its name, numbers and short texts; all else takes a thread."""
    assert is_soon_packed(function, args, {}) is is_soon
    assert is_soon_packed(work.add, (), dict(enumerate(args))) is all(  # type: ignore[arg-type]
        isinstance(arg, int | float) or (isinstance(arg, str) and len(arg) < 100) for arg in args
    )


@pytest.mark.parametrize("value", [None, 1, "text", [1, {"two": (3.5, b"four")}]])
def test_a_short_value_of_built_in_types_is_rebuilt_in_the_loop(value: Any) -> None:
    """It is what it was."""
    assert unpack_plain(pickled(value)) == value


@pytest.mark.parametrize("value", [Path("code"), bytes(10_000), work.add])
def test_any_other_value_is_rebuilt_in_a_thread(value: Any) -> None:
    """Its classes may take their time, and a long one takes some."""
    with pytest.raises(pickle.UnpicklingError):
        unpack_plain(pickled(value))


def test_the_task_travels_whole_and_a_worker_without_jobactors_can_say_so() -> None:
    """One that is sent by its name would take its worker down instead."""
    sent: Any = cloudpickle
    content = sent.dumps(task_function())
    code = (
        work.HIDES_JOBACTORS
        + f"""
import pickle
try:
    pickle.loads({content!r})(b"", b"")
except ModuleNotFoundError as exc:
    print(exc.name)
"""
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "jobactors"


def test_a_worker_with_other_frames_begins_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot know what they mean."""
    task = task_function()
    monkeypatch.setattr(dask_wire, "WIRE", 99)
    with pytest.raises(ImportError, match="its frames have version 99") as caught:
        task(b"", b"")
    assert caught.value.name == "jobactors"


# --- reports ------------------------------------------------------------------------------------


def test_lines_come_before_the_pause_that_was_reached_after_them() -> None:
    """And so does the last progress."""
    reports = RunReports(lambda: None, None, None)
    reports.log("out", "one\n")
    reports.log("out", "two\n")
    reports.meter.report(3, 4)
    reports.send(Kind.TAKEN, b"")
    reports.send(Kind.REACHED, b"1")
    frames = list(reports.take())
    assert [kind for kind, _ in frames] == [Kind.TAKEN, Kind.LOG, Kind.SAMPLE, Kind.REACHED]
    assert frames[1][1] == b"out\none\ntwo\n"
    assert json.loads(frames[2][1])["done"] == 3
    assert list(reports.take()) == []


def test_what_a_run_reports_is_the_same_whatever_the_clock_of_its_machine_shows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The clocks of machines differ, and may be set: the times of a job are those of its system."""

    def reported() -> list[tuple[Kind, bytes]]:
        reports = RunReports(lambda: None, {"stored": {}, "folder": "", "words": ()}, None)
        SentLog(reports).write("a line\n", "out", time.time())
        reports.meter.report(3, 4)
        assert reports.buffer is not None
        reports.buffer.save("", 7, items=1)
        return list(reports.take_last())

    frames = reported()
    assert [kind for kind, _ in frames] == [Kind.LOG, Kind.SAVED, Kind.SAMPLE]
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert reported() == frames


# --- hints --------------------------------------------------------------------------------------

WORKERS = {
    "tcp://a:1": {"name": "one", "host": "a", "resources": {"GPU": 1}},
    "tcp://b:1": {"name": 2, "host": "b", "resources": {}},
}
BUSY = {
    "tcp://c:1": {"name": "tcp://c:1", "host": "c", "status": "paused", "nthreads": 1},
    "tcp://d:1": {"name": "tcp://d:1", "host": "d", "status": "running", "nthreads": 0},
}


@pytest.mark.parametrize(
    ("workers", "wanted", "resources", "hint"),
    [
        ({}, (), (), "has no workers yet"),
        (WORKERS, (), (), ""),
        (WORKERS, (2,), (), ""),
        (WORKERS, ("2",), (), "none of the workers '2'; it has tcp://a:1 ('one'), tcp://b:1 (2)"),
        (WORKERS, ("a",), (("GPU", 1),), ""),
        (WORKERS, ("b",), (("GPU", 1),), "no worker has the resources GPU=1"),
        (WORKERS, (), (("GPU", 2),), "no worker has the resources GPU=2"),
        (WORKERS, ("c", 3), (), "none of the workers 'c', 3; it has tcp://a:1 ('one')"),
        (BUSY, (), (), "paused, since its memory is full, or has no threads; they are tcp://c:1, "),
        (BUSY | WORKERS, (), (), ""),
    ],
)
def test_a_job_that_no_worker_can_begin_gets_the_reason(
    workers: dict[str, Any], wanted: tuple[str, ...], resources: Any, hint: str
) -> None:
    """And no other one."""
    found = why_none_begins(workers, wanted, resources)
    assert hint in found if hint else not found


THERE: Any = SimpleNamespace(address="tcp://there:2")
"""A worker, as far as the error of its death asks."""


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            ModuleNotFoundError("No module named 'jobactors'", name="jobactors"),
            ModuleNotFoundError,
            r'the worker has no jobactors: .*PipInstall\(\["jobactors"\]',
        ),
        (
            ModuleNotFoundError("none of that name", name="jobactors.runners.dask_worker"),
            ImportError,
            r'another version of jobactors \(none of that name\): .*PipInstall\(\["jobactors==',
        ),
        (
            ImportError("its frames have version 2, the job's 1", name="jobactors"),
            ImportError,
            r"another version of jobactors \(its frames have version 2, the job's 1\)",
        ),
        (ModuleNotFoundError("theirs", name="msgspec"), ModuleNotFoundError, "^theirs$"),
        (KilledWorker("index", THERE, 3), ja.WorkerDied, "Dask gives it up: Attempted"),
        (
            TypeError("addresses should be strings or tuples, got 5"),
            ValueError,
            r"a number that names no worker on the Dask cluster .* got 5\): client.scheduler_info",
        ),
        (TypeError("theirs"), TypeError, "^theirs$"),
        (ZeroDivisionError("theirs"), ZeroDivisionError, "^theirs$"),
    ],
)
def test_a_worker_that_cannot_serve_is_named_with_the_cure(
    error: Exception, kind: type[Exception], message: str
) -> None:
    """Another error is the task's own."""
    found = task_failed(TaskEnd("error", error), "tcp://there:1")
    assert type(found) is kind
    assert re.search(message, str(found))


def test_a_cluster_whose_client_is_closed_is_named_without_its_address() -> None:
    """A closed client has none any more."""
    assert str(cluster_lost("tcp://there:1")).startswith("the Dask cluster tcp://there:1 is out")
    assert str(cluster_lost("")).startswith("its Dask cluster is out of reach")


# --- a cluster that is lost, for any runner -----------------------------------------------------


class Losing:
    """A runner whose cluster goes away."""

    name = "losing"
    takes_slot = False
    can_abandon = False
    waits_elsewhere = True

    def __init__(self, starts: bool) -> None:
        self._starts = starts

    async def run(self, attempt: ja.Attempt) -> Any:
        """Lose the attempt, before its start or after it."""
        if self._starts:
            await attempt.started("tcp://there:1")
            attempt.function()
        raise ja.AttemptLost(ja.ClusterLost("the cluster has gone"))


def _nothing() -> Any:
    """Do nothing."""


def _save() -> None:
    ja.save_checkpoint(7)


@pytest.mark.parametrize("starts", [True, False])
async def test_a_stored_job_is_interrupted_when_its_cluster_is_lost(
    starts: bool, tmp_path: Any
) -> None:
    """With the error as its reason; it goes on with the newest runner of that name."""
    async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
        job = jobs.options(runner=Losing(starts)).submit(_nothing)
        assert (await job.wait()).state == "interrupted"
        assert job.snapshot().reason == "the cluster has gone"
        assert job.snapshot().where == ("tcp://there:1" if starts else "")
        jobs.options(runner=Keeping())
        job.resume()
        assert await job == "kept"


class Keeping(Losing):
    """A runner of the same name that loses nothing."""

    def __init__(self) -> None:
        super().__init__(True)

    async def run(self, attempt: ja.Attempt) -> Any:
        """Run no code at all."""
        await attempt.started("tcp://elsewhere:1")
        await attempt.started("tcp://moved:1")
        return "kept"


async def test_without_a_store_a_checkpoint_is_enough_and_others_fail() -> None:
    """What cannot be resumed is not left at rest."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        saved = jobs.options(runner=Losing(True)).submit(_save)
        assert (await saved.wait()).state == "interrupted"
        lost = jobs.options(runner=Losing(True)).submit(_nothing)
        with pytest.raises(ja.ClusterLost, match="the cluster has gone"):
            await lost
        saved.discard()


async def test_the_place_of_an_attempt_is_shown_and_stored(tmp_path: Any) -> None:
    """Also when it moves, and in a later process."""
    async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
        job = jobs.options(runner=Keeping()).submit(_nothing)
        assert await job == "kept"
        assert job.snapshot().where == job.to_dict()["where"] == "tcp://moved:1"
        await job.stored()
        (start,) = [event for event in job.events() if event.kind == "JobStarted"]
        assert json.loads(start.detail)["where"] == "tcp://elsewhere:1"
    async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
        (row,) = jobs.history()
        assert row.where == "tcp://moved:1"
