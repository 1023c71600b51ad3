"""CPython's own executor tests, beside the tests of ours that stand for them.

Few interpreters are installed with CPython's tests.  So each of them that concerns any executor is
in ``OURS`` with the tests that say the same in our words, and these always run.  Where CPython's
are installed (on Debian by the package ``libpython3.11-testsuite``), they run as well, as they are,
and one that is not in ``OURS`` yet fails here.
"""

from __future__ import annotations

import importlib
import math
import time
import unittest
from typing import Any, Final

import pytest

import jobactors as ja

from . import test_executor, test_executor_contract

pytestmark = pytest.mark.slow

OURS: Final = {
    # ExecutorTest, and what is not about threads of ThreadPoolExecutorTest
    "test_submit": "arguments_reach_the_function",
    "test_submit_keyword": "arguments_reach_the_function",
    "test_map": "map_is_the_builtin",
    "test_map_exception": "map_raises_in_its_place",
    "test_map_timeout": "map_gives_up_in_time",
    "test_map_submits_without_iteration": "map_submits_before_it_is_iterated",
    "test_executor_map_current_future_cancel": "map_cancels_what_it_does_not_come_to",
    "test_shutdown_race_issue12456": "a_shutdown_waits_for_all_calls",
    "test_no_stale_references": "arguments_are_free_when_the_call_has_ended",
    "test_free_reference": "results_of_map_are_free_when_their_user_lets_them_go",
    "test_max_workers_negative": "",  # `max_running` has checks of its own
    "test_map_buffersize_type_validation": "a_buffer_that_is_no_integer_is_refused",
    "test_map_buffersize_value_validation": "a_buffer_without_room_is_refused",
    "test_map_buffersize": "a_buffer_changes_no_result",
    "test_map_buffersize_on_empty_iterable": "a_buffer_changes_no_result",
    "test_map_buffersize_without_iterable": "a_buffer_changes_no_result",
    "test_map_buffersize_on_multiple_iterables": "a_buffer_changes_no_result",
    "test_map_buffersize_on_infinite_iterable": "a_buffer_takes_endless_input",
    "test_map_buffersize_on_multiple_infinite_iterables": "a_buffer_takes_endless_input",
    "test_map_buffersize_when_buffer_is_full": "a_full_buffer_takes_no_more_input",
    # WaitTests
    "test_20369": "the_same_future_twice_counts_once",
    "test_first_completed": "wait_for_the_first_returns_with_it",
    "test_first_completed_some_already_completed": "wait_for_the_first_returns_with_it",
    "test_first_exception": "wait_for_the_first_exception_returns_with_it",
    "test_first_exception_some_already_complete": "wait_for_the_first_exception_returns_with_it",
    "test_first_exception_one_already_failed": "wait_for_the_first_exception_returns_with_it",
    "test_all_completed": "wait_for_all_waits_for_the_last",
    "test_timeout": "wait_for_all_waits_for_the_last",
    "test_pending_calls_race": "many_futures_end_in_one_moment",
    # AsCompletedTests
    "test_no_timeout": "as_completed_yields_what_has_ended_and_what_ends",
    "test_zero_timeout": "as_completed_says_how_many_are_missing",
    "test_future_times_out": "as_completed_says_how_many_are_missing",
    "test_duplicate_futures": "the_same_future_twice_counts_once",
    "test_free_reference_yielded_future": "as_completed_holds_none_that_it_has_yielded",
    "test_correct_timeout_exception_msg": "as_completed_says_how_many_are_missing",
    # ExecutorShutdownTest, and what is not about threads of ThreadPoolShutdownTest
    "test_run_after_shutdown": "nothing_is_taken_after_a_shutdown",
    "test_interpreter_shutdown": "a_script_that_ends_lets_its_calls_and_their_callbacks_end",
    "test_submit_after_interpreter_shutdown": (
        "a_script_that_ends_lets_its_calls_and_their_callbacks_end"
    ),
    "test_cancel_futures": "a_shutdown_cancels_what_has_not_begun_if_asked",
    "test_cancel_futures_wait_false": "a_shutdown_cancels_what_has_not_begun_if_asked",
    "test_hang_gh83386": "shutdown_without_waiting_lets_the_work_end",
    "test_hang_gh94440": "shutdown_does_not_hang_on_a_future_just_cancelled",
    "test_context_manager_shutdown": "a_shutdown_waits_for_all_calls",
    "test_shutdown_no_wait": "shutdown_without_waiting_lets_the_work_end",
    # FutureTests
    "test_done_callback_with_result": "a_callback_is_called_once_with_its_future",
    "test_done_callback_with_exception": "a_callback_is_called_once_with_its_future",
    "test_done_callback_with_cancel": "a_callback_is_called_once_with_its_future",
    "test_done_callback_already_successful": "a_callback_is_called_once_with_its_future",
    "test_done_callback_already_failed": "a_callback_is_called_once_with_its_future",
    "test_done_callback_already_cancelled": "a_callback_is_called_once_with_its_future",
    "test_done_callback_raises": "a_callback_that_raises_is_logged",
    "test_done_callback_raises_already_succeeded": "a_callback_that_raises_is_logged",
    "test_repr": "a_future_tells_its_state",
    "test_cancelled": "a_future_tells_its_state",
    "test_done": "a_future_tells_its_state",
    "test_running": "a_future_tells_its_state",
    "test_cancel": "only_a_pending_future_can_be_cancelled",
    "test_result_with_timeout": "an_outcome_that_is_not_there_in_time_is_a_timeout",
    "test_exception_with_timeout": "an_outcome_that_is_not_there_in_time_is_a_timeout",
    "test_result_with_success": "an_outcome_is_there_for_all_that_ask",
    "test_exception_with_success": "an_outcome_is_there_for_all_that_ask",
    "test_result_with_cancel": "who_waits_for_a_future_is_woken_by_its_cancel",
    "test_multiple_set_result": "an_outcome_is_set_once",
    "test_multiple_set_exception": "an_outcome_is_set_once",
}
"""CPython's tests of executors and futures, up to 3.14, and the sentences that say the same."""

