"""Tests of jobs that outlive their kernel: real kernels, killed, restarted, two on one file."""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.kernel.client import CellError, Kernel, run_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TYPES = """
import os, time, trio
import jobactors as ja

@ja.job("index", checkpoint_every=ja.Every(items=1))
async def index(n):
    start = ja.current_job().checkpoint or 0
    for item in range(start, n):
        ja.save_checkpoint(item + 1)
        ja.progress(item + 1, n)
        if item == 44 and not start:
            await trio.sleep_forever()
    return [start, n]
"""
BEGIN = f"{TYPES}\njobs = ja.start()"
AT_WORK = """
job = jobs.options(subject="wiki").submit("index", {"n": 100})
while not jobs.checkpoints("index") or jobs.checkpoints("index")[0].value < 45:
    time.sleep(0.01)
job.stored().result(10)
print(job.id)
"""


INTERRUPTED_STOP = """
import signal, threading
def interrupt():
    while repr(jobs) != "<Jobs closed>":
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=interrupt).start()
ja.stop(1000)
"""
SAY = "except ja.JobactorsError as exc: print(type(exc).__name__, exc)"


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    """An empty notebook on the disk."""
    path = tmp_path / "work" / "Films.ipynb"
    path.parent.mkdir()
    path.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    return path


@contextmanager
def kernel_of(notebook: Path, home: Path) -> Iterator[Kernel]:
    """A kernel started for a notebook, as Jupyter's server starts it."""
    with run_kernel(home, env={"JPY_SESSION_NAME": str(notebook)}) as kernel:
        yield kernel


def wait_for_end(kernel: Kernel) -> None:
    """Wait until a kernel's process has ended."""
    deadline = time.monotonic() + 60
    while kernel.manager.is_alive():
        assert time.monotonic() < deadline, "it goes on"
        time.sleep(0.05)


def stores(home: Path) -> list[str]:
    """The names of the stores below the user's data folder."""
    return sorted(path.name for path in (home / "home").rglob("jobactors/notebooks/*.db"))


def test_a_killed_kernels_job_goes_on_in_the_next_one(notebook: Path, tmp_path: Path) -> None:
    """At 45 %, from its checkpoint, under its id, and only on request."""
    with kernel_of(notebook, tmp_path) as kernel:
        kernel.run(BEGIN)
        job_id = kernel.run(AT_WORK).stdout.strip()
        os.kill(int(kernel.run("print(os.getpid())").stdout), signal.SIGKILL)
    with kernel_of(notebook, tmp_path) as kernel:
        kernel.run("import jobactors as ja, time\njobs = ja.start()")
        assert "'index' is not registered yet" in kernel.run("print(jobs.resumable()[0])").stdout
        kernel.run(BEGIN)
        (said,) = kernel.run("print(jobs.resumable()[0])").stdout.splitlines()
        assert said.startswith("index wiki: interrupted at 4")
        outcome = kernel.run("job = jobs.resumable()[0].resume(); print(job.id, job.result(20))")
        assert outcome.stdout.split(maxsplit=1) == [job_id, "[45, 100]\n"]
        assert kernel.run("print(jobs.resumable())").stdout == "[]\n"


def test_a_restarted_kernel_finds_results_and_interrupted_jobs(
    notebook: Path, tmp_path: Path
) -> None:
    """An unread result is there the next day, and so is what was running."""
    with kernel_of(notebook, tmp_path) as kernel:
        kernel.run(BEGIN)
        kernel.run(AT_WORK)
        kernel.run('ja.job("give")(lambda: [1, 2])\ngiven = jobs.submit("give", {}); '
                   "given.stored().result(10)")  # fmt: skip
        kernel.manager.restart_kernel()
        kernel.client.wait_for_ready(timeout=60)
        kernel.run(BEGIN)
        states = kernel.run("print(*sorted(f'{s.type} {s.state}' for s in jobs.list()))").stdout
        assert states == "give succeeded index interrupted\n"
        assert kernel.run("print(jobs.latest('give').result())").stdout == "[1, 2]\n"


def test_a_kernel_that_is_told_to_end_saves_what_its_jobs_have_reached(
    notebook: Path, tmp_path: Path
) -> None:
    """By SIGTERM, in the midst of a cell, and without a writing before."""
    with kernel_of(notebook, tmp_path) as kernel:
        kernel.run(
            "import jobactors as ja, time, os, signal\n"
            "jobs = ja.start()\n"
            "@ja.job('count')\n"
            "def count():\n"
            "    for n in ja.track(range(10**6), resumable=True): time.sleep(0.01)\n"
            "job = jobs.submit(count)\n"
            "while not job.snapshot().progress.done: time.sleep(0.01)"
        )
        kernel.start("os.kill(os.getpid(), signal.SIGTERM)\nwhile True: time.sleep(1)")
        wait_for_end(kernel)
    with kernel_of(notebook, tmp_path) as kernel:
        kernel.run("import jobactors as ja, time\njobs = ja.start()")
        told = kernel.run("print([(s.state.value, s.reason) for s in jobs.list()])").stdout
        assert told == "[('interrupted', 'its program was told to end (SIGTERM)')]\n"
        assert kernel.run("print([c.items > 0 for c in jobs.checkpoints()])").stdout == "[True]\n"


