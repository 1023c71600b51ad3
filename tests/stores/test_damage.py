"""A log cut anywhere, a file changed anywhere: all of a prefix is read, or a refusal is."""

from __future__ import annotations

import os
import random
import shutil
from pathlib import Path

import pytest

import jobactors as ja
from jobactors.model.states import JobState
from jobactors.model.stored_rows import PutCheckpoint, Write
from tests.stores.samples import NOW, checkpoint, event, put, status

ROUNDS = int(os.environ.get("JOBACTORS_CORRUPT", "50"))
BATCHES, JOBS_A_BATCH, LINES_A_JOB = 6, 5, 3
STEP = 512 if "JOBACTORS_CORRUPT" in os.environ else 1_536


def a_batch(number: int) -> list[Write]:
    """Five jobs with a log each, and a new status of those of the batch before."""
    names = [f"{number}-{n}" for n in range(JOBS_A_BATCH)]
    earlier = [f"{number - 1}-{n}" for n in range(JOBS_A_BATCH)]
    return [
        *(put(name, spec="x" * 700) for name in names),
        *(event(name) for name in names for _ in range(LINES_A_JOB)),
        *(status(name, JobState.SUCCEEDED, end=NOW + number) for name in earlier),
        PutCheckpoint(checkpoint(str(number))),
    ]


def test_a_log_that_is_cut_anywhere_holds_whole_batches(tmp_path: Path) -> None:
    """Every few bytes: all that was acknowledged before the cut, and nothing in pieces."""
    path, sizes = tmp_path / "jobs.db", list[int]()
    log = Path(f"{path}-wal")
    store = ja.SqliteStore(path)
    for _ in range(2):  # the second time the tables are in the file, not in its log
        store.open()
        store.close()
    store.open()
    for number in range(BATCHES):
        store.apply(a_batch(number))
        sizes.append(log.stat().st_size)
    main, whole = path.read_bytes(), log.read_bytes()  # what a kill -9 would leave
    store.close()
    seen = set()
    for cut in [*range(0, len(whole), STEP), len(whole)]:
        path.write_bytes(main)
        log.write_bytes(whole[:cut])
        acknowledged = sum(size <= cut for size in sizes)
        seen.add(whole_batches(store))
        assert max(seen) == acknowledged
    assert seen == set(range(BATCHES + 1))


def whole_batches(store: ja.SqliteStore) -> int:
    """Return how many batches a store holds, each of them whole, and none after a missing one."""
    store.open()
    try:
        count = len(store.checkpoints())
        names = [f"{number}-{n}" for number in range(count) for n in range(JOBS_A_BATCH)]
        assert sorted(row.id for row in store.get(names)) == names
        assert len(store.unfinished()) == (JOBS_A_BATCH if count else 0)
        assert len(store.finished()) == max(0, count - 1) * JOBS_A_BATCH
        assert all(len(store.events(name)) == LINES_A_JOB for name in names)
        store.apply([put("more")])
        return count
    finally:
        store.close()


@pytest.fixture(scope="module")
def remains(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A file and its log as a kill -9 leaves them, with much in both."""
    path = tmp_path_factory.mktemp("good") / "jobs.db"
    store = ja.SqliteStore(path)
    store.open()
    for number in range(12):
        store.apply(a_batch(number))
    store.close()
    store.open()
    for number in range(12, 15):
        store.apply(a_batch(number))
    left = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    store.close()
    return left


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_changed_file_is_read_or_refused(
    tmp_path: Path, remains: tuple[bytes, bytes], seed: int
) -> None:
    """Bits flipped, pages zeroed or swapped, ends cut off; in the file, in its log, in both.

    Nothing but StoreDamaged is raised (or StoreTooNew, should it say so), and what was refused is
    as it was.
    """
    chance = random.Random(seed)  # noqa: S311
    main, log = (bytearray(part) for part in remains)
    if chance.random() < 0.5:
        log.clear()
    for part in chance.choice([[main], [main], [log], [main, log]]):
        spoil(part, chance)
    path, log_path = tmp_path / "jobs.db", tmp_path / "jobs.db-wal"
    path.write_bytes(main)
    if log:
        log_path.write_bytes(log)
    store = ja.SqliteStore(path)
    try:
        store.open()
    except (ja.StoreDamaged, ja.StoreTooNew):
        assert path.read_bytes() == main
        assert not log or log_path.read_bytes() == log
    else:
        use(store)
    finally:
        store.close()
        shutil.rmtree(tmp_path)


def spoil(part: bytearray, chance: random.Random) -> None:
    """Change something."""
    if not part:
        return
    kind = chance.choice(["bits", "bits", "bytes", "header", "zero", "swap", "cut", "end"])
    if kind in {"bits", "bytes", "header"}:
        for _ in range(chance.choice([1, 3, 20])):
            place = chance.randrange(min(len(part), 200 if kind == "header" else len(part)))
            part[place] = chance.randrange(256) if kind != "bits" else part[place] ^ 4
    elif kind == "cut":
        del part[chance.randrange(len(part)) :]
    elif kind == "end":
        part += chance.randbytes(chance.randrange(1, 9_000))
    else:
        pages = [slice(start, start + 4096) for start in range(0, len(part) - 4095, 4096)]
        one, two = chance.choice(pages), chance.choice(pages)
        part[one], part[two] = (part[two] if kind == "swap" else bytes(4096)), part[one]


def use(store: ja.SqliteStore) -> None:
    """Ask for everything, write, forget, tidy up: each of it works, or finds the damage."""
    try:
        rows = [*store.unfinished(), *store.finished(1_000)]
        assert all(isinstance(row.state, JobState) for row in rows)
        for row in rows[:20]:
            store.events(row.id)
        store.checkpoints()
        store.apply([put("new"), event("new"), PutCheckpoint(checkpoint("new"))])
        assert [row.id for row in store.get(["new"])] == ["new"]
        store.prune(NOW + 9e9)
        store.vacuum()
    except ja.StoreDamaged:
        pass
