"""Spans of jobs, as OpenTelemetry's own exporter in memory has them."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
import trio
from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.util.types import Attributes

EXPORTER = InMemorySpanExporter()
FAULTY = threading.Event()
WANTED = threading.Event()


class WhileWanted(Sampler):
    """Records nothing for the other tests of this process: it has one provider, for good."""

    def should_sample(
        self,
        parent_context: Context | None,  # noqa: ARG002 - the names are those of the API
        trace_id: int,  # noqa: ARG002
        name: str,  # noqa: ARG002
        kind: trace.SpanKind | None = None,  # noqa: ARG002
        attributes: Attributes = None,
        *_: object,
        **__: object,
    ) -> SamplingResult:
        """Record while this module runs."""
        wanted = Decision.RECORD_AND_SAMPLE if WANTED.is_set() else Decision.DROP
        return SamplingResult(wanted, attributes)

    def get_description(self) -> str:
        """Return a name."""
        return "while wanted"


class Faulty(SpanProcessor):
    """A processor that fails while a test asks for that."""

    def on_start(self, *_: object, **__: object) -> None:
        """Fail, perhaps."""
        if FAULTY.is_set():
            raise RuntimeError("no span today")


@pytest.fixture(scope="module", autouse=True)
def provider() -> Iterator[None]:
    """The provider of this process, in use for this module."""
    made = TracerProvider(sampler=WhileWanted())
    made.add_span_processor(SimpleSpanProcessor(EXPORTER))
    made.add_span_processor(Faulty())
    trace.set_tracer_provider(made)
    WANTED.set()
    yield
    WANTED.clear()
    EXPORTER.clear()


@pytest.fixture(autouse=True)
def cleared() -> Iterator[None]:
    """No span of another test."""
    EXPORTER.clear()
    yield
    FAULTY.clear()


def spans() -> dict[str, ReadableSpan]:
    """The spans that have ended, by the names of their jobs; others by their own."""
    found = EXPORTER.get_finished_spans()
    return {str((one.attributes or {}).get("jobactors.job.name", one.name)): one for one in found}


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

    trio.run(main)
    found = spans()
    for child, parent in (("outer", "request"), ("inner", "outer"), ("query", "inner")):
        around = found[child].parent
        assert around is not None
        assert around.span_id == found[parent].context.span_id, child
    inner_span = found["inner"]
    assert inner_span.name.startswith("job ")
    assert (inner_span.attributes or {})["jobactors.job.subject"] == "wiki"
    assert (inner_span.attributes or {})["jobactors.job.state"] == "succeeded"
    assert inner_span.status.is_ok
    assert events(inner_span) == [("attempt", 1)]


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
    """Not even where it is installed."""
    program = (
        "import sys, trio, jobactors as ja\n"
        "async def main():\n"
        "    async with ja.open_jobs() as jobs:\n"
        "        await jobs.run(len, 'a')\n"
        "trio.run(main)\n"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
