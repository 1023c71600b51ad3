"""The conformance suite itself: it finds the runners that break a promise."""

from __future__ import annotations

import subprocess
import sys
import threading
import unittest
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja
from jobactors.testing import RunnerConformance

from . import test_conformance as ours  # a suite by its own name would run here again

if TYPE_CHECKING:
    from pathlib import Path


class Forgetful(ours.LineOfThreads):
    """Waits elsewhere, and never says that it starts."""

    async def run(self, attempt: ja.Attempt) -> Any:
        """Run it as if nothing had to be said."""

        class Mute(ja.Attempt, frozen=True):
            async def started(self, where: str = "") -> None:
                """Tell nothing."""

        mute = Mute(
            attempt.context, attempt.function, attempt.args, attempt.kwargs, attempt.abandon
        )
        return await super().run(mute)


class Blind:
    """Runs functions without their context."""

    name = "blind"
    takes_slot = True
    can_abandon = False

    async def run(self, attempt: ja.Attempt) -> Any:
        """Call it in a thread that knows of no job."""
        ended = trio.Event()
        token = trio.lowlevel.current_trio_token()
        values: list[Any] = []

        def call() -> None:
            values.append(attempt.function(*attempt.args, **attempt.kwargs))
            token.run_sync_soon(ended.set)

        threading.Thread(target=call).start()
        with trio.CancelScope(shield=True):
            await ended.wait()
        return values[0]


class Deaf:
    """Does not end when it is cancelled, and cannot be left behind."""

    name = "deaf"
    takes_slot = True
    can_abandon = False

    async def run(self, attempt: ja.Attempt) -> Any:
        """Sleep under a shield."""
        call = partial(attempt.function, *attempt.args, **attempt.kwargs)
        with trio.CancelScope(shield=True):
            with suppress(BaseException):
                await trio.to_thread.run_sync(call)
            await trio.sleep(2)


def suite_of(runner: Any, **said: Any) -> RunnerConformance:
    """Make the suite on a runner."""

    class OnIt(RunnerConformance):
        def make_runner(self) -> Any:
            return runner()

    for name, value in said.items():
        setattr(OnIt, name, value)
    return OnIt()


def test_a_runner_that_never_says_that_it_starts_is_found() -> None:
    """Its function runs while its job is queued."""
    with pytest.raises(AssertionError, match=r"await attempt\.started\(\) before it"):
        suite_of(Forgetful).test_a_job_is_running_when_its_function_runs()


def test_a_runner_that_loses_the_context_is_found() -> None:
    """Its functions do not know their job."""
    with pytest.raises(AssertionError, match="wiki"):
        suite_of(Blind).test_the_code_sees_its_own_job()


def test_a_runner_that_hangs_is_found() -> None:
    """The suite has patience, but not for ever."""
    with pytest.raises(trio.TooSlowError):
        suite_of(Deaf, patience=1.0).test_a_cancel_ends_the_job()


def test_a_suite_without_a_runner_says_what_is_missing() -> None:
    """It names the method."""
    with pytest.raises(NotImplementedError, match="RunnerConformance is to return its runner here"):
        RunnerConformance().test_a_cancel_ends_the_job()


def test_rows_that_do_not_apply_are_not_there() -> None:
    """A skipped one could be a fault of the machine."""
    stuck, objects = (
        "test_a_stuck_attempt_does_not_hold_up_the_end",
        "test_a_result_is_the_very_object",
    )
    assert vars(ours.TestTrio)[stuck] is None
    assert vars(ours.TestProcess)[objects] is None
    assert callable(getattr(ours.TestThread, stuck))

    class SharesAgain(ours.TestProcess):
        shares_memory = True

    assert callable(getattr(SharesAgain, objects))


def test_the_suite_runs_under_unittest_as_well() -> None:
    """Its rows are plain methods."""

    class Mixed(ours.TestTrio, unittest.TestCase):
        pass

    names = unittest.defaultTestLoader.getTestCaseNames(Mixed)
    assert "test_a_cancel_ends_the_job" in names
    assert "test_a_stuck_attempt_does_not_hold_up_the_end" not in names
    case = Mixed("test_it_has_what_a_runner_has")
    result = case.run()
    assert result is not None
    assert result.wasSuccessful()


def test_the_tools_load_no_test_framework(tmp_path: Path) -> None:
    """And each is loaded when it is first used."""
    program = (
        "import sys, jobactors as ja\n"
        "ja.testing\n"
        "assert 'jobactors.testing.runner_conformance' not in sys.modules\n"
        "ja.testing.RunnerConformance, ja.testing.run_inside, ja.testing.record_events\n"
        "assert not {'pytest', 'hypothesis', '_pytest'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)
