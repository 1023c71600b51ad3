"""The door: plain functions run in the loop's thread, from any thread."""

from __future__ import annotations

import logging
import threading

import pytest
import trio

import jobactors as ja


async def test_posted_calls_run_in_the_loop_in_order() -> None:
    """From one thread, one after the other, and all in the loop's own."""
    calls: list[tuple[int, int]] = []
    async with ja.open_jobs() as jobs:

        def post() -> None:
            for i in range(100):
                jobs.post(lambda i=i: calls.append((i, threading.get_ident())))
            jobs.list()  # answered after all of these

        await trio.to_thread.run_sync(post)
    assert calls == [(i, threading.get_ident()) for i in range(100)]


async def test_a_posted_call_that_raises_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody waits for it, so it is logged; jobs and loop go on."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(trio.sleep_forever)
        await trio.to_thread.run_sync(jobs.post, lambda: 1 / 0)
        await trio.testing.wait_all_tasks_blocked()
        assert job.state == "running"
        job.cancel()
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "ZeroDivisionError" in caplog.text


async def test_an_error_of_a_call_reaches_its_caller() -> None:
    """In another thread as in the loop."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.UnknownJob, match=r"no job 'x' here: jobs.list\(\)"):
            jobs.get("x")
        with pytest.raises(ja.UnknownJob):
            await trio.to_thread.run_sync(jobs.get, "x")


async def test_every_verb_works_from_a_thread() -> None:
    """Submit, look, steer, watch: what a cell does."""
    async with ja.open_jobs(max_running=1) as jobs:

        def use() -> None:
            first = jobs.options(hold=True, name="first").submit(trio.sleep_forever)
            second = jobs.options(key="k", name="second").submit(int, "7")
            assert second.result() == 7
            assert jobs.options(name="third").submit(int, "8").result() == 8
            assert first.update(priority="high").info.priority == 10
            assert [s.name for s in jobs.list()] == ["first", "second", "third"]
            assert jobs.stats().total == 3
            assert repr(jobs) == "<Jobs 1 queued, 2 succeeded>"
            jobs.scale(2)
            heard = threading.Event()
            stop = jobs.on_event(lambda _: heard.set())
            assert heard.wait(30)
            stop()
            stop()
            assert jobs.registry.take(second.id).id not in jobs.registry
            first.release()
            first.cancel()
            with pytest.raises(ja.JobCancelled):
                first.result()

        await trio.to_thread.run_sync(use)


async def test_a_closed_door_says_so() -> None:
    """From the loop's thread and from others; what there was can still be read."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(int, "7")
    for call in (lambda: jobs.post(print), lambda: jobs.submit(print), lambda: jobs.scale(2)):
        with pytest.raises(ja.JobsClosed):
            call()
        with pytest.raises(ja.JobsClosed):
            await trio.to_thread.run_sync(call)
    for look in (jobs.list, jobs.registry.unread):
        assert [s.id for s in look()] == [job.id]
        assert [s.id for s in await trio.to_thread.run_sync(look)] == [job.id]
