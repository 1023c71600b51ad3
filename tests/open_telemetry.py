"""OpenTelemetry in this process, for tests: its own exporter in memory, on while it is asked for.

A process has one provider, for good; the jobs of all other tests are not recorded.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

if TYPE_CHECKING:
    from collections.abc import Generator

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.util.types import Attributes

EXPORTER = InMemorySpanExporter()
FAULTY = threading.Event()
"""Set while every span fails as it begins."""
WANTED = threading.Event()
"""Set while spans are recorded."""


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
        """Record while this is asked for."""
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


PROVIDER = TracerProvider(sampler=WhileWanted())
PROVIDER.add_span_processor(SimpleSpanProcessor(EXPORTER))
PROVIDER.add_span_processor(Faulty())


@contextmanager
def recording() -> Generator[None]:
    """Record the spans of this process from now on, and forget them in the end."""
    if trace.get_tracer_provider() is not PROVIDER:
        trace.set_tracer_provider(PROVIDER)
    WANTED.set()
    try:
        yield
    finally:
        WANTED.clear()
        FAULTY.clear()
        EXPORTER.clear()


def spans() -> dict[str, ReadableSpan]:
    """The spans that have ended, by the names of their jobs; others by their own."""
    found = EXPORTER.get_finished_spans()
    return {str((one.attributes or {}).get("jobactors.job.name", one.name)): one for one in found}


def span_ids() -> dict[str, int]:
    """Their ids, by the same names."""
    contexts = {name: span.get_span_context() for name, span in spans().items()}
    return {name: context.span_id for name, context in contexts.items() if context is not None}
