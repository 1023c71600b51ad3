"""``open_jobs``: nothing outlives the block, and every exception surfaces."""

from __future__ import annotations

import logging
import math
import threading
from typing import TYPE_CHECKING

import pytest
import trio

import jobactors as ja
from tests.engine.scripts import Script, run_script

if TYPE_CHECKING:
    from trio.testing import MockClock


async def fail(text: str) -> None:
    """Be a job that fails."""
    raise ValueError(text)


# --- a normal end ------------------------------------------------------------------------------


async def test_the_block_waits_for_all_jobs(autojump_clock: MockClock) -> None:
    """At a normal end it waits, as a nursery does."""
    async with ja.open_jobs() as jobs:
        handles = [jobs.submit(trio.sleep, seconds) for seconds in (1, 300, 2)]
    assert [job.state for job in handles] == ["succeeded"] * 3


async def test_the_block_waits_for_jobs_that_jobs_submit(autojump_clock: MockClock) -> None:
    """Also when its body has long ended."""
    grandchildren: list[ja.Job[None]] = []

    async with ja.open_jobs(max_running=1) as jobs:

        async def submit_again(depth: int) -> None:
            await trio.sleep(1)
            if depth:
                grandchildren.append(jobs.submit(submit_again, depth - 1))

        jobs.submit(submit_again, 3)
    assert [job.state for job in grandchildren] == ["succeeded"] * 3


async def test_the_block_waits_for_a_thread() -> None:
    """A thread is waited for like a task."""
    go = threading.Event()
    async with ja.open_jobs() as jobs, trio.open_nursery() as nursery:
        job = jobs.submit(go.wait)
        nursery.start_soon(trio.to_thread.run_sync, go.set)
    assert job.state == "succeeded"


async def test_jobs_at_rest_are_cancelled_at_the_end(autojump_clock: MockClock) -> None:
    """Held and paused jobs would be waited for in vain; but only once nothing else is left."""
    async with ja.open_jobs() as jobs:
        held = jobs.options(hold=True).submit(trio.sleep, 0)
        released = jobs.options(hold=True).submit(trio.sleep, 0)
        paused = jobs.submit(check_for_ever)
        await trio.sleep(1)
        paused.pause()

        async def release_late() -> None:
            await trio.sleep(100)
            released.release()

        jobs.submit(release_late)
    assert (held.state, paused.state, released.state) == ("cancelled", "cancelled", "succeeded")
    assert "at rest" in str(held.snapshot().reason)
    assert held.snapshot().attempt == 0


async def check_for_ever() -> None:
    """Be a trio job that can be paused and never ends."""
    while True:
        await ja.current_job().check()
        await trio.sleep(0.1)


async def test_the_block_waits_for_a_start_time_and_a_retry(autojump_clock: MockClock) -> None:
    """A job that starts later by itself does not rest."""
    tries: list[int] = []

    async def flaky() -> None:
        tries.append(ja.current_job().attempt)
        if len(tries) == 1:
            raise OSError

    async with ja.open_jobs() as jobs:
        retry = ja.Retry(base=100, jitter=0)
        job = jobs.options(retry=retry).submit(flaky)
    assert (job.state, tries) == ("succeeded", [1, 2])


async def test_a_closed_system_takes_no_jobs() -> None:
    """After the block, a submit raises with the cure."""
    async with ja.open_jobs() as jobs:
        pass
    with pytest.raises(ja.JobsClosed, match="open a new one"):
        jobs.submit(trio.sleep, 0)
    assert repr(jobs) == "<Jobs closed>"


# --- unread failures ---------------------------------------------------------------------------


async def test_unread_failures_leave_as_one_group() -> None:
    """Each with its own exception and what was raised where."""
    with pytest.raises(ExceptionGroup, match="2 jobs failed unread") as caught:  # noqa: PT012 - the block raises
        async with ja.open_jobs() as jobs:
            jobs.submit(fail, "one")
            jobs.submit(fail, "two")
            jobs.submit(trio.sleep, 0)
    assert sorted(str(error) for error in caught.value.exceptions) == ["one", "two"]
    assert all("in fail" in error.__notes__[0] for error in caught.value.exceptions)


