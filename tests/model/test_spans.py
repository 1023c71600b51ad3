"""The spans of a job's life: they follow each other, and add up to it."""

from __future__ import annotations

import itertools

import pytest
import trio

import jobactors as ja
from jobactors.model.spans import Span, spans_of
from jobactors.model.states import JobState, Waiting


async def test_spans_follow_each_other_from_submit_to_end(autojump_clock: object) -> None:
    """Whatever happened between: a hold, a pause, retries."""
    failures = iter((ValueError, None))

    async def work() -> None:
        async for _ in ja.track(range(3)):
            await trio.sleep(1)
        if error := next(failures):
            raise error

    async with ja.open_jobs() as jobs:
        retry = ja.Retry(max=2, base=7, factor=1, jitter=0)
        job = jobs.options(hold=True, retry=retry).submit(work)
        await trio.sleep(5)
        job.release()
        await trio.sleep(1.5)
        job.pause()
        await trio.sleep(10)
        job.resume()
        await job.wait()
        record = jobs._system.parts.registry.get(job.id)
        snapshot = record.snapshot
        spans = spans_of(snapshot, record.turns, 0)
    assert snapshot.finished_at is not None
    assert (spans[0].start, spans[-1].end) == (snapshot.info.submitted_at, snapshot.finished_at)
    assert all(one.end == other.start for one, other in itertools.pairwise(spans))
    assert [(span.state, span.waiting) for span in spans] == [
        (JobState.QUEUED, Waiting.HOLD),
        (JobState.RUNNING, None),
        (JobState.PAUSED, None),
        (JobState.RUNNING, None),
        (JobState.QUEUED, Waiting.RETRY),
        (JobState.RUNNING, None),
    ]
    assert sum(span.seconds for span in spans) == pytest.approx(
        snapshot.finished_at - snapshot.info.submitted_at
    )


def test_a_clock_that_was_set_back_makes_no_negative_span() -> None:
    """Its length is nothing."""
    assert Span(10.0, 4.0, JobState.RUNNING).seconds == 0.0
