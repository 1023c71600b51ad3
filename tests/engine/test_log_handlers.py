"""Handlers of the package's own log: they may block, hold locks and give commands."""

# ruff: noqa: D102, D103 - a test's name is its sentence

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NoReturn

import pytest
import trio
import trio.lowlevel

import jobactors as ja
from jobactors import lowlevel
from jobactors.inside.report import log_thread
from jobactors.inside.report.guarded_log import LOG
from jobactors.inside.report.log_thread import LogThread
from tests.engine.scripts import run_script

PATIENCE = 10.0
"""Seconds after which a test fails that would wait for ever."""


class Handler(logging.Handler):
    """Calls a function with each record, under its lock, and tells when a record has come."""

    def __init__(self, function: Callable[[logging.LogRecord], object]) -> None:
        super().__init__()
        self.has_come = threading.Event()
        self.has_taken = threading.Event()
        self.function = function

    def filter(self, record: logging.LogRecord) -> bool:
        self.has_come.set()  # before the lock is taken
        return bool(super().filter(record))

    def emit(self, record: logging.LogRecord) -> None:
        self.function(record)
        self.has_taken.set()


@pytest.fixture
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record is as good as not waited for."""
    monkeypatch.setattr(log_thread, "PATIENCE", 0.1)


@contextmanager
def handling(function: Callable[[logging.LogRecord], object]) -> Iterator[Handler]:
    handler, logger = Handler(function), logging.getLogger("jobactors")
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)


def fail() -> NoReturn:
    raise ValueError("for the log")


@pytest.mark.usefixtures("_impatience")
async def test_a_command_under_the_lock_of_a_handler_is_answered_while_the_loop_logs() -> None:
    records: list[logging.LogRecord] = []
    answered: list[bool] = []
    written = threading.Event()

    def write(record: logging.LogRecord) -> None:
        records.append(record)
        written.set()

    def cancel_under_the_lock(handler: Handler, job: ja.Job[None]) -> None:
        cancel = threading.Thread(target=job.cancel, daemon=True)
        with handler.lock or threading.RLock():
            lowlevel.post(jobs, fail)
            handler.has_come.wait(PATIENCE)
            cancel.start()
            cancel.join(PATIENCE)
            answered.append(not cancel.is_alive())

    async with ja.open_jobs() as jobs:
        with handling(write) as handler:
            job = jobs.submit(trio.sleep_forever)
            await trio.to_thread.run_sync(cancel_under_the_lock, handler, job)
            assert (await job.wait()).state == "cancelled"
            assert await trio.to_thread.run_sync(written.wait, PATIENCE)
    assert answered == [True]
    assert "a call posted into the jobs' loop failed" in records[0].getMessage()


@pytest.mark.usefixtures("_impatience")
async def test_jobs_go_on_while_a_handler_blocks() -> None:
    may_go_on, in_time = threading.Event(), list[bool]()
    async with ja.open_jobs() as jobs:
        with handling(lambda _record: in_time.append(may_go_on.wait(PATIENCE))) as handler:
            for _ in range(3):
                LOG.error("of the loop")
            await jobs.run(trio.lowlevel.checkpoint)
            assert handler.has_come.is_set()
            may_go_on.set()
            assert await trio.to_thread.run_sync(handler.has_taken.wait, PATIENCE)
    assert in_time[0]


async def test_a_handler_may_cancel_a_job() -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.submit(trio.sleep_forever)
        with handling(lambda _record: job.cancel("by a handler")):
            LOG.error("of the loop")
            assert (await job.wait()).reason == "by a handler"


async def test_a_record_is_written_when_the_call_that_logs_returns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_thread, "PATIENCE", threading.TIMEOUT_MAX)
    records: list[logging.LogRecord] = []
    async with ja.open_jobs():
        with handling(records.append):
            for number in range(100):
                LOG.error("of the loop")
                assert len(records) == number + 1
    assert {record.threadName for record in records} == {threading.current_thread().name}


def test_what_logs_goes_on_when_the_handler_is_to_wait_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It may wait for the very loop that logs."""
    monkeypatch.setattr(log_thread, "PATIENCE", threading.TIMEOUT_MAX)
    thread, may_go_on = LogThread(), threading.Event()

    def wait() -> None:
        thread.wait_for_none()
        may_go_on.wait(PATIENCE)

    writer = threading.Thread(target=thread.write, args=(wait,), daemon=True)
    writer.start()
    writer.join(PATIENCE)
    assert not writer.is_alive()
    may_go_on.set()


def test_records_beyond_a_number_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_thread, "MOST_WAITING", 2)
    monkeypatch.setattr(log_thread, "PATIENCE", 0)
    thread, may_go_on = LogThread(), threading.Event()
    taken = [thread.write(partial(may_go_on.wait, PATIENCE)) for _ in range(3)]
    may_go_on.set()
    assert taken == [True, True, False]


