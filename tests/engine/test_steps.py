"""Commands that arrive in the middle of a move of the engine, from users' objects in its thread."""

from __future__ import annotations

import gc
import logging
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja
from jobactors.engine.loop import finalizer_thread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

COMMANDS: dict[str, Callable[[ja.Jobs, ja.Job[Any]], object]] = {
    "cancel": lambda _, job: job.cancel("by an object"),
    "hold": lambda _, job: job.hold(),
    "release": lambda _, job: job.release(),
    "update": lambda _, job: job.update(priority="high"),
    "hold dispatch": lambda jobs, _: hold_for_a_moment(jobs),
    "scale": lambda jobs, _: jobs.scale(3),
    "submit": lambda jobs, _: jobs.submit(int),
    "delete all": lambda jobs, _: jobs.select(state="succeeded").delete(),
}


@pytest.fixture(autouse=True)
def _objects_go_with_their_test() -> Iterator[None]:
    """A collection in the next test would let them go, and what they raise hold its frames."""
    yield
    gc.collect()


def hold_for_a_moment(jobs: ja.Jobs) -> None:
    """Hold all jobs, and release them."""
    jobs.hold_dispatch()
    jobs.release_dispatch()


class Object:
    """Gives a command whenever it is compared, hashed, or let go."""

    def __init__(self, command: Callable[[], object]) -> None:
        self.command = command

    def _give(self) -> None:
        with suppress(ja.JobactorsError):  # it did not apply: nothing may break for that
            self.command()

    def __eq__(self, other: object) -> bool:
        self._give()
        return self is other

    def __hash__(self) -> int:
        self._give()
        return 1

    def __del__(self) -> None:
        self._give()


class Handler(logging.Handler):
    """Gives a command for every record of the package's own log."""

    def __init__(self, command: Callable[[], object]) -> None:
        super().__init__()
        self.command = command

    def emit(self, _: logging.LogRecord) -> None:
        """Give it."""
        self.command()


@contextmanager
def eager_collector() -> Iterator[None]:
    """Let the garbage collector run at nearly every allocation."""
    before = gc.get_threshold()
    gc.set_threshold(1)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def cycle_of(thing: object) -> list[object]:
    """Make garbage that only the collector finds, whenever that runs."""
    garbage: list[object] = [thing]
    garbage.append(garbage)
    return garbage


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
async def test_a_command_of_an_object_in_the_loop_is_made_after_the_step(
    command: Callable[[ja.Jobs, ja.Job[Any]], object],
) -> None:
    """Of a finalizer, of a comparison and of a handler: all other jobs end as they should."""
    logger = logging.getLogger("jobactors")
    async with ja.open_jobs(max_running=2, unread_failures="ignore") as jobs:
        target = jobs.options(hold=True).submit(int)

        def give() -> object:
            return command(jobs, target)

        handler = Handler(give)
        logger.addHandler(handler)
        try:
            with eager_collector():
                others = [
                    jobs.options(key=Object(give), on_done=fail).submit(work, Object(give))
                    for _ in range(5)
                ]
                for _ in range(20):
                    cycle_of(Object(give))
                    await trio.lowlevel.checkpoint()
            for job in others:
                assert await job == 1
        finally:
            logger.removeHandler(handler)
        target.cancel()
        assert await jobs.run(work, None) == 1
    assert target.state.is_terminal


async def work(_: object) -> int:
    """Pass through the loop, and return."""
    await trio.lowlevel.checkpoint()
    return 1


def fail(_: ja.JobSnapshot) -> None:
    """Have the package log something."""
    raise ValueError("on purpose")


async def test_a_wrong_command_within_a_step_is_the_error_of_its_caller() -> None:
    """The engine has not moved yet, and goes on."""
    errors: list[Exception] = []

    def update() -> None:
        try:
            target.update(priority="bogus")  # type: ignore[arg-type]
        except ValueError as exc:
            errors.append(exc)

    async with ja.open_jobs() as jobs:
        target = jobs.options(hold=True).submit(int)
        job = jobs.options(key=Object(update)).submit(work, None)
        assert await job == 1
        target.cancel()
    assert errors
    assert "priority" in str(errors[0])


async def test_a_command_within_a_step_changes_nothing_before_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The finalizer of a result runs where retention lets its job go, if its thread is behind."""
    monkeypatch.setattr(finalizer_thread, "MOST_WAITING", 0)
    seen: list[ja.JobState] = []
    let_go, token = trio.Event(), trio.lowlevel.current_trio_token()

    class Result:
        def __del__(self) -> None:
            target.cancel("by a finalizer")
            seen.append(target.state)
            token.run_sync_soon(let_go.set)

    async def make() -> Result:
        return Result()

    async with ja.open_jobs(retention=ja.Retention(jobs=1)) as jobs:
        target = jobs.options(hold=True).submit(int)
        await jobs.run(make)
        await jobs.run(work, None)
        await jobs.run(work, None)
        await let_go.wait()  # the loop's watchdog may hold one of its frames for a moment
        assert seen == ["queued"]
        assert target.snapshot().reason == "by a finalizer"
