"""``for x in ja.track(seq)`` over a list, a tuple and a range: what an item costs."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import trio

import jobactors as ja
from tests.bench.harness import Measure, Numbers, Program, Variant, peer

Wrapper = Callable[[Iterable[Any]], Iterable[Any]]


def passing(items: Iterable[Any]) -> Iterator[Any]:
    """The least that Python code can do with every item: the floor."""
    for item in items:  # noqa: UP028 - what this costs is the point
        yield item


def tqdm_bar(items: Iterable[Any]) -> Iterable[Any]:
    """The same loop under tqdm."""
    bar: Iterable[Any] = peer("tqdm").tqdm(items, file=io.StringIO())
    return bar


def rich_bar(items: Iterable[Any]) -> Iterable[Any]:
    """The same loop under rich."""
    console = peer("rich.console").Console(file=io.StringIO(), force_terminal=True)
    bar: Iterable[Any] = peer("rich.progress").track(items, console=console)
    return bar


def in_thread(work: Callable[[], Numbers]) -> Numbers:
    """Run ``work`` in a worker thread beside an idle trio loop, as a job of a thread is."""

    async def main() -> Numbers:
        return await trio.to_thread.run_sync(work)

    return trio.run(main)


def in_job(work: Callable[[], Numbers]) -> Numbers:
    """Run ``work`` as a job, in a thread."""

    async def main() -> Numbers:
        async with ja.open_jobs() as jobs:
            return await jobs.run(work)

    return trio.run(main)


def per_item(wrap: Wrapper, source: Iterable[Any], size: int) -> float:
    """Nanoseconds an item of an empty loop, the best of three: what disturbs, only adds."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        for _item in wrap(source):
            pass
        best = min(best, time.perf_counter() - start)
    return best / size * 1e9


def over(wrap: Wrapper, size: int) -> Numbers:
    """Go through each kind of sequence."""
    sequences = {"list": list(range(size)), "tuple": tuple(range(size)), "range": range(size)}
    return {kind: per_item(wrap, sequence, size) for kind, sequence in sequences.items()}


PROGRAM = Program(
    title="`track` over a sequence",
    measures=tuple(Measure(kind, "ns an item", at_most=0.6) for kind in ("list", "tuple", "range")),
    variants=(
        Variant("pass-through generator", lambda n: in_thread(lambda: over(passing, n))),
        Variant("jobactors", lambda n: in_job(lambda: over(ja.track, n))),
        Variant("no loop library", lambda n: in_thread(lambda: over(iter, n))),
        Variant("rich.track", lambda n: in_thread(lambda: over(rich_bar, n)), "rich"),
        Variant("tqdm", lambda n: in_thread(lambda: over(tqdm_bar, n)), "tqdm"),
    ),
    size=500_000,
    smoke_size=1_000,
)
