"""CPython's own executor tests, run as they are on the jobs' executor.

Some interpreters come without them; then this module has no tests, and nothing is lost but a second
opinion: `test_executor.py` has the same list of behaviours in our own words.
"""

from __future__ import annotations

import importlib
import math
import time
import unittest
from typing import Any

import pytest

import jobactors as ja

pytestmark = pytest.mark.slow

# One module until 3.11, a package from 3.12 on; and the mixin classes in it.
_HOMES = {
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
