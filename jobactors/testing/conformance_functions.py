"""The job functions of the conformance suite, in the colour that a runner takes.

They report to the test through files: an event of this process is none in another one.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import trio

from jobactors.inside.context.current_job import cancelled, current_job, succeeded
from jobactors.inside.verbs.report_progress import progress
from jobactors.inside.verbs.save_checkpoint import save_checkpoint
from jobactors.inside.verbs.track import track

Colour: TypeAlias = Literal["plain", "trio", "asyncio"]
STEP = 0.001
"""Seconds between two steps of a function that goes on until it is stopped."""


def coloured(colour: Colour, work: Callable[..., Any]) -> Callable[..., Any]:
    """Make a job function of a plain one that never waits."""
    if colour == "plain":
        return work

    async def in_trio(*args: Any) -> Any:
        await trio.lowlevel.checkpoint()
        return work(*args)

    async def in_asyncio(*args: Any) -> Any:
        await asyncio.sleep(0)
        return work(*args)

    return in_trio if colour == "trio" else in_asyncio


# --- until it is stopped ----------------------------------------------------------------------


def wait_plainly(begun: str) -> None:
    """Report that it has begun, and wait for the cancel."""
    Path(begun).touch()
    for _ in track(itertools.count()):
        time.sleep(STEP)


async def wait_in_trio(begun: str) -> None:
    """Report that it has begun, and wait for the cancel."""
    Path(begun).touch()
    async for _ in track(itertools.count()):
        await trio.sleep(STEP)


async def wait_in_asyncio(begun: str) -> None:
    """Report that it has begun, and wait for the cancel."""
    Path(begun).touch()
    async for _ in track(itertools.count()):
        await asyncio.sleep(STEP)


WAIT: Final[dict[str, Callable[..., Any]]] = {
    "plain": wait_plainly,
    "trio": wait_in_trio,
    "asyncio": wait_in_asyncio,
}


def swallow_plainly(begun: str) -> str:
    """The same, but return all the same."""
    with suppress(BaseException):  # the very thing that must not hurt
        wait_plainly(begun)
    return "swallowed"


async def swallow_in_trio(begun: str) -> str:
    """The same, but return all the same."""
    with suppress(BaseException):
        Path(begun).touch()
        await trio.sleep_forever()
    return "swallowed"


async def swallow_in_asyncio(begun: str) -> str:
    """The same, but return all the same."""
    with suppress(BaseException):
        await wait_in_asyncio(begun)
    return "swallowed"


SWALLOW: Final[dict[str, Callable[..., Any]]] = {
    "plain": swallow_plainly,
    "trio": swallow_in_trio,
    "asyncio": swallow_in_asyncio,
}


# --- polite -----------------------------------------------------------------------------------


def _answer(returned: str) -> str:
    save_checkpoint({"rows": 7})
    return succeeded(returned) if returned == "whole" else returned


def poll_plainly(begun: str, returned: str) -> str:
    """Ask whether to stop, save, and return."""
    Path(begun).touch()
    while not current_job().cancel_checker():
        time.sleep(STEP)
    return _answer(returned)


async def poll_in_trio(begun: str, returned: str) -> str:
    """Ask whether to stop, save, and return; shielded, so that it is asked at all."""
    Path(begun).touch()
    with trio.CancelScope(shield=True):
        while not current_job().cancel_checker():
            await trio.sleep(STEP)
    return _answer(returned)


async def poll_in_asyncio(begun: str, returned: str) -> str:
    """Ask whether to stop, save, and return."""
    Path(begun).touch()
    with suppress(BaseException):
        while not current_job().cancel_checker():
            await asyncio.sleep(STEP)
    return _answer(returned)


POLL: Final[dict[str, Callable[..., Any]]] = {
    "plain": poll_plainly,
    "trio": poll_in_trio,
    "asyncio": poll_in_asyncio,
}


def finish_plainly(begun: str, release: str) -> str:
    """Come to its end without a look at the cancel."""
    Path(begun).touch()
    while not Path(release).exists():
        time.sleep(STEP)
    return "finished"


async def finish_in_trio(begun: str, release: str) -> str:
    """Come to its end under a shield."""
    with trio.CancelScope(shield=True):
        Path(begun).touch()
        while not Path(release).exists():
            await trio.sleep(STEP)
    return "finished"


async def finish_in_asyncio(begun: str, release: str) -> str:
    """Come to its end without an ``await`` at which it could be cancelled."""
    return finish_plainly(begun, release)


FINISH: Final[dict[str, Callable[..., Any]]] = {
    "plain": finish_plainly,
    "trio": finish_in_trio,
    "asyncio": finish_in_asyncio,
}


# --- deaf to a cancel -------------------------------------------------------------------------


def _is_held(begun: str, release: str) -> bool:
    """Whether it is to go on: not once it is released, or the row's folder has gone."""
    return Path(begun).exists() and not Path(release).exists()


