"""The package's own log lets nothing of the user's handlers escape, and loses nothing silently."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import io
import logging
import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from jobactors.inside.report.guarded_log import GuardedLog
from jobactors.inside.signals.latch import Latch

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "jobactors.test_guarded_log"


class Handler(logging.Handler):
    """Raises what it is given, for each record."""

    def __init__(self, error: BaseException | None = None) -> None:
        super().__init__()
        self.error = error
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Remember the record, and raise."""
        self.records.append(record)
        if self.error is not None:
            raise self.error


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Stands for the original stderr."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "__stderr__", stream)
    return stream


@pytest.fixture
def handler() -> Iterator[Handler]:
    """The one handler of the log under test."""
    logger, handler = logging.getLogger(NAME), Handler()
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.removeHandler(handler)


def test_a_record_is_as_any_logger_would_make_it(handler: Handler) -> None:
    log = GuardedLog(NAME)
    for write in (log.debug, log.info, log.warning, log.error):
        write("job %s", "a")
    try:
        int("x")
    except ValueError:
        log.exception("job %s", "b")
    assert [(record.levelname, record.getMessage()) for record in handler.records] == [
        ("DEBUG", "job a"),
        ("INFO", "job a"),
        ("WARNING", "job a"),
        ("ERROR", "job a"),
        ("ERROR", "job b"),
    ]
    assert {record.filename for record in handler.records} == {"test_guarded_log.py"}
    exc_info = handler.records[-1].exc_info
    assert exc_info is not None
    assert exc_info[0] is ValueError
    assert log.lost == 0


class Hostile(Exception):
    """Cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("not even this")


@pytest.mark.parametrize(
    "error", [RuntimeError("broken"), SystemExit(3), GeneratorExit(), Hostile()], ids=repr
)
def test_nothing_that_a_handler_raises_escapes(
    handler: Handler, stderr: io.StringIO, error: BaseException
) -> None:
    """The lost record is counted, and its text is found on stderr."""
    handler.error = error
    log = GuardedLog(NAME)
    log.warning("job %s is stuck", "a")
    assert log.lost == 1
    assert type(error).__name__ in stderr.getvalue()
    assert "'job %s is stuck'" in stderr.getvalue()


def test_a_filter_and_a_missing_stderr_are_no_better(
    handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(record: logging.LogRecord) -> bool:
        raise SystemExit

    monkeypatch.setattr(sys, "__stderr__", None)
    handler.addFilter(refuse)
    log = GuardedLog(NAME)
    log.warning("one")
    assert log.lost == 1


def test_ctrl_c_in_a_handler_reaches_the_program(handler: Handler, stderr: io.StringIO) -> None:
    """By the main thread's own way of being interrupted, not through the code that logs."""
    interrupts: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        handler.error = KeyboardInterrupt()
        GuardedLog(NAME).warning("one")
        assert interrupts == [signal.SIGINT]
        thread = threading.Thread(target=GuardedLog(NAME).warning, args=("two",))
        thread.start()
        thread.join()
        assert interrupts == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_callback_of_a_latch_that_raises_wakes_the_others_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    latch, woken = Latch(), list[int]()

    def fail() -> None:
        raise ValueError("bad")

    latch.call_when_set(lambda: woken.append(1))
    latch.call_when_set(fail)
    latch.call_when_set(lambda: woken.append(2))
    latch.set()
    assert sorted(woken) == [1, 2]
    assert "a callback of a latch failed" in caplog.text