# One module until 3.11, a package from 3.12 on; and the mixin classes in it.
_HOMES: Final = {
    "": ("ExecutorTest", "WaitTests", "AsCompletedTests"),
    ".executor": ("ExecutorTest",),
    ".test_wait": ("WaitTests",),
    ".test_as_completed": ("AsCompletedTests",),
}


def _mixins() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for home, names in _HOMES.items():
        try:
            module = importlib.import_module(f"test.test_concurrent_futures{home}")
        except ImportError:
            continue
        found |= {name: getattr(module, name) for name in names if hasattr(module, name)}
    return found


@pytest.mark.parametrize("sentence", sorted({ours for ours in OURS.values() if ours}))
def test_each_of_cpython_s_tests_has_one_of_ours(sentence: str) -> None:
    """So that a Python without CPython's tests leaves nothing untried."""
    assert any(
        hasattr(module, f"test_{sentence}") for module in (test_executor, test_executor_contract)
    )


def test_none_of_cpython_s_tests_is_unknown() -> None:
    """Those of a Python to come may say something new."""
    names = {name for mixin in _mixins().values() for name in dir(mixin) if name.startswith("test")}
    assert names <= OURS.keys()


def _executor(max_workers: int) -> Any:
    if max_workers < 1:
        raise ValueError("max_workers must be greater than 0")  # what is tested is said elsewhere
    return ja.start(max_running=max_workers).as_executor()


class _OnJobs:
    """What the mixins need: an executor for each test, and their names for it."""

    worker_count = 5
    executor_type = staticmethod(_executor)

    def setUp(self) -> None:
        """Open a system of five slots."""
        self.t1 = time.monotonic()
        self.executor = _executor(self.worker_count)

    def tearDown(self) -> None:
        """Close it."""
        self.executor.shutdown()
        ja.stop(math.inf)


for _name, _mixin in _mixins().items():
    globals()[f"Test{_name}"] = type(f"Test{_name}", (_OnJobs, _mixin, unittest.TestCase), {})