async def test_a_read_failure_stays_quiet() -> None:
    """Reading by ``await``, ``result`` or ``exception`` settles it."""
    async with ja.open_jobs() as jobs:
        awaited, asked, got = (jobs.submit(fail, text) for text in ("a", "b", "c"))
        with pytest.raises(ValueError, match="a"):
            await awaited
        await asked.wait()
        assert str(asked.exception()) == "b"
        await got.wait()
        with pytest.raises(ValueError, match="c"):
            got.result()


async def test_looking_at_a_failure_is_not_reading_it() -> None:
    """``wait``, ``snapshot`` and ``peek`` leave it unread."""
    with pytest.raises(ExceptionGroup, match="1 job failed"):  # noqa: PT012 - the block raises
        async with ja.open_jobs() as jobs:
            job = jobs.submit(fail, "x")
            assert (await job.wait()).state == "failed"
            assert job.snapshot().state == "failed"
            assert jobs.registry.peek(job.id).state == "failed"


async def test_a_failure_read_in_a_thread_stays_quiet() -> None:
    """A reader in another thread counts like one in the loop."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(fail, "x")
        assert isinstance(await trio.to_thread.run_sync(job.exception), ValueError)


async def test_unread_failures_can_be_ignored() -> None:
    """``unread_failures="ignore"`` lets the block end quietly."""
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        job = jobs.submit(fail, "x")
    assert job.state == "failed"
    with pytest.raises(ValueError, match=r"raise.*ignore"):
        async with ja.open_jobs(unread_failures="never"):  # type: ignore[arg-type]
            pass


async def test_cancelled_jobs_are_no_failures() -> None:
    """A cancelled job need not be read."""
    async with ja.open_jobs() as jobs:
        jobs.submit(trio.sleep_forever).cancel()


# --- a body that raises, an owner that is cancelled --------------------------------------------


async def test_the_bodys_exception_leaves_unwrapped() -> None:
    """The very object, in no group; the jobs are cancelled, with that reason."""
    error = KeyError("mine")
    with pytest.raises(KeyError) as caught:  # noqa: PT012 - the block raises
        async with ja.open_jobs() as jobs:
            job = jobs.submit(trio.sleep_forever)
            queued = jobs.options(hold=True).submit(trio.sleep, 0)
            await trio.testing.wait_all_tasks_blocked()
            raise error
    assert caught.value is error
    assert (job.state, queued.state) == ("cancelled", "cancelled")
    assert "left" in str(job.snapshot().reason)


async def test_the_bodys_exception_wins_over_failed_jobs() -> None:
    """An unread failure does not hide the error of the body."""
    with pytest.raises(KeyError):  # noqa: PT012 - the block raises
        async with ja.open_jobs() as jobs:
            await jobs.submit(fail, "x").wait()
            raise KeyError


async def test_an_outer_cancellation_cancels_the_jobs(autojump_clock: MockClock) -> None:
    """And is not lost: the scope around has caught it."""
    with trio.move_on_after(1) as scope:
        async with ja.open_jobs() as jobs:
            job = jobs.submit(trio.sleep_forever)
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert job.state == "cancelled"


async def test_an_outer_cancellation_ends_the_waiting_too(autojump_clock: MockClock) -> None:
    """The same once the body has ended and the block waits for its jobs."""
    with trio.move_on_after(1) as scope:
        async with ja.open_jobs() as jobs:
            job = jobs.submit(trio.sleep_forever)
    assert scope.cancelled_caught
    assert job.state == "cancelled"


async def test_a_block_that_is_cancelled_before_it_opens_ends() -> None:
    """With its jobs, at the first checkpoint of its body."""
    with trio.move_on_after(0) as scope:
        async with ja.open_jobs() as jobs:
            job = jobs.submit(trio.sleep_forever)
            await job
    assert scope.cancelled_caught
    assert job.state == "cancelled"


async def test_a_cancelled_job_may_clean_up(autojump_clock: MockClock) -> None:
    """Shielded work after the cancel is waited for, within the grace."""
    cleaned: list[float] = []

    async def careful() -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(5)
            cleaned.append(trio.current_time())

    start = trio.current_time()
    with trio.move_on_after(1):
        async with ja.open_jobs() as jobs:
            job = jobs.submit(careful)
    assert cleaned == [start + 6]
    assert job.state == "cancelled"


async def test_a_job_cannot_submit_into_a_block_that_ends(autojump_clock: MockClock) -> None:
    """While its jobs are cancelled, the system takes no more."""
    refused: list[BaseException] = []
    with trio.move_on_after(1):
        async with ja.open_jobs() as jobs:

            async def one_more() -> None:
                try:
                    await trio.sleep_forever()
                finally:
                    try:
                        jobs.submit(trio.sleep, 0)
                    except ja.JobsClosed as exc:
                        refused.append(exc)

            jobs.submit(one_more)
    assert len(refused) == 1


async def test_a_stuck_thread_is_left_behind_loudly(caplog: pytest.LogCaptureFixture) -> None:
    """The block ends after the job's grace; the job is cancelled, and named as still running."""
    begun, release = threading.Event(), threading.Event()

    def ignore_everything() -> None:
        begun.set()
        release.wait()

    try:
        with pytest.raises(KeyError):  # noqa: PT012 - the block raises
            async with ja.open_jobs() as jobs:
                stuck = jobs.options(grace=0.05).submit(ignore_everything)
                fine = jobs.submit(trio.sleep_forever)
                await trio.to_thread.run_sync(begun.wait)
                raise KeyError
    finally:
        release.set()
    assert (stuck.state, fine.state) == ("cancelled", "cancelled")
    assert "abandoned: it did not end within its grace" in str(stuck.snapshot().reason)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert stuck.id in caplog.text


