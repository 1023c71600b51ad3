"""Calls of a store: one at a time, in the thread of the calls or in the one that asks."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import pytest

from jobactors.engine.loop.serial_thread import SerialCall, SerialThread

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def calls() -> Iterator[SerialThread]:
    """A thread of calls, dismissed afterwards."""
    calls = SerialThread()
    yield calls
    calls.dismiss()


def test_a_call_is_made_here_if_none_is_on_its_way(calls: SerialThread) -> None:
    """It is made when make_here returns, and what it raises is its answer."""
    call = calls.make_here(threading.get_ident)
    assert call is not None
    assert call.done.is_set
    assert call.answer() == threading.get_ident()
    failed: SerialCall[object] | None = calls.make_here(partial(next, iter(())))
    assert failed is not None
    with pytest.raises(StopIteration):
        failed.answer()


def test_no_call_is_made_here_beside_another_one(calls: SerialThread) -> None:
    """The thread is making that."""
    begun, gate = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert gate.wait(60)

    call = calls.send(hold)
    assert begun.wait(60)
    assert calls.make_here(lambda: None) is None
    gate.set()
    assert call.done.wait_in_thread(60)
    assert calls.make_here(lambda: None) is not None


def test_no_call_is_made_here_before_one_that_was_sent(calls: SerialThread) -> None:
    """Even if the thread has not got round to that."""
    calls.dismiss()
    calls._thread.join(60)
    calls.send(lambda: None)
    assert calls.make_here(lambda: None) is None


def test_a_call_that_is_sent_while_one_is_made_here_follows_it(calls: SerialThread) -> None:
    """The connection to a file has one user at a time."""
    made: list[str] = []

    def here() -> None:
        sent = calls.send(lambda: made.append("sent"))
        assert not sent.done.wait_in_thread(0.05)
        made.append("here")

    call = calls.make_here(here)
    assert call is not None
    call.answer()
    assert calls.send(lambda: None).done.wait_in_thread(60)
    assert made == ["here", "sent"]
