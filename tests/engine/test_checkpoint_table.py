"""Checkpoints in a store: work whose process was killed goes on from them."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import jobactors as ja
from jobactors.inside.report.work_files import LIST, note_folder

from .stored_jobs_samples import registered
from .test_recovery import MortalStore, left_by_a_kill, opened

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

OFTEN = ja.Every(items=1)


class FolderStore(MortalStore):
    """One that has a folder for work files, as one on disk has."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    @property
    def work_folder(self) -> Path:
        """Their folder."""
        return self._folder


class World:
    """The world beside a process: the item a job hangs at, and the items done."""

    def __init__(self) -> None:
        self.hangs_at: Any = None
        self.done: list[Any] = []

    async def do(self, item: Any) -> None:
        """Do one thing, or hang before it."""
        if item == self.hangs_at:
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()
        self.done.append(item)

    async def count(self, stop: int) -> list[Any]:
        """Count, and save by hand."""
        for i in range(ja.current_job().checkpoint or 0, stop):
            await self.do(i)
            ja.save_checkpoint(i + 1)
        return self.done

    async def loop(self, stop: int) -> list[Any]:
        """Count, and let the loop save."""
        async for i in ja.track(range(stop), resumable=True):
            await self.do(i)
        return self.done

    async def write(self, part: ja.Range) -> None:
        """Write one part."""
        with part.open() as out:
            async for i in part.track():
                out.write(f"{i}\n")
                out.flush()  # more is on disk than the checkpoint knows
                await self.do(i)


@pytest.fixture
def world() -> World:
    return World()


def types(world: World) -> dict[str, Any]:
    """The job types of these tests, of this world."""

    async def count(stop: int) -> list[Any]:
        return await world.count(stop)

    async def loop(stop: int) -> list[Any]:
        return await world.loop(stop)

    async def write(part: ja.Range) -> None:
        await world.write(part)

    async def scrape() -> list[str]:
        await world.do("scrape")
        return ["a", "b"]

    async def tag(pages: list[str]) -> int:
        await world.do("tag")
        return len(pages)

    return {"count": count, "loop": loop, "write": write, "scrape": scrape, "tag": tag}


def submitting(work: Any, *args: Any, **options: Any) -> Any:
    """Return a function that submits a job, waits until it hangs, and returns its id."""

    async def leave(jobs: ja.Jobs) -> str:
        job = jobs.options(checkpoint_every=OFTEN, **options).submit(work, *args)
        await wait_all_tasks_blocked()
        return job.id

    return leave


async def test_a_killed_chain_shows_one_progress_everywhere_and_never_less(
    world: World, autojump_clock: MockClock
) -> None:
    """At rest and in ``resumable()``; when it goes on, from there."""
    store, world.hangs_at = MortalStore(), 4
    chain = ja.chain(
        ja.phase("Scrape", "scrape", weight=10), ja.phase("Loop", "loop", {"stop": 10}, weight=90)
    )
    with registered(**types(world)):
        job_id = await left_by_a_kill(store, submitting(chain))
        world.hangs_at = 8
        async with opened(store) as jobs:
            (work,) = jobs.resumable()
            job = jobs.get(job_id)
            assert work.fraction == job.snapshot().progress.fraction == pytest.approx(0.46)
            shown: list[float] = []
            async with jobs.subscribe(ja.JobProgressed) as batches:
                job.resume()
                await wait_all_tasks_blocked(0.5)
                job.pause()
                await wait_all_tasks_blocked(0.5)
                job.cancel()
                await job.wait()
                await wait_all_tasks_blocked()
                shown += [event.progress.fraction or 0 for event in batches.rest()]
            assert shown[0] == pytest.approx(0.46)
            assert shown == sorted(shown)
            assert shown[-1] == pytest.approx(0.82)


@pytest.mark.parametrize("type_name", ["count", "loop"])
async def test_a_killed_job_goes_on_where_it_was(
    world: World, type_name: str, autojump_clock: MockClock
) -> None:
    store, world.hangs_at = MortalStore(), 4
    with registered(**types(world)):
        job_id = await left_by_a_kill(store, submitting(type_name, {"stop": 7}))
        world.hangs_at = None
        async with opened(store) as jobs:
            (kept,) = jobs.checkpoints(type_name)
            assert (kept.value, kept.items, kept.job_id) == (4, 4, job_id)
            job = jobs.get(job_id)
            job.resume()
            assert await job == list(range(7))
            assert jobs.checkpoints() == []
        async with opened(store) as jobs:
            assert jobs.checkpoints() == [], "nor in the store"


async def test_a_new_submit_takes_over_what_a_killed_job_left(
    world: World, autojump_clock: MockClock
) -> None:
    store, world.hangs_at = MortalStore(), 4
    with registered(**types(world)):
        old = await left_by_a_kill(store, submitting("count", {"stop": 7}))
        world.hangs_at = None
        async with opened(store) as jobs:
            with pytest.raises(ja.CheckpointFound, match="left a checkpoint"):
                jobs.submit("count", {"stop": 8})
            assert await jobs.submit("count", {"stop": 7}) == list(range(7))
            assert jobs.checkpoints() == []
            assert jobs.get(old).state == "cancelled"