def test_records_that_were_not_waited_for_are_written_before_a_program_ends() -> None:
    """The thread that writes them ends with the program."""
    source = """
        import logging
        from jobactors.inside.report import log_thread
        from jobactors.inside.report.guarded_log import LOG
        logging.getLogger("jobactors").addHandler(logging.StreamHandler(sys.stdout))

        async def main():
            async with ja.open_jobs():
                log_thread.PATIENCE = 0
                for number in range(1_000):
                    LOG.error("%d", number)
                log_thread.PATIENCE = 60

        trio.run(main)
        os._exit(0)
    """
    assert run_script(source).said == [str(number) for number in range(1_000)]


def test_a_record_is_waited_for_again_after_one_that_was_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    thread, may_go_on, written = LogThread(), threading.Event(), list[int]()
    monkeypatch.setattr(log_thread, "PATIENCE", 0)
    thread.write(partial(may_go_on.wait, PATIENCE))
    thread.write(partial(written.append, 1))
    assert not written
    monkeypatch.setattr(log_thread, "PATIENCE", PATIENCE)
    may_go_on.set()
    thread.flush()
    thread.write(partial(written.append, 2))
    assert written == [1, 2]


@pytest.mark.parametrize("is_asking", [True, False], ids=["before", "meanwhile"])
def test_the_end_of_a_system_waits_for_no_handler_that_waits_for_it(
    monkeypatch: pytest.MonkeyPatch, is_asking: bool
) -> None:
    monkeypatch.setattr(log_thread, "PATIENCE", 0)
    thread, may_ask, asks, has_ended = (LogThread(), *(threading.Event() for _ in range(3)))

    def ask() -> None:
        may_ask.wait(PATIENCE)
        thread.wait_for_none()
        asks.set()
        has_ended.wait(PATIENCE)

    thread.write(ask)
    monkeypatch.setattr(log_thread, "PATIENCE", 2 * PATIENCE)
    ending = threading.Thread(target=thread.flush, daemon=True)
    if is_asking:
        may_ask.set()
        asks.wait(PATIENCE)
    ending.start()
    may_ask.set()
    ending.join(PATIENCE)
    assert not ending.is_alive()
    has_ended.set()


def test_a_record_is_written_before_a_program_ends_though_its_handler_gave_a_command() -> None:
    source = """
        from jobactors.inside.report import log_thread
        from jobactors.inside.report.guarded_log import LOG
        log_thread.PATIENCE = 60
        has_ended = threading.Event()

        class Handler(logging.Handler):
            def emit(self, record):
                job.cancel()
                has_ended.wait()
                time.sleep(0.1)
                print(record.getMessage())

        async def main():
            global job
            async with ja.open_jobs() as jobs:
                job = jobs.submit(trio.sleep_forever)
                logging.getLogger("jobactors").addHandler(Handler())
                await trio.to_thread.run_sync(LOG.error, "of a thread")
                has_ended.set()

        trio.run(main)
        os._exit(0)
    """
    assert run_script(source).said == ["of a thread"]


async def test_a_handler_may_wait_for_a_job_while_the_loop_logs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_thread, "PATIENCE", 2 * PATIENCE)
    results = list[int]()
    async with ja.open_jobs() as jobs:

        def wait(_record: logging.LogRecord) -> None:
            results.append(jobs.submit(lambda: 42).result(timeout=PATIENCE))

        with handling(wait) as handler:
            LOG.error("of the loop")
            assert await trio.to_thread.run_sync(handler.has_taken.wait, PATIENCE)
    assert results == [42]


def test_a_ctrl_c_while_a_record_is_waited_for_arrives_and_loses_no_record() -> None:
    source = """
        from jobactors.inside.report import log_thread
        from jobactors.inside.report.guarded_log import LOG
        log_thread.PATIENCE = 60
        was_interrupted = threading.Event()

        class Handler(logging.Handler):
            def emit(self, record):
                signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
                was_interrupted.wait()
                print(record.getMessage())

        jobs = ja.start()
        logger = logging.getLogger("jobactors")
        logger.propagate = False
        logger.addHandler(Handler())
        try:
            LOG.error("of the program")
        except KeyboardInterrupt:
            print("interrupted, lost:", LOG.lost)
        was_interrupted.set()
        ja.stop()
    """
    ended = run_script(source)
    assert ended.said == ["interrupted, lost: 0", "of the program"]
    assert not ended.errors


def test_a_forked_child_writes_its_records_itself() -> None:
    source = """
        import logging
        from jobactors.inside.report.guarded_log import LOG
        handler = logging.StreamHandler(sys.stdout)
        logging.getLogger("jobactors").addHandler(handler)

        async def main():
            async with ja.open_jobs():
                LOG.error("of the parent")  # the thread that writes is there
                child = os.fork()
                if not child:
                    LOG.error("of the child")
                    os._exit(0)
                os.waitpid(child, 0)

        trio.run(main)
    """
    assert run_script(source).said == ["of the parent", "of the child"]
