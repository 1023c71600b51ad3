"""``for x in ja.track(…)`` over anything that is no sequence: what an item costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jobactors as ja
from tests.bench.harness import Measure, Numbers, Program, Variant
from tests.bench.track_sequences import (
    Wrapper,
    in_job,
    in_thread,
    passing,
    per_item,
    rich_bar,
    tqdm_bar,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def generated(size: int) -> Iterable[int]:
    """Return something whose items come from Python code, as often as one likes."""

    class Generated:
        def __iter__(self) -> Iterator[int]:
            return (number for number in range(size))

    return Generated()


def over(wrap: Wrapper, size: int) -> Numbers:
    """Go through both kinds: one that is C, and one that is not."""
    sources: dict[str, Iterable[Any]] = {
        "dict": dict.fromkeys(range(size)),
        "generator": generated(size),
    }
    return {kind: per_item(wrap, source, size) for kind, source in sources.items()}


PROGRAM = Program(
    title="`track` over any iterable",
    measures=(
        Measure("dict", "ns an item", at_most=1.3),
        Measure("generator", "ns an item", at_most=1.2),
    ),
    variants=(
        Variant("pass-through generator", lambda n: in_thread(lambda: over(passing, n))),
        Variant("jobactors", lambda n: in_job(lambda: over(ja.track, n))),
        Variant("rich.track", lambda n: in_thread(lambda: over(rich_bar, n)), "rich"),
        Variant("tqdm", lambda n: in_thread(lambda: over(tqdm_bar, n)), "tqdm"),
    ),
    size=300_000,
    smoke_size=1_000,
)