async def test_what_was_taken_over_is_not_done_by_the_old_job_again(
    world: World, autojump_clock: MockClock
) -> None:
    """It would begin anew: it is cancelled, and its end takes nothing from the new one."""
    store, world.hangs_at = MortalStore(), 2
    with registered(**types(world)):
        old = await left_by_a_kill(store, submitting("count", {"stop": 4}))
        async with opened(store) as jobs:
            new = jobs.submit("count", {"stop": 4})
            await wait_all_tasks_blocked()
            assert [kept.job_id for kept in jobs.checkpoints()] == [new.id]
            assert jobs.get(old).snapshot().reason == f"its work goes on as {new.id}"
            assert [kept.job_id for kept in jobs.checkpoints()] == [new.id]
            new.cancel()


async def test_a_killed_chain_goes_on_in_its_phase(world: World, autojump_clock: MockClock) -> None:
    store, world.hangs_at = MortalStore(), 3
    chain = ja.chain(
        ja.phase("Scrape", "scrape", weight=10),
        ja.phase("Count", "count", {"stop": 5}, weight=80),
        ja.phase("Tag", "tag", {"pages": ja.result_of("Scrape")}, weight=10),
        name="All of it",
    )
    with registered(**types(world)):
        job_id = await left_by_a_kill(store, submitting(chain))
        world.hangs_at = None
        async with opened(store) as jobs:
            assert {kept.part: kept.value for kept in jobs.checkpoints("chain")} == {
                "": {"chain": [{"phase": "Scrape", "type": "list", "result": ["a", "b"]}]},
                "Count": 3,
            }
            job = jobs.get(job_id)
            assert job.name == "All of it"
            job.resume()
            result = await job
            assert jobs.checkpoints() == []
    assert world.done == ["scrape", 0, 1, 2, 3, 4, "tag"], "nothing was done twice"
    assert result.resumed
    assert result.results["Tag"] == 2


async def test_a_killed_part_is_gone_on_with_alone(
    world: World, tmp_path: Path, autojump_clock: MockClock
) -> None:
    store, world.hangs_at = FolderStore(tmp_path / "work"), 4
    parts = ja.ranges(10, 3)

    known = types(world)

    async def leave(jobs: ja.Jobs) -> None:
        jobs.options(checkpoint_every=OFTEN).map(known["write"], parts)
        await wait_all_tasks_blocked()

    with registered(**known):
        await left_by_a_kill(store, leave)
        assert 4 not in world.done
        world.hangs_at = None
        async with opened(store) as jobs:
            with pytest.raises(ja.RangesUnfinished) as caught:
                jobs.merge("write", into=tmp_path / "all.txt")
            assert caught.value.parts == ("2/3",)
            await jobs.map(known["write"], parts)
            jobs.merge("write", into=tmp_path / "all.txt")
            assert jobs.checkpoints() == []
    assert (tmp_path / "all.txt").read_text() == "".join(f"{i}\n" for i in range(10))
    assert sorted(world.done) == list(range(10)), "nothing was done twice"


async def test_a_killed_part_can_be_resumed_as_the_job_it_was(
    world: World, tmp_path: Path, autojump_clock: MockClock
) -> None:
    store, world.hangs_at = FolderStore(tmp_path / "work"), 1
    known = types(world)
    with registered(**known):
        job_id = await left_by_a_kill(store, submitting(known["write"], ja.Range(0, 1, 0, 3)))
        world.hangs_at = None
        async with opened(store) as jobs:
            job = jobs.get(job_id)
            job.resume()
            await job
            jobs.merge("write", into=tmp_path / "all.txt")
    assert (tmp_path / "all.txt").read_text() == "0\n1\n2\n"


async def test_work_files_of_which_nothing_is_kept_are_removed(
    world: World, tmp_path: Path, autojump_clock: MockClock
) -> None:
    folder = tmp_path / "work"
    store, world.hangs_at = FolderStore(folder), 1
    known = types(world)
    with registered(**known):
        await left_by_a_kill(store, submitting(known["write"], ja.Range(0, 1, 0, 3)))
        (kept,) = names_in(folder)
        note_folder(folder / ("gone-long-ago-" + "0" * 24))
        (folder / ("gone-long-ago-" + "0" * 24)).mkdir()
        mine = [".gone-0000", "album-" + "0" * 24, "notes of mine"]
        for name in mine:
            (folder / name).mkdir()
        async with opened(store):
            await wait_all_tasks_blocked()
        assert names_in(folder) == sorted([kept, *mine])


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder, without the list of them."""
    return sorted(path.name for path in folder.iterdir() if path.name != LIST)


async def test_how_often_it_is_written_is_remembered(
    world: World, autojump_clock: MockClock
) -> None:
    """So that a resumed job saves as it did."""
    store, world.hangs_at = MortalStore(), 4
    with registered(**types(world)):
        job_id = await left_by_a_kill(store, submitting("count", {"stop": 7}))
        world.hangs_at = 6
        async with opened(store) as jobs:
            jobs.get(job_id).resume()
            await wait_all_tasks_blocked()
            assert [kept.value for kept in jobs.checkpoints()] == [6]
            await jobs.close()
