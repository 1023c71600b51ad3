"""Work files: stored with their checkpoint, dropped with it, and never anywhere else."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import os
import stat
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

import jobactors as ja
from jobactors.engine.checkpoints.work_folders import WorkFolders
from jobactors.inside.report.work_files import LIST, note_folder, part_folder

if TYPE_CHECKING:
    from trio.testing import MockClock


class StoreWithFolder(ja.MemoryStore):
    """A store that has a folder for work files."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    @property
    def work_folder(self) -> Path:
        """The folder of all work files."""
        return self._folder


class Broken(Exception):
    """The error of a job of these tests."""


def append(line: str, then: str = "fail") -> Path:
    """Be a job that adds a line to its work file."""
    path = ja.current_job().work_file("table.csv")
    with path.open("a") as file:
        file.write(f"{line}\n")
    if then == "fail":
        raise Broken(str(path))
    return path


async def path_of(job: ja.Job[Any]) -> Path:
    """Return the path to which a failed job has written."""
    await job.wait()
    return Path(str(job.exception()))


async def gone(path: Path) -> bool:
    """Whether a file has been removed, which takes a moment."""
    await trio.testing.wait_all_tasks_blocked()
    return not is_there(path)


def is_there(path: Path) -> bool:
    return path.exists()


async def test_a_work_file_is_there_for_the_job_that_goes_on() -> None:
    async with ja.open_jobs() as jobs:
        path = await path_of(jobs.options(subject="wiki").submit(append, "one"))
        assert path.read_text() == "one\n"
        (kept,) = jobs.checkpoints("append", "wiki")
        assert kept.value is None, "the file is all there is to keep"
        again = jobs.options(subject="wiki", on_checkpoint="resume").submit(append, "two", "read")
        assert await again == path
        assert await gone(path)
        assert jobs.checkpoints() == []


async def test_a_job_that_succeeds_at_once_leaves_no_work_file() -> None:
    async with ja.open_jobs() as jobs:
        path = await jobs.submit(append, "one", "return")
        assert await gone(path.parent)


async def test_a_later_attempt_finds_it() -> None:
    def work() -> str:
        path = ja.current_job().work_file()
        if ja.current_job().attempt == 1:
            path.write_text("half")
            raise Broken
        return path.read_text()

    async with ja.open_jobs() as jobs:
        assert await jobs.options(retry=ja.Retry(base=0)).submit(work) == "half"


async def test_it_goes_with_a_dropped_checkpoint() -> None:
    async with ja.open_jobs() as jobs:
        path = await path_of(jobs.submit(append, "one"))
        jobs.drop_checkpoint("append")
        assert await gone(path)


async def test_a_fresh_start_begins_with_none() -> None:
    async with ja.open_jobs() as jobs:
        first = await path_of(jobs.submit(append, "one"))
        second = await path_of(jobs.options(on_checkpoint="fresh").submit(append, "two"))
        assert second == first
        assert second.read_text() == "two\n"


async def test_it_goes_after_a_week(autojump_clock: MockClock) -> None:
    async def work() -> None:
        raise Broken(str(append("one", "return")))

    async with ja.open_jobs() as jobs:
        path = await path_of(jobs.submit(work))
        await trio.sleep(7 * 86400 + 10)
        assert jobs.checkpoints() == []
        assert await gone(path)


async def test_jobs_of_the_same_work_at_the_same_time_have_their_own(
    autojump_clock: MockClock,
) -> None:
    async def work() -> Path:
        path = append("one", "return")
        await trio.sleep(1)
        assert path.read_text() == "one\n"
        return path

    async with ja.open_jobs() as jobs:
        paths = {await job for job in [jobs.submit(work) for _ in range(3)]}
        assert len(paths) == 3


