"""What counts as the same work: for checkpoints, unique keys, and types that were renamed."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from msgspec.structs import replace
from trio.testing import wait_all_tasks_blocked

import jobactors as ja
from jobactors.model import job_type as register
from jobactors.model.stored_rows import DropCheckpoints, PutCheckpoint

from .test_checkpoint_table import FolderStore
from .test_recovery import MortalStore, left_by_a_kill, opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def forget_types() -> None:
    """Forget the types of these tests, as the end of the process does."""
    for name in [name for name, kind in register._registered.items() if not kind.category]:
        del register._registered[name]


class Broken(Exception):
    """The error of a job of these tests."""


OUTAGES: list[int] = []
"""One for each time that a job of these tests is still to fail."""


@pytest.fixture(autouse=True)
def outages() -> list[int]:
    """Have the next job fail, and none after it."""
    OUTAGES[:] = [1]
    return OUTAGES


def cell(text: str) -> Any:
    """Return the function ``clean`` of a notebook's cell that is run."""
    space: dict[str, Any] = {"__name__": "__main__", "ja": ja, "Broken": Broken}
    space["outages"] = OUTAGES
    exec(text, space)  # noqa: S102 - as IPython does
    return space["clean"]


CLEAN = """
def clean(rows, stop_at=None):
    done = []
    for row in ja.track(rows, resumable=True):
        if row == stop_at and outages:
            outages.pop()
            raise Broken
        done.append(row)
    return done
"""
EDITED = CLEAN.replace("done.append(row)", "done.append(-row)")


def make(stop_at: int | None) -> Callable[[list[int]], list[int]]:
    """Return one of several functions of one name and code, over another variable."""

    def clean(rows: list[int]) -> list[int]:
        done = []
        for row in ja.track(rows, resumable=True):
            if row == stop_at and OUTAGES:
                OUTAGES.pop()
                raise Broken
            done.append(row)
        return done

    return clean


async def end(job: ja.Job[Any]) -> ja.Job[Any]:
    """Wait for its end and read it, so that no failure is left unread."""
    await job.wait()
    job.exception()
    return job


# -- functions that are not registered


async def test_a_lambda_takes_nothing_from_another_one() -> None:
    """And is not asked about it, whatever the two have in common."""
    clean = cell(CLEAN)
    async with ja.open_jobs() as jobs:
        first = await end(jobs.submit(lambda rows: clean(rows, 3), [1, 2, 3, 4]))
        assert await jobs.submit(lambda rows: clean(rows, None), [1, 2, 3, 4]) == [1, 2, 3, 4]
        (left,) = jobs.resumable()
        assert left.job_id == first.id
        assert await left.resume() == [3, 4]
        assert jobs.checkpoints() == []


async def test_a_lambda_goes_on_from_its_own_checkpoint() -> None:
    clean = cell(CLEAN)
    work = lambda rows: clean(rows, 3)  # noqa: E731 - it is to be one object
    async with ja.open_jobs() as jobs:
        first = await end(jobs.submit(work, [1, 2, 3, 4]))
        with pytest.raises(ja.CheckpointFound, match="of other arguments"):
            jobs.submit(work, [1, 2])
        again = jobs.submit(work, [1, 2, 3, 4])
        assert await again == [3, 4]
        assert (again.info.continues, again.info.from_checkpoint) == (first.id, True)


async def test_the_parts_of_a_lambda_are_merged(tmp_path: Path) -> None:
    def write(part: ja.Range) -> None:
        with part.open() as out:
            for i in part.track():
                out.write(f"{i}\n")

    async with ja.open_jobs() as jobs:
        await jobs.map(lambda part: write(part), ja.ranges(6, 2))  # noqa: PLW0108 - a lambda
        jobs.merge("lambda", into=tmp_path / "all.txt")
        assert jobs.checkpoints() == []
    assert (tmp_path / "all.txt").read_text() == "0\n1\n2\n3\n4\n5\n"


async def test_another_function_of_the_same_name_asks(outages: list[int]) -> None:
    """A cell that was edited, a function of another module, one that another call has made."""
    rows = [1, 2, 3, 4]
    elsewhere = cell(CLEAN)
    elsewhere.__module__ = "elsewhere"
    others: list[tuple[Any, Any]] = [
        (partial(cell(CLEAN), stop_at=3), partial(cell(EDITED), stop_at=3)),
        (partial(cell(CLEAN), stop_at=3), partial(elsewhere, stop_at=3)),
        (make(3), make(None)),
    ]
    async with ja.open_jobs() as jobs:
        for one, other in others:
            outages[:] = [1]
            first = await end(jobs.submit(one, rows))
            why = "of another function, or of other code"
            with pytest.raises(ja.CheckpointFound, match=why):
                jobs.submit(other, rows)
            assert [kept.job_id for kept in jobs.checkpoints()] == [first.id]
            again = jobs.options(on_checkpoint="resume").submit(other, rows)
            assert len(await again) == 2
            assert again.info.continues == first.id


