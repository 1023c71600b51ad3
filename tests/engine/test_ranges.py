"""Ranges: parts of one piece of work, each of which fails, is resumed and is written alone."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FILMS = [f"film {i}" for i in range(10)]


class Broken(Exception):
    """The error of a part of these tests."""


class Weather:
    """Decides at which items a part fails, once each; compares equal, so that arguments do."""

    def __init__(self, *bad: int) -> None:
        self.bad = set(bad)
        self.done: list[int] = []

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Weather)

    def __hash__(self) -> int:
        return 0

    def meet(self, item: int) -> None:
        """Fail at a bad item, the first time."""
        if item in self.bad:
            self.bad.discard(item)
            raise Broken(item)
        self.done.append(item)


def write(part: ja.Range, weather: Weather) -> None:
    """Write the films of one part."""
    with part.open() as out:
        for i in part.track(unit="films"):
            out.write(f"{FILMS[i]}\n")
            weather.meet(i)


def count(part: ja.Range, weather: Weather) -> int:
    """Go through a part without writing anything."""
    for i in part.track():
        weather.meet(i)
    return len(part)


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return [path.name for path in folder.iterdir()]


WHOLE = "".join(f"{film}\n" for film in FILMS)


async def settle(batch: ja.Batch[Any]) -> list[str]:
    """Wait for a batch, read its failures, and return the states in order."""
    async for job in batch:
        await job.wait()
        job.exception()
    return [str(job.state) for job in batch.jobs]


def submit(jobs: ja.Jobs, work: Any, parts: Iterable[ja.Range], weather: Weather) -> ja.Batch[Any]:
    return jobs.options(subject="films").map(partial(work), parts, [weather] * 99)


# -- dividing


@given(st.integers(0, 10_000), st.integers(1, 200))
def test_every_item_is_in_one_part_and_parts_are_even(total: int, workers: int) -> None:
    parts = ja.ranges(total, workers)
    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(total))
    assert len(parts) == min(total, workers)
    assert max(map(len, parts), default=0) - min(map(len, parts), default=0) <= 1
    assert {part.count for part in parts} <= {len(parts)}
    assert len({part.part for part in parts}) == len(parts)


def test_a_part_cuts_itself_out_of_a_sequence() -> None:
    first, second = ja.ranges(10, 2)
    assert FILMS[first.slice] + FILMS[second.slice] == FILMS
    assert [str(part) for part in (first, second)] == ["1/2", "2/2"]


@pytest.mark.parametrize(
    ("total", "workers", "error"),
    [(-1, 2, ValueError), (3, 0, ValueError), ("3", 2, TypeError), (3, 2.0, TypeError)],
)
def test_what_cannot_be_divided_is_refused(
    total: Any, workers: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        ja.ranges(total, workers)


@pytest.mark.parametrize("numbers", [(5, 2, 9, 1), (0, 1, 3, 2), (-1, 1, 0, 1), (0, 0, 0, 0)])
def test_a_range_that_cannot_be_is_refused(numbers: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="is no range: that has an index from 0 and below its"):
        ja.Range(*numbers)


@pytest.mark.parametrize("text", ["1/2", "", "1:2:3", "5:2:9:1", "a:b:c:d", "0:1:0:-1"])
def test_a_text_that_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no range: .* \"index:count:start:stop\""):
        ja.Range.from_text(text)


def test_a_range_is_read_from_its_text() -> None:
    for part in ja.ranges(10, 3):
        assert ja.Range.from_text(part.as_text()) == part


def test_a_range_is_made_of_whole_numbers() -> None:
    with pytest.raises(TypeError, match=r"whole numbers, not of 2\.5"):
        ja.Range(0, 1, 0, 2.5)  # type: ignore[arg-type]


# -- jobs


async def test_parts_are_written_and_merged_in_order(tmp_path: Path) -> None:
    target = tmp_path / "films.txt"
    async with ja.open_jobs() as jobs:
        await submit(jobs, write, ja.ranges(10, 4), Weather())
        assert jobs.merge("write", "films", into=target) == target
        assert jobs.checkpoints() == []
    assert target.read_text() == WHOLE
    assert names_in(tmp_path) == ["films.txt"], "nothing half written is left"


async def test_a_part_fails_alone_and_is_resumed_alone(tmp_path: Path) -> None:
    target = tmp_path / "films.txt"
    weather = Weather(4)
    async with ja.open_jobs() as jobs:
        first = submit(jobs, write, ja.ranges(10, 4), weather)
        assert await settle(first) == ["succeeded", "failed", "succeeded", "succeeded"]
        with pytest.raises(ja.RangesUnfinished, match=r"2/4 not done") as caught:
            jobs.merge("write", "films", into=target)
        assert caught.value.parts == ("2/4",)
        assert not target.exists()
        before = list(weather.done)
        await submit(jobs, write, ja.ranges(10, 4), weather)
        assert weather.done[len(before) :] == [4][: len(weather.done) - len(before)]
        jobs.merge("write", "films", into=target)
    assert target.read_text() == WHOLE
    assert sorted(weather.done) == list(range(10)), "no item was done twice"


async def test_what_can_go_on_says_which_part_it_is() -> None:
    """Also when its job is no longer known."""
    async with ja.open_jobs() as jobs:
        batch = submit(jobs, write, ja.ranges(10, 4), Weather(4, 8))
        await settle(batch)
        resumable = jobs.resumable()
        assert {work.part for work in resumable} == {"2/4", "4/4"}
        assert all(str(work).startswith(f"write films {work.part}: failed") for work in resumable)
        for job in batch.jobs:
            job.delete()
        left = [str(work) for work in jobs.resumable()]
        assert sum(text.startswith("write films 2/4: ") for text in left) == 1


async def test_a_job_is_shown_with_its_part_in_a_batch_and_alone(tmp_path: Path) -> None:
    """Also after a restart, and with a name; a private range is in no text."""
    path = tmp_path / "jobs.db"
    async with ja.open_jobs(store=path) as jobs:
        parts = ja.ranges(10, 4)
        batch = submit(jobs, write, parts, Weather())
        assert [job.info.label for job in batch.jobs[:2]] == [
            "write[0] part 1/4, Weather",
            "write[1] part 2/4, Weather",
        ]
        alone = jobs.options(name="films").submit(write, parts[2], weather=Weather())
        assert alone.info.label == "films part 3/4"
        private = jobs.options(private={"part"}, subject="others").submit(
            write, parts[3], Weather()
        )
        assert private.info.label == "write"
        assert "films part 3/4" in jobs.list()._repr_html_()  # type: ignore[attr-defined]
        await settle(batch)
        await alone
        await private
    async with ja.open_jobs(store=path) as jobs:
        assert jobs.get(alone.id).info.label == "films part 3/4"
        assert jobs.get(batch.jobs[1].id).info.label == "write[1] part 2/4, Weather"


async def test_a_loop_names_its_part_where_the_job_does_not() -> None:
    """A job that goes through several of them."""
    labels: list[tuple[str, ...]] = []

    async def go_through(parts: ja.Range | list[ja.Range], given: str | None = None) -> None:
        job = jobs.get(ja.current_job().id)
        for part in parts if isinstance(parts, list) else [parts]:
            labels.extend(job.snapshot().progress.stages for _ in part.track(given))

    async with ja.open_jobs() as jobs:
        one, two = ja.ranges(2, 2)
        await jobs.submit(go_through, one)
        await jobs.options(subject="both").submit(go_through, [one, two])
        await jobs.options(subject="named").submit(go_through, two, "films")
    assert labels == [(), ("part 1/2",), ("part 2/2",), ("films",)]


async def test_a_restart_goes_on_with_its_part_only(tmp_path: Path) -> None:
    weather = Weather(4)
    async with ja.open_jobs() as jobs:
        batch = submit(jobs, write, ja.ranges(10, 2), weather)
        await settle(batch)
        await batch.jobs[0].restart()
        jobs.merge("write", "films", into=tmp_path / "films.txt")
    assert (tmp_path / "films.txt").read_text() == WHOLE
    assert sorted(weather.done) == list(range(10))


async def test_a_retried_part_goes_on_where_it_was() -> None:
    weather = Weather(1, 4, 8)
    async with ja.open_jobs() as jobs:
        retrying = jobs.options(retry=ja.Retry(base=0), checkpoint_every=ja.Every(items=1))
        assert await retrying.map(partial(count), ja.ranges(10, 3), [weather] * 3) == [3, 3, 4]
        assert jobs.checkpoints() == [], "nothing was written, so nothing waits to be merged"
    assert sorted(weather.done) == list(range(10))


async def test_parts_that_are_done_wait_to_be_merged_and_are_not_done_again(
    tmp_path: Path,
) -> None:
    weather = Weather()
    async with ja.open_jobs() as jobs:
        for _ in range(2):
            await submit(jobs, write, ja.ranges(10, 3), weather)
        assert len(jobs.checkpoints("write", "films")) == 3
        files = jobs.part_files("write", "films")
        assert "".join(path.read_text() for path in files) == WHOLE
        jobs.drop_checkpoint("write", "films")
        assert not any(path.exists() for path in files)
    assert sorted(weather.done) == list(range(10))


async def test_other_ranges_of_the_same_work_have_to_say_what_to_do() -> None:
    """The batch takes no more in when its input is refused."""
    async with ja.open_jobs() as jobs:
        await submit(jobs, write, ja.ranges(10, 2), Weather())
        with pytest.raises(ja.CheckpointFound):
            await submit(jobs, write, ja.ranges(8, 2), Weather())
        wrong = jobs.options(subject="films", on_checkpoint="resume")
        job = wrong.submit(write, ja.ranges(8, 2)[0], Weather())
        with pytest.raises(ValueError, match="about the items 0 to 5, not 0 to 4"):
            await job


async def test_the_newest_way_to_divide_is_the_one_that_is_merged(tmp_path: Path) -> None:
    async with ja.open_jobs() as jobs:
        await settle(submit(jobs, write, ja.ranges(10, 5), Weather(9)))
        await submit(jobs, write, ja.ranges(10, 2), Weather())
        jobs.merge("write", "films", into=tmp_path / "films.txt")
        assert jobs.checkpoints() == []
    assert (tmp_path / "films.txt").read_text() == WHOLE


async def test_what_was_written_after_the_last_checkpoint_is_cut_off(tmp_path: Path) -> None:
    """As after the death of a process, which saves nothing any more."""
    async with ja.open_jobs() as jobs:
        batch = submit(jobs, write, ja.ranges(10, 2), Weather(2))
        await settle(batch)
        (kept,) = [kept for kept in jobs.checkpoints() if kept.part == "1/2"]
        assert kept.value == [0, 5, 2, len("film 0\n") * 2]
        await batch.jobs[0].restart()
        jobs.merge("write", "films", into=tmp_path / "films.txt")
    assert (tmp_path / "films.txt").read_text() == WHOLE


async def test_a_part_whose_file_is_lost_begins_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def lose(part: ja.Range) -> None:
        path = part.file
        if ja.current_job().attempt == 2:
            path.unlink()
        write(part, weather)

    weather = Weather(3)
    async with ja.open_jobs() as jobs:
        await jobs.options(retry=ja.Retry(base=0)).map(lose, ja.ranges(10, 1))
        jobs.merge("lose", into=tmp_path / "films.txt")
    assert (tmp_path / "films.txt").read_text() == WHOLE
    assert weather.done == [0, 1, 2, *range(10)]
    assert "begins anew" in caplog.text


async def test_bytes_can_be_written_too(tmp_path: Path) -> None:
    def write_bytes(part: ja.Range) -> None:
        with part.open(encoding=None) as out:
            for i in part.track():
                out.write(bytes([i]))

    async with ja.open_jobs() as jobs:
        await jobs.map(write_bytes, ja.ranges(10, 3))
        jobs.merge("write_bytes", into=tmp_path / "all")
    assert (tmp_path / "all").read_bytes() == bytes(range(10))


async def test_a_merge_that_cannot_be_written_keeps_the_parts(tmp_path: Path) -> None:
    async with ja.open_jobs() as jobs:
        await submit(jobs, write, ja.ranges(10, 3), Weather())
        with pytest.raises(FileNotFoundError):
            jobs.merge("write", "films", into=tmp_path / "nowhere" / "films.txt")
        assert len(jobs.part_files("write", "films")) == 3


async def test_there_is_nothing_to_merge_before_anything_is_written() -> None:
    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.RangesUnfinished, match=r"write about 'films' .* nothing is kept of"):
            jobs.merge("write", "films", into="films.txt")


async def test_a_second_merge_or_another_subject_is_told_that_nothing_is_there(
    tmp_path: Path,
) -> None:
    target = tmp_path / "films.txt"
    async with ja.open_jobs() as jobs:
        await submit(jobs, write, ja.ranges(10, 2), Weather())
        with pytest.raises(ja.RangesUnfinished, match=r"write about 'books' .* nothing is kept of"):
            jobs.merge("write", "books", into=target)
        jobs.merge("write", "films", into=target)
        with pytest.raises(ja.RangesUnfinished, match=r"1/2, 2/2 left no file: .* a merge takes"):
            jobs.merge("write", "films", into=target)
    assert target.read_text() == WHOLE


async def test_parts_that_wrote_no_file_are_not_told_to_be_done_again() -> None:
    async with ja.open_jobs() as jobs:
        await submit(jobs, count, ja.ranges(10, 2), Weather())
        with pytest.raises(ja.RangesUnfinished, match=r"1/2, 2/2 left no file: .*part\.open") as e:
            jobs.part_files("count", "films")
        assert e.value.parts == ("1/2", "2/2")


async def test_parts_that_have_not_begun_are_not_done() -> None:
    async with ja.open_jobs(max_running=1) as jobs:
        batch = jobs.options(hold=True, subject="films").map(
            write, ja.ranges(10, 2), [Weather()] * 2
        )
        with pytest.raises(ja.RangesUnfinished, match="1/2, 2/2 not done"):
            jobs.part_files("write", "films")
        batch.cancel()


async def test_the_file_of_a_part_that_was_removed_can_be_written_again(tmp_path: Path) -> None:
    weather = Weather()
    async with ja.open_jobs() as jobs:
        await submit(jobs, write, ja.ranges(10, 2), weather)
        jobs.part_files("write", "films")[1].unlink()
        with pytest.raises(ja.RangesUnfinished, match="the file of 2/2 has been removed or cut"):
            jobs.merge("write", "films", into=tmp_path / "films.txt")
        await submit(jobs, write, ja.ranges(10, 2), weather)
        jobs.merge("write", "films", into=tmp_path / "films.txt")
    assert (tmp_path / "films.txt").read_text() == WHOLE
    assert weather.done == [*weather.done[:10], *range(5, 10)], "only the lost part was done again"


def write_in_process(part: ja.Range) -> None:
    """Write one part, in a process of its own."""
    with part.open() as out:
        for i in part.track():
            out.write(f"film {i}\n")


async def test_parts_can_be_processes(tmp_path: Path) -> None:
    async with ja.open_jobs() as jobs:
        await jobs.options(runner="process").map(write_in_process, ja.ranges(10, 2))
        jobs.merge("write_in_process", into=tmp_path / "films.txt")
    assert (tmp_path / "films.txt").read_text() == WHOLE


# -- in one job


async def test_one_job_can_give_its_parts_to_threads_of_its_own(tmp_path: Path) -> None:
    target = tmp_path / "films.txt"

    def work(weather: Weather) -> None:
        parts = ja.ranges(len(FILMS), 3)
        with ThreadPoolExecutor() as pool:
            list(pool.map(ja.bind_context(partial(write, weather=weather)), parts))
        ja.merge(parts, target)

    weather = Weather(5)
    async with ja.open_jobs() as jobs:
        await jobs.options(retry=ja.Retry(base=0)).submit(work, weather)
        assert jobs.checkpoints() == []
    assert target.read_text() == WHOLE
    assert sorted(weather.done) == list(range(10))


async def test_it_cannot_merge_what_is_not_done(tmp_path: Path) -> None:
    def work() -> None:
        parts = ja.ranges(len(FILMS), 3)
        write(parts[0], Weather())
        ja.merge(parts, tmp_path / "films.txt")

    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.RangesUnfinished, match="2/3, 3/3"):
            await jobs.submit(work)


async def test_a_job_merges_the_parts_that_were_jobs_of_its_function(tmp_path: Path) -> None:
    """It has taken their checkpoints over; a job of another function is told what it takes."""
    target = tmp_path / "films.txt"

    def work(part: ja.Range | None) -> None:
        if part is None:
            ja.merge(ja.ranges(len(FILMS), 3), target)
        else:
            write(part, Weather())

    def other() -> None:
        ja.merge(ja.ranges(len(FILMS), 3), target)

    async with ja.open_jobs() as jobs:
        on = jobs.options(subject="films", on_checkpoint="resume")
        await on.map(work, ja.ranges(len(FILMS), 3))
        with pytest.raises(ja.RangesUnfinished, match="of the same function and subject"):
            await on.submit(other)
        await on.submit(work, None)
        assert jobs.checkpoints() == []
    assert target.read_text() == WHOLE


async def test_it_cannot_merge_what_has_left_no_file(tmp_path: Path) -> None:
    def work() -> None:
        parts = ja.ranges(len(FILMS), 2)
        write(parts[0], Weather())
        count(parts[1], Weather())
        ja.merge(parts, tmp_path / "films.txt")

    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.RangesUnfinished, match="2/2 left no file"):
            await jobs.submit(work)


async def test_a_part_is_gone_through_once_at_a_time() -> None:
    def work(part: ja.Range) -> None:
        for _ in part.track():
            for _ in part.track():
                pass

    async with ja.open_jobs() as jobs:
        with pytest.raises(RuntimeError, match="1/1 is being gone through already"):
            await jobs.submit(work, ja.Range(0, 1, 0, 3))


async def test_a_part_goes_on_in_trio_code() -> None:
    async def work(part: ja.Range) -> list[int]:
        done = []
        async for i in part.track():
            if i == 3 and ja.current_job().attempt == 1:
                raise Broken
            done.append(i)
            await trio.lowlevel.checkpoint()
        return done

    async with ja.open_jobs() as jobs:
        retrying = jobs.options(retry=ja.Retry(base=0))
        assert await retrying.submit(work, ja.Range(0, 1, 0, 6)) == [3, 4, 5]


def test_outside_a_job_a_part_is_gone_through_whole() -> None:
    part = ja.ranges(4, 2)[1]
    assert list(part.track()) == [2, 3]
