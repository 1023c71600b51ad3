"""Tests of `bind`: a slider that sends its values to a running job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
from jobactors_widgets import bind

import jobactors as ja

if TYPE_CHECKING:
    from .conftest import RecordingComm

pytestmark = pytest.mark.usefixtures("comms")


class Slider:
    """Implements as much of a slider as is needed."""

    def __init__(self) -> None:
        self.value: Any = 0
        self.handlers: list[Any] = []

    def observe(self, handler: Any, names: str) -> None:  # noqa: ARG002 (as ipywidgets has it)
        """Call a handler with changes."""
        self.handlers.append(handler)

    def unobserve(self, handler: Any, names: str) -> None:  # noqa: ARG002 (as ipywidgets has it)
        """Call it no more."""
        self.handlers.remove(handler)

    def move(self, value: Any) -> None:
        """Move it, as a user does."""
        self.value = value
        for handler in list(self.handlers):
            handler({"new": value})


async def test_a_control_sends_to_a_job_until_it_ends(autojump_clock: trio.abc.Clock) -> None:
    """In order, with its name if it has one."""

    async def listen() -> list[Any]:
        inbox = ja.current_job().inbox
        return [await inbox.receive() for _ in range(3)]

    async with ja.open_jobs() as jobs:
        job = jobs.submit(listen)
        plain, named = Slider(), Slider()
        bind(job, plain)
        bind(job, named, "rate")
        plain.move(1)
        named.move(0.5)
        plain.move(2)
        assert await job == [1, ("rate", 0.5), 2]
        await trio.sleep(0.1)
        assert plain.handlers == named.handlers == []


async def test_the_latest_value_wins_when_the_mailbox_is_full(
    autojump_clock: trio.abc.Clock,
) -> None:
    """Nothing is raised, and the newest value arrives when there is room."""

    async def listen() -> list[Any]:
        await trio.sleep(10)
        inbox = ja.current_job().inbox
        return [await inbox.receive() for _ in range(3)]

    async with ja.open_jobs() as jobs:
        job = jobs.options(mailbox=2).submit(listen)
        slider = Slider()
        bind(job, slider)
        for value in range(50):
            slider.move(value)
        assert await job == [0, 1, 49]


async def test_a_control_of_an_ended_job_is_left_alone(
    comms: list[RecordingComm], autojump_clock: trio.abc.Clock
) -> None:
    """It moves, and no message is sent."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(trio.sleep, 0)
        await job
        slider = Slider()
        end = bind(job, slider)
        slider.move(5)
        end()
        assert slider.handlers == []