async def test_a_cell_that_is_run_again_goes_on() -> None:
    async with ja.open_jobs() as jobs:
        await end(jobs.submit(cell(CLEAN), [1, 2, 3, 4], 3))
        assert await jobs.submit(cell(CLEAN), [1, 2, 3, 4], 3) == [3, 4]


async def test_what_goes_on_says_from_which_job_it_does(outages: list[int]) -> None:
    """In its info, from its first event on, and in the store; what begins anew says nothing."""
    store = ja.MemoryStore()
    clean = cell(CLEAN)
    async with opened(store) as jobs:
        first = await end(jobs.submit(clean, [1, 2, 3], 2))
        async with jobs.subscribe(ja.JobQueued) as events:
            second = jobs.submit(clean, [1, 2, 3], 2)
            async for batch in events:
                assert [event.info.continues for event in batch] == [first.id]
                break
        await second
        outages[:] = [1]
        await end(jobs.submit(clean, [1, 2, 3], 2))
        fresh = jobs.options(on_checkpoint="fresh").submit(clean, [1, 2, 3])
        assert (fresh.info.continues, fresh.info.from_checkpoint) == (None, False)
        await fresh
    async with opened(store) as jobs:
        info = jobs.get(second.id).info
        assert (info.continues, info.from_checkpoint) == (first.id, True)


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside another job"])
async def test_a_restart_says_whether_it_goes_on_from_a_checkpoint(
    beside: bool, outages: list[int]
) -> None:
    clean = cell(CLEAN)
    async with ja.open_jobs() as jobs:
        held = jobs.options(hold=True).submit(clean, [1]) if beside else None
        first = await end(jobs.submit(clean, [1, 2, 3], 2))
        outages[:] = [1]
        again = await end(first.restart(from_checkpoint=False))
        assert (again.info.continues, again.info.from_checkpoint) == (first.id, False)
        last = again.restart()
        assert (last.info.continues, last.info.from_checkpoint) == (again.id, True)
        assert await last == [2, 3]
        if held is not None:
            held.cancel()


async def test_a_job_that_only_the_store_remembers_is_compared_with_as_well() -> None:
    """From another thread, which makes the comparison itself."""
    ja.job("clean")(cell(CLEAN))
    work = {"rows": [1, 2, 3, 4], "stop_at": 3}
    store = ja.MemoryStore()
    async with ja.open_jobs(store=store, retention=ja.Retention(read=0)) as jobs:
        first = await end(jobs.submit("clean", work))
        assert jobs.list() == []
        again = await trio.to_thread.run_sync(jobs.submit, "clean", work)
        assert again.info.continues == first.id
        assert await again == [3, 4]


# -- unique keys


async def test_a_key_finds_the_job_of_a_cell_that_is_run_again() -> None:
    """So it does for methods and partials; an edited cell is another job."""
    text = "async def clean(n=1):\n    await ja.current_job().inbox.receive()"

    class Index:
        async def build(self) -> None:
            await trio.sleep_forever()

    index = Index()
    async with ja.open_jobs() as jobs:
        for one, same, other in [
            (cell(text), cell(text), cell(text.replace("1", "2"))),
            (partial(cell(text), 3), partial(cell(text), 3), partial(cell(text), 4)),
            (index.build, index.build, Index().build),
        ]:
            keyed = jobs.options(key="one")
            job = keyed.submit(one)
            assert keyed.submit(same).id == job.id
            with pytest.raises(ja.DuplicateJob, match="another function"):
                keyed.submit(other)
            job.cancel()
            await job.wait()