def ignore_plainly(begun: str, release: str) -> None:
    """Hear of no cancel until it is released."""
    Path(begun).touch()
    while _is_held(begun, release):
        time.sleep(STEP)


async def ignore_in_asyncio(begun: str, release: str) -> None:
    """Hear of no cancel until it is released."""
    Path(begun).touch()
    while _is_held(begun, release):
        with suppress(BaseException):
            await asyncio.sleep(STEP)


IGNORE: Final[dict[str, Callable[..., Any]]] = {
    "plain": ignore_plainly,
    "asyncio": ignore_in_asyncio,
}


# --- what a job says of itself ----------------------------------------------------------------


def look_around() -> tuple[str, str, str, int]:
    """Return the current job's id, name, subject and attempt."""
    job = current_job()
    return job.id, job.name, job.subject, job.attempt


def report_a_thousand() -> None:
    """Report faster than anything samples."""
    for i in range(1, 1001):
        progress(i, 1000, "counting", "rows", odd=i // 2)


def write_a_line() -> None:
    """Write into the job's log."""
    current_job().write_log("from the job\n", "out")


def fail_once() -> Any:
    """Save something and fail; the second attempt returns what it finds of that."""
    job = current_job()
    if job.attempt == 1:
        save_checkpoint({"rows": 7})
        raise ValueError("once")
    return job.attempt, job.checkpoint


def return_partial() -> Any:
    """Return what there is of a result."""
    return cancelled([1, 2])


def touch(path: str) -> None:
    """Leave a mark."""
    Path(path).touch()


_report: Any = progress
_follow: Any = track
NONSENSE: Final[tuple[Callable[[], Any], ...]] = (
    partial(_report, Decimal(1), Decimal(2)),
    partial(_report, 1, loss=[1, 2]),
    partial(_report, float("nan"), 0.0),
    partial(_follow, [1], total="x"),
)


def report_nonsense(which: int) -> str:
    """Report what makes no sense, and go on."""
    list(NONSENSE[which]() or ())
    return "done"


def raise_(error: BaseException) -> None:
    """Raise ``error``."""
    raise error


def identity(value: Any) -> Any:
    """Return ``value``."""
    return value


# --- exceptions whose own code harms ----------------------------------------------------------


class Unprintable(Exception):
    """Cannot be shown."""

    def __str__(self) -> str:
        raise ValueError("no text")


class Poisonous(Exception):
    """Harms the code that shows it."""

    def __str__(self) -> str:
        raise SystemExit


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):
    """Refuses every attribute, its traceback included."""

    code: int = 0


class Uncopyable(Exception):
    """Belongs to its process."""

    def __init__(self) -> None:
        super().__init__("lock")
        self.lock: Any = threading.Lock()


class Coded(Exception):
    """Takes more than it passes on."""

    def __init__(self, message: str, code: int, *, first_attempt: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.first_attempt = first_attempt


def raise_coded(message: str, code: int) -> int:
    """Raise one in the first attempt; return the number of the second."""
    attempt = current_job().attempt
    if attempt == 1:
        raise Coded(message, code, first_attempt=attempt)
    return attempt


def raise_chained() -> None:
    """Raise a group with a note, that has a cause which has a context."""
    try:
        try:
            raise_(KeyError("first"))
        except KeyError:
            raise Coded("second", 2)  # noqa: B904 - a context, and no cause
    except Coded as exc:
        group = ExceptionGroup("several", [Coded("a", 1), ValueError("b")])
        group.add_note("a note")
        raise group from exc


HARMFUL = (Unprintable, Poisonous, Frozen)


def raise_harmful(which: int) -> None:
    """Raise one of these."""
    raise HARMFUL[which]
