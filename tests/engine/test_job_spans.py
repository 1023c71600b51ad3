"""Spans of jobs, as OpenTelemetry's own exporter in memory has them."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
import trio
from opentelemetry import trace

import jobactors as ja
from tests.open_telemetry import (
    FAULTY,
    WANTED,
    recording,
    span_ids,
    spans,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.sdk.trace import ReadableSpan


@pytest.fixture(autouse=True)
def recorded() -> Iterator[None]:
    """The spans of one test."""
    with recording():
        yield


def events(span: ReadableSpan) -> list[tuple[str, object]]:
    """The events of a span, each with its stage or attempt."""
    return [
        (event.name, (event.attributes or {}).get(event.name if event.name != "retry" else "error"))
        for event in span.events
    ]


def test_a_job_is_one_span_below_that_of_its_submitter() -> None:
    """What its code does, and submits, is below the job's."""
    tracer = trace.get_tracer("a program")

    def inner() -> None:
        with tracer.start_as_current_span("query"):
            pass

    async def outer(jobs: ja.Jobs) -> None:
        await jobs.options(name="inner", subject="wiki").submit(inner)

    async def main() -> None:
        async with ja.open_jobs() as jobs:
            with tracer.start_as_current_span("request"):
                job = jobs.options(name="outer").submit(outer, jobs)
            await job
            async with ja.tracked("block"):
                tracer.start_span("second query").end()

    trio.run(main)
    found = spans()
    for child, parent in (
        ("outer", "request"),
        ("inner", "outer"),
        ("query", "inner"),
        ("second query", "block"),
    ):
        around = found[child].parent
        assert around is not None
        assert around.span_id == found[parent].context.span_id, child
    inner_span = found["inner"]
    assert inner_span.name.startswith("job ")
    assert (inner_span.attributes or {})["jobactors.job.subject"] == "wiki"
    assert (inner_span.attributes or {})["jobactors.job.state"] == "succeeded"
    assert inner_span.status.is_ok
    assert events(inner_span) == [("attempt", 1)]


def test_a_process_job_runs_in_the_trace_of_its_job() -> None:
    """A span that its code begins there has the job's for its parent, and shares its sampling."""

    def parent_of_a_new_span() -> tuple[int, bool]:
        from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

        tracer = TracerProvider(shutdown_on_exit=False).get_tracer("a library")
        with tracer.start_as_current_span("query") as span:
            assert isinstance(span, ReadableSpan)
            assert span.parent is not None
            return span.parent.span_id, span.is_recording()

    async def main() -> tuple[int, bool]:
        async with ja.open_jobs() as jobs:
            return await jobs.options(name="work", runner="process").submit(parent_of_a_new_span)

    assert trio.run(main) == (span_ids()["work"], True)


def test_what_a_job_begins_is_not_sampled_if_the_job_is_not() -> None:
    """It has a parent nevertheless, and is no trace of its own."""
    WANTED.clear()
    contexts: list[trace.SpanContext] = []

    def work() -> None:
        contexts.append(trace.get_current_span().get_span_context())

    async def main() -> None:
        async with ja.open_jobs() as jobs:
            await jobs.run(work)

    trio.run(main)
    (around,) = contexts
    assert around.is_valid
    assert not around.trace_flags.sampled
    assert not spans()


def test_attempts_stages_and_errors_are_events_of_the_span() -> None:
    """A failed attempt has its error, and the last one its traceback."""
    may_go_on = threading.Event()

    def work() -> None:
        if ja.current_job().attempt == 1:
            raise OSError("not yet")
        with ja.stage("read"):
            assert may_go_on.wait(60)
        raise ValueError("no date in row 7")

    async def main() -> None:
        async with ja.open_jobs(unread_failures="ignore") as jobs:
            retry = ja.Retry(2, base=0.001, jitter=0)
            job = jobs.options(name="work", retry=retry).submit(work)
            async with jobs.subscribe(ja.JobProgressed) as batches:
                async for batch in batches:
                    if any(event.progress.stages == ("read",) for event in batch):
                        break
            may_go_on.set()
            await job.wait()

    trio.run(main)
    span = spans()["work"]
    assert events(span)[:4] == [
        ("attempt", 1),
        ("retry", "OSError: not yet"),
        ("attempt", 2),
        ("stage", "read"),
    ]
    assert (span.status.is_ok, span.status.description) == (False, "ValueError: no date in row 7")
    (error,) = [event for event in span.events if event.name == "exception"]
    assert "in work" in str((error.attributes or {})["exception.stacktrace"])
    assert span.end_time is not None
    assert span.start_time is not None
    assert span.start_time <= span.events[0].timestamp <= span.end_time


def test_jobs_that_end_otherwise_have_their_end_and_links(tmp_path: Path) -> None:
    """Cancelled before it began; after another job; interrupted, and gone on in a second span."""

    async def main() -> None:
        async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
            first = jobs.options(name="first", hold=True).submit(print)
            jobs.options(name="second", after=[first]).submit(print)
            first.cancel("not now")
            resting = jobs.options(name="resting", hold=True).submit(print)
            await resting.stored()
            await jobs.close()

    trio.run(main)
    found = spans()
    first, second = found["first"], found["second"]
    assert (first.attributes or {})["jobactors.job.reason"] == "not now"
    assert [link.context.span_id for link in second.links] == [first.context.span_id]
    assert (second.attributes or {})["jobactors.job.state"] == "cancelled"
    assert (found["resting"].attributes or {})["jobactors.job.state"] == "interrupted"


def test_a_processor_that_fails_costs_a_job_its_span_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its code is that of others."""
    FAULTY.set()

    async def main() -> int:
        async with ja.open_jobs() as jobs:
            return await jobs.run(len, "abc")

    assert trio.run(main) == 3
    assert "has no span" in caplog.text
    assert not spans()


def test_a_program_without_opentelemetry_does_not_load_it() -> None:
    """Not even where it is installed, nor in the processes of its jobs."""
    program = (
        "import sys, trio, jobactors as ja\n"
        "async def main():\n"
        "    async with ja.open_jobs() as jobs:\n"
        "        await jobs.run(len, 'a')\n"
        "        return await jobs.options(runner='process').submit(has_loaded_it)\n"
        "def has_loaded_it():\n"
        "    return any(name.startswith('opentelemetry') for name in sys.modules)\n"
        "sys.exit(trio.run(main) or has_loaded_it())\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
