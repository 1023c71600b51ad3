"""Process jobs and their parent: their start, and that none of them outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30.0

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and groups")

PRELUDE = """
import faulthandler; faulthandler.dump_traceback_later(60, exit=True)
import os, signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
import trio
import jobactors as ja

def say(*what):
    print(*what, flush=True)

def sleep_with_a_child():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    ja.progress(1, 0, pid=os.getpid(), child=child.pid)
    ja.current_job()._meter.pausable = False  # as if it had no point: it is stopped by a signal
    time.sleep(1000)
"""


class Script:
    """A program that uses process jobs; it speaks by printing lines."""

    def __init__(self, source: str, folder: Path) -> None:
        file = folder / "script.py"
        file.write_text(PRELUDE + textwrap.dedent(source))
        self.process = subprocess.Popen(
            [sys.executable, str(file)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )

    def words(self) -> list[str]:
        """Return the words of the next line."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().split()

    def end(self) -> tuple[int, str]:
        """Wait for its end; return its exit code and what else it said."""
        said, _ = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str], Script]]:
    """Run a script; whatever the test does, nothing of it is left."""
    scripts: list[Script] = []

    def start(source: str) -> Script:
        scripts.append(Script(source, tmp_path))
        return scripts[-1]

    yield start
    for script in scripts:
        with suppress(ProcessLookupError):
            os.killpg(script.process.pid, signal.SIGKILL)
        script.process.communicate()


def until(condition: Callable[[], object]) -> None:
    """Wait for something another process does."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    """Whether the process has ended; a zombie waits for nobody but init."""
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    return True


STAND_STILL = """
async def main():
    async with ja.open_jobs() as jobs:
        await jobs.options(runner="process").run(os.getpid)  # in a process that is idle from now on
        job = jobs.options(runner="process", fresh=True).submit(sleep_with_a_child)
        while "child" not in job.snapshot().progress.counters:
            await trio.sleep(0.01)
        {pause}
        counters = job.snapshot().progress.counters
        say(int(counters["pid"]), int(counters["child"]))
        await trio.sleep_forever()

trio.run(main)
"""
PAUSE = 'os.killpg(int(job.snapshot().progress.counters["pid"]), signal.SIGSTOP)'


@pytest.mark.parametrize("pause", ["", PAUSE], ids=["running", "stopped"])
def test_no_process_outlives_a_killed_parent(run: Callable[[str], Script], pause: str) -> None:
    """Neither the job's own nor what it has started; nor the sentinel that sees to it."""
    script = run(STAND_STILL.format(pause=pause))
    pid, child = map(int, script.words())
    everybody = {process.pid for process in psutil.Process(script.process.pid).children(True)}
    assert {pid, child} < everybody
    assert len(everybody) == 4  # with the sentinel, and one that waits for a job
    os.kill(script.process.pid, signal.SIGKILL)
    until(lambda: all(map(is_gone, everybody)))


def test_the_leader_dies_with_its_parent_even_without_the_sentinel(
    run: Callable[[str], Script],
) -> None:
    """The other layers hold: PDEATHSIG on Linux, the end of the socket elsewhere."""
    script = run(STAND_STILL.format(pause=""))
    pid, child = map(int, script.words())
    parent = psutil.Process(script.process.pid)
    (sentinel,) = (p for p in parent.children() if "process_sentinel" in " ".join(p.cmdline()))
    sentinel.kill()
    parent.kill()
    until(lambda: is_gone(pid))
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


