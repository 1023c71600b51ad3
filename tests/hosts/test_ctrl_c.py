"""Ctrl-C: heard wherever the main thread waits, answered in words, shown without our inside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

import jobactors as ja
from tests.engine.scripts import Script, run_script

if TYPE_CHECKING:
    from collections.abc import Iterator

LOSE = """
        def lose_a_ctrl_c():
            # This thread takes it, so that it wakes no system call of the main thread: as one that
            # comes just before that call.
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
"""

WAITS = {
    "for a result": "job.result()",
    "for an exception": "job.exception()",
    "for an end": "job.wait().result()",
    "for a batch": "list(jobs.map(wait, [1]))",
    "for an answer": "job.ask('?').result()",
    "for a long time": "job.result(1000)",
    "to stop": "ja.stop(1000)",
}


@pytest.mark.parametrize("call", WAITS.values(), ids=WAITS)
def test_a_ctrl_c_that_wakes_nothing_is_heard_where_the_main_thread_waits(call: str) -> None:
    """Soon, although the wait has no end."""
    ended = run_script(
        LOSE
        + f"""
        def wait(_=None):
            while not released.wait(0.01):
                pass

        def interrupt():
            waiting.wait()
            while main_is_at_work():
                time.sleep(0.01)
            lose_a_ctrl_c()

        def main_is_at_work():
            frame = sys._current_frames()[threading.main_thread().ident]
            return "jobactors" not in frame.f_code.co_filename

        waiting, released = threading.Event(), threading.Event()
        jobs = ja.start()
        job = jobs.submit(wait)
        threading.Thread(target=interrupt, daemon=True).start()
        try:
            waiting.set()
            {call}
        except KeyboardInterrupt:
            print("heard")
        released.set()
        """
    )
    assert ended.said == ["heard"]
    assert (ended.code, ended.errors) == (0, "")


def test_a_ctrl_c_that_wakes_nothing_is_heard_at_a_scripts_end() -> None:
    """Where the interpreter waits, and cannot do so in slices."""
    ended = run_script(
        LOSE
        + """
        async def work():
            await trio.to_thread.run_sync(wait_and_interrupt)
            try:
                await trio.sleep_forever()
            finally:
                print("cancelled")

        def wait_and_interrupt():
            threading.main_thread().join()
            while sys.unraisablehook is sys.__unraisablehook__:
                time.sleep(0.01)
            lose_a_ctrl_c()

        ja.start().submit(work)
        """
    )
    assert ended.said == ["cancelled"]
    assert ended.code == -2
    assert ended.errors.startswith("jobactors: Ctrl-C has stopped 1 job: work (work-")


def test_a_signal_to_end_that_wakes_nothing_is_heard_at_a_scripts_end() -> None:
    """As a Ctrl-C."""
    ended = run_script(
        """
        def work():
            threading.main_thread().join()
            while sys.unraisablehook is sys.__unraisablehook__:
                time.sleep(0.01)
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
            try:
                while True:
                    ja.current_job().check()
                    time.sleep(0.01)
            finally:
                print("cancelled")

        ja.start().submit(work)
        """
    )
    assert ended.said == ["cancelled"]
    assert (ended.code, ended.errors) == (-15, "")


DEAF = """
    def deaf():
        print("go")
        while not ja.current_job().cancel_requested:
            time.sleep(0.01)
        print("asked")
        time.sleep(1000)
"""

BLOCK = """
    async def main():
        async with ja.open_jobs() as jobs:
            for _ in range(3):
                jobs.options(grace=math.inf).submit(deaf)
            {body}

    trio.run(main)
"""


@pytest.mark.parametrize(
    ("program", "code"),
    [
        pytest.param(BLOCK.format(body="await trio.sleep_forever()"), -2, id="in a body"),
        pytest.param(BLOCK.format(body="pass"), -2, id="at a block's end"),
        pytest.param(
            """
    def deaf_at_the_end():
        threading.main_thread().join()
        while sys.unraisablehook is sys.__unraisablehook__:
            time.sleep(0.01)
        deaf()

    jobs = ja.start()
    for _ in range(3):
        jobs.options(grace=math.inf, name="deaf").submit(deaf_at_the_end)
