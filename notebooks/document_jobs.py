"""The jobs of the documents: the functions of the other modules, as job types of jobactors.

Those functions know of no jobs, and stay as they are: `_call` gives them the job's progress and its
question whether to stop.  What they have done until then they save themselves, so a job that was
cancelled, or whose process died, goes on from there.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import document_catalogue
import document_index
import document_library
from document_index import DIMENSIONS
from document_library import Answer

import jobactors as ja

UNITS = {f"vectors {dimension}": 1 for dimension in DIMENSIONS}
"""The resources: one job at a time changes the vectors of a dimension."""


class DocumentsFailed(RuntimeError):
    """One of the functions says that it has failed."""


def _call(function: Callable[..., Answer], *args: Any, unit: str = "", **more: Any) -> Answer:
    """Call one of the functions as the job that is running."""

    def report(done: float, total: float, message: str) -> None:
        ja.progress(done, total, message, unit)
        ja.save_checkpoint({"done": done})  # how far it is; what it has done is in its own files

    with ja.shield():  # a cancel is not raised in the function: it asks, saves, and returns
        asked = ja.current_job().cancel_checker
        answer = function(*args, progress=report, cancelled=asked, **more)
    if not answer["success"] and not answer.get("cancelled"):
        raise DocumentsFailed(answer["message"])
    return answer


def _scratch() -> str:
    """Return the folder of the copy: it belongs to the job's checkpoint, and goes with it."""
    return str(ja.current_job().work_folder("copy"))


def _collect(item: str, error: Exception) -> None:
    with ja.collect_errors(item):
        raise error


# -- a library


@ja.job("download", label="Download documents", category="library", icon="⬇", unique=True)
def download(site: str, work: str, source: str) -> Answer:
    """Fetch what a site lists and is not here yet."""
    return _call(document_library.download, site, work, source, unit="files")


@ja.job(
    "upload",
    label="Upload documents",
    category="library",
    icon="⬆",
    unique=True,
    checkpoint_every=None,  # it is quick, and begins anew
)
def upload(files: list[str], work: str, source: str) -> Answer:
    """Add a source of one's own, all of it or nothing."""
    return _call(document_library.upload, files, work, source, unit="B")


# -- the four phases


@ja.job("metadata", label="Read the metadata", category="metadata", icon="🏷")
def metadata(work: str, source: str, dry_run: bool = False) -> Answer:
    """Bring the catalogue up to date with the folder of a source."""
    return _call(
        document_catalogue.read_metadata,
        work,
        source,
        on_error=_collect,
        dry_run=dry_run,
        unit="documents",
    )


def _of(verb: str) -> Callable[..., str]:
    def label(work: str, source: str, dimension: int = 128, dry_run: bool = False) -> str:
        return f"{verb} {source} in {dimension} dimensions"

    return label


@ja.job("clear", label=_of("Clear"), category="clear", icon="🧹", aliases="delete vectors")
def clear(work: str, source: str, dimension: int = 128, dry_run: bool = False) -> Answer:
    """Remove the vectors of a source."""
    function = partial(document_index.clear, work, source, dimension, dry_run=dry_run)
    if dry_run:
        return _call(function)
    with ja.current_job().acquire(f"vectors {dimension}", doing=f"clear {source}"):
        return _call(function, scratch=_scratch(), unit="vectors")


@ja.job("index", label=_of("Index"), category="index", icon="🧭", needs="metadata")
def index(work: str, source: str, dimension: int = 128, dry_run: bool = False) -> Answer:
    """Train the model if need be, then give each chunk its vector."""
    function = partial(document_index.index, work, source, dimension, dry_run=dry_run)
    if dry_run:
        return _call(function)
    with ja.current_job().acquire(f"vectors {dimension}", doing=f"index {source}"):
        scratch = _scratch()
        with ja.stage("model", weight=60):
            trained = _call(document_index.train, work, dimension, scratch=scratch, unit="chunks")
        if not trained["success"]:
            return trained
        with ja.stage("vectors", weight=40):
            return _call(function, scratch=scratch, unit="chunks")


@ja.job("tags", label="Tag the documents", category="tags", icon="🔖", needs="metadata")
def tags(work: str, source: str, dry_run: bool = False) -> Answer:
    """Give each document the words that mark it."""
    return _call(document_catalogue.tag, work, source, dry_run=dry_run, unit="documents")


# -- many workers, and many stores


@ja.job("train", label="Train a model", category="index", icon="🎓")
def train(work: str, dimension: int) -> Answer:
    """Train the model of a store."""
    with ja.current_job().acquire(f"vectors {dimension}", doing="train"):
        return _call(document_index.train, work, dimension, unit="chunks")


@ja.job("embed range", label="Embed a range", category="index", icon="🧩")
def embed_range(part: ja.Range, work: str, source: str, dimension: int) -> int:
    """Write the vectors of one worker's range of batches into that worker's file."""
    embed_batch = document_index.embedder(work, source, dimension)
    with part.open(encoding=None) as out:
        for number in part.track(unit="batches"):
            out.write(embed_batch(number))
    return len(part)


@ja.job("index all", label="Index everywhere", category="index", icon="🗂", needs="metadata")
def index_all(work: str, source: str) -> list[int]:
    """Index a source in the stores of all dimensions, whichever is free first."""
    job = ja.current_job()
    left = {f"vectors {dimension}": dimension for dimension in DIMENSIONS}
    order: list[int] = []
    while left:
        with job.acquire(*left, any_of=True, doing=f"index {source}") as held:
            dimension = left.pop(next(iter(held)))
            with ja.stage(f"{dimension} dimensions", weight=100 / len(DIMENSIONS)):
                scratch = _scratch()
                answer = _call(document_index.train, work, dimension, scratch=scratch)
                if answer["success"]:
                    answer = _call(document_index.index, work, source, dimension, scratch=scratch)
            if not answer["success"]:
                break  # told to stop: the next attempt begins with what is left then
            order.append(dimension)
    return order


# -- the four combined types

WEIGHTS = {"metadata": 25, "clear": 5, "index": 60, "tags": 10}
"""How long a phase takes, beside the others."""
COMBINED: Mapping[str, tuple[str, ...]] = {
    "rebuild": ("metadata", "clear", "index", "tags"),
    "refresh": ("metadata", "index", "tags"),
    "reindex": ("clear", "index"),
    "retag": ("metadata", "tags"),
}
"""The phases of each combined type."""
_VECTORS = ("clear", "index")


def combined(
    kind: str, work: str, source: str, dimension: int = 128, *, dry_run: bool = False
) -> ja.Chain:
    """Return a combined job: to be submitted, or run as it is.

    One at a time works on a source; a second one waits for it, or is refused with
    `jobs.options(on_busy="raise")`.
    """
    more = {"dry_run": True} if dry_run else {}
    given = {"work": work, "source": source, **more}
    phases = [
        ja.phase(
            name.capitalize(),
            name,
            {**given, "dimension": dimension} if name in _VECTORS else given,
            weight=WEIGHTS[name],
        )
        for name in COMBINED[kind]
    ]
    options = {"subject": source, "resources": {f"source {source}": 1}, "tags": [kind]}
    name = f"{kind}, dry run" if dry_run else kind
    return ja.chain(*phases, name=name, options=options)