def test_an_interrupt_of_the_parents_group_reaches_no_job(run: Callable[[str], Script]) -> None:
    """What Ctrl-C in a terminal and "Interrupt kernel" do; the waiting ends, not the work."""
    script = run("""
        jobs = ja.start()
        def work():
            for n in ja.track(range(10**9)):
                if os.path.exists(sys_flag):
                    return "not disturbed"
                time.sleep(0.01)
        sys_flag = __file__ + ".flag"
        job = jobs.options(runner="process").submit(work)
        while job.snapshot().progress.done < 2:
            time.sleep(0.01)
        try:
            say("working")  # inside: the signal may come before the next line
            job.result()
        except KeyboardInterrupt:
            open(sys_flag, "w").close()
            say(job.result())
        """)
    assert script.words() == ["working"]
    os.killpg(script.process.pid, signal.SIGINT)
    assert script.words() == ["not", "disturbed"]
    assert script.end() == (0, "")


def test_a_script_needs_no_main_guard(run: Callable[[str], Script]) -> None:
    """Its own functions and classes are sent along, and nobody runs it a second time."""
    script = run("""
        say("begins")

        class Point:
            def __init__(self, x):
                self.x = x

        class Broken(Exception):
            pass

        def move(point):
            if point.x < 0:
                raise Broken(point.x)
            return Point(point.x + 1)

        jobs = ja.start()
        process = jobs.options(runner="process")
        moved = process.submit(move, Point(1)).result()
        say(type(moved) is Point, moved.x)
        try:
            process.submit(move, Point(-1)).result()
        except Broken as exc:
            say("broken", exc)
        """)
    assert script.end() == (0, "begins\nTrue 2\nbroken -1\n")


def test_a_program_that_ends_complains_of_nothing(run: Callable[[str], Script]) -> None:
    """In Python's development mode, where everything left open is told."""
    script = run("""
        import asyncio
        code = '''
        import jobactors as ja, asyncio, os
        async def work():
            await asyncio.sleep(0)
        jobs = ja.start()
        jobs.options(runner="process").submit(os.getpid).result()
        jobs.options(runner="asyncio").submit(work).result()
        '''
        import textwrap
        ended = subprocess.run(
            [sys.executable, "-X", "dev", "-c", textwrap.dedent(code)], capture_output=True
        )
        say(ended.returncode, ended.stderr)
        """)
    assert script.end() == (0, "0 b''\n")


def test_a_forked_child_starts_processes_of_its_own(run: Callable[[str], Script]) -> None:
    """With a thread and a sentinel of its own, and it does not keep the parent's sentinel."""
    script = run("""
        async def once():
            async with ja.open_jobs() as jobs:
                await jobs.options(runner="process").run(os.getpid)

        trio.run(once)
        pid = os.fork()
        if pid == 0:
            trio.run(once)
            from jobactors.runners.process_worker import SPAWNER
            SPAWNER.close()
            os._exit(17)
        say(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        """)
    assert script.end() == (0, "17\n")


def test_a_lost_sentinel_is_replaced(run: Callable[[str], Script]) -> None:
    """By the next start, and it knows of the groups there are."""
    script = run("""
        from jobactors.runners.process_worker import SPAWNER

        async def main():
            async with ja.open_jobs() as jobs:
                process = jobs.options(runner="process", grace=0.1, fresh=True)
                first = process.submit(time.sleep, 1000)
                await process.run(os.getpid)
                lost = SPAWNER._sentinel
                lost._process.kill()
                lost._process.wait()
                await process.run(os.getpid)
                say(SPAWNER._sentinel is not lost, len(SPAWNER._sentinel.groups))
                first.cancel()

        trio.run(main)
        """)
    assert script.end() == (0, "True 1\n")


def test_a_process_that_cannot_be_started_fails_its_job(run: Callable[[str], Script]) -> None:
    """As any other error of it; the next one finds the starting thread in good health."""
    script = run("""
        executable = sys.executable

        async def main():
            async with ja.open_jobs() as jobs:
                process = jobs.options(runner="process")
                sys.executable = "/nowhere/python"
                try:
                    await process.run(os.getpid)
                except FileNotFoundError as exc:
                    say(type(exc).__name__)
                sys.executable = executable
                await process.run(os.getpid)

        trio.run(main)
        """)
    assert script.end() == (0, "FileNotFoundError\n")
