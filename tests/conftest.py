"""What all tests share: the markers that folders give, and the order they run in."""

from __future__ import annotations

import gc
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.register_assert_rewrite("jobactors.testing")  # before it is imported
# On a busy machine an example takes what it takes.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

TESTS = Path(__file__).parent


@pytest.fixture(autouse=True, scope="session")
def _signals_are_heard() -> None:
    """Ignored ones are inherited: a shell's background ignores Ctrl-C, and nohup SIGHUP."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True, scope="session")
def _jobs_may_fail() -> Iterator[None]:
    """A test lets jobs fail on purpose, and the session's exit status is pytest's to decide."""
    from jobactors.hosts import start  # not before coverage and assertions are in place
    from jobactors.hosts.started_systems import STARTED

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(start._DEFAULTS, "unread_failures", "ignore")
        yield
    STARTED._exit._has_failed = False


@pytest.fixture(autouse=True, scope="session")
def _records_are_waited_for() -> Iterator[None]:
    """On a busy machine a record is written when the thread that writes it gets a turn."""
    from jobactors.inside.report import log_thread  # not before coverage and assertions

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_thread, "PATIENCE", 60.0)
        yield


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
    items.sort(key=_rank)


def pytest_collection_finish() -> None:
    """Spare each garbage collection the thousands of tests and all that they import."""
    gc.collect()
    gc.freeze()


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).parts[0]


def _rank(item: pytest.Item) -> int:
    folder = _folder(item)
    return FOLDER_MARKS.index(folder) + 1 if folder in FOLDER_MARKS else 0
