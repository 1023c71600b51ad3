"""What all tests share: the markers that folders give, and the order they run in."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.register_assert_rewrite("jobactors.testing")  # before it is imported

TESTS = Path(__file__).parent


STARTS_NO_THREAD_AT_THE_END = sys.version_info[:3] in {(3, 12, 0), (3, 12, 1)}
"""Whether this Python starts no thread once the main thread has ended; 3.12.2 does so again."""
START_THREADS_AT_THE_END = {
    "test_a_ctrl_c_that_wakes_nothing_is_heard_at_a_scripts_end",
    "test_a_failed_job_does_not_end_a_script",
    "test_a_script_tells_each_unread_failure_and_ends_with_status_1",
    "test_a_script_that_fails_still_waits_for_its_jobs",
    "test_a_script_waits_at_its_end_for_all_its_jobs",
    "test_a_script_waits_at_its_end_for_the_jobs_of_all",
    "test_a_scripts_own_exit_code_stays",
    "test_a_second_ctrl_c_leaves_behind_what_does_not_end",
    "test_a_signal_to_end_that_wakes_nothing_is_heard_at_a_scripts_end",
    "test_a_text_as_status_is_printed_as_ever",
    "test_a_wait_after_ctrl_c_is_told_and_a_second_one_ends_it",
    "test_ctrl_c_at_a_scripts_end_keeps_what_its_jobs_have_reached",
    "test_ctrl_c_ends_a_script_that_waits_at_its_end",
    "test_ctrl_c_leaves_a_clean_terminal",
    "test_failures_of_all_are_told_and_change_the_status",
    "test_jobs_are_interrupted_and_saved_when_their_program_is_told_to_end",
    "test_jobs_may_submit_jobs_while_the_script_ends",
}
"""The tests whose scripts need that, and fail there with the reason."""


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_is_heard() -> None:
    """A run in the background of a shell ignores it, and its processes would inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _jobs_may_fail() -> Iterator[None]:
    """A test lets jobs fail on purpose, and the session's exit status is pytest's to decide."""
    from jobactors.hosts import start  # not before coverage and assertions are in place
    from jobactors.hosts.started_systems import STARTED

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(start._DEFAULTS, "unread_failures", "ignore")
        yield
    STARTED._exit._has_failed = False


@pytest.fixture(autouse=True)
def _job_types_of_a_test_go_with_it() -> Iterator[None]:
    """A name that one test registers is free for the next one."""
    from jobactors.model import job_type  # not before coverage and assertions are in place

    before = dict(job_type._registered)
    yield
    job_type._registered.clear()
    job_type._registered.update(before)


# The order is also the order of running: what is quick speaks first. The browser tests must come
# last, because Playwright leaves an asyncio loop "running" in the main thread for as long as it
# is open, which every later test would see.
FOLDER_MARKS = ("kernel", "browser")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of `tests/kernel` and `tests/browser`, and run them in that order, last."""
    for item in items:
        folder = _folder(item)
        if folder in FOLDER_MARKS:
            item.add_marker(folder)
        name = getattr(item, "originalname", None)
        if STARTS_NO_THREAD_AT_THE_END and name in START_THREADS_AT_THE_END:
            item.add_marker(pytest.mark.xfail(reason="take Python 3.12.2 or newer"))
    items.sort(key=_rank)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


def _rank(item: pytest.Item) -> int:
    folder = _folder(item)
    return FOLDER_MARKS.index(folder) + 1 if folder in FOLDER_MARKS else 0