async def test_closing_gives_the_jobs_some_time(autojump_clock: MockClock) -> None:
    """``close(grace)`` takes no more jobs, waits so long, then cancels."""
    async with ja.open_jobs() as jobs:
        quick, slow = jobs.submit(trio.sleep, 4), jobs.submit(trio.sleep, 6)
        await jobs.close(grace=5)
        assert (quick.state, slow.state) == ("succeeded", "cancelled")
        with pytest.raises(ja.JobsClosed):
            jobs.submit(trio.sleep, 0)


async def test_several_may_wait_for_the_end(autojump_clock: MockClock) -> None:
    """Each that closes the system hears when the last job has ended."""
    async with trio.open_nursery() as nursery, ja.open_jobs() as jobs:
        job = jobs.submit(trio.sleep, 5)
        nursery.start_soon(jobs.close, math.inf)
        nursery.start_soon(jobs.close, math.inf)
    assert job.state == "succeeded"


async def test_a_submit_that_meets_the_end_is_answered() -> None:
    """A thread submits, and the system closes before the loop gets round to it: cancelled."""
    submitted = threading.Event()
    jobs_of_thread: list[ja.Job[None]] = []
    async with ja.open_jobs() as jobs:

        def submit() -> None:
            jobs_of_thread.append(jobs.submit(print, "never"))
            submitted.set()

        thread = threading.Thread(target=submit)
        thread.start()
        submitted.wait()  # the loop stands still here, so the job waits at its portal
        await jobs.close()
        thread.join()
        with pytest.raises(ja.JobCancelled, match="not taken"):
            await jobs_of_thread[0]


async def test_a_last_event_is_never_lost(autojump_clock: MockClock) -> None:
    """A service that takes its time between two batches still hears of the last job's end."""
    heard: list[ja.Event] = []

    async def slow_display(jobs: ja.Jobs) -> None:
        async with jobs.subscribe() as batches:
            async for batch in batches:
                await trio.sleep(0.3)
                heard.extend(batch)

    async with ja.open_jobs() as jobs:
        ja.lowlevel.attach(jobs, slow_display)
        jobs.submit(trio.sleep, 0)
        jobs.submit(trio.sleep, 0.1)
    assert len([event for event in heard if isinstance(event, ja.JobFinished)]) == 2


async def test_a_reader_that_never_comes_back_delays_the_end_a_little(
    autojump_clock: MockClock,
) -> None:
    """The wait for it is bounded."""

    async def dead_display(jobs: ja.Jobs) -> None:
        async with jobs.subscribe():
            await trio.sleep_forever()

    start = trio.current_time()
    async with ja.open_jobs() as jobs:
        ja.lowlevel.attach(jobs, dead_display)
        jobs.submit(trio.sleep, 0)
    assert trio.current_time() - start < 5


# --- several systems ---------------------------------------------------------------------------


