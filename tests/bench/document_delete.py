"""A board on which a number moves, while 10,000 vectors are deleted beside it, and without that.

The vectors are in a store of the fifth notebook: a copy, a thousand at a time, and a swap; again
and again, for as long as frames are counted.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.bench.harness import Measure, Numbers, Program, Variant
from tests.bench.notebook import fresh_kernel, hear

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
TICKS = """
import time
import jobactors as ja

def tick():
    for number in range(10**9):
        ja.progress(number)
        time.sleep(0.01)

more = []
"""
DELETES = f"""
import sys; sys.path.insert(0, {str(NOTEBOOKS)!r})
import numpy as np
import document_index, faiss

store = document_index.VectorStore("work", 128)
full, ids = store.empty(), np.arange(20_000)
full.add_with_ids(np.random.default_rng(0).standard_normal((20_000, 128), np.float32), ids)
store.folder.mkdir(parents=True)
faiss.write_index(full, "full.faiss")

def delete():
    for turn in range(10**9):
        store.publish("full.faiss", None)
        document_index.remove(store, ids[::2], progress=ja.progress)

more = [delete]
"""
SHOW = """
jobs = ja.start()
for work in [tick, *more]: jobs.submit(work)
jobs
"""


def watch(code: str, tenths: int) -> Numbers:
    """Count the frames of a board for some tenths of a second."""
    with fresh_kernel(TICKS + code + SHOW) as kernel:
        frames = [message for message in hear(kernel, tenths / 10) if message["buffers"]]
        kernel.run("jobs.select().cancel()")
    return {"a frame": tenths * 100 / max(len(frames), 1e-3)}


PROGRAM = Program(
    title="a board during a delete of 10,000 vectors",
    measures=(Measure("a frame", "ms", at_most=125, absolute=True),),
    variants=(
        Variant("a number that moves", partial(watch, "")),
        Variant("jobactors", partial(watch, DELETES)),
    ),
    size=50,
    smoke_size=5,
    rounds=3,
)
