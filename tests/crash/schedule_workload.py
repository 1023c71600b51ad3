"""A program that serves one schedule, and can be killed at any moment and started again.

Its schedule is due ten times a second and has so many runs.  In the end each moment since the first
one has exactly one job, whatever was killed when: :func:`faults` looks for moments without a job,
with two, and for a schedule that counts other runs than there are.
"""

from __future__ import annotations

import collections
import json
from typing import TYPE_CHECKING, Any

import trio

import jobactors as ja

from . import workload
from .workload import begin, deeds, write_down

if TYPE_CHECKING:
    from pathlib import Path

RUNS = 5
EVERY = 0.1
ENOUGH = 1000


async def tick(page: int) -> int:
    """The job of each moment."""
    begin()
    await trio.lowlevel.checkpoint()
    return page


async def run(folder: Path) -> None:
    """Serve the schedule until it has had all its runs, and each has ended."""
    workload.HERE = folder
    ja.job("tick")(tick)
    store = folder / "jobs.db"
    async with ja.open_jobs(store=store, recover="auto", unread_failures="ignore") as jobs:
        write_down("opened", done=[])
        for work in jobs.resumable():  # whose process was killed under them three times
            if work.state == "interrupted":
                work.resume()
        draft = jobs.schedule(
            "ticks", ja.every(seconds=EVERY), runs=RUNS, catch_up="all", overlap="allow", late=0
        )
        schedule = draft.submit(tick, 7)
        while schedule.state().standing != "ended":  # noqa: ASYNC110 - no event tells of it
            await trio.sleep(EVERY / 4)
        for job_id in schedule.state().unfinished:
            await jobs.get(job_id).wait()


def faults(folder: Path) -> list[str]:
    """Return what is wrong with the moments and their jobs; after a run that was not killed."""
    store = ja.SqliteStore(folder / "jobs.db")
    store.open()
    try:
        rows = store.finished(ENOUGH)
        unfinished = store.unfinished()
        occurrences = store.occurrences("ticks", ENOUGH)
        (document,) = store.documents("schedule")
    finally:
        store.close()
    of_jobs = {row.id: json.loads(row.spec).get("occurrence") for row in rows}
    settled: dict[str, Any] = json.loads(document.value)
    found = [f"{row.id} is {row.state} in the end" for row in unfinished]
    found += [f"{row.id} is {row.state}" for row in rows if row.state != "succeeded"]
    counts = collections.Counter(of_jobs.values())
    found += [f"the moment {at} has {count} jobs" for at, count in counts.items() if count > 1]
    noted = {row.at: row.job_id for row in occurrences if row.kind == "submitted"}
    if noted != {at: job_id for job_id, at in of_jobs.items()}:
        found.append(f"the history has {noted}, and the jobs are {of_jobs}")
    if len(of_jobs) != RUNS or settled["runs"] != RUNS:
        found.append(f"there are {len(of_jobs)} jobs, and {settled['runs']} were counted")
    found += _gaps(sorted(noted), sum(row.count for row in occurrences if row.kind == "missed"))
    return found + workload._begun_twice(deeds(folder))


def _gaps(moments: list[float], missed: int) -> list[str]:
    """Return whether moments are missing that the history does not own up to."""
    if not moments:
        return ["no moment has a job"]
    expected = round((moments[-1] - moments[0]) / EVERY) + 1
    lost = expected - len(moments) - missed  # missed are those of a downtime beyond a hundred
    return [f"{lost} moments have no job: {moments}"] if lost > 0 else []
