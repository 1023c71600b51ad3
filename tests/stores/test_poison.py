"""A value that no store takes costs itself: its job is marked, and everything else is stored."""

from __future__ import annotations

import sys
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import pytest
import trio

import jobactors as ja
from tests.engine.stored_jobs_samples import add, registered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Ill-typed on purpose: what a notebook's user gives all the same.
_progress: Any = ja.progress
_stage: Any = ja.stage
_track: Any = ja.track
HUGE = 140_000_000
"""Characters: more than the file takes in one row."""


def huge() -> str:
    """Return so long a text; made when it is needed, and held by no test."""
    return "x" * HUGE


def _in_stage(label: object) -> None:
    with _stage(label):
        ja.progress(1, 2)
        ja.current_job()._meter.wake()


POISONS: dict[str, Callable[[], object]] = {
    "a huge counter": partial(_progress, 1, 2, rows=10**5000),
    "a huge number": partial(_progress, 10**5000),
    "a huge total": partial(_progress, 1, 10**400),
    "an integer of 70 bits": partial(_progress, 2**70, 2**71),
    "a text for a number": partial(_progress, "many"),
    "a list for a number": partial(_progress, [1], 2),
    "a text for a total": partial(_progress, 1, "many"),
    "a list for a total": partial(_progress, 1, [1, 2]),
    "a text for a counter": partial(_progress, 1, rows="many"),
    "a number for a unit": partial(_progress, 1, 2, unit=5),
    "a number for a message": partial(_progress, 1, 2, 5),
    "an object for a message": partial(_progress, 1, 2, object()),
    "a huge message": lambda: _progress(1, 2, huge()),
    "a huge unit": lambda: _progress(1, 2, unit=huge()),
    "a counter with a huge name": lambda: _progress(1, **{huge(): 1}),
    "very many counters": partial(_progress, 1, **{f"n{n}": n for n in range(5_000)}),
    "half a surrogate": partial(_progress, 1, 2, "\ud800", unit="\udfff"),
    "no number": partial(_progress, float("nan"), float("inf"), loss=float("-inf")),
    "a number for a stage": partial(_in_stage, 5),
    "a huge stage": lambda: _in_stage(huge()),
    "half a surrogate for a stage": partial(_in_stage, "\ud800"),
    "a number for a loop": lambda: list(_track([1], label=5, unit=6)),
    "a huge line": lambda: sys.stdout.write(huge() + "\n"),
}


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """Return the path of a store; no system is left behind."""
    yield tmp_path / "jobs.db"
    ja.stop(0)


@pytest.mark.parametrize("name", POISONS)
async def test_a_poisonous_report_is_stored_without_its_poison(name: str, path: Path) -> None:
    """The next process finds the job, and the one beside it, as they were."""

    def work() -> int:
        POISONS[name]()
        return 3

    with registered(add=add):
        async with ja.open_jobs(store=path, display=None) as jobs:
            poisoned = jobs.options(subject="poisoned").submit(work)
            assert await poisoned == 3
            await poisoned.stored()
            other = jobs.submit(add, 1)
            assert await other == 1
            await other.stored()
            assert jobs.store is not None
            assert jobs.store.trouble is None
        async with ja.open_jobs(store=path, display=None) as jobs:
            assert {snapshot.id for snapshot in jobs.list()} == {poisoned.id, other.id}
            assert jobs.get(poisoned.id).result() == 3


async def test_a_job_says_in_its_log_what_of_its_reports_was_left_out(path: Path) -> None:
    """Once, however often it reports that."""

    async def work() -> None:
        for _ in range(3):
            _progress(1, 4, 5, rows=10**5000, good=2)
            await trio.sleep(0.2)

    async with ja.open_jobs(store=path, display=None) as jobs:
        job = jobs.submit(work)
        await job
    assert job.snapshot().progress.counters == {"good": 2}
    assert job.snapshot().progress.fraction == 0.25
    assert job.logs().splitlines() == [
        "progress: its message was no text but a int",
        "progress: its counter rows was too large a number, and was left out",
    ]


