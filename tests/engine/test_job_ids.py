"""Ids: readable, and unique over threads, forks and processes."""

from __future__ import annotations

import re
import threading

import pytest

import jobactors as ja
from jobactors.engine.records.job_ids import IDS
from tests.engine.scripts import run_script


@pytest.mark.parametrize(
    ("type_name", "stem"),
    [
        ("train", "train"),
        ("Index Wiki!", "index_wiki"),
        ("../../etc", "etc"),
        ("Привет", "job"),
        ("", "job"),
        ("x" * 500, "x" * 32),
    ],
)
def test_an_id_begins_with_the_type(type_name: str, stem: str) -> None:
    """Then comes a count and the tag of the process, all safe in a path or a URL."""
    assert re.fullmatch(rf"{stem}-\d+-[a-z2-9]{{10}}", IDS.new(type_name))


async def test_a_job_is_named_after_its_function() -> None:
    """And can be got back by its id."""

    def train() -> None:
        """Do nothing."""

    async with ja.open_jobs() as jobs:
        job = jobs.submit(train)
        assert job.id.startswith("train-")
        assert jobs.get(job.id) == job


def test_threads_never_share_an_id() -> None:
    """Not even when they ask all at once."""
    together = threading.Barrier(8)
    ids: list[list[str]] = [[] for _ in range(8)]

    def make(mine: list[str]) -> None:
        together.wait()
        mine += [IDS.new("x") for _ in range(2000)]

    threads = [threading.Thread(target=make, args=(mine,)) for mine in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one for mine in ids for one in mine}) == 16_000


def test_forks_and_processes_never_share_an_id() -> None:
    """A child does not go on with its parent's count."""
    source = """
        from jobactors.engine.records.job_ids import IDS
        IDS.new("x")
        pid = os.fork()
        print(IDS.new("x"))
        if not pid:
            os._exit(0)
        os.waitpid(pid, 0)
    """
    said = run_script(source).said + run_script(source).said
    assert len(said) == len(set(said)) == 4
