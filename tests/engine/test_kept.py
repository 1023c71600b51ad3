"""What a store keeps, for how long, and what is listed of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trio
from msgspec.structs import replace

import jobactors as ja
from jobactors.model.stored_rows import PutCheckpoint, PutJob

from .stored_jobs_samples import add, registered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from trio.testing import MockClock

DAY = 86400.0


# --- ages


# Trio jobs: a virtual clock leaps while a thread works.


def failing() -> Callable[[], Awaitable[None]]:
    """Return a function of its own that saves a checkpoint and fails."""

    async def fail() -> None:
        before = ja.current_job().checkpoint
        ja.save_checkpoint(1)
        raise OSError(str(before))

    return fail


def adding() -> Callable[[int], Awaitable[int]]:
    """Return a function of its own that adds nothing."""

    async def add(a: int) -> int:
        return a

    return add


def made_older(store: ja.Store, seconds: float) -> None:
    """Let so much time pass over a store that is closed."""
    store.open()
    for row in store.finished(1_000):
        assert row.finished_at is not None
        store.apply([PutJob(replace(row, finished_at=row.finished_at - seconds))])
    for kept in store.checkpoints():
        store.apply([PutCheckpoint(replace(kept, saved_at=kept.saved_at - seconds))])
    store.close()


async def test_jobs_past_the_stores_ages_are_not_shown_at_a_start() -> None:
    """List and history agree from the first moment on."""
    store = ja.MemoryStore(keep=ja.Keep(age=DAY))
    async with ja.open_jobs(store=store) as jobs:
        await jobs.submit(add, 1)
    made_older(store, 1.5 * DAY)
    async with ja.open_jobs(store=store) as jobs:
        new = jobs.submit(add, 2)
        await new
    async with ja.open_jobs(store=store) as jobs:
        assert [snapshot.id for snapshot in jobs.list()] == [new.id]
        assert [snapshot.id for snapshot in jobs.history(max_age=None)] == [new.id]


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_a_store_keeps_jobs_of_some_types_for_longer(kind: str, tmp_path: Path) -> None:
    """Their checkpoints as well; the others go at their own age."""
    keep = ja.Keep(age=timedelta(days=1), by_type={"index": timedelta(days=30), "hum": 3600})
    store: ja.Store = ja.SqliteStore(tmp_path / "jobs.db", keep=keep)
    if kind == "memory":
        store = ja.MemoryStore(keep=keep)

    async def left() -> tuple[set[str], set[str]]:
        async with ja.open_jobs(store=store) as jobs:
            listed = {snapshot.type for snapshot in jobs.list()}
            return listed, {found.type for found in jobs.checkpoints()}

    with registered(index=failing(), hum=failing(), other=failing()):
        async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
            for name in ("index", "hum", "other"):
                await jobs.submit(name, {}).wait()
    made_older(store, 0.5 * DAY)
    assert await left() == ({"index", "other"}, {"index", "other"})
    made_older(store, 10 * DAY)
    assert await left() == ({"index"}, {"index"})


async def test_checkpoints_of_some_types_stay_longer_in_one_process(
    autojump_clock: MockClock,
) -> None:
    """As long as the store keeps them."""
    store = ja.MemoryStore(keep=ja.Keep(by_type={"index": 30 * DAY}))
    with registered(index=failing(), other=failing()):
        async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
            for name in ("index", "other"):
                await jobs.submit(name, {}).wait()
            seen = [{found.type for found in jobs.checkpoints()}]
            for days in (8, 30):
                await trio.sleep(days * DAY)
                seen.append({found.type for found in jobs.checkpoints()})
    assert seen == [{"index", "other"}, {"index"}, set()]


async def test_the_registry_keeps_jobs_of_some_types_for_longer(autojump_clock: MockClock) -> None:
    """Each goes in its time, whichever ended first."""
    rules = ja.Retention(age=3600, by_type={"index": DAY, "hum": 60})
    with registered(index=adding(), hum=adding(), other=adding()):
        async with ja.open_jobs(retention=rules) as jobs:
            for name in ("index", "other", "hum"):
                await jobs.submit(name, {"a": 1}).wait()
            seen = [{snapshot.type for snapshot in jobs.list()}]
            for seconds in (120, 3600, 2 * DAY):
                await trio.sleep(seconds)
                seen.append({snapshot.type for snapshot in jobs.list()})
    assert seen == [{"index", "other", "hum"}, {"index", "other"}, {"index"}, set()]


@pytest.mark.parametrize("kind", [ja.Keep, ja.Retention])
def test_ages_by_type_are_checked_where_they_are_given(kind: Any) -> None:
    """The message says what is wrong."""
    wrong: list[tuple[Any, type[Exception]]] = [
        ([], TypeError),
        ({1: 2}, TypeError),
        ({"index": -1}, ValueError),
    ]
    for given, error in wrong:
        with pytest.raises(error, match="by_type="):
            kind(by_type=given)
    ages = {"index": 60.0}
    made = kind(by_type=ages)
    ages["index"] = 0.0
    assert made.by_type == {"index": 60.0}


# --- checkpoints


async def test_a_checkpoint_that_cannot_be_read_hides_no_other(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """It is named in the log, and its job begins anew."""
    store = ja.MemoryStore()
    with registered(good=failing(), bad=failing()):
        async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
            for name in ("good", "bad"):
                await jobs.submit(name, {}).wait()
        store.open()
        rows = {row.type: row for row in store.checkpoints()}
        store.apply([PutCheckpoint(replace(rows["bad"], value="[" * 99_999))])
        store.close()
        async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
            assert [found.type for found in jobs.checkpoints()] == ["good"]
            assert "good" in [work.type for work in jobs.resumable()]
            again = await jobs.submit("bad", {}).wait()
            assert "None" in str(again.error)
    assert rows["bad"].job_id in caplog.text


async def test_a_checkpoint_names_the_errors_of_its_items() -> None:
    """Each with its item, as the job itself sees them."""

    def work() -> None:
        for item in ("a", "b", "c"):
            with ja.collect_errors(item):
                if item != "b":
                    raise ValueError(f"no {item}")
            ja.save_checkpoint(item)
        raise OSError

    async with ja.open_jobs(store=ja.MemoryStore(), unread_failures="ignore") as jobs:
        await jobs.submit(work).wait()
        (found,) = [found for found in jobs.checkpoints() if found.value == "c"]
    assert found.error_count == 2
    assert [str(error) for error in found.errors] == ["a: ValueError: no a", "c: ValueError: no c"]


async def test_old_checkpoints_are_dropped_at_a_word(autojump_clock: MockClock) -> None:
    """Those of unfinished jobs stay; a type or subject narrows it."""

    async def fail() -> None:
        ja.save_checkpoint(1)
        raise OSError

    async def wait() -> None:
        ja.save_checkpoint(1)
        await trio.sleep_forever()

    async with ja.open_jobs(unread_failures="ignore") as jobs:
        at_work = jobs.options(checkpoint_every=ja.Every(items=1)).submit(wait)
        await jobs.options(subject="old").submit(fail).wait()
        await trio.sleep(2 * DAY)
        await jobs.options(subject="new").submit(fail).wait()
        await jobs.options(subject="other").submit(fail).wait()
        assert jobs.drop_checkpoints(older_than=DAY) == 1
        assert jobs.drop_checkpoints("fail", "other") == 1
        assert {found.subject for found in jobs.checkpoints("fail")} == {"new"}
        assert jobs.drop_checkpoints() == 1
        assert [found.job_id for found in jobs.checkpoints()] == [at_work.id]
        with pytest.raises(ValueError, match="older_than"):
            jobs.drop_checkpoints(older_than=-1)
        at_work.cancel()
