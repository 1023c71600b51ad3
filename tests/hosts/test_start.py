"""``ja.start``: one system a process, its loop in a thread beside the program."""

from __future__ import annotations

import asyncio
import gc
import re
import sys
import threading
import types
from typing import TYPE_CHECKING

import pytest
import trio
import trio.lowlevel

import jobactors as ja
from jobactors.engine.ports import late_binding
from tests.engine.scripts import Ended, Script, run_script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    """No system is left behind."""
    yield
    ja.stop()


def test_starting_again_returns_the_same_system() -> None:
    """With the same arguments, or with none."""
    jobs = ja.start(max_running=3)
    assert ja.start() is jobs
    assert ja.start(max_running=3) is jobs
    assert ja.start(3, retention=None) is jobs


def test_other_arguments_are_refused() -> None:
    """The error names those with which it runs."""
    ja.start(max_running=3)
    with pytest.raises(ja.AlreadyStarted, match=r"max_running=3, not 5.*ja.stop\(\)"):
        ja.start(max_running=5)
    with pytest.raises(ja.AlreadyStarted, match="retention"):
        ja.start(retention=ja.Retention(jobs=1))
    with pytest.raises(ValueError, match="at least 1"):
        ja.start(max_running=0)


def test_four_jobs_run_by_default() -> None:
    """As many as a notebook's machine bears."""
    jobs = ja.start()
    go = threading.Event()
    handles = [jobs.submit(go.wait) for _ in range(6)]
    assert jobs.stats().by_state[ja.JobState.RUNNING] == 4
    go.set()
    assert all(job.result() for job in handles)


def test_threads_that_start_at_once_get_one_system() -> None:
    """No second one is started."""
    together = threading.Barrier(8)
    systems: list[ja.Jobs] = []

    def start() -> None:
        together.wait(30)
        systems.append(ja.start())

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(systems) == 8
    assert len(set(map(id, systems))) == 1


def test_trio_jobs_thread_jobs_and_every_waiter() -> None:
    """From a cell: a blocking result, an await in asyncio, an await in trio."""
    jobs = ja.start()

    async def double(x: int) -> int:
        await trio.lowlevel.checkpoint()
        return 2 * x

    async def get(job: ja.Job[int]) -> int:
        return await job

    assert jobs.submit(double, 4).result(timeout=30) == 8
    assert asyncio.run(get(jobs.submit(double, 5))) == 10
    assert trio.run(get, jobs.submit(double, 6)) == 12
    assert jobs.submit(pow, 2, 3).result() == 8


def test_stopping_waits_then_cancels() -> None:
    """Jobs have the grace to end by themselves; the rest is cancelled."""
    jobs = ja.start()
    quick, endless = jobs.submit(int, "7"), jobs.submit(trio.sleep_forever)
    ja.stop(grace=0.1)
    assert quick.result() == 7
    with pytest.raises(ja.JobCancelled, match="closing"):
        endless.result()
    with pytest.raises(ja.JobsClosed):
        jobs.submit(int)
    assert repr(jobs) == "<Jobs closed>"
    ja.stop()


def test_stopping_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """A thread that does not end is left behind, loudly, and its job has that reason."""
    begun, release = threading.Event(), threading.Event()

    def deaf() -> None:
        begun.set()
        release.wait()

    job = ja.start().options(grace=0.05).submit(deaf)
    begun.wait()
    ja.stop(grace=0.05)
    release.set()
    assert job.state == "cancelled"
    assert "abandoned" in str(job.snapshot().reason)
    assert job.id in caplog.text


def test_stopping_inside_the_loop_is_refused() -> None:
    """It would wait for itself; a job's own stop is ordered for later."""
    refused: list[Exception] = []
    done = threading.Event()

    def stop() -> None:
        try:
            ja.stop()
        except ja.WrongThread as exc:
            refused.append(exc)
        done.set()

    ja.lowlevel.post(ja.start(), stop)
    done.wait()
    assert "await jobs.close()" in str(refused)
    with pytest.raises(ValueError, match="at least 0"):
        ja.stop(grace=-1)


