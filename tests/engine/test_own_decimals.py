"""A decimal precision that a job sets is its own, not its submitter's, nor that of other jobs."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import decimal
from collections.abc import Iterator
from contextvars import Context
from typing import Any

import pytest
import trio

import jobactors as ja


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    with decimal.localcontext() as context:
        context.prec = 28
        yield


def set_precision(_: object = None) -> int:
    """Change it, and return what it was."""
    before = decimal.getcontext().prec
    decimal.getcontext().prec = 3
    return before


async def set_precision_in_async(_: object = None) -> int:
    return set_precision()


@pytest.mark.parametrize(
    ("work", "runner"),
    [
        (set_precision, "thread"),
        (set_precision_in_async, "trio"),
        (set_precision_in_async, "asyncio"),
    ],
)
async def test_a_job_has_the_precision_of_its_submitter_and_leaves_it(
    work: Any, runner: Any
) -> None:
    async with ja.open_jobs() as jobs:
        decimal.getcontext().prec = 20
        submitter = jobs.options(runner=runner)
        assert [await submitter.submit(work) for _ in range(2)] == [20, 20]
        assert await submitter.map(work, range(2)) == [20, 20]
    assert decimal.getcontext().prec == 20


@pytest.mark.parametrize("hook", [set_precision, set_precision_in_async])
async def test_what_a_hook_sets_is_not_seen_by_the_jobs_that_still_wait(hook: Any) -> None:
    """They were submitted with one and the same context, which all of them begin with."""
    async with ja.open_jobs(max_running=1) as jobs:
        decimal.getcontext().prec = 20
        with_hook = jobs.options(on_done=hook)
        waiting = [with_hook.submit(set_precision) for _ in range(3)]
        waiting += [with_hook.submit(set_precision_in_async) for _ in range(3)]
        assert [await job for job in waiting] == [20] * 6


async def test_what_the_submitter_changes_later_is_not_seen_by_its_job() -> None:
    """Neither its precision, nor a trap, nor what its own arithmetic has signalled."""

    def look() -> tuple[int, bool, bool]:
        context = decimal.getcontext()
        return context.prec, context.traps[decimal.Inexact], context.flags[decimal.Rounded]

    async with ja.open_jobs() as jobs:
        decimal.getcontext().clear_flags()
        decimal.getcontext().prec = 20
        jobs.hold_dispatch()
        before = [jobs.submit(look) for _ in range(2)]
        decimal.Decimal(1) / 3
        rounded = jobs.submit(look)
        decimal.getcontext().traps[decimal.Inexact] = True
        trapping = jobs.submit(look)
        decimal.getcontext().prec = 5
        jobs.release_dispatch()
        assert [await job for job in before] == [(20, False, False)] * 2
        assert await rounded == (20, False, True)
        assert await trapping == (20, True, True)


async def test_a_submitter_that_never_used_decimal_gives_each_job_one_of_its_own() -> None:
    async with ja.open_jobs() as jobs:
        submits = [Context().run(jobs.submit, set_precision) for _ in range(2)]
        submits += [Context().run(jobs.submit, set_precision_in_async) for _ in range(2)]
        assert [await job for job in submits] == [28] * 4


async def test_each_attempt_begins_with_the_submitters() -> None:
    def work() -> int:
        before = set_precision()
        if ja.current_job().attempt == 1:
            raise ja.Snooze(0)
        return before

    async with ja.open_jobs() as jobs:
        assert await jobs.submit(work) == 28


async def test_hooks_and_callbacks_have_their_own() -> None:
    heard = trio.Event()

    async def hear(_: ja.Event) -> None:
        set_precision()
        heard.set()

    async with ja.open_jobs() as jobs:
        jobs.on_event(hear)
        jobs.on_event(set_precision)
        hooks: list[Any] = [set_precision, set_precision_in_async]
        for hook in hooks:
            await jobs.options(on_done=hook).submit(set_precision)
        await heard.wait()
    assert decimal.getcontext().prec == 28


def test_a_job_run_inside_a_test_has_its_own() -> None:
    assert ja.testing.run_inside(set_precision).value == 28
    assert decimal.getcontext().prec == 28
