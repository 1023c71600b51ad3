"""The system that a row of the conformance suite works on, with ways to look at it."""

from __future__ import annotations

import logging
import tempfile
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import trio

from jobactors.hosts.trio_block import open_jobs

from .conformance_functions import STEP, Colour, coloured
from .recorded_events import record_events

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Generator

    from jobactors.engine.api.job import Job
    from jobactors.engine.api.jobs import Jobs
    from jobactors.model.events import Event


class Suite(Protocol):
    """The conformance suite of one runner, as a row of it sees it."""

    patience: ClassVar[float]
    functions: ClassVar[Colour]

    def make_runner(self) -> Any:
        """Return the runner."""
        ...


class Bench:
    """One system with the runner on it, a neighbour that nothing may disturb, and a folder."""

    def __init__(self, runner: Any, colour: Colour, jobs: Jobs, folder: Path) -> None:
        self.jobs = jobs
        self.runner: Any = runner
        self.name: str = runner if isinstance(runner, str) else runner.name
        self.begun: Path = folder / "begun"
        self.release: Path = folder / "release"
        self._colour: Colour = colour
        given: Any = runner
        self._options = jobs.options(runner=given)

    def submit(self, work: Callable[..., Any], *args: Any, **options: Any) -> Job[Any]:
        """Submit a plain function that never waits."""
        return self._options.options(**options).submit(coloured(self._colour, work), *args)

    async def submit_waiting(self, kinds: dict[str, Any], *args: str, **options: Any) -> Job[Any]:
        """Submit a function that goes on until it is stopped, and wait until it has begun."""
        function = kinds[self._colour]
        job = self._options.options(**options).submit(function, str(self.begun), *args)
        await until(self.begun.exists)
        return job

    @asynccontextmanager
    async def recorded(self, kind: type[Event]) -> AsyncGenerator[list[Event]]:
        """Record the events of one kind."""
        from trio.testing import wait_all_tasks_blocked  # loads pytest, where there is one

        async with record_events(self.jobs, kind) as events:
            yield events
            await wait_all_tasks_blocked()


def row(
    needs: str = "",
) -> Callable[[Callable[[Any, Bench], Awaitable[None]]], Callable[[Any], None]]:
    """Make a test of a row: in a system of its own, within the suite's patience.

    Args:
        needs: The attribute of the suite without which this row does not apply.
    """

    def make(row: Callable[[Any, Bench], Awaitable[None]]) -> Callable[[Any], None]:
        def test(self: Suite) -> None:
            async def run() -> None:
                async with _beside(self) as bench:
                    await row(self, bench)

            trio.run(run)

        # Not functools.wraps: pytest would ask for a fixture called "bench".
        test.__name__ = test.__qualname__ = getattr(row, "__name__", "test")
        test.__doc__ = row.__doc__
        test.needs = needs  # type: ignore[attr-defined]
        return test

    return make


@asynccontextmanager
async def _beside(suite: Suite) -> AsyncGenerator[Bench]:
    """Open a system with a neighbour, and see afterwards that both are as they were."""
    with tempfile.TemporaryDirectory() as folder, trio.fail_after(suite.patience):
        async with open_jobs(unread_failures="ignore") as jobs:
            neighbour = jobs.submit(trio.sleep_forever)
            yield Bench(suite.make_runner(), suite.functions, jobs, Path(folder))
            if neighbour.state.is_terminal:
                return  # the row has closed the system
            assert neighbour.state == "running", "another job was disturbed"
            assert await jobs.run(int, "7") == 7, "the system runs no other job any more"
            neighbour.cancel()


# --- looking ----------------------------------------------------------------------------------


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it is true; a row's patience bounds the wait."""
    while not condition():
        await trio.sleep(STEP)


async def raised_by(job: Job[Any]) -> BaseException:
    """Return what a waiter gets."""
    try:
        value = await job
    except Exception as exc:
        return exc
    raise AssertionError(f"job {job.id} raised nothing, and returned {value!r:.100}")


def depth(exc: BaseException) -> int:
    """Return how many frames its traceback has."""
    frames, where = 0, exc.__traceback__
    while where is not None:
        frames, where = frames + 1, where.tb_next
    return frames


async def kept_cancellation() -> BaseException:
    """Return a real ``trio.Cancelled``, kept longer than it should be."""
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.sleep_forever()
        except trio.Cancelled as exc:
            return exc
    raise AssertionError


@contextmanager
def logged_levels() -> Generator[set[int]]:
    """Collect the levels at which jobactors logs."""
    levels = set[int]()

    def note(record: logging.LogRecord) -> bool:
        levels.add(record.levelno)
        return True

    log = logging.getLogger("jobactors")
    log.addFilter(note)
    try:
        yield levels
    finally:
        log.removeFilter(note)
