"""The requests to a running attempt, and its code's obedience to them."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from jobactors.inside.signals.control import Control, StopJob

from .conftest import PATIENCE, Child, Moments

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.inside.context.job_context import JobContext


@pytest.fixture
def control(job: JobContext) -> Control:
    """The requests of an attempt in this thread and its children; its loop lives elsewhere."""
    return job._control


class Pause:
    """A pause that was asked for, and the moment in which it is reached."""

    def __init__(self, control: Control) -> None:
        self._reached = threading.Event()
        control.pause(self._reached.set)

    def wait(self) -> None:
        """Wait until the job stands still."""
        assert self._reached.wait(PATIENCE), "the job does not pause"

    @property
    def reached(self) -> bool:
        """Whether the job stands still."""
        return self._reached.is_set()


def test_nothing_asked_is_nothing_to_obey(control: Control) -> None:
    assert not control.asked
    control.obey()


def test_a_cancel_stops_the_job_once(control: Control) -> None:
    control.cancel("enough")
    assert control.cancel_requested.is_set
    with pytest.raises(StopJob, match="enough"):
        control.obey()
    control.obey()
    assert not control.asked, "a job that goes on all the same pays nothing for it"


def test_a_cancel_gets_past_except_exception(control: Control) -> None:
    def careless() -> None:
        with suppress(Exception):
            control.obey()

    control.cancel(None)
    with pytest.raises(StopJob):
        careless()


def test_a_pause_holds_the_job_until_it_is_resumed(control: Control) -> None:
    pause = Pause(control)
    child = Child(control.obey)
    pause.wait()
    assert not child.ended.is_set()
    control.resume()
    child.result()
    assert not control.asked


def test_a_pause_taken_back_in_time_holds_nobody(control: Control) -> None:
    pause = Pause(control)
    control.resume()
    control.obey()
    assert not pause.reached
    assert not control.asked


def test_a_job_can_be_paused_many_times(control: Control) -> None:
    for _ in range(200):
        pause = Pause(control)
        child = Child(control.obey)
        pause.wait()
        control.resume()
        child.result()


def test_a_pause_asked_for_in_the_moment_of_resuming_holds_again(control: Control) -> None:
    """Resume and Pause clicked before the job's thread had its turn."""
    first = Pause(control)
    child = Child(control.obey)
    first.wait()
    control.resume()
    second = Pause(control)
    second.wait()
    assert not child.ended.is_set()
    control.resume()
    child.result()


def test_a_cancel_wakes_a_paused_job(control: Control) -> None:
    pause = Pause(control)
    child = Child(control.obey)
    pause.wait()
    control.cancel("enough")
    with pytest.raises(StopJob, match="enough"):
        child.result()


def test_a_cancelled_job_is_not_paused_any_more(control: Control) -> None:
    control.cancel(None)
    pause = Pause(control)
    with pytest.raises(StopJob):
        control.obey()
    control.obey()
    assert not pause.reached


def test_resuming_a_job_that_is_not_paused_does_nothing(control: Control) -> None:
    control.resume()
    control.obey()


def test_a_shield_puts_a_cancel_off_and_does_not_swallow_it(control: Control) -> None:
    control.shield()
    control.shield()
    control.cancel(None)
    control.obey()
    control.unshield()
    control.obey()
    control.unshield()
    with pytest.raises(StopJob):
        control.obey()


def test_a_pause_is_not_put_off_by_a_shield(control: Control) -> None:
    control.shield()
    pause = Pause(control)
    child = Child(control.obey)
    pause.wait()
    control.resume()
    child.result()


@pytest.mark.parametrize("ask", [lambda control: control.cancel(None), Pause])
def test_every_cutter_is_told_of_a_request(
    control: Control, ask: Callable[[Control], object]
) -> None:
    told: list[str] = []
    control.request_hooks += [lambda: told.append("outer"), lambda: told.append("inner")]
    before = control.requests
    ask(control)
    assert told == ["outer", "inner"]
    assert control.requests == before + 1


