"""The tasks as job types: what the plain functions are handed is what a job has.

Imported, they are there by name: for ``jobs.submit("index code", {…})``, for templates and
schedules, for the form *New job* of a board, over HTTP, and after a restart.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import goal_loop
import task_work

import jobactors as ja

CATEGORY = "Tasks"


def seams() -> dict[str, Any]:
    """Return what each function of task_work takes: a callback, and a check that ends it."""
    return {"progress": ja.progress, "check": ja.current_job().check}


@ja.job("analyse", category=CATEGORY, icon="📊")
def analyse(database: str, packages: list[str]) -> dict[str, Any]:
    """Count the lines, comments and functions of packages of the standard library."""
    return task_work.analyse(database, task_work.modules(packages), **seams())


@ja.job("pack", category=CATEGORY, icon="📦", resources="packing")  # one at a time
def pack(database: str, paths: list[str], folder: str) -> dict[str, Any]:
    """Compress files into a folder."""
    return task_work.pack(database, paths, folder, **seams())


@ja.job("sync", category=CATEGORY, icon="🔁", retry=ja.Retry(3))
def sync(database: str, office: str) -> dict[str, Any]:
    """Exchange reports with the office whose address and token are in a file."""
    there = json.loads(Path(office).read_text())  # a job's arguments are stored, and are no secrets
    return task_work.sync(database, there["address"], there["token"], **seams())


@ja.job("index code", category=CATEGORY, icon="🔎")
def index_code(database: str, packages: list[str]) -> dict[str, Any]:
    """Index the functions and classes of packages of the standard library."""
    return task_work.index_code(database, task_work.modules(packages), **seams())


@ja.job("goal", category=CATEGORY, icon="🎯", needs="index code")
def pursue(database: str, goal: str, think: float = 0.0, depth: int = 2) -> dict[str, Any]:
    """Find what has to be read to understand a function."""
    job, last = ja.current_job(), dict[str, Any]()

    def emit(step: dict[str, Any]) -> None:
        last.update(step)
        job.write_log(json.dumps(step) + "\n", "step")
        ja.progress(step["step"], None, f"read {step['name']}", unit="steps")

    def hear() -> Iterator[dict[str, Any]]:
        for message in job.inbox.drain():
            if isinstance(message, ja.Question):
                message.reply(last)
            else:
                yield message

    return goal_loop.pursue(
        database, goal, emit=emit, hear=hear, check=job.check, save=ja.save_checkpoint,
        state=job.checkpoint, think=lambda: time.sleep(think), depth=depth,
    )  # fmt: skip