def test_failures_nobody_has_read_are_marked_only() -> None:
    """``ja.start`` never raises for jobs."""
    jobs = ja.start()
    job = jobs.submit(int, "x")
    with pytest.raises(TimeoutError):
        jobs.options(hold=True).submit(int).result(timeout=0)
    assert trio.run(job.wait).state == "failed"
    assert [snapshot.id for snapshot in jobs.registry.unread()] == [job.id]
    ja.stop()


def test_a_new_system_can_be_started_after_a_stop() -> None:
    """Another one, with other arguments; what was asked of the old one stays answered."""
    old = ja.start(max_running=1)
    job = old.submit(int, "7")
    ja.stop()
    new = ja.start(max_running=2)
    assert new is not old
    assert job.result() == 7
    assert new.submit(int, "8").result() == 8


def test_fifty_starts_and_stops_leave_no_thread() -> None:
    """But those of which a process has one, such as the one that waits for the program's end."""

    def ours() -> list[str]:
        names = (thread.name for thread in threading.enumerate())
        # That of finalizers begins when the first is needed, whenever an object goes.
        return sorted(name for name in names if re.match("jobactors(?!-finalizers)", name))

    def start_and_stop() -> list[str]:
        ja.start().submit(trio.sleep, 0)
        ja.stop()
        return ours()

    once = start_and_stop()
    assert "jobactors-exit" in once
    assert "jobactors" not in once
    assert [start_and_stop() for _ in range(49)] == [once] * 49


def test_a_stop_nobody_waits_for_any_more_is_ended_by_the_next_start(tmp_path: Path) -> None:
    """Ctrl-C leaves no system behind that owns the file."""
    ended = run_script(
        f"""
        @ja.job("forever")
        async def forever():
            await trio.sleep_forever()

        def interrupt():
            while repr(jobs) != "<Jobs closed>":
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        def stop_interrupted():
            threading.Thread(target=interrupt).start()
            try:
                ja.stop(1000)
            except KeyboardInterrupt:
                print("interrupted")

        jobs = ja.start(store={str(tmp_path / "jobs.db")!r}, display=None)
        jobs.submit(forever)
        stop_interrupted()
        jobs = ja.start(store={str(tmp_path / "jobs.db")!r}, display=None)
        print(*(job.state for job in jobs.list()))
        jobs.submit(forever)
        stop_interrupted()
        ja.stop(0)
        print("jobactors" in [thread.name for thread in threading.enumerate()])
        """
    )
    assert ended.said == ["interrupted", "interrupted", "interrupted", "False"]
    assert (ended.code, ended.errors) == (0, "")


def test_a_start_that_was_interrupted_is_taken_up_by_the_next_one() -> None:
    """There is one system, however long its store takes to open."""
    ended = run_script(
        """
        opening, go = threading.Event(), threading.Event()

        class Slow(ja.MemoryStore):
            def open(self, patience=0.0):
                opening.set()
                go.wait()
                return super().open(patience)

        def interrupt():
            opening.wait()
            os.kill(os.getpid(), signal.SIGINT)

        store = Slow()
        threading.Thread(target=interrupt).start()
        try:
            ja.start(store=store)
        except KeyboardInterrupt:
            print("interrupted")
        go.set()
        jobs = ja.start(store=store)
        print(jobs.submit(lambda: jobs is ja.start(store=store)).result())
        print([thread.name for thread in threading.enumerate()].count("jobactors"))
        """
    )
    assert (ended.said, ended.code, ended.errors) == (["interrupted", "True", "1"], 0, "")