""",
            -2,
            id="at a script's end",
        ),
    ],
)
def test_a_wait_after_ctrl_c_is_told_and_a_second_one_ends_it(program: str, code: int) -> None:
    """How many it waits for, and what pressing again does."""
    with Script(DEAF + program) as script:
        for _ in range(3):
            script.wait_for("go")
        script.interrupt()
        for _ in range(3):
            script.wait_for("asked")
        script.wait_for_error("Ctrl-C: waiting for 3 jobs (again: stop now)")
        script.interrupt()
        ended = script.end()
    assert ended.code == code
    left = [line for line in ended.errors.splitlines() if line.startswith("job deaf")]
    assert len(left) == 3
    assert all(line.endswith("is left behind: Ctrl-C was pressed again") for line in left)


def test_a_script_that_was_interrupted_says_for_what_it_still_waits() -> None:
    """Ctrl-C in a cell or a script ends a wait, not the jobs; at the end it says so."""
    with Script(
        """
        def work():
            print("go")
            go_on.wait()

        go_on = threading.Event()
        signal.signal(signal.SIGUSR1, lambda *_: go_on.set())
        ja.start().options(grace=0.1).submit(work).result()
        """
    ) as script:
        script.wait_for("go")
        script.interrupt()
        script.wait_for_error("Ctrl-C: waiting for 1 job (again: stop now)")
        script.interrupt()
        script.end()


IN_A_NURSERY = """async with trio.open_nursery() as nursery:
                    nursery.start_soon(jobs.run, work)"""


@pytest.mark.parametrize("body", ["await jobs.run(work)", "jobs.submit(work)", IN_A_NURSERY])
def test_a_traceback_of_ctrl_c_shows_the_programs_own_frames(body: str) -> None:
    """Not the inside of the loop, nor ours below the last line of the program."""
    with Script(
        f"""
        async def work():
            print("go")
            await trio.sleep_forever()

        async def main():
            async with ja.open_jobs() as jobs:
                {body}

        trio.run(main)
        """
    ) as script:
        script.wait_for("go")
        script.interrupt()
        ended = script.end()
    assert ended.code == -2
    lines = ended.errors.splitlines()
    assert lines[-1] == "KeyboardInterrupt"
    frames = [line for line in lines if line.startswith("  File ")]
    assert len(frames) <= 5
    assert "in main" in ended.errors
    assert not any("latch.py" in frame or "_traps.py" in frame for frame in frames)


def test_a_ctrl_c_at_any_moment_of_a_block_belongs_to_its_body() -> None:
    """While it opens, runs or ends: the block ends, and the engine does not fail of it."""
    ended = run_script("""
        import random
        def pressed(after, begun, done):
            begun.wait()
            time.sleep(after)
            os.kill(os.getpid(), signal.SIGINT)
            done.set()
        def blocking():
            return list(ja.track(range(10)))
        async def program(begun, done):
            begun.set()
            async with ja.open_jobs(display="terminal") as jobs:
                jobs.submit(trio.sleep_forever).cancel()
                await jobs.run(blocking)
                await jobs.run(trio.sleep, 0)
            while not done.is_set():
                await trio.sleep(0)
            await trio.sleep_forever()
        async def load():  # an import may lose a Ctrl-C, in a callback of its locks
            async with ja.open_jobs(display="terminal") as jobs:
                await jobs.run(blocking)
        trio.run(load)
        chance, heard = random.Random(11), 0
        for _ in range(60):
            begun, done = threading.Event(), threading.Event()
            after = chance.uniform(0, 0.03)
            threading.Thread(target=pressed, args=(after, begun, done)).start()
            try:
                trio.run(program, begun, done)
            except KeyboardInterrupt:
                heard += 1
        print(heard)
        """)
    assert "60" in ended.said
    assert "failed" not in ended.errors


async def test_each_task_of_a_system_is_protected_from_ctrl_c() -> None:
    """One that is not would be struck in the body's place, and take the engine with it."""
    before = set(_tasks())
    async with ja.open_jobs(display="terminal") as jobs:
        waiting = jobs.submit(trio.sleep_forever)
        assert await jobs.run(len, "a") == 1
        await wait_all_tasks_blocked()
        ours = [task for task in _tasks() if task not in before]
        assert [task for task in ours if not _is_protected(task)] == []
        assert len(ours) > 5
        waiting.cancel()


def _is_protected(task: trio.lowlevel.Task) -> bool:
    try:  # trio tells it nowhere else
        return trio._core._ki._CODE_KI_PROTECTION_STATUS_WMAP[task.coro.cr_code]
    except KeyError:
        return False


def _tasks() -> Iterator[trio.lowlevel.Task]:
    pending = [trio.lowlevel.current_root_task()]
    while pending:
        task = pending.pop()
        assert task is not None
        yield task
        pending += [child for nursery in task.child_nurseries for child in nursery.child_tasks]


async def test_the_reason_of_a_cancelled_job_says_how_its_block_was_left() -> None:
    """By an error, or a cancel."""
    with pytest.raises(KeyError):  # noqa: PT012 - the block raises
        async with ja.open_jobs() as jobs:
            job = jobs.submit(trio.sleep_forever)
            raise KeyError
    assert job.snapshot().reason == "the block that owned it was left by KeyError"
    with trio.CancelScope() as scope:
        async with ja.open_jobs() as jobs:
            job = jobs.submit(trio.sleep_forever)
            scope.cancel()
            await trio.lowlevel.checkpoint()
    assert job.snapshot().reason == "the block that owned it was cancelled"


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        BaseExceptionGroup("", [BaseExceptionGroup("", [KeyboardInterrupt()])]),
        BaseExceptionGroup("", [ValueError(), KeyboardInterrupt()]),
    ],
)
async def test_the_reason_of_a_job_that_ctrl_c_cancels_is_ctrl_c(error: BaseException) -> None:
    """Whatever the body does, and whatever a nursery in it makes of that."""
    with pytest.raises(BaseException) as caught:  # noqa: PT011, PT012 - the block raises
        async with ja.open_jobs() as jobs:
            job = jobs.submit(trio.sleep_forever)
            raise error
    assert job.snapshot().reason == "Ctrl-C"
    has_more = "ValueError" in repr(error)
    assert type(caught.value) is (BaseExceptionGroup if has_more else KeyboardInterrupt)
