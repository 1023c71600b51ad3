"""A process killed before and after any statement: what it acknowledged is there, and whole."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

import jobactors as ja
from jobactors.model.states import JobState
from tests.stores.samples import event, job, put
from tests.stores.scripts import running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name == "nt", reason="SIGKILL and fork")

# One process that forks a dying one for each strike: starting Python each time would take minutes.
# A child opens its own store; what it acknowledges comes through a pipe.
STRIKER = """
import sqlite3
from jobactors.model.stored_rows import DeleteJobs, PutCheckpoint

connect = sqlite3.connect
at_once = wait() == "at once"
left = 0  # how often it may strike in vain: before and after each statement

def strike():
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)

class Dying(sqlite3.Connection):
    def execute(self, *given):
        strike()
        done = super().execute(*given)
        strike()
        return done

    def executemany(self, *given):
        strike()
        done = super().executemany(*given)
        strike()
        return done

def work(store, tell):
    for number in range(4):
        names = [f"{number}-{n}" for n in range(3)]
        old = [f"{number - 1}-{n}" for n in range(3)]
        store.apply([
            *(put(name) for name in names), *(event(name) for name in names),
            *(status(name, JobState.SUCCEEDED) for name in old),
            PutCheckpoint(checkpoint(str(number))),
        ])
        os.write(tell, b"x")
    store.close()

def die(count):
    global left
    hear, tell = os.pipe()
    if os.fork() == 0:
        left = count
        sqlite3.connect = lambda name, **more: connect(name, factory=Dying, **more)
        store = ja.SqliteStore(path / f"{count}.db")
        store.open()
        if at_once:
            store.apply = store.apply_now
        work(store, tell)
        os._exit(0)
    os.close(tell)
    acknowledged = b""
    while piece := os.read(hear, 100):
        acknowledged += piece
    os.close(hear)
    return len(acknowledged), os.wait()[1] == 0

def check(count, acknowledged):
    store = ja.SqliteStore(path / f"{count}.db")
    store.open()
    kept = len(store.checkpoints())
    assert acknowledged <= kept <= acknowledged + 1, (count, acknowledged, kept)
    names = [f"{number}-{n}" for number in range(kept) for n in range(3)]
    assert [row.id for row in store.get(names)] == names, count
    assert len(store.unfinished()) == (3 if kept else 0), count
    assert len(store.finished()) == 3 * max(0, kept - 1), count
    assert all(len(store.events(name)) == 1 for name in names), count
    store.close()
    for file in path.glob(f"{count}.db*"):
        file.unlink()
    return kept

seen = set()
for count in range(1_000):
    acknowledged, survived = die(count)
    seen.add(check(count, acknowledged))
    if survived:
        break
say(count, *sorted(seen))
"""


@pytest.mark.parametrize("how", ["in its time", "at once"])
def test_what_was_acknowledged_survives_kill_9_at_every_statement(tmp_path: Path, how: str) -> None:
    """From the first opening on; each batch is there as a whole or not at all."""
    with running(STRIKER, tmp_path) as striker:
        striker.tell(how)
        count, *seen = striker.hear().split()
        assert striker.end() == 0
    assert int(count) > 80  # it did die, and often
    assert seen == ["0", "1", "2", "3", "4"]


@pytest.mark.slow
def test_a_hundred_thousand_jobs_are_there_when_it_is_opened_again(tmp_path: Path) -> None:
    """In their order, to the last; half of them had ended."""
    store = ja.SqliteStore(tmp_path / "jobs.db")
    store.open()
    states = (JobState.QUEUED, JobState.SUCCEEDED)
    for start in range(0, 100_000, 2_000):
        numbers = range(start, start + 2_000)
        store.apply([put(f"{n}", states[n % 2], end=float(n)) for n in numbers])
        store.apply([event(f"{n}") for n in numbers])
    store.close()
    store.open()
    assert [row.id for row in store.unfinished()] == [f"{n}" for n in range(0, 100_000, 2)]
    assert [row.id for row in store.finished(2)] == ["99999", "99997"]
    assert store.get(["77777"]) == [job("77777", JobState.SUCCEEDED, end=77777.0)]
    assert store.prune(time.time()) == 500
    store.close()
