"""The trace of OpenTelemetry in which a job's code runs: its own span, for spans that it begins.

In this process the job's context variables have it.  A process of its own and a cluster's worker
get it as the headers of W3C's Trace Context, among the labels of the attempt.

Nothing of ``opentelemetry`` is imported where it is not in use.  What does get headers comes from
a program that uses it, and imports its API, before any code of the job: that code would have no
parent for a span otherwise.  A worker without it goes without.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from jobactors.inside.report.guarded_log import LOG

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

API: Final = "opentelemetry.trace"
"""The module that a program has imported which uses OpenTelemetry."""


def trace_headers() -> dict[str, str]:
    """Return the headers for the present span; empty if there is none."""
    headers: dict[str, str] = {}
    if API in sys.modules:
        try:
            _propagator().inject(headers)
        except Exception:  # the code of others
            LOG.exception("the trace of a job cannot be sent along")
    return headers


@contextmanager
def in_trace(headers: Mapping[str, str]) -> Generator[None]:
    """Run code in the trace that headers name; as it is, without any.

    Args:
        headers: What :func:`trace_headers` has returned, in another process perhaps.
    """
    token: Any = None
    if headers:
        try:
            from opentelemetry import context

            token = context.attach(_propagator().extract(headers))
        except ImportError:
            pass
        except Exception:  # as above
            LOG.exception("a job does not run in the trace that it was sent")
    try:
        yield
    finally:
        if token is not None:
            sys.modules["opentelemetry.context"].detach(token)


def _propagator() -> Any:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator()
