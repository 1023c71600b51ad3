"""SIGTERM and SIGHUP: jobs are interrupted and saved, and the process ends by the signal."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
import trio

import jobactors as ja
from jobactors.engine.system.shutdown import stop
from jobactors.stores.read_only import StoreView
from tests.engine.scripts import Script

if TYPE_CHECKING:
    from pathlib import Path

    from trio.testing import MockClock

WORK = """
    @ja.job("count")
    def count():
        try:
            for n in ja.track(range(10**6), resumable=True):
                time.sleep(0.01)
                if n == 5:
                    print("go")
        finally:
            print("cleaned up")

    STORE = {store!r}
"""

BLOCK = """
    async def main():
        async with ja.open_jobs(store=STORE) as jobs:
            {body}
        print("never")

    trio.run(main)
"""

PROGRAMS = {
    "a block whose body owns the job": BLOCK.format(body="await jobs.run(count)"),
    "a block that waits for its job": BLOCK.format(body="jobs.submit(count)"),
    "a block in a block": BLOCK.format(
        body="""
            async with ja.open_jobs():
                await jobs.run(count)"""
    ),
    "a script that waits at its end": """
    ja.start(store=STORE).submit(count)
""",
    "a script that waits for a result": """
    ja.start(store=STORE).submit(count).result()
""",
    "a block beside a started system": """
    ja.start(store=STORE).submit(count)

    async def main():
        async with ja.open_jobs():
            await trio.sleep_forever()

    trio.run(main)
""",
}


BLOCKS = {
    "a block in a thread": """
    ja.start(store=STORE)
    with ja.tracked("count"):
        count()
""",
    "a block on trio": """
    async def main():
        async with ja.tracked("count"):
            try:
                print("go")
                await trio.sleep_forever()
            finally:
                print("cleaned up")

    ja.start(store=STORE)
    trio.run(main)
""",
    "a block around a trio program": """
    async def main():
        async with ja.open_jobs() as jobs:
            await jobs.run(count)

    ja.start(store=STORE)
    with ja.tracked("main"):
        trio.run(main)
""",
    "a command as a job": """
    os.environ["JOBACTORS_AS_JOB"] = STORE
    ja.track_as_job(count)()