async def test_a_job_that_worked_beside_another_is_restarted_with_its_files(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    """They are in no store, and go with the system."""

    async def work(line: str, then: str) -> str:
        if line == "first":
            await trio.sleep_forever()
        text = append(line, "return").read_text()
        ja.save_checkpoint("saved")
        if then == "fail" and text.count("\n") == 1:
            raise Broken(str(append("", "return")))
        return text

    async with ja.open_jobs(store=StoreWithFolder(tmp_path / "work")) as jobs:
        owner = jobs.submit(work, "first", "wait")
        beside = jobs.submit(work, "one", "fail")
        path = await path_of(beside)
        assert not path.is_relative_to(tmp_path)
        assert await beside.restart() == "one\n\none\n"
        assert await gone(path)
        owner.cancel()


async def test_a_work_folder_is_one_and_shares_its_names() -> None:
    def work() -> None:
        job = ja.current_job()
        folder = job.work_folder("pages")
        (folder / "1.html").touch()
        assert job.work_folder("pages") == job.work_file("pages") == folder

    async with ja.open_jobs() as jobs:
        await jobs.submit(work)


async def test_only_this_user_can_look_into_it() -> None:
    def work() -> list[int]:
        before = os.umask(0)
        try:
            path = ja.current_job().work_folder()
        finally:
            os.umask(before)
        return [stat.S_IMODE(folder.stat().st_mode) for folder in (path, *list(path.parents)[:3])]

    async with ja.open_jobs() as jobs:
        assert set(await jobs.submit(work)) == {0o700}


async def test_a_process_writes_to_the_same_place() -> None:
    async with ja.open_jobs() as jobs:
        first = await path_of(jobs.submit(append, "one"))
        process = jobs.options(runner="process", on_checkpoint="resume")
        second = await path_of(process.submit(append, "two"))
        assert second == first
        assert second.read_text() == "one\ntwo\n"


async def test_without_a_store_the_files_go_with_the_system() -> None:
    async with ja.open_jobs() as jobs:
        path = await path_of(jobs.submit(append, "one"))
        (base,) = [p for p in path.parents if p.parent == Path(tempfile.gettempdir())]
    assert not base.exists()


async def test_a_base_folder_keeps_them(tmp_path: Path) -> None:
    async with ja.open_jobs(store=StoreWithFolder(tmp_path / "work")) as jobs:
        path = await path_of(jobs.submit(append, "one"))
    assert path.is_relative_to(tmp_path)
    assert path.read_text() == "one\n"


async def test_a_job_makes_its_folder_while_that_of_the_last_one_is_removed(tmp_path: Path) -> None:
    """The base is not taken away from under it, which would fail the job."""
    async with ja.open_jobs(store=StoreWithFolder(tmp_path / "work")) as jobs:
        for number in range(400):
            job = jobs.options(subject=f"wiki {number % 3}").submit(append, "one", "return")
            await trio.to_thread.run_sync(job.result)


async def test_a_base_without_files_goes_with_the_system(tmp_path: Path) -> None:
    base = tmp_path / "work"
    for _ in range(5):
        async with ja.open_jobs(store=StoreWithFolder(base)) as jobs:
            for _ in range(3):
                await jobs.submit(append, "one", "return")
        assert not base.exists()


def test_a_folder_is_made_while_its_base_is_being_removed(tmp_path: Path) -> None:
    """The next process may open a store that the last one is leaving."""
    base = tmp_path / "work"

    def remove() -> None:
        while not made_all.is_set():
            with suppress(OSError):
                (base / LIST).unlink()
                base.rmdir()

    made_all = threading.Event()
    remover = threading.Thread(target=remove)
    remover.start()
    try:
        for _ in range(1000):
            note_folder(base / "anew")
    finally:
        made_all.set()
        remover.join()


async def test_nothing_is_made_for_jobs_that_want_none(tmp_path: Path) -> None:
    async def work() -> None:
        ja.save_checkpoint(1)

    async with ja.open_jobs(store=StoreWithFolder(tmp_path / "work")) as jobs:
        await jobs.submit(work)
    assert not is_there(tmp_path / "work")


async def test_a_job_without_checkpoints_has_no_work_files() -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.options(checkpoint_every=None).submit(append, "one")
        with pytest.raises(RuntimeError, match="checkpoint_every=None"):
            await job


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../escape", "a/b", "a\\b", "C:x", "nul\0", "x" * 201, "a\n"]
)
def test_a_name_that_is_no_plain_file_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="plain file name"):
        ja.current_job().work_file(name)


def test_a_name_is_text() -> None:
    with pytest.raises(TypeError, match="text"):
        ja.current_job().work_file(3)  # type: ignore[arg-type]


def test_outside_a_job_there_is_a_temporary_one() -> None:
    path = ja.current_job().work_file("outside.txt")
    path.write_text("written")
    assert ja.current_job().work_file("outside.txt").read_text() == "written"
    path.unlink()


words = st.text(max_size=50) | st.sampled_from(
    ["..", "../../etc", "/", "~", "a\0b", "CON", "\ud800"]
)


@given(words, words, words)
def test_no_type_subject_or_part_leads_out_of_its_folder(a: str, b: str, c: str) -> None:
    base = Path("/base")
    folder = part_folder(WorkFolders(lambda: base).folder(a, b), c)
    assert folder.parent.parent == base
    assert all(len(name) <= 80 and name.isascii() and "/" not in name for name in folder.parts[2:])


@given(words, words, words, words)
def test_other_work_has_another_folder(a: str, b: str, c: str, d: str) -> None:
    folders = WorkFolders(lambda: Path("/base"))
    assert folders.folder("a\0b", "") != folders.folder("a", "b\0")
    assert (folders.folder(a, b) == folders.folder(c, d)) == ((a, b) == (c, d))
