"""A program with jobs of every kind, that can be killed at any moment and started again.

Each of its jobs writes down what it does in a file that outlives the process (a line each, appended
in one write).  From that and from the store :func:`faults` tells whether a promise was broken.
"""

from __future__ import annotations

import collections
import json
import os
from pathlib import Path
from typing import Any

import trio

import jobactors as ja

ITEMS = 40
PHASES = ("Clear", "Fill", "Tag")

HERE = Path()
"""Where this process works; set before it opens anything."""


def write_down(what: str, **more: object) -> None:
    """Append a line in one write: a kill leaves it whole, or leaves it out."""
    line = json.dumps({"what": what, "pid": os.getpid(), **more}) + "\n"
    fd = os.open(HERE / "deeds", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, line.encode())
    os.close(fd)


def begin() -> ja.JobContext:
    """Write down that an attempt has begun; no attempt may do so twice."""
    job = ja.current_job()
    write_down("begin", job=job.id, attempt=job.attempt)
    return job


# -- the job types


async def double(n: int) -> int:
    """A job of one step."""
    begin()
    await trio.lowlevel.checkpoint()
    return n * 2


async def total(*numbers: int) -> int:
    """A job that comes after others, and needs their results."""
    begin()
    return sum(numbers)


def fail(n: int) -> None:
    """A job that fails."""
    begin()
    raise ValueError(n)


async def lock(n: int) -> int:
    """A job that holds the only unit of a resource."""
    job = begin()
    write_down("enter", job=job.id)
    await trio.sleep(0.002)
    write_down("leave", job=job.id)
    return n


async def walk(name: str) -> int:
    """A job that goes on from its checkpoint; its items may be done twice, but never left out."""
    job = begin()
    start = job.checkpoint or 0
    fd = os.open(HERE / name, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        for item in range(start, ITEMS):
            os.pwrite(fd, b"%04d\n" % item, 5 * item)
            ja.save_checkpoint(item + 1)
            ja.progress(item + 1, ITEMS)
            await trio.lowlevel.checkpoint()
    finally:
        os.close(fd)
    return ITEMS


def phase_of_chain(name: str) -> str:
    """One phase of a chain."""
    write_down("phase", name=name, job=ja.current_job().id)
    return name.upper()


def register() -> None:
    """Declare the job types, as a module that is imported does."""
    for function in (double, total, fail, lock, phase_of_chain):
        ja.job(function.__name__)(function)
    ja.job("walk", checkpoint_every=ja.Every(items=3))(walk)


def chain() -> Any:
    """A chain whose ended phases never run again."""
    return ja.chain(*(ja.phase(name, phase_of_chain, {"name": name}) for name in PHASES))


# -- the program

EXPECTED = {
    "double 1": 2,
    "double 2": 4,
    "double 3": 6,
    "sum": 6,
    "failing": None,
    "lock 1": 1,
    "lock 2": 2,
    "lock 3": 3,
    "walk a": ITEMS,
    "walk b": ITEMS,
    "chain": [name.upper() for name in PHASES],
}
"""What every job comes to in the end, killed or not, by its name."""


async def submit(jobs: ja.Jobs, name: str, work: Any, *args: Any, **options: Any) -> ja.Job[Any]:
    """Submit a job unless an earlier process has; write down when it is acknowledged."""
    job = jobs.options(name=name, subject=name, key=name, **options).submit(work, *args)
    await job.stored()
    write_down("acknowledged", job=job.id, name=name)
    return job


def earlier(jobs: ja.Jobs, name: str) -> bool:
    """Whether an earlier process has submitted this job."""
    return any(snapshot.name == name for snapshot in jobs.list())


async def run(folder: Path) -> None:
    """Do all the work that is left; returns when everything has ended."""
    global HERE  # noqa: PLW0603 - one process works in one folder
    HERE = folder
    register()
    store = folder / "jobs.db"
    async with ja.open_jobs(3, store=store, recover="auto", unread_failures="ignore") as jobs:
        done = {phase for kept in jobs.checkpoints("chain") for phase in _phases_done(kept.value)}
        write_down("opened", done=sorted(done))
        for work in jobs.resumable():  # whose process was killed under them three times
            if work.state == "interrupted":
                work.resume()
        await submit_what_is_missing(jobs)


async def submit_what_is_missing(jobs: ja.Jobs) -> None:
    """Submit what no earlier process has submitted."""
    first = []
    for n in (1, 2, 3):
        if not earlier(jobs, f"double {n}"):
            await submit(jobs, f"double {n}", double, n)
        first.append(jobs.latest("double", f"double {n}"))
        if not earlier(jobs, f"lock {n}"):
            await submit(jobs, f"lock {n}", lock, n, resources="the lock")
    if not earlier(jobs, "sum"):
        await submit(jobs, "sum", total, *first[:2])
    for name in "ab":
        if not earlier(jobs, f"walk {name}"):
            await submit(jobs, f"walk {name}", walk, name)
    if not earlier(jobs, "failing"):
        await submit(jobs, "failing", fail, 1, retry=ja.Retry(max=2, base=0.01))
    if not earlier(jobs, "chain"):
        await submit(jobs, "chain", chain())


def _phases_done(value: Any) -> list[str]:
    return [entry["phase"] for entry in value["chain"]] if isinstance(value, dict) else []


# -- the judgement


def deeds(folder: Path) -> list[dict[str, Any]]:
    """What all processes have written down, in order."""
    try:
        text = (folder / "deeds").read_text()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.splitlines()]