class Frame:
    """A value that is compared as a data frame is."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __eq__(self, other: object) -> Any:
        raise ValueError("the truth value of a frame is ambiguous")

    __hash__ = None  # type: ignore[assignment]

    def equals(self, other: Frame) -> bool:
        """Whether another frame has the same value."""
        return self.value == other.value


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (1, 1, True),
        (1, True, False),
        (1, 1.0, False),
        (float("nan"), float("nan"), True),
        ([1, {"a": (2.5,)}], [1, {"a": (2.5,)}], True),
        ([1, {"a": (2.0,)}], [1, {"a": (2,)}], False),
        ({1: "a"}, {True: "a"}, False),
        ({1}, {1.0}, False),
        (Frame(1), Frame(1), True),
        (Frame(1), Frame(2), False),
        ({"frame": [Frame(1)]}, {"frame": [Frame(1)]}, True),
    ],
)
async def test_equal_arguments_are_of_the_same_types(one: Any, other: Any, same: bool) -> None:
    """And compared by value, wherever they are inside of one another."""

    async def wait(value: Any) -> None:
        await trio.sleep_forever()

    async with ja.open_jobs() as jobs:
        keyed = jobs.options(key="one")
        job = keyed.submit(wait, one)
        if same:
            assert keyed.submit(wait, other).id == job.id
        else:
            with pytest.raises(ja.DuplicateJob, match="other arguments"):
                keyed.submit(wait, other)
        job.cancel()


async def test_arrays_are_compared_by_value() -> None:
    np = pytest.importorskip("numpy")

    async def wait(value: Any) -> None:
        await trio.sleep_forever()

    async with ja.open_jobs() as jobs:
        keyed = jobs.options(key="one")
        job = keyed.submit(wait, np.array([1.0, np.nan]))
        assert keyed.submit(wait, np.array([1.0, np.nan])).id == job.id
        for other in ([1.0, 2.0], [1.0], [[1.0, np.nan]], [1, 2]):
            with pytest.raises(ja.DuplicateJob, match="other arguments"):
                keyed.submit(wait, np.array(other))
        job.cancel()


# -- types that were renamed or divided


async def left_by_the_old_type(store: ja.Store, **options: Any) -> str:
    """Leave a failed job of the type "index" about the wiki, with a checkpoint; return its id."""
    ja.job("index", **options)(cell(CLEAN))
    async with opened(store) as jobs:
        job = jobs.options(subject="wiki").submit("index", WORK)
        await job.wait()
    forget_types()
    return job.id


WORK = {"rows": [1, 2, 3, 4], "stop_at": 3}


async def test_a_renamed_type_has_its_past_at_every_look_up(outages: list[int]) -> None:
    for retention in (ja.Retention(), ja.Retention(read=0)):
        outages[:] = [1]
        store = ja.MemoryStore()
        old = await left_by_the_old_type(store)
        index = ja.job("index_online", aliases="index", label="Index (Online)")(cell(EDITED))
        async with opened(store, retention=retention) as jobs:
            if not retention.read:
                jobs.get(old).exception()
                assert jobs.list() == []
            for known_as in ("index_online", "index", index, ja.job_types()["index_online"]):
                latest = jobs.latest(known_as, "wiki")
                assert latest is not None
                assert latest.id == old
                (found,) = jobs.history(type=known_as)
                assert (found.id, found.name) == (old, "Index (Online)")
                assert len(jobs.checkpoints(known_as, "wiki")) == 1
                if retention.read:
                    assert [found.id for found in jobs.list(type=known_as)] == [old]
                    assert [found.id for found in jobs.select(type=known_as)] == [old]
            jobs.drop_checkpoint(index, "wiki")
            assert jobs.checkpoints() == []
            assert jobs.clear(type=index) == 1
            assert jobs.history() == []
        forget_types()


async def test_a_submit_under_the_new_name_goes_on_from_the_old_ones_checkpoint(
    tmp_path: Path,
) -> None:
    """The same arguments do; others are asked about; its work files move with it."""
    store = FolderStore(tmp_path / "work")
    text = CLEAN.replace("    done = []", "    ja.current_job().work_file().touch()\n    done = []")

    async def leave(jobs: ja.Jobs) -> str:
        job = await end(jobs.options(subject="wiki").submit(ja.job("index")(cell(text)), **WORK))
        return job.id

    old = await left_by_a_kill(store, leave)
    forget_types()
    (before,) = (tmp_path / "work").glob("index-wiki-*/whole/work")
    index = ja.job("index_online", aliases="index")(cell(text))
    async with opened(store) as jobs:
        about = jobs.options(subject="wiki")
        with pytest.raises(ja.CheckpointFound, match="of other arguments"):
            about.submit(index, [1])
        held = about.options(hold=True).submit("index_online", WORK)
        assert held.info.continues == old
        kept = jobs.checkpoints("index_online", "wiki")
        assert {(one.type, one.job_id) for one in kept} == {("index_online", held.id)}
        assert not before.exists()
        assert len(list((tmp_path / "work").glob("index-online-wiki-*/whole/work"))) == 1
        held.release()
        assert await held == [3, 4]
        assert jobs.checkpoints() == []


async def test_an_interrupted_job_of_the_old_name_goes_on_alone() -> None:
    """What it saves from then on is of the new name; no second job takes it meanwhile."""
    store = MortalStore()
    text = "async def clean(first=0):\n    ja.save_checkpoint(7)\n    return await ja.current_job().inbox.receive()"  # noqa: E501

    async def leave(jobs: ja.Jobs) -> str:
        index = ja.job("index", checkpoint_every=ja.Every(items=1))(cell(text))
        job = jobs.options(subject="wiki").submit(index)
        await wait_all_tasks_blocked()
        return job.id

    old = await left_by_a_kill(store, leave)
    forget_types()
    ja.job("index_online", aliases="index", checkpoint_every=ja.Every(items=1))(cell(text))
    async with opened(store) as jobs:
        job = jobs.get(old)
        job.resume()
        await wait_all_tasks_blocked()
        (kept,) = jobs.checkpoints()
        assert (kept.type, kept.job_id) == ("index_online", old)
        beside = jobs.options(subject="wiki").submit("index_online")
        assert beside.info.continues is None
        for each in (job, beside):
            each.tell("enough")
            assert await each == "enough"
        assert jobs.checkpoints() == []


async def test_the_key_of_a_unique_type_is_that_of_its_earlier_names() -> None:
    store = MortalStore()

    async def leave(jobs: ja.Jobs) -> str:
        index = ja.job("index", unique=True)(cell(CLEAN))
        return jobs.options(subject="wiki", hold=True).submit(index, [1]).id

    old = await left_by_a_kill(store, leave)
    forget_types()
    ja.job("index_online", aliases="index", unique=True)(cell(CLEAN))
    async with opened(store) as jobs:
        job = jobs.options(subject="wiki").submit("index_online", {"rows": [1]})
        assert job.id == old
        assert await job == [1]


async def test_types_that_share_an_alias_find_its_past_and_take_none_of_it_unasked() -> None:
    store = ja.MemoryStore()
    old = await left_by_the_old_type(store)
    online = ja.job("index_online", aliases="index")(cell(CLEAN))
    archive = ja.job("index_archive", aliases="index")(cell(CLEAN))
    async with opened(store) as jobs:
        for one in (online, archive):
            assert [found.id for found in jobs.history(type=one)] == [old]
            assert len(jobs.checkpoints(one)) == 1
        (left,) = jobs.resumable()
        assert "'index' is now an alias of index_online and index_archive" in left.obstacle
        with pytest.raises(ja.NotResumable, match="submit it as one of them"):
            left.resume()
        about = jobs.options(subject="wiki")
        with pytest.raises(ja.CheckpointFound):
            about.submit(archive, **WORK)
        assert await about.options(on_checkpoint="resume").submit(archive, **WORK) == [3, 4]


# -- files of earlier versions


async def test_the_checkpoints_of_a_chain_in_a_file_of_an_earlier_version_are_found(
    outages: list[int],
) -> None:
    """Its rows have no place: the job that left them says whose they are."""
    store = MortalStore()

    def load() -> int:
        raise AssertionError

    def chain_of(name: str) -> ja.Chain:
        return ja.chain(ja.phase("Load", "load"), ja.phase("Clean", "clean", WORK), name=name)

    async def leave(jobs: ja.Jobs) -> str:
        ja.job("load")(lambda: 3)
        ja.job("clean")(cell(CLEAN))
        return (await end(jobs.submit(chain_of("nightly")))).id

    old = await left_by_a_kill(store, leave)
    store.open()
    for row in store.checkpoints():  # as they were written before there were places
        store.apply([DropCheckpoints(row.type, row.subject, row.part)])
        store.apply([PutCheckpoint(replace(row, part=row.part.rpartition("\x1f")[2]))])
    store.close()
    ja.job("load")(load)
    async with opened(store) as jobs:
        assert [kept.part for kept in jobs.checkpoints("chain")] == ["", "Clean:track"]
        outages[:] = [1]
        weekly = ja.chain(ja.phase("Clean", "clean", WORK), name="weekly")
        assert (await end(jobs.submit(weekly))).state == "failed"
        job = jobs.submit(chain_of("nightly"))
        result = await job
        assert job.info.continues == old
        assert result.results == {"Load": 3, "Clean": [3, 4]}
        assert [found.name for found in jobs.resumable()] == ["weekly"]
