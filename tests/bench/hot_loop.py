"""A loop that reports all the time, shown in a notebook: messages a second on iopub."""

from __future__ import annotations

from functools import partial

from tests.bench.harness import Measure, Numbers, Program, Variant
from tests.bench.notebook import fresh_kernel, hear, run_and_hear

FOR = """
import time
def while_time(seconds):
    until, i = time.monotonic() + seconds, 0
    while time.monotonic() < until:
        i += 1
        yield i
"""

PEERS = {
    "ten": "bar.value = i; time.sleep(0.1)",
    "intprogress": "bar.value = i",
    "tqdm": "bar.update()",
}
BARS = {
    "ten": "import ipywidgets; bar = ipywidgets.IntProgress(max=10**9)",
    "intprogress": "import ipywidgets; bar = ipywidgets.IntProgress(max=10**9)",
    "tqdm": "from tqdm.notebook import tqdm; bar = tqdm(total=10**9)",
}

JOBS = """
import trio
import jobactors as ja
jobs = ja.start(max_running=None)
def hot():
    for i in range(10**12):
        ja.progress(i, 10**12)
async def warm():
    for i in range(10**12):
        ja.progress(i, 10**12)
        await trio.sleep(0.01)
"""


def in_cell(which: str, tenths: int) -> Numbers:
    """Messages of a cell that loops."""
    with fresh_kernel(FOR + BARS[which]) as kernel:
        cell = f"for i in while_time({tenths / 10}): {PEERS[which]}"
        return {"one loop": len(run_and_hear(kernel, cell)) / tenths * 10}


def jobactors(tenths: int) -> Numbers:
    """Messages of a job that loops, of twenty on a board, and of one that says nothing."""
    found: Numbers = {}
    with fresh_kernel(JOBS) as kernel:
        for name, cell in (
            ("one loop", "job = jobs.submit(hot); job"),
            ("20 loops on a board", "many = [jobs.submit(warm) for _ in range(20)]; jobs"),
            ("nothing changes", "still = jobs.submit(trio.sleep_forever); jobs"),
        ):
            kernel.run(cell)
            hear(kernel, 0.3)
            found[name] = len(hear(kernel, tenths / 10)) / tenths * 10
            kernel.run("jobs.select().cancel()")
            hear(kernel, 0.2)
    return found


PROGRAM = Program(
    title="iopub messages of hot loops",
    measures=(
        Measure("one loop", "a second", at_most=10, absolute=True),
        Measure("20 loops on a board", "a second", at_most=10, absolute=True),
        Measure("nothing changes", "a second", at_most=0, absolute=True),
    ),
    variants=(
        Variant("ten a second", partial(in_cell, "ten")),
        Variant("jobactors", jobactors),
        Variant("tqdm.notebook", partial(in_cell, "tqdm"), "tqdm"),
        Variant("IntProgress", partial(in_cell, "intprogress")),
    ),
    size=30,
    smoke_size=3,
    rounds=3,
)
