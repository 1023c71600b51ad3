"""The watchdog names the job that blocks the loop."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import trio
import trio.testing

import jobactors as ja
from jobactors.engine.loop import watchdog
from jobactors.engine.loop.collector_time import CollectorTime
from jobactors.engine.loop.portal import Portal
from jobactors.engine.loop.watchdog import collector_of
from tests.engine.held_by import held_by
from tests.inside.conftest import until

if TYPE_CHECKING:
    import pytest

SCRIPT = """
import logging, time, trio, jobactors as ja
logging.basicConfig(format="%(message)s")
async def brief():
    pass
async def innocent():
    await trio.sleep_forever()
async def culprit():
    time.sleep(5)  # a blocking call in an async def
async def main():
    async with ja.open_jobs() as jobs:
        await jobs.run(brief)
        await trio.sleep(5)  # long enough to be watched no more
        other = jobs.submit(innocent)
        await jobs.run(culprit)
        other.cancel()
trio.run(main)
"""


def test_a_blocking_call_in_a_trio_job_is_named_with_its_line() -> None:
    """And the cure is said; also after a while in which no trio job ran."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    warning = done.stderr.splitlines()[0]
    assert "has not answered" in warning
    assert "job culprit-" in warning
    assert "<string>:9" in warning
    assert 'runner="thread"' in warning


OBJECT = """
import logging, time, trio, jobactors as ja
logging.basicConfig(format="%(message)s")
def wait():
    for _ in ja.track(iter(int, 1)):
        time.sleep(0.01)
class Slow:
    def __hash__(self):
        time.sleep(5)  # asked for in the loop's own thread
        return 7
async def main():
    async with ja.open_jobs() as jobs:
        job = jobs.submit(wait)
        await trio.sleep(0.1)
        hash(Slow())
        job.cancel()
trio.run(main)
"""


def test_other_code_in_the_loop_is_named_by_its_function() -> None:
    """A thread job runs meanwhile; the code belongs to no job."""
    done = subprocess.run(
        [sys.executable, "-c", OBJECT], capture_output=True, text=True, check=True
    )
    warning = done.stderr.splitlines()[0]
    assert "has not answered" in warning
    assert "Slow.__hash__ at <string>:9 blocks it" in warning


FINALIZER = """
import logging, threading, jobactors as ja
heard, answers = threading.Event(), threading.Event()
class Says(logging.Handler):
    def emit(self, record):
        print(record.getMessage(), flush=True)
        (answers if heard.is_set() else heard).set()
logging.getLogger("jobactors").addHandler(Says())
class Slow:
    def __del__(self):
        heard.wait(60)
jobs = ja.start()
ja.lowlevel.post(jobs, Slow)  # made, and dropped, in the loop's thread
print(jobs.stats().total)
answers.wait(60)
"""


def test_a_loop_in_which_no_job_runs_is_looked_at_while_a_call_waits_for_it() -> None:
    """A finalizer runs where the last reference goes, and says nothing by itself."""
    done = subprocess.run(
        [sys.executable, "-c", FINALIZER], capture_output=True, text=True, check=True
    )
    assert "a finalizer blocks it, in Slow.__del__ at <string>:11" in done.stdout.splitlines()[0]
    assert "answers again" in done.stdout


LAST = """
import os, time, jobactors as ja
from jobactors.engine.loop import watchdog
watchdog.INTERVAL = 0.01
class Last:
    def __del__(self, write=os.write):
        write(1, b"finalized")
def look_at_the_loop():
    time.sleep(0.5)
ja.start().submit(look_at_the_loop)
last = Last()
"""


def test_a_system_that_was_looked_at_is_not_held_after_its_end() -> None:
    """Python finalizes the globals of a program, unless what a thread holds refers to them."""
    done = subprocess.run([sys.executable, "-c", LAST], capture_output=True, text=True, check=True)
    assert done.stdout == "finalized"


async def test_it_holds_no_system_while_it_waits_for_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A program may end meanwhile, and finalizes only what no thread holds."""
    monkeypatch.setattr(watchdog, "INTERVAL", 0.01)
    monkeypatch.setattr(watchdog, "PATIENCE", 60.0)

    def waits_holding_nothing() -> bool:
        threads = [one for one in threading.enumerate() if one.name == "jobactors-watchdog"]
        held = {type(value) for thread in threads for value in held_by(thread)}
        return watchdog._Asked in held and held.isdisjoint({watchdog.LoopWatch, Portal})

    async with ja.open_jobs() as jobs:
        job = jobs.submit(trio.sleep_forever)
        await trio.testing.wait_all_tasks_blocked()
        until(waits_holding_nothing)  # in the loop's thread, which does not answer meanwhile
        job.cancel()


COLLECTION = """
import gc, logging, time, weakref, trio, jobactors as ja
from jobactors.engine.loop import watchdog
watchdog.INTERVAL = 0.01
logging.basicConfig(format="%(message)s")
class Cycle:
    def __init__(self):
        self.own = self
async def innocent():
    gc.disable()  # until it is asked for
    weakref.finalize(Cycle(), sum, range(10**8))  # holds the GIL, as the collector does itself
    time.sleep(0.5)  # the loop is looked at meanwhile
    gc.collect()
    time.sleep(0.5)
async def main():
    async with ja.open_jobs() as jobs:
        await jobs.run(innocent)
trio.run(main)
"""


def test_a_long_garbage_collection_is_blamed_on_no_job() -> None:
    done = subprocess.run(
        [sys.executable, "-c", COLLECTION],
        capture_output=True,
        text=True,
        check=True,
    )
    warning = done.stderr.splitlines()[0]
    assert "Python's garbage collector stopped it for" in warning
    assert "gc.freeze()" in warning
    assert "innocent" not in warning


def test_a_collection_that_waits_in_a_finalizer_stops_nothing() -> None:
    class Cycle:
        def __init__(self) -> None:
            self.own = self

        def __del__(self) -> None:
            time.sleep(0.5)

    counted = CollectorTime()
    counted.count()
    try:
        Cycle()
        gc.collect(1)  # of all objects it would be work, and take as long as there are many
        assert counted.stopped < 0.5
    finally:
        gc.callbacks.remove(counted._note)


def test_the_collector_is_named_for_most_of_a_silence_alone() -> None:
    assert collector_of(2.0, 1.0) is not None
    assert collector_of(2.0, 0.9) is None