async def test_a_process_job_says_so_too(path: Path) -> None:
    """Its reports are looked at where they are made."""

    def work() -> None:
        _progress(1, 4, rows=10**5000, good=2)

    async with ja.open_jobs(store=path, display=None) as jobs:
        job = jobs.options(runner="process").submit(work)
        await job
        await job.stored()
    assert job.snapshot().progress.counters == {"good": 2}
    assert "its counter rows was too large a number" in job.logs()


def _deep() -> object:
    key: tuple[object, ...] = ()
    for _ in range(200):
        key = (key,)
    return key


def _circle() -> dict[str, object]:
    circle: dict[str, object] = {}
    circle["itself"] = circle
    return circle


LABELS: dict[str, Callable[[], dict[str, Any]]] = {
    "metadata of very large values": lambda: {
        "metadata": {str(n): "x" * 1_000_000 for n in range(140)}
    },
    "a huge key": lambda: {"key": huge()},
    "a deep key": lambda: {"key": _deep()},
    "metadata in a circle": lambda: {"metadata": _circle()},
    "half a surrogate": lambda: {
        "name": "\ud800",
        "subject": "\ud800",
        "description": "\ud800",
        "icon": "\ud800",
        "tags": ["\ud800"],
        "metadata": {"\ud800": "\ud800"},
        "key": "\ud800",
    },
    "a NUL": lambda: {
        "name": "\0",
        "subject": "\0",
        "tags": ["\0"],
        "metadata": {"\0": "\0"},
        "key": "\0",
    },
}


@pytest.mark.parametrize("name", LABELS)
async def test_a_poisonous_label_costs_itself(name: str, path: Path) -> None:
    """The job is stored, and so is the one beside it."""
    with registered(add=add):
        async with ja.open_jobs(store=path, display=None) as jobs:
            poisoned = jobs.options(**LABELS[name]()).submit(add, 1)
            assert await poisoned == 1
            await poisoned.stored()
            assert await jobs.submit(add, 2) == 2
        async with ja.open_jobs(store=path, display=None) as jobs:
            assert [s.state for s in jobs.list()] == ["succeeded", "succeeded"]
            assert jobs.get(poisoned.id).info.subject == poisoned.info.subject


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"name": "x" * 100_001}, "name is at most"),
        ({"subject": "x" * 100_001}, "subject is at most"),
        ({"description": "x" * 100_001}, "description is at most"),
        ({"tags": ["x" * 60_000] * 2}, "tags is at most"),
        ({"priority": 10**5000}, "priority is an integer of at most"),
    ],
)
def test_a_label_that_is_too_long_is_refused_where_it_is_given(
    options: dict[str, Any], why: str
) -> None:
    """Its author is told, and can change it."""
    with pytest.raises(ValueError, match=why):
        ja.start(display=None).options(**options)
    ja.stop(0)


REASONS: dict[str, Callable[[], str]] = {
    "huge": huge,
    "half a surrogate": lambda: "\ud800",
    "NUL": lambda: "\0",
}


@pytest.mark.parametrize("name", REASONS)
@pytest.mark.parametrize("runner", ["trio", "process"])
async def test_any_text_is_a_reason(
    name: str, runner: Literal["trio", "process"], path: Path
) -> None:
    """It is cut where it is too long."""
    reason = REASONS[name]()

    async def sleep() -> None:
        ja.progress(1, 2)
        await trio.sleep_forever()

    def work() -> None:
        while True:
            ja.progress(1, 2)

    job_function: Any = sleep if runner == "trio" else work
    async with ja.open_jobs(store=path, display=None) as jobs:
        async with jobs.subscribe(ja.JobProgressed) as reports:
            job = jobs.options(runner=runner).submit(job_function)
            await anext(aiter(reports))
        job.cancel(reason)
        assert (await job.wait()).state == "cancelled"
        await job.stored()
        shown = job.snapshot().reason
        assert shown is not None
        assert shown[:3] == reason[:3]
    async with ja.open_jobs(store=path, display=None) as jobs:
        assert jobs.get(job.id).snapshot().reason == shown