def faults(folder: Path) -> list[str]:
    """Return the promises that were broken, in words; after a run that was not killed."""
    store = ja.SqliteStore(folder / "jobs.db")
    store.open()
    try:
        rows = {row.id: row for row in store.finished(1000)}
        unfinished = store.unfinished()
        ends = {
            job_id: [e for e in store.events(job_id) if e.kind == "JobFinished"] for job_id in rows
        }
    finally:
        store.close()
    done = deeds(folder)
    found = [f"{row.id} is {row.state} in the end" for row in unfinished]
    found += _lost(done, rows)
    found += [f"{i} has {len(e)} terminal states" for i, e in ends.items() if len(e) != 1]
    found += _begun_twice(done) + _two_holders(done) + _phases_again(done)
    found += _wrong_results(rows, folder)
    return found


def _lost(done: list[dict[str, Any]], rows: dict[str, Any]) -> list[str]:
    acknowledged = [deed for deed in done if deed["what"] == "acknowledged"]
    return [
        f"{d['name']} was acknowledged and is gone" for d in acknowledged if d["job"] not in rows
    ]


def _begun_twice(done: list[dict[str, Any]]) -> list[str]:
    begun = collections.Counter((d["job"], d["attempt"]) for d in done if d["what"] == "begin")
    return [
        f"attempt {n} of {job} began {count} times"
        for (job, n), count in begun.items()
        if count > 1
    ]


def _two_holders(done: list[dict[str, Any]]) -> list[str]:
    inside: tuple[int, str] | None = None
    found = []
    for deed in done:
        if deed["what"] == "enter":
            if inside is not None and inside[0] == deed["pid"]:
                found.append(f"{deed['job']} and {inside[1]} held one unit")
            inside = deed["pid"], deed["job"]
        elif deed["what"] == "leave":
            inside = None
    return found


def _phases_again(done: list[dict[str, Any]]) -> list[str]:
    ended: set[str] = set()
    found = []
    for deed in done:
        if deed["what"] == "opened":
            ended |= set(deed["done"])
        elif deed["what"] == "phase" and deed["name"] in ended:
            found.append(f"the ended phase {deed['name']} ran again")
    return found


def _wrong_results(rows: dict[str, Any], folder: Path) -> list[str]:
    found = []
    results: dict[str, Any] = {}
    for row in rows.values():
        name = json.loads(row.spec)["name"]
        if name in results:
            found.append(f"there are two jobs {name}")
        value = None if row.result is None else json.loads(row.result)
        if isinstance(value, dict):
            value = [phase["value"] for phase in value["phases"]]
        results[name] = value
    if results != EXPECTED:
        found.append(f"the results are {results}")
    whole = b"".join(b"%04d\n" % item for item in range(ITEMS))
    found += [f"file {name} is not whole" for name in "ab" if (folder / name).read_bytes() != whole]
    return found
