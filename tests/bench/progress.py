"""``ja.progress(i, n)``: what a call costs in a hot loop."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import jobactors as ja
from tests.bench.harness import Measure, Numbers, Program, Variant, peer
from tests.bench.track_sequences import in_job, in_thread

Report = Callable[[int, int], object]


def nothing(_done: int, _total: int) -> None:
    """What any call in Python costs."""


def per_call(report: Report, size: int) -> Numbers:
    """Nanoseconds a call, the loop included, the best of three."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        for i in range(size):
            report(i, size)
        best = min(best, time.perf_counter() - start)
    return {"call": best / size * 1e9}


def tqdm_update(size: int) -> Numbers:
    """A bar told of each step."""
    bar = peer("tqdm").tqdm(total=size * 3, file=io.StringIO())
    return per_call(lambda _i, _n: bar.update(), size)


def tqdm_notebook_update(size: int) -> Numbers:
    """The same, a widget; without a kernel, so its messages cost nothing here."""
    bar = peer("tqdm.notebook").tqdm(total=size * 3, display=False)
    return per_call(lambda _i, _n: bar.update(), size)


def rich_update(size: int) -> Numbers:
    """A live display told of each step; a tenth of the calls, because it takes so long."""
    console = peer("rich.console").Console(file=io.StringIO(), force_terminal=True)
    with peer("rich.progress").Progress(console=console) as bars:
        task = bars.add_task("", total=size)
        return per_call(lambda i, _n: bars.update(task, completed=i), max(1, size // 10))


PROGRAM = Program(
    title="`progress(i, n)`",
    measures=(Measure("call", "ns", at_most=2.2),),
    variants=(
        Variant("an empty function", lambda n: in_thread(lambda: per_call(nothing, n))),
        Variant("jobactors", lambda n: in_job(lambda: per_call(ja.progress, n))),
        Variant("tqdm", lambda n: in_thread(lambda: tqdm_update(n)), "tqdm"),
        Variant("tqdm.notebook", lambda n: in_thread(lambda: tqdm_notebook_update(n)), "tqdm"),
        Variant("rich", lambda n: in_thread(lambda: rich_update(n)), "rich"),
    ),
    size=300_000,
    smoke_size=1_000,
)
