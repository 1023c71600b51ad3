"""The text in which Prometheus reads metrics, version 0.0.4 of its exposition format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from .duration_sketch import DurationSketch, merged
from .states import JobState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .tally import Tally

MOST_TYPES: Final = 100
"""Job types with a label of their own; the others are one."""
_OTHER: Final = "other"
_BOUNDS: Final = (0.01, 0.1, 1.0, 10.0, 60.0, 600.0, 3600.0, 86400.0)
"""Seconds at which a histogram is cut."""

Labels = dict[str, str]


class Gauges(Struct, frozen=True):
    """The present state of a job system."""

    running: int = 0
    """Jobs at work."""
    queued: Mapping[str, int] = {}
    """Queued jobs by the reason why they wait."""
    stuck: int = 0
    """Jobs that were asked to stop, and are silent past their grace."""
    held: Mapping[str, int] = {}
    """Units of each resource that jobs hold."""
    loop_lag: float = 0.0
    """Seconds until the loop answered a call from outside."""


def exposition(totals: Mapping[str, Tally], now: Gauges) -> str:
    """Return the text of a system's metrics.

    Args:
        totals: By type, all that was ever counted.
        now: The present state.
    """
    lines: list[str] = []
    types = _bounded(totals)
    lines += _family(
        "jobactors_jobs_total",
        "counter",
        "Jobs that have ended.",
        (
            ("", {"type": kind, "state": state}, sum(tally.ends.get(state, 0) for tally in tallies))
            for kind, tallies in types.items()
            for state in (JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED)
        ),
    )
    lines += _family(
        "jobactors_attempts_total",
        "counter",
        "Attempts of ended jobs.",
        (
            ("", {"type": kind}, sum(tally.attempts for tally in tallies))
            for kind, tallies in types.items()
        ),
    )
    lines += _family(
        "jobactors_run_seconds",
        "histogram",
        "Seconds at work, of ended jobs.",
        (
            sample
            for kind, tallies in types.items()
            for sample in _histogram({"type": kind}, merged(tally.run for tally in tallies))
        ),
    )
    waits: dict[str, DurationSketch] = {}
    for tally in totals.values():
        for reason, sketch in tally.waits.items():
            waits.setdefault(reason, DurationSketch()).merge(sketch)
    lines += _family(
        "jobactors_wait_seconds",
        "histogram",
        "Seconds waited, by reason, of ended jobs.",
        (
            sample
            for reason, sketch in waits.items()
            for sample in _histogram({"reason": reason}, sketch)
        ),
    )
    for name, text, samples in (
        ("running", "Jobs at work.", [("", Labels(), now.running)]),
        ("queued", "Queued jobs.", [("", {"reason": r}, n) for r, n in now.queued.items()]),
        ("stuck", "Jobs that do not stop.", [("", Labels(), now.stuck)]),
        ("resource_held", "Units held.", [("", {"name": r}, n) for r, n in now.held.items()]),
        ("loop_lag_seconds", "Delay of the loop's answer.", [("", Labels(), now.loop_lag)]),
    ):
        lines += _family(f"jobactors_{name}", "gauge", text, samples)
    return "\n".join(lines) + "\n"


def _bounded(totals: Mapping[str, Tally]) -> dict[str, list[Tally]]:
    """Return the tallies by label: the largest types have one of their own."""
    by_size = sorted(totals.items(), key=lambda pair: -sum(pair[1].ends.values()))
    types = {kind: [tally] for kind, tally in by_size[:MOST_TYPES]}
    for _, tally in by_size[MOST_TYPES:]:
        types.setdefault(_OTHER, []).append(tally)
    return types


def _histogram(labels: Labels, sketch: DurationSketch) -> Iterator[tuple[str, Labels, float]]:
    for bound in _BOUNDS:
        yield "_bucket", {**labels, "le": _number(bound)}, sketch.at_most(bound)
    yield "_bucket", {**labels, "le": "+Inf"}, sketch.count
    yield "_sum", labels, sketch.total
    yield "_count", labels, sketch.count


def _family(
    name: str, kind: str, text: str, samples: Iterable[tuple[str, Labels, float]]
) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
    for suffix, labels, value in samples:
        shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{suffix}{{{shown}}} {_number(value)}" if shown else f"{name} {value}"


def _escaped(value: str) -> str:
    plain = str(value).encode("utf-8", "replace").decode()
    return plain.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    return repr(float(value)) if isinstance(value, float) else str(value)