""",
}


@pytest.mark.parametrize(
    ("program", "number"),
    [
        pytest.param(program, number, id=f"{name}, {number.name}")
        for name, program in PROGRAMS.items()
        for number in (signal.SIGTERM, signal.SIGHUP)
        if number is signal.SIGTERM or program.startswith(BLOCK[:20])
    ],
)
def test_jobs_are_interrupted_and_saved_when_their_program_is_told_to_end(
    program: str, number: signal.Signals, tmp_path: Path
) -> None:
    """It ends by that signal, and says nothing more; the next run goes on."""
    store = str(tmp_path / "jobs.db")
    with Script(WORK.format(store=store) + program) as script:
        script.wait_for("go")
        script.send(number)
        ended = script.end()
    assert ended.said == ["go", "cleaned up"]
    assert (ended.code, ended.errors) == (-number, "")
    jobs = ja.start(store=store)
    try:
        (job,) = jobs.list()
        assert (job.state, job.reason) == (
            "interrupted",
            f"its program was told to end ({number.name})",
        )
        assert [checkpoint.items > 5 for checkpoint in jobs.checkpoints("count")] == [True]
    finally:
        ja.stop(0)


@pytest.mark.parametrize("program", BLOCKS.values(), ids=BLOCKS)
def test_a_tracked_block_of_the_main_thread_ends_at_its_next_report(
    program: str, tmp_path: Path
) -> None:
    """Without being left behind; its job rests interrupted, and the program goes no further."""
    store = str(tmp_path / "jobs.db")
    with Script(WORK.format(store=store) + program + '    print("never")') as script:
        script.wait_for("go")
        script.send(signal.SIGTERM)
        ended = script.end()
    assert (ended.said, ended.code) == (["go", "cleaned up"], -signal.SIGTERM)
    assert "left behind" not in ended.errors
    with StoreView(store) as view:
        assert [row.state for row in view.unfinished()] == ["interrupted"]


def test_a_body_that_is_told_to_end_cleans_up() -> None:
    """As at any cancellation; without a store its jobs are cancelled."""
    with Script(
        """
        async def main():
            async with ja.open_jobs() as jobs:
                job = jobs.submit(trio.sleep_forever)
                try:
                    print("go")
                    await trio.sleep_forever()
                finally:
                    with trio.CancelScope(shield=True):
                        await job.wait()
                    print(job.state, job.snapshot().reason)

        trio.run(main)
        """
    ) as script:
        script.wait_for("go")
        script.send(signal.SIGTERM)
        ended = script.end()
    assert ended.said == ["go", "cancelled its program was told to end (SIGTERM)"]
    assert (ended.code, ended.errors) == (-signal.SIGTERM, "")


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("jobs = ja.start(); jobs.submit(deaf); stand_still()", id="start"),
        pytest.param(
            "async def main():\n"
            "            async with ja.open_jobs() as jobs:\n"
            "                jobs.submit(deaf)\n"
            "        trio.run(main)",
            id="block",
        ),
    ],
)
def test_a_second_signal_ends_a_program_at_once(program: str) -> None:
    """Whatever its jobs do."""
    with Script(
        f"""
        def deaf():
            print("go")
            while not ja.current_job().cancel_requested:
                time.sleep(0.01)
            print("asked")
            time.sleep(1000)

        {program}
        """
    ) as script:
        script.wait_for("go")
        script.send(signal.SIGTERM)
        script.wait_for("asked")
        script.send(signal.SIGTERM)
        assert script.end().code == -signal.SIGTERM


@pytest.mark.parametrize(
    "program",
    [
        pytest.param("jobs = ja.start(store=STORE); jobs.submit(shielded)", id="start"),
        pytest.param(
            "async def main():\n"
            "            async with ja.open_jobs(store=STORE) as jobs:\n"
            "                jobs.submit(shielded)\n"
            "        trio.run(main)",
            id="block",
        ),
    ],
)
def test_a_trio_job_that_does_not_end_holds_the_program_up_for_no_longer_than_the_bound(
    program: str, tmp_path: Path
) -> None:
    """It cannot be left behind; what it has saved is stored, and its store is free."""
    store = str(tmp_path / "jobs.db")
    with Script(
        f"""
        from jobactors.hosts import block_ending, loop_thread, termination

        for module in (block_ending, termination):
            module.LONGEST_END = module.LONGEST_CLOSE = 0.1
        loop_thread.LONGEST_TERMINATION = 0.1
        STORE = {store!r}

        @ja.job("shielded")
        async def shielded():
            ja.save_checkpoint("so far")
            with trio.CancelScope(shield=True):
                print("go")
                await trio.sleep_forever()

        {program}
        """
    ) as script:
        script.wait_for("go")
        script.send(signal.SIGTERM)
        assert script.end().code == -signal.SIGTERM
    jobs = ja.start(store=store)
    try:
        (job,) = jobs.list()
        assert job.state == "interrupted"
        assert [checkpoint.value for checkpoint in jobs.checkpoints()] == ["so far"]
    finally:
        ja.stop(0)


def test_a_block_that_reports_nothing_is_left_behind_with_its_program(tmp_path: Path) -> None:
    """Its store is written and free, and what it has printed arrives."""
    store = str(tmp_path / "jobs.db")
    with Script(
        f"""
        from jobactors.hosts import loop_thread, termination

        loop_thread.LONGEST_TERMINATION = termination.LAST_WORDS = 0.1
        ja.start(store={store!r})
        with ja.tracked("deaf"):
            sys.stdout = os.fdopen(os.dup(1), "w")
            sys.stdout.write("buffered")
            print("go")
            stand_still()
        """
    ) as script:
        script.wait_for("go")
        script.send(signal.SIGTERM)
        ended = script.end()
    assert (ended.said, ended.code) == (["go", "buffered"], -signal.SIGTERM)
    with StoreView(store) as view:
        assert [row.state for row in view.unfinished()] == ["interrupted"]


def test_a_programs_own_handlers_and_ignored_signals_are_left_alone() -> None:
    """A program under nohup goes on, and one that handles the signal decides itself."""
    with Script(
        """
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: print("its own"))
        told = threading.Event()

        def wait():
            print("go")
            told.wait()
            return "undisturbed"

        jobs = ja.start()
        job = jobs.submit(wait)
        signal.signal(signal.SIGUSR1, lambda *_: told.set())
        print(job.result())
        """
    ) as script:
        script.wait_for("go")
        script.send(signal.SIGHUP)
        script.send(signal.SIGTERM)
        script.wait_for("its own")
        script.send(signal.SIGUSR1)
        ended = script.end()
    assert ended.said == ["go", "its own", "undisturbed"]
    assert (ended.code, ended.errors) == (0, "")


async def test_a_block_that_has_ended_leaves_the_signals_as_they_were() -> None:
    """Whatever has ended it."""
    before = signal.getsignal(signal.SIGTERM)
    async with ja.open_jobs():
        assert signal.getsignal(signal.SIGTERM) is not before
    with pytest.raises(ValueError, match="as planned"):
        async with ja.open_jobs():
            raise ValueError("as planned")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_stopped_system_leaves_the_signals_as_they_were() -> None:
    """In the thread that may change them."""
    before = signal.getsignal(signal.SIGTERM)
    ja.start()
    assert signal.getsignal(signal.SIGTERM) is not before
    ja.stop()
    assert signal.getsignal(signal.SIGTERM) is before


async def test_jobs_and_hooks_that_do_not_end_are_left_behind_within_a_bound(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """All of them together have so many seconds, whatever the grace of each."""

    async def deaf() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(1000)

    async def slow_hook(_: ja.JobSnapshot) -> None:
        await trio.sleep(1000)

    async with ja.open_jobs() as jobs:
        jobs.options(grace=600).submit(deaf)
        jobs.options(on_done=slow_hook).submit(trio.sleep, 0)
        await trio.sleep(1)
        start = trio.current_time()
        await stop(jobs._system, "as planned", longest=8.0)
        assert trio.current_time() - start < 9
    assert "all of them together had 8 s" in caplog.text
    assert "the on_done hook of job" in caplog.text
