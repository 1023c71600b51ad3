"""Threads that are held ready for the end of a script, where Python starts none."""

from __future__ import annotations

import _thread
import threading

import pytest

from jobactors.hosts.spare_threads import SpareThreads


def refuse(*_: object) -> int:
    """Start no thread, as Python 3.12.1 does once the main thread has ended."""
    raise RuntimeError("can't create new thread at interpreter shutdown")


def test_a_thread_that_is_refused_is_one_that_was_held_ready() -> None:
    """It runs in that thread; when all are used, the refusal is the caller's."""
    start = SpareThreads(refuse, 2)
    ran: list[tuple[str, int]] = []
    done = threading.Semaphore(0)

    def run(name: str) -> None:
        ran.append((name, threading.get_ident()))
        done.release()

    idents = []
    for name in "ab":
        idents.append(start(run, (name,)))
        assert done.acquire(timeout=60)
    assert ran == [("a", idents[0]), ("b", idents[1])]
    assert len({*idents, threading.get_ident()}) == 3
    with pytest.raises(RuntimeError, match="interpreter shutdown"):
        start(run, ("c",))


def test_none_of_them_is_used_while_python_starts_threads() -> None:
    """They are for the end."""
    start = SpareThreads(_thread.start_new_thread, 0)
    done = threading.Event()
    start(done.set)
    assert done.wait(60)