def test_a_stopped_system_is_let_go() -> None:
    """Nothing of ours keeps it alive."""

    def live() -> int:
        gc.collect()
        return sum(type(thing) is ja.Jobs for thing in gc.get_objects())

    before = live()
    for _ in range(5):
        ja.start().submit(int, "7").result()
        ja.stop()
    assert live() <= before + 1


# --- the end of a script -----------------------------------------------------------------------

WORK = """
    def work(i):
        threading.main_thread().join()
        print("done", i)

    async def work_in_trio(i):
        await trio.to_thread.run_sync(threading.main_thread().join)
        print("done", i)

    jobs = ja.start(max_running=2)
    for i in range(3):
        jobs.submit(work, i)
        jobs.submit(work_in_trio, i + 3)
"""


NOTHING_LATE = """
    jobs = ja.start()

    class Late:
        def find_spec(self, name, path=None, target=None):
            print("imported late:", name)

    sys.meta_path.insert(0, Late())

    async def in_loop():
        return 1

    print(jobs.submit(int).result(), jobs.submit(in_loop).result(), len(jobs.list()))
"""


def test_a_first_submit_imports_nothing_so_that_a_signal_handler_may_submit_amid_it() -> None:
    """A handler that strikes an import finds the half of a module, in the thread that loads it."""
    ended = run_script(NOTHING_LATE)
    assert (ended.said, ended.code, ended.errors) == (["0 1 2"], 0, "")


