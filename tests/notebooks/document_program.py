"""A program that works on documents until it is done, or dies on the way.

Usage: document_program.py WORK SITE OWN DEATH

What an earlier process has left is resumed first.  DEATH names the place at which the process kills
itself, or is "none"; most are the middle of a phase.  SITE is an address, OWN a folder of files.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import document_index
import document_jobs

import jobactors as ja

DEATHS = (
    "download",
    "upload",
    "Metadata",
    "Clear",
    "before the swap",
    "model",
    "vectors",
    "after the swap",
    "Tags",
)
"""In the order in which they are come by."""
PATIENCE = 120


def die() -> None:
    """End as in a crash."""
    os.kill(os.getpid(), signal.SIGKILL)


def place_of(message: str) -> str:
    """Return the phase that is running, or the job."""
    job = ja.current_job()
    if job.part == "Index":
        return "model" if message.startswith("pass") else "vectors"
    return job.part or job.type


def prepare(death: str) -> None:
    """Put the death into the functions that are called there."""
    report, restore = ja.progress, document_index.VectorStore.restore

    def deadly_report(
        done: float | None = None, total: float | None = None, message: str = "", unit: str = ""
    ) -> None:
        report(done, total, message, unit)
        if place_of(message) == death and done and total and total / 2 <= done < total:
            die()

    def deadly_restore(self: document_index.VectorStore, version: int) -> None:
        if death == "before the swap":
            die()
        restore(self, version)
        if death == "after the swap" and self.vectors().ntotal:
            die()

    ja.progress = deadly_report  # type: ignore[assignment]
    document_index.VectorStore.restore = deadly_restore  # type: ignore[method-assign]


def main(work: str, site: str, own: str, death: str) -> None:
    """Do all of it, or what is left."""
    prepare(death)
    jobs = ja.start(store=Path(work) / "jobs.db")
    for left in jobs.resumable():
        print(left)
        left.resume().result(PATIENCE)
    here: dict[str, Any] = {"work": work}
    files = sorted(str(path) for path in Path(own).iterdir())
    steps: list[tuple[str, str, dict[str, Any]]] = [
        ("download", "sotu", {**here, "site": site, "source": "sotu"}),
        ("upload", "mine", {**here, "files": files, "source": "mine"}),
    ]
    for kind, subject, arguments in steps:
        if jobs.latest(kind, subject) is None:
            jobs.options(subject=subject).submit(kind, arguments).result(PATIENCE)
    if jobs.latest("chain", "sotu") is None:
        jobs.submit(document_jobs.combined("rebuild", work, "sotu", 64)).result(PATIENCE)


if __name__ == "__main__":
    main(*sys.argv[1:])