async def test_systems_live_side_by_side(autojump_clock: MockClock) -> None:
    """Each with its own jobs, slots, keys and retention."""
    small = ja.Retention(jobs=1)
    async with (
        ja.open_jobs(max_running=1, retention=small) as one,
        ja.open_jobs() as other,
    ):
        for jobs in (one, other):
            for _ in range(3):
                jobs.options(key=None).submit(trio.sleep, 1)
        mine = one.options(key="k", hold=True).submit(trio.sleep, 0)
        theirs = other.options(key="k", hold=True).submit(trio.sleep, 0)
        assert mine.id != theirs.id
        with pytest.raises(ja.UnknownJob):
            other.get(mine.id)
        await trio.sleep(1.5)
        assert other.stats().by_state[ja.JobState.SUCCEEDED] == 3
        assert one.stats().by_state[ja.JobState.RUNNING] == 1
        await trio.sleep(10)
        assert one.stats().by_state[ja.JobState.SUCCEEDED] == 1


async def test_the_arguments_are_checked_at_once() -> None:
    """A number of slots that makes no sense is refused with a reason."""
    with pytest.raises(ValueError, match="at least 1"):
        async with ja.open_jobs(max_running=0):
            pass
    with pytest.raises(TypeError, match="a number of jobs"):
        async with ja.open_jobs(max_running=2.5):  # type: ignore[arg-type]
            pass


# --- Ctrl-C ------------------------------------------------------------------------------------

CTRL_C = """
    def busy(seconds=20.0):
        print("go")
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pass

    async def compute():
        busy(1.0)
        await trio.sleep(20)

    async def compute_in_a_child():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(compute)

    async def sleep():
        print("go")
        await trio.sleep(20)

    def track():
        for i in ja.track(range(10**12)):
            if i == 100:
                print("go")

    async def main():
        submitted = []
        try:
            async with ja.open_jobs() as jobs:
                submitted.append(jobs.submit({job}))
                {body}
        finally:
            print(submitted[0].state)

    try:
        trio.run(main)
    except BaseException as exc:
        print(repr(exc))
"""


@pytest.mark.parametrize(
    ("job", "body"),
    [
        pytest.param("compute", "await trio.sleep(20)", id="while a job computes"),
        pytest.param("compute_in_a_child", "await trio.sleep(20)", id="in a job's child task"),
        pytest.param("sleep", "await trio.sleep(20)", id="while the body awaits"),
        pytest.param("sleep", "await submitted[0]", id="while the body awaits the job"),
        pytest.param("sleep", "pass", id="while the block waits for its jobs"),
        pytest.param("track", "await trio.sleep(20)", id="while a thread computes"),
        pytest.param("track", "pass", id="while the block waits for a thread"),
    ],
)
def test_ctrl_c_belongs_to_the_body(job: str, body: str) -> None:
    """It surfaces as KeyboardInterrupt, unwrapped; the job ends as cancelled; the exit is clean."""
    with Script(CTRL_C.format(job=job, body=body)) as script:
        script.wait_for("go")
        script.interrupt()
        ended = script.end()
    assert ended.said == ["go", "cancelled", "KeyboardInterrupt()"]
    assert (ended.code, ended.errors) == (0, "")


def test_a_second_ctrl_c_does_not_wait_for_a_stuck_thread() -> None:
    """The first one gives the job its grace; the second ends that wait."""
    with Script(
        """
        def stubborn():
            print("go")
            time.sleep(20)

        async def main():
            async with ja.open_jobs() as jobs:
                job = jobs.options(grace=15).submit(stubborn)
                jobs.on_event(lambda event: print("cancelling"), ja.JobCancelling)
                try:
                    await trio.sleep(20)
                finally:
                    print("first")

        try:
            trio.run(main)
        except BaseException as exc:
            print(repr(exc))
        """
    ) as script:
        script.wait_for("go")
        script.interrupt()
        script.wait_for("first")
        script.wait_for("cancelling")
        script.interrupt()
        ended = script.end()
    assert ended.said[-1] == "KeyboardInterrupt()"
    assert "is left behind: Ctrl-C was pressed again" in ended.errors
    assert ended.code == 0


def test_an_uncaught_failure_of_a_job_ends_a_script_with_its_traceback() -> None:
    """A script that reads nothing still learns what went wrong, and where."""
    ended = run_script(
        """
        def divide():
            return 1 / 0

        async def main():
            async with ja.open_jobs() as jobs:
                jobs.submit(divide)

        trio.run(main)
        """
    )
    assert ended.code == 1
    assert "ZeroDivisionError" in ended.errors
    assert "in divide" in ended.errors
