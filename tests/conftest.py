"""What all tests share: the markers that folders give, and the order they run in."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.register_assert_rewrite("jobactors.testing")  # before it is imported

TESTS = Path(__file__).parent

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
    items.sort(key=_rank)


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


def _rank(item: pytest.Item) -> int:
    folder = _folder(item)
    return FOLDER_MARKS.index(folder) + 1 if folder in FOLDER_MARKS else 0
