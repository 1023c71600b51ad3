"""``ja.stop()`` in a job or a hook: it would wait for itself, and so it is ordered for later."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from typing import Any

import pytest

import jobactors as ja
from tests.engine.scripts import run_script


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    """No system is left behind."""
    yield
    ja.stop()
    ja.stop(name="films")


def until_closed(jobs: ja.Jobs) -> bool:
    """Wait for the end of a system's loop."""
    for thread in threading.enumerate():
        if thread.name == "jobactors":
            thread.join(30)
            return not thread.is_alive() and repr(jobs) == "<Jobs closed>"
    return repr(jobs) == "<Jobs closed>"


def stop_in_a_thread() -> str:
    """Stop the system, and go on."""
    ja.stop()
    return "went on"


async def stop_in_the_loop() -> str:
    """Stop the system, and go on."""
    ja.stop()
    return "went on"


async def stop_in_asyncio() -> str:
    """Stop the system, and go on."""
    ja.stop()
    return "went on"


@pytest.mark.parametrize(
    ("work", "runner"),
    [(stop_in_a_thread, "thread"), (stop_in_the_loop, "trio"), (stop_in_asyncio, "asyncio")],
)
def test_a_job_that_stops_its_system_goes_on_and_the_system_ends(
    work: Callable[[], str], runner: Any
) -> None:
    """Within the given seconds, as if another thread had called it."""
    jobs = ja.start()
    job = jobs.options(runner=runner).submit(work)
    assert job.result() == "went on"
    assert until_closed(jobs)
    assert ja.start() is not jobs


def test_a_hook_and_a_callback_can_stop_their_system() -> None:
    """They are waited for by it as well."""
    jobs = ja.start()
    job = jobs.options(on_done=lambda _: ja.stop()).submit(abs, -1)
    assert job.result() == 1
    assert until_closed(jobs)
    jobs = ja.start()
    jobs.on_event(lambda _: ja.stop(), ja.JobFinished)
    assert jobs.submit(abs, -1).result() == 1
    assert until_closed(jobs)


def test_a_block_of_the_main_thread_can_stop_the_system_around_it() -> None:
    """The block ends first."""
    jobs = ja.start()
    with ja.tracked("import") as block:
        ja.stop()
        assert jobs.get(block.id).state is ja.JobState.RUNNING
    assert until_closed(jobs)


def test_a_job_can_stop_another_system_and_wait_for_its_end() -> None:
    """Nothing waits for itself there."""
    jobs, films = ja.start(), ja.start(name="films")
    jobs.submit(ja.stop, 0.0, name="films").result()
    assert repr(films) == "<Jobs 'films' closed>"


def test_a_job_whose_stop_meets_that_of_the_main_thread_blocks_neither() -> None:
    """Both want the same."""
    ended = run_script(
        """
        def work():
            called.wait()
            ja.stop()
            print("went on")

        called = threading.Event()
        jobs = ja.start()
        jobs.submit(work)
        threading.Timer(0.2, called.set).start()
        ja.stop(math.inf)
        print("stopped")
        """
    )
    assert ended.said == ["went on", "stopped"]


def test_a_job_that_has_stopped_its_system_cannot_start_it_again() -> None:
    """The new one would wait for the end of the old one, and so for the job."""

    def stop_and_start() -> None:
        ja.stop()
        ja.start()

    jobs = ja.start()
    with pytest.raises(ja.JobsClosed, match="started again by a job of its own"):
        jobs.submit(stop_and_start).result()
    assert until_closed(jobs)


def test_the_context_of_a_block_that_has_ended_elsewhere_is_no_job_any_more() -> None:
    """A block that was left in another thread leaves its context behind where it began."""
    ja.start()
    block = ja.tracked("import")
    began = copy_context()  # not the tests' own, in which it would stay
    began.run(block.__enter__)
    thread = threading.Thread(target=block.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    ja.stop()
    jobs = ja.start()
    assert began.run(jobs.submit, abs, -1).result() == 1