def test_a_loop_under_a_shield_comes_to_its_next_point_after_it(control: Control) -> None:
    told: list[str] = []
    control.shield()
    control.cancel(None)
    control.request_hooks.append(lambda: told.append("loop"))
    control.unshield()
    assert told == ["loop"]


def test_in_its_own_loop_a_job_neither_waits_nor_raises() -> None:
    control = Control(loop_thread=threading.get_ident())
    assert control.is_home
    pause = Pause(control)
    control.obey()
    control.cancel(None)
    control.obey()
    assert not pause.reached


# -- no request is lost, whatever the two threads are doing


def with_an_old_request() -> Control:
    """A control that still says "asked" of a pause that was taken back."""
    control = Control(loop_thread=0)
    control.own_thread = threading.get_ident()
    Pause(control)
    control.resume()
    return control


def was_stopped(control: Control) -> bool:
    """Whether obeying stops the job."""
    try:
        control.obey()
    except StopJob:
        return True
    return False


def test_a_cancel_that_comes_while_an_old_request_is_obeyed_is_not_lost() -> None:
    moment, more = 0, True
    while more:
        control = with_an_old_request()
        with Moments(moment, partial(control.cancel, None)) as moments:
            stopped = was_stopped(control)
        moment, more = moment + 1, moments.asked
        if more:
            assert stopped or was_stopped(control), f"lost at moment {moment}"
    assert moment > 5


def test_a_pause_that_comes_while_an_old_request_is_obeyed_is_not_lost() -> None:
    moment, more = 0, True
    while more:
        control = with_an_old_request()
        reached: list[int] = []

        def stand_still(control: Control = control, reached: list[int] = reached) -> None:
            reached.append(1)
            control.resume()

        with Moments(moment, partial(control.pause, stand_still)) as moments:
            control.obey()
        control.obey()
        moment, more = moment + 1, moments.asked
        assert reached or not more, f"lost at moment {moment}"
    assert moment > 5


def test_a_job_that_obeys_in_the_middle_of_a_cancel_does_not_miss_it() -> None:
    """The request must be there before the flag that says so."""
    moment, more = 0, True
    while more:
        control = with_an_old_request()
        stopped: list[bool] = []

        def obey(control: Control = control, stopped: list[bool] = stopped) -> None:
            stopped.append(was_stopped(control))

        with Moments(moment, obey) as moments:
            control.cancel(None)
        moment, more = moment + 1, moments.asked
        assert True in stopped or was_stopped(control), f"lost at moment {moment}"
    assert moment > 5


async def test_trio_code_stands_still_until_it_is_resumed(control: Control) -> None:
    pause, went_on = Pause(control), trio.Event()

    async def job() -> None:
        await control.obey_in_loop()
        went_on.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(job)
        await wait_all_tasks_blocked()
        assert pause.reached
        assert not went_on.is_set()
        control.resume()
        with trio.fail_after(PATIENCE):
            await went_on.wait()
    assert not control.asked


async def test_a_cancel_wakes_paused_trio_code_and_leaves_the_rest_to_its_scope(
    control: Control,
) -> None:
    Pause(control)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(control.obey_in_loop)
        await wait_all_tasks_blocked()
        control.cancel(None)
    await control.obey_in_loop()


async def test_paused_trio_code_is_cancelled_like_any_other(control: Control) -> None:
    Pause(control)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(control.obey_in_loop)
            await wait_all_tasks_blocked()
            scope.cancel()
    assert scope.cancelled_caught


def test_pauses_and_resumes_from_another_thread_lose_nobody(control: Control) -> None:
    """A thread that obeys in a loop, while another asks as fast as it can."""
    stop = threading.Event()

    def job() -> None:
        while not stop.is_set():
            if control.asked:
                control.obey()

    child = Child(job)
    for number in range(500):
        pause = Pause(control)
        if number % 3:
            pause.wait()
        control.resume()
    stop.set()
    child.result()
    control.obey()
    assert not control.asked