async def test_a_reason_is_text(path: Path) -> None:
    """Of one job, and of many."""
    number: Any = 5
    async with ja.open_jobs(store=path, display=None) as jobs:
        job = jobs.submit(trio.sleep_forever)
        for cancel in (job.cancel, jobs.select().cancel):
            with pytest.raises(TypeError, match="a reason is text"):
                cancel(number)
        job.cancel()


SAVES: dict[str, tuple[Callable[[], Any], Any, str]] = {
    "very many items": (lambda: 1, 2**70, "items is how many"),
    "infinitely many items": (lambda: 1, float("inf"), "items is how many"),
    "a huge text": (huge, 1, "the checkpoint is of"),
    "a huge list": (lambda: [huge()], 1, "the checkpoint is of"),
}


@pytest.mark.parametrize("name", SAVES)
async def test_a_checkpoint_that_cannot_be_stored_is_refused_where_it_is_saved(
    name: str, path: Path
) -> None:
    """The job learns it, and what it has saved before stays."""
    value, items, why = SAVES[name]
    save: Any = ja.save_checkpoint

    def work() -> None:
        save(7)
        with pytest.raises(ValueError, match=why):
            save(value(), items)
        raise OSError

    async with ja.open_jobs(store=path, display=None, unread_failures="ignore") as jobs:
        job = jobs.submit(work)
        assert (await job.wait()).state == "failed"
        assert "OSError" in str(job.snapshot().error)
        assert [found.value for found in jobs.checkpoints()] == [7]


async def test_a_checkpoint_is_stored_whatever_the_job_has_counted_in(path: Path) -> None:
    """Its fraction is a plain number."""

    def work() -> None:
        _progress(Fraction(1), Fraction(4))
        ja.save_checkpoint("quarter")
        raise OSError

    async with ja.open_jobs(store=path, display=None, unread_failures="ignore") as jobs:
        job = jobs.submit(work)
        await job.wait()
        await job.stored()
        assert job.logs() == ""
    async with ja.open_jobs(store=path, display=None) as jobs:
        assert [(found.value, found.fraction) for found in jobs.checkpoints()] == [
            ("quarter", 0.25)
        ]


class PickyStore(ja.MemoryStore):
    """Takes no row with a certain word in it, and can tell which of them has it."""

    def __init__(self, *, tells: bool = True) -> None:
        super().__init__()
        self.tells = tells

    def apply(self, writes: Any) -> None:
        """Refuse the word."""
        bad = [place for place, write in enumerate(writes) if "poison" in str(_texts(write))]
        if bad and self.tells:
            raise ja.ValueRefused(self.name, "that word", "say another one", bad)
        if bad:
            raise KeyError("poison")
        super().apply(writes)


def _texts(write: Any) -> object:
    row = getattr(write, "row", write)
    return getattr(row, "spec", ""), getattr(row, "status", ""), getattr(row, "value", "")


@pytest.mark.parametrize("tells", [True, False], ids=["it says which", "it only fails"])
async def test_a_value_that_a_store_refuses_is_left_out_and_told(tells: bool) -> None:
    """Of the job that has it; in the same batch the others are stored as they are."""
    store = PickyStore(tells=tells)
    with registered(add=add):
        async with ja.open_jobs(store=store) as jobs:
            bad = jobs.options(description="poison", hold=True).submit(add, 1)
            good = [jobs.options(description=str(n)).submit(add, n) for n in range(3)]
            assert [await job for job in good] == [0, 1, 2]
            await bad.stored()
            assert "not stored: " in bad.logs()
            bad.release()
            assert await bad == 1
            assert jobs.store is not None
            assert jobs.store.trouble is None
        store.open()
        assert {row.id for row in store.finished()} >= {job.id for job in good}
        store.close()


async def test_a_checkpoint_that_a_store_refuses_is_told_on_its_job() -> None:
    """The job goes on, and its other rows are stored."""
    store = PickyStore()

    async def work() -> None:
        ja.save_checkpoint("poison")
        raise OSError

    async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
        job = jobs.submit(work)
        assert (await job.wait()).state == "failed"
        await job.stored()
        await trio.testing.wait_all_tasks_blocked()
        assert "not stored: its checkpoint: that word" in job.logs()
        assert [found.value for found in jobs.checkpoints()] == ["poison"]
