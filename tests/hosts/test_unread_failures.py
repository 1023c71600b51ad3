"""Failures that nothing has read: raised by ``open_jobs``, told by a script, never silent."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

import jobactors as ja
from jobactors.hosts.unread_failures import MOST_LINES
from tests.engine.scripts import run_script
from tests.hosts.pty_screen import OnTerminal

if TYPE_CHECKING:
    from collections.abc import Iterator


def fail(text: str = "as planned") -> None:
    """Fail."""
    raise ValueError(text)


SCRIPT = """
    def fail():
        raise ValueError("as planned\\nwith more below")

    jobs = ja.start({options})
    job = jobs.options(name="index", subject="wiki").submit(fail)
    {then}
"""


@pytest.mark.parametrize(
    ("then", "code"),
    [
        pytest.param("", 1, id="at its end"),
        pytest.param("ja.stop()", 1, id="stopped"),
        pytest.param("sys.exit()", 1, id="with a status of its own"),
        pytest.param("raise KeyboardInterrupt", -2, id="interrupted"),
        pytest.param("sys.exit(0)", 1, id="with status 0"),
        pytest.param("sys.exit(3)", 3, id="with a failure of its own"),
        pytest.param("raise SystemExit(3)", 1, id="with a failure that sys.exit has not seen"),
    ],
)
def test_a_script_tells_each_unread_failure_and_ends_with_status_1(then: str, code: int) -> None:
    """In one line each: the job, the error, and where it was raised."""
    ended = run_script(SCRIPT.format(options="", then=then))
    told = [line for line in ended.errors.splitlines() if line.startswith("jobactors: ")]
    assert ended.code == code
    assert len(told) == 1
    assert "index · wiki ValueError: as planned … at <string>:" in told[0]
    assert "failed unread" in told[0]
    assert then.startswith("raise") or ended.errors.splitlines() == told


def test_sys_exit_is_sent_to_a_process_by_its_name() -> None:
    """It is ours in a script, and Python's own in the process of a job."""
    ended = run_script("""
        job = ja.start().options(runner="process").submit(sys.exit, 3)
        print(job.exception(timeout=60))
    """)
    assert "SystemExit: 3" in "\n".join(ended.said)


def test_the_status_of_the_last_exit_counts_and_not_of_one_that_was_caught() -> None:
    """``sys.exit`` raises what an ``except SystemExit`` catches, in all its forms."""
    ended = run_script(
        """
        def fail():
            raise ValueError

        def code_of(*status):
            try:
                sys.exit(*status)
            except SystemExit as exit:
                return exit.code, exit.args, repr(exit)

        ja.start().submit(fail)
        for status in ((3,), (), ("text",), ((1, 2),)):
            print(code_of(*status))
        """
    )
    assert ended.said == [
        "(3, (3,), 'SystemExit(3)')",
        "(None, (), 'SystemExit()')",
        "('text', ('text',), \"SystemExit('text')\")",
        "((1, 2), ((1, 2),), 'SystemExit((1, 2))')",
    ]
    assert ended.code == 1


def test_a_text_as_status_is_printed_as_ever() -> None:
    """And the program ends with 1."""
    ended = run_script("ja.start().submit(abs, 1); sys.exit('no such folder')")
    assert (ended.code, ended.errors) == (1, "no such folder\n")


def test_atexit_functions_and_buffers_are_not_left_out() -> None:
    """The status is changed after all that Python does at its end."""
    ended = run_script(
        """
        import atexit, ctypes
        atexit.register(print, "registered early")

        class Last:
            def __del__(self, write=os.write):
                write(1, b"finalized\\n")

        def fail():
            raise ValueError

        jobs = ja.start()
        jobs.submit(fail)
        last = Last()
        sys.stdout.write("buffered\\n")
        ctypes.CDLL(None).printf(b"buffered in C\\n")
        """
    )
    assert ended.code == 1
    assert sorted(ended.said) == ["buffered", "buffered in C", "finalized", "registered early"]


@pytest.mark.parametrize(
    ("options", "then"),
    [
        pytest.param('unread_failures="ignore"', "", id="ignored"),
        pytest.param("", "job.exception()", id="read"),
        pytest.param("", "job.wait().result(); jobs.registry.take(job.id)", id="taken"),
    ],
)
def test_a_script_whose_failures_are_read_or_ignored_is_quiet(options: str, then: str) -> None:
    """And ends with a status of its own."""
    ended = run_script(SCRIPT.format(options=options, then=then))
    assert (ended.code, ended.errors) == (0, "")


def test_the_exception_of_a_block_is_read_by_its_caller() -> None:
    """Under ``ja.start``: it is not told twice."""
    ended = run_script(
        """
        jobs = ja.start()
        try:
            with ja.tracked("import"):
                raise ValueError
        except ValueError:
            print("caught")
        """
    )
    assert (ended.said, ended.code, ended.errors) == (["caught"], 0, "")