def test_a_runner_that_is_only_half_loaded_is_refused_with_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As it is found where a signal strikes its import, and the handler asks for it, too."""
    half = types.ModuleType("jobactors.runners.asyncio_loop")
    monkeypatch.setitem(sys.modules, half.__name__, half)
    late_binding._built_in.cache_clear()
    with pytest.raises(ja.JobactorsError, match="is being loaded in this very thread"):
        ja.start().options(runner="asyncio")
    monkeypatch.undo()
    assert ja.start().options(runner="asyncio").submit(nothing).result(30) is None


async def nothing() -> None:
    """Do nothing, in asyncio."""


def test_a_script_waits_at_its_end_for_all_its_jobs() -> None:
    """Queued ones are still started; the output is complete and the exit code 0."""
    ended = run_script(WORK + '    print("end of script")\n')
    assert ended.said[0] == "end of script"
    assert sorted(ended.said[1:]) == [f"done {i}" for i in range(6)]
    assert (ended.code, ended.errors) == (0, "")


def test_a_script_that_fails_still_waits_for_its_jobs() -> None:
    """The traceback comes at once, the exit code stays 1."""
    ended = run_script(WORK + '    raise ValueError("in main")\n')
    assert sorted(ended.said) == [f"done {i}" for i in range(6)]
    assert ended.code == 1
    assert "ValueError: in main" in ended.errors


def test_a_scripts_own_exit_code_stays() -> None:
    """``sys.exit(3)`` waits, too."""
    ended = run_script(WORK + "    sys.exit(3)\n")
    assert sorted(ended.said) == [f"done {i}" for i in range(6)]
    assert (ended.code, ended.errors) == (3, "")


def test_jobs_may_submit_jobs_while_the_script_ends() -> None:
    """The last one ends it."""
    ended = run_script(
        """
        def count(n):
            threading.main_thread().join()
            print(n)
            if n:
                jobs.submit(count, n - 1)

        jobs = ja.start()
        jobs.submit(count, 3)
        """
    )
    assert ended.said == ["3", "2", "1", "0"]
    assert (ended.code, ended.errors) == (0, "")


def test_a_failed_job_does_not_end_a_script() -> None:
    """Nor does a held one keep it alive."""
    ended = run_script(
        """
        jobs = ja.start(unread_failures="ignore")
        jobs.submit(int, "x")
        jobs.options(hold=True).submit(print, "never")
        jobs.submit(print, "fine")
        """
    )
    assert ended.said == ["fine"]
    assert (ended.code, ended.errors) == (0, "")


def test_a_stopped_script_ends_at_once() -> None:
    """Nothing is waited for twice."""
    ended = run_script(
        """
        jobs = ja.start()
        job = jobs.submit(trio.sleep, 600)
        ja.stop(grace=0)
        print(job.state)
        """
    )
    assert ended.said == ["cancelled"]
    assert (ended.code, ended.errors) == (0, "")


def test_ctrl_c_ends_a_script_that_waits_at_its_end() -> None:
    """The wait for its jobs ends, without a traceback."""
    ended = interrupted_at_its_end(
        """
        @cancelled
        async def work():
            await trio.to_thread.run_sync(wait_for_the_end)
            print("go")
            await trio.sleep_forever()

        ja.start().submit(work)
        """
    )
    assert (ended.said, ended.code) == (["go", "cancelled"], -2)
    (told,) = ended.errors.splitlines()
    assert told.startswith("jobactors: Ctrl-C has stopped 1 job: say_so (say_so-")
    assert told.endswith(", cancelled)")


def test_ctrl_c_at_a_scripts_end_keeps_what_its_jobs_have_reached(tmp_path: Path) -> None:
    """In a thread and in a process: they rest, with the checkpoint they had when it came."""
    store = tmp_path / "jobs.db"
    ended = interrupted_at_its_end(
        f"""
        @ja.job("count")
        def count(runner):
            for n in ja.track(range(10**6), resumable=True):
                time.sleep(0.01)

        @ja.job("look")
        async def look():
            while not all(job.snapshot().progress.done for job in counting):
                await trio.sleep(0.01)
            await trio.to_thread.run_sync(wait_for_the_end)
            print("go")

        jobs = ja.start(store={str(store)!r})
        counting = [
            jobs.options(runner=runner, subject=runner).submit(count, runner)
            for runner in ("thread", "process")
        ]
        jobs.submit(look)
        """
    )
    assert (ended.said, ended.code) == (["go"], -2)
    assert "Ctrl-C has stopped 2 jobs: count · thread (count-" in ended.errors
    assert ", interrupted)" in ended.errors
    jobs = ja.start(store=store)
    assert {job.info.subject: str(job.state) for job in jobs.list(type="count")} == {
        "thread": "interrupted",
        "process": "interrupted",
    }
    reached = {kept.subject for kept in jobs.checkpoints("count") if kept.items > 0}
    assert reached == {"thread", "process"}


def test_a_second_ctrl_c_leaves_behind_what_does_not_end() -> None:
    """Nothing is waited for after it."""
    with Script(
        AT_THE_END
        + """
        def deaf():
            wait_for_the_end()
            print("go")
            while ja.current_job() and not jobs.list(state="cancelling"):
                time.sleep(0.01)
            print("asked")
            time.sleep(1000)

        jobs = ja.start(display=None)
        jobs.options(grace=math.inf).submit(deaf)
        """
    ) as script:
        script.wait_for("go")
        script.interrupt()
        script.wait_for("asked")
        script.interrupt()
        ended = script.end()
    assert ended.code == -2
    left, stopped = ended.errors.splitlines()
    assert left.endswith("is left behind: Ctrl-C was pressed again")
    assert stopped.startswith("jobactors: Ctrl-C has stopped 1 job: deaf (deaf-1-")


AT_THE_END = """
        def wait_for_the_end():
            threading.main_thread().join()
            while sys.unraisablehook is sys.__unraisablehook__:  # then it is ready for a Ctrl-C
                time.sleep(0.01)

        def cancelled(work):
            async def say_so():
                try:
                    await work()
                except trio.Cancelled:
                    print("cancelled")
                    raise
            return say_so
"""


def interrupted_at_its_end(source: str) -> Ended:
    """Run a script that prints "go" once its main thread has ended, and press Ctrl-C then."""
    with Script(AT_THE_END + source) as script:
        script.wait_for("go")
        script.interrupt()
        return script.end()