def test_a_second_kernel_of_the_notebook_goes_on_in_memory_and_reports_it(
    notebook: Path, tmp_path: Path
) -> None:
    """One process at a time writes a file; the other works all the same."""
    with kernel_of(notebook, tmp_path) as first:
        first.run(BEGIN)
        with kernel_of(notebook, tmp_path / "second") as apart:
            assert "Films" in apart.run("import jobactors as ja\nprint(ja.start().store)").stdout
        second_home = tmp_path / "second" / "home"
        shutil.rmtree(second_home)
        second_home.symlink_to(tmp_path / "home")
        with kernel_of(notebook, tmp_path / "second") as second:
            second.run(BEGIN)
            said = second.run("print(jobs.store)").stdout
            assert "jobs are kept in memory only" in said
            assert "belongs to" in said
            assert second.run("print(jobs.submit(lambda: 3).result())").stdout == "3\n"


def test_a_copy_starts_empty_and_a_rename_is_offered_the_old_jobs(
    notebook: Path, tmp_path: Path
) -> None:
    """A store belongs to a notebook's path."""
    with kernel_of(notebook, tmp_path) as kernel:
        kernel.run(BEGIN)
        kernel.run(AT_WORK)
    copy = notebook.with_name("Copy.ipynb")
    shutil.copy(notebook, copy)
    with kernel_of(copy, tmp_path) as kernel:
        kernel.run(BEGIN)
        assert kernel.run("print(jobs.list(), jobs.store.offer)").stdout == "[] None\n"
    renamed = notebook.rename(notebook.with_name("Movies.ipynb"))
    with kernel_of(renamed, tmp_path) as kernel:
        kernel.run(BEGIN)
        offer = kernel.run("print(jobs.list(), jobs.store.offer)").stdout
        assert offer.startswith("[] ")
        assert "ja.start(adopt=True)" in offer
        assert "AlreadyStarted" in kernel.run(f"try: ja.start(adopt=True)\n{SAY}").stdout
        kernel.run("ja.stop(0)")
        kernel.run("jobs = ja.start(adopt=True)")
        adopted = kernel.run("print([str(s.state) for s in jobs.list()], jobs.store.offer)").stdout
        assert adopted == "['interrupted'] None\n"
    assert [name.partition("-")[0] for name in stores(tmp_path)] == ["Copy", "Movies"]


def test_an_offer_not_taken_up_in_time_names_the_way_to_the_old_jobs(
    notebook: Path, tmp_path: Path
) -> None:
    """Once there are jobs under the new name, the two files cannot be one."""
    with kernel_of(notebook, tmp_path) as kernel:
        kernel.run(BEGIN)
        kernel.run(AT_WORK)
    renamed = notebook.rename(notebook.with_name("Movies.ipynb"))
    with kernel_of(renamed, tmp_path) as kernel:
        kernel.run(BEGIN)
        kernel.run('jobs.submit("index", {"n": 1}).stored().result(10)')
        kernel.run("ja.stop()")
        said = kernel.run(f"try: ja.start(adopt=True)\n{SAY}").stdout
        assert said.startswith("StoreError adopt=True cannot be done: ")
        assert "jobs of its own by now" in said
        kernel.run("jobs = ja.start()")
        assert "adopt=True" not in kernel.run("print(jobs.store.offer)").stdout
        assert kernel.run("print(*(job.state for job in jobs.list()))").stdout == "succeeded\n"
        kernel.run("cure = jobs.store.offer.partition('then ')[2].partition(' opens')[0]")
        kernel.run("ja.stop()\njobs = eval(cure)")
        assert kernel.run("print(*(job.state for job in jobs.list()))").stdout == "interrupted\n"


def test_a_notebooks_own_file_is_no_memory(notebook: Path, tmp_path: Path) -> None:
    """A first cell with another store than before gets an error that names the present one."""
    with kernel_of(notebook, tmp_path) as kernel:
        kernel.run(BEGIN)
        said = kernel.run(f"try: ja.start(store=None)\n{SAY}").stdout
        assert said.startswith("AlreadyStarted ")
        assert "Films" in said
        assert "not None" in said
        assert kernel.run("print(ja.start(store=jobs.store.name) is jobs)").stdout == "True\n"


def test_interrupting_a_stop_loses_no_file(notebook: Path, tmp_path: Path) -> None:
    """The next start ends what that stop would have waited for, and has the notebook's file."""
    with kernel_of(notebook, tmp_path) as kernel:
        kernel.run(BEGIN)
        kernel.run(AT_WORK)
        with pytest.raises(CellError, match="KeyboardInterrupt"):
            kernel.run(INTERRUPTED_STOP)
        kernel.run("jobs = ja.start()")
        assert kernel.run("print(jobs.store.trouble)").stdout == "None\n"
        assert kernel.run("print(*(job.state for job in jobs.list()))").stdout == "interrupted\n"


def test_a_kernel_without_a_notebook_leaves_no_file(kernel: Kernel, tmp_path: Path) -> None:
    """A console, or a front end that does not name its notebook."""
    kernel.run(BEGIN)
    assert kernel.run("print(jobs.store)").stdout == "None\n"
    assert stores(tmp_path) == []