async def test_the_exception_of_a_block_does_not_leave_open_jobs_as_well() -> None:
    """Sync or async, in the loop or in a thread."""

    def in_a_thread() -> None:
        with pytest.raises(ValueError, match="as planned"), ja.tracked("thread"):
            fail()

    async with ja.open_jobs() as jobs:
        with pytest.raises(ValueError, match="as planned"), ja.tracked("sync"):
            fail()
        with pytest.raises(ValueError, match="as planned"):
            async with ja.tracked("async"):
                fail()
        await trio.to_thread.run_sync(in_a_thread)
        assert [job.name for job in jobs.list(state="failed")] == ["sync", "async", "thread"]


def test_a_terminal_says_how_failures_are_read() -> None:
    """In a last line."""
    script = """if True:
        import jobactors as ja
        def fail(): raise ValueError("as planned")
        jobs = ja.start(display=None)
        for _ in range(2): jobs.submit(fail)
        """
    with OnTerminal(script, columns=200) as terminal:
        assert terminal.end() == 1
    assert len(terminal.lines) == 3
    assert terminal.lines[-1].startswith("jobactors: 2 jobs failed unread: job.result()")


def test_very_many_failures_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """The first have lines of their own; what retention has dropped is counted as well."""
    jobs = ja.start(unread_failures="raise", retention=ja.Retention(jobs=MOST_LINES + 5))
    for _ in range(MOST_LINES + 8):
        jobs.submit(fail)
    ja.stop()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == MOST_LINES + 2
    assert lines[-2:] == [
        "jobactors: … and 5 more failed unread",
        "jobactors: … and 3 failed unread that retention has dropped",
    ]


def broken_input() -> Iterator[int]:
    """Yield one, and fail."""
    yield 1
    raise OSError("disk gone")


async def test_the_input_of_a_map_that_raises_leaves_a_block_unless_it_was_read() -> None:
    """As the failure of a job does."""
    with pytest.raises(ExceptionGroup, match="1 input of a map failed unread") as caught:
        async with ja.open_jobs() as jobs:
            jobs.map(abs, broken_input())
    assert [str(error) for error in caught.value.exceptions] == ["disk gone"]
    async with ja.open_jobs() as jobs:
        with pytest.raises(OSError, match="disk gone"):
            await jobs.map(abs, broken_input())
        batch = await trio.to_thread.run_sync(jobs.map, abs, broken_input())
        with pytest.raises(OSError, match="disk gone"):
            await trio.to_thread.run_sync(batch.result)


async def test_an_input_that_was_not_gone_through_at_the_end_is_no_failure() -> None:
    """The end of the system has stopped it."""
    with pytest.raises(LookupError):  # noqa: PT012 - the block raises
        async with ja.open_jobs(max_running=1) as jobs:
            jobs.map(trio.sleep, itertools.repeat(3600))
            await trio.testing.wait_all_tasks_blocked()
            raise LookupError
    jobs = ja.start(unread_failures="raise")
    jobs.map(trio.sleep, itertools.repeat(3600))
    await trio.to_thread.run_sync(ja.stop, 0.0)


def test_a_script_tells_the_input_of_a_map_that_raises() -> None:
    """With its line of code."""
    ended = run_script(
        """
        def numbers():
            yield 1
            raise OSError("disk gone")

        ja.start().map(abs, numbers())
        """
    )
    assert ended.code == 1
    (told,) = ended.errors.splitlines()
    assert told.startswith("jobactors: the input of a map OSError: disk gone at <string>:")


def test_a_failure_of_an_earlier_process_was_that_ones_to_tell(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A program that failed last night is not failed for a week: it stays unread, and is quiet."""
    store = ja.MemoryStore()

    async def main(fails: bool) -> list[str]:
        async with ja.open_jobs(store=store) as jobs:
            if fails:
                jobs.submit(fail)
            return [job.state for job in jobs.registry.unread()]

    with pytest.raises(ExceptionGroup, match="1 job failed unread"):
        trio.run(main, True)
    assert trio.run(main, False) == ["failed"]
    jobs = ja.start(unread_failures="raise", store=store)
    assert jobs.registry.unread()
    ja.stop()
    assert capsys.readouterr().err == ""


def test_a_script_whose_engine_has_failed_ends_with_status_1() -> None:
    """Its jobs are interrupted, and it says so."""
    ended = run_script(
        """
        from jobactors.engine.attempt.actor import Actor

        def broken(*_):
            raise RuntimeError("broken")

        Actor._end = broken
        jobs = ja.start(unread_failures="ignore")
        try:
            jobs.submit(int).result()
        except (ja.JobInterrupted, ja.JobsClosed) as exc:
            print(type(exc).__name__)
        """
    )
    assert ended.code == 1
    assert "jobactors: the job engine has failed (RuntimeError)" in ended.errors


def test_the_argument_is_checked() -> None:
    """As that of ``open_jobs``."""
    with pytest.raises(ValueError, match='"raise" or "ignore"'):
        ja.start(unread_failures="warn")  # type: ignore[arg-type]
    ja.start(unread_failures="ignore")
    with pytest.raises(ja.AlreadyStarted, match="unread_failures='ignore', not 'raise'"):
        ja.start(unread_failures="raise")
    ja.stop()
