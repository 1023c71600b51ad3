"""A job without an engine: its context, and threads that its code runs in."""

from __future__ import annotations

import sys
import threading
import time
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final, Self

import pytest
from hypothesis import settings

from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.context.job_context import JobContext
from jobactors.inside.context.toolbox import ReadyToolbox
from jobactors.inside.report.meter import Meter
from jobactors.inside.signals.control import Control

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer

# On a busy machine an example takes what it takes.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

PATIENCE: Final = 60.0
"""Seconds after which a test that waits has failed.  Nothing here waits for time to pass."""


class Child:
    """A thread that runs ``function`` in a copy of the context it was made in."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.ended = threading.Event()
        self._value: Any = None
        self._error: BaseException | None = None
        context = copy_context()

        def run() -> None:
            try:
                self._value = context.run(function, *args)
            except BaseException as exc:
                self._error = exc
            finally:
                self.ended.set()

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def result(self) -> Any:
        """What the function returned; raises what it raised."""
        assert self.ended.wait(PATIENCE), "the thread hangs"
        self.thread.join(PATIENCE)
        if self._error is not None:
            raise self._error
        return self._value


def let_others_run() -> None:
    """Give the GIL away once; it takes no time."""
    time.sleep(0)


def until(condition: Callable[[], bool]) -> None:
    """Let other threads run until ``condition()`` holds."""
    limit = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < limit, "it never came to that"
        let_others_run()


class Moments:
    """Calls ``ask`` at one event of the interpreter, a call or a return, while it is entered.

    So that a test can go through all of them, and no moment is left to chance.
    """

    def __init__(self, moment: int, ask: Callable[[], None]) -> None:
        self.asked = False
        self._moment = moment
        self._ask = ask
        self._before: Any = None

    def __enter__(self) -> Self:
        self._before = sys.getprofile()
        sys.setprofile(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)

    def _event(self, *_: object) -> None:
        if self._moment == 0:
            self.asked = True
            self._ask()
        self._moment -= 1


def make_job(loop_thread: int = 0, wake: Callable[[], None] = lambda: None) -> JobContext:
    """The context of a running job whose loop lives in ``loop_thread``, by default elsewhere."""
    toolbox = ReadyToolbox(Control(loop_thread), Meter(wake))
    return JobContext(toolbox, id="job-1", name="Job", type="job", attempt=1)


def set_buffer(context: JobContext, buffer: CheckpointBuffer) -> None:
    """Let a job save its checkpoints into ``buffer``."""
    toolbox = context._toolbox
    assert isinstance(toolbox, ReadyToolbox)
    toolbox.buffer = buffer


@pytest.fixture
def job() -> Iterator[JobContext]:
    """The test's own code, and the threads and tasks it starts, belong to this job."""
    context = make_job()
    token = CURRENT.set(context)
    yield context
    CURRENT.reset(token)


@pytest.fixture
def home_job() -> Iterator[JobContext]:
    """The same for code in the thread of the job's own loop, as every trio job is."""
    context = make_job(threading.get_ident())
    token = CURRENT.set(context)
    yield context
    CURRENT.reset(token)
