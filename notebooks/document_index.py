"""Vector stores, one a dimension, whose versions are swapped in one step.

A version is a folder that never changes: the vectors (faiss) and the model that has made them.
A store is changed in a copy, which takes the place of the current version when it is complete: a
search finds all of the old one or all of the new one, and the old one can be restored.

The functions have the shape of those in `document_library.py`.  `scratch` is the folder for the
copy; work that was interrupted finds it there and goes on.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from document_catalogue import bags_of, catalogue, catalogue_as_it_is, chunks_of, fingerprint
from document_library import STOPPED, Answer, Cancelled, Progress, never, quiet, write_whole
from document_vectors import Model, embed, load_model
from document_vectors import train as train_model
from needed import needing

with needing():
    import faiss
    import numpy as np

DIMENSIONS = (64, 128)
"""There is a store for each."""
BATCH = 100
"""Chunks that are embedded at a time."""
DELETE = 1000
"""Vectors that are removed at a time: one call for all would hold up everything else."""
SAVE = 2000
"""The copy is written down every so many vectors."""

NO_MODEL = "there is no model yet: train one first"
CHANGED = "the documents have changed: embed them again"

faiss.omp_set_num_threads(1)  # as for numpy in document_vectors.py


class VectorStore:
    """The versions of the vectors of one dimension; another dimension is another store.

    Raises:
        ValueError: if there can be no vectors of that dimension.
    """

    def __init__(self, work: str | Path, dimension: int) -> None:
        if not isinstance(dimension, int) or dimension < 1:
            raise ValueError(
                f"a dimension is a whole number from 1, such as {DIMENSIONS[-1]}, not {dimension!r}"
            )
        self.dimension = dimension
        self.folder = Path(work) / f"vectors-{dimension}"
        self._pointer = self.folder / "current"

    @property
    def current(self) -> int:
        """The number of the current version; 0 if there is none."""
        return int(self._pointer.read_text()) if self._pointer.exists() else 0

    @property
    def versions(self) -> list[int]:
        """The versions that can be restored."""
        return sorted(int(path.name[1:]) for path in self.folder.glob("v[0-9]*"))

    def path(self, version: int, name: str) -> Path:
        """Return the path of a file of a version: "vectors.faiss" or "model.npz"."""
        return self.folder / f"v{version:06}" / name

    def vectors(self, version: int | None = None) -> Any:
        """Read the vectors of a version, of the current one by default."""
        path = self.path(version or self.current, "vectors.faiss")
        return _read(path) if path.exists() else self.empty()

    def model(self, version: int | None = None) -> Model | None:
        """Read the model that has made the vectors of a version, of the current one by default."""
        return load_model(self.path(version or self.current, "model.npz"))

    def empty(self) -> Any:
        """Return a new index without vectors."""
        return faiss.IndexIDMap(faiss.IndexFlatIP(self.dimension))

    def publish(self, vectors: Path, model: Path | None) -> int:
        """Make a version of a copy, and make it the current one; the last two stay."""
        version = max([self.current, *self.versions]) + 1
        part = self.folder / ".version.part"
        shutil.rmtree(part, ignore_errors=True)  # of a process that was killed here
        part.mkdir(parents=True)
        shutil.copy(vectors, part / "vectors.faiss")
        if model is not None and model.exists():
            shutil.copy(model, part / "model.npz")
        part.rename(self.folder / f"v{version:06}")
        self.restore(version)
        for old in self.versions[:-2]:
            shutil.rmtree(self.folder / f"v{old:06}")
        return version

    def restore(self, version: int) -> None:
        """Make a version the current one, in one step.

        Raises:
            LookupError: there is no such version.
        """
        if version not in self.versions:
            raise LookupError(f"there is no version {version}: {self.versions} can be restored")
        write_whole(self._pointer, str(version).encode())


def _read(path: Path) -> Any:
    return faiss.read_index(str(path))


def ids_in(vectors: Any) -> Any:
    """Return the ids of all vectors of an index."""
    return faiss.vector_to_array(vectors.id_map)


class _Copy:
    """A copy of the current version that is being changed.

    It is of one version and one model: after a swap, or with another model, a new copy is begun.
    """

    def __init__(self, store: VectorStore, scratch: Path, model: str = "") -> None:
        self.path = scratch / f"{store.dimension}-{store.current}-{model or 'as-it-was'}.faiss"
        self.unsaved = 0
        self.vectors: Any = _read(self.path) if self.path.exists() else store.vectors()

    def save(self, every: int = 0) -> None:
        """Write it down, unless fewer than `every` vectors were changed since."""
        if self.unsaved >= every:
            part = self.path.with_suffix(".part")
            faiss.write_index(self.vectors, str(part))
            os.replace(part, self.path)  # noqa: PTH105 - the one word that says it
            self.unsaved = 0


def _scratch(store: VectorStore, given: str | Path | None) -> Path:
    folder = store.folder / "building" if given is None else Path(given)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _model_file(store: VectorStore, scratch: Path) -> Path:
    """Return the model for new vectors: that of the others, for all of a store are of one."""
    if store.vectors().ntotal:
        return store.path(store.current, "model.npz")
    return scratch / f"model-{store.dimension}.npz"


# -- clear


def clear(
    work: str | Path,
    source: str,
    dimension: int,
    *,
    scratch: str | Path | None = None,
    progress: Progress = quiet,
    cancelled: Cancelled = never,
    dry_run: bool = False,
) -> Answer:
    """Remove a source's vectors from a store, and those of which no document is left."""
    store = VectorStore(work, dimension)
    with catalogue_as_it_is(work) as db:
        others = np.setdiff1d(chunks_of(db), chunks_of(db, source))
    unwanted = np.setdiff1d(ids_in(store.vectors()), others)
    return remove(store, unwanted, scratch, progress, cancelled, dry_run=dry_run)


def remove(
    store: VectorStore,
    unwanted: Sequence[int] | Any,
    scratch: str | Path | None = None,
    progress: Progress = quiet,
    cancelled: Cancelled = never,
    *,
    dry_run: bool = False,
) -> Answer:
    """Remove vectors from a copy, a thousand at a time, and swap it in."""
    before = len(np.intersect1d(ids_in(store.vectors()), unwanted))
    if dry_run or not before:
        return {"success": True, "would_remove" if dry_run else "removed": before}
    copy = _Copy(store, _scratch(store, scratch))
    left = np.intersect1d(ids_in(copy.vectors), unwanted)
    for start in range(0, len(left), DELETE):
        if cancelled():
            copy.save()
            return {**STOPPED, "removed": before - len(left) + start}
        progress(before - len(left) + start, before, "removing")
        batch = left[start : start + DELETE]
        copy.unsaved += copy.vectors.remove_ids(batch)
        copy.save(every=SAVE)
    copy.save()
    version = store.publish(copy.path, store.path(store.current, "model.npz"))
    copy.path.unlink()
    progress(before, before, "")
    return {"success": True, "removed": before, "version": version}


# -- model and index


def train(
    work: str | Path,
    dimension: int,
    *,
    scratch: str | Path | None = None,
    progress: Progress = quiet,
    cancelled: Cancelled = never,
) -> Answer:
    """Provide the model for a store: that of its vectors, or one of the present documents.

    Without documents there is nothing to train it on, and nothing that needs it.
    """
    store = VectorStore(work, dimension)
    path = _scratch(store, scratch) / f"model-{dimension}.npz"
    with catalogue_as_it_is(work) as db:
        state = fingerprint(db)
        if not chunks_of(db) or store.vectors().ntotal or _is_of(load_model(path), state):
            return {"success": True, "trained": False}
        if _is_of(store.model(), state):
            shutil.copy(store.path(store.current, "model.npz"), path)
            return {"success": True, "trained": False}
        answer = train_model(db, dimension, state, path, progress=progress, cancelled=cancelled)
    return {**answer, "trained": answer["success"]}


def _is_of(model: Model | None, state: str) -> bool:
    return model is not None and model.fingerprint == state


def index(
    work: str | Path,
    source: str,
    dimension: int,
    *,
    scratch: str | Path | None = None,
    progress: Progress = quiet,
    cancelled: Cancelled = never,
    dry_run: bool = False,
) -> Answer:
    """Give each chunk of a source its vector, and remove those of chunks that are gone."""
    store = VectorStore(work, dimension)
    folder = _scratch(store, scratch)
    path = _model_file(store, folder)
    model = load_model(path)
    with catalogue_as_it_is(work) as db:
        wanted, every = chunks_of(db, source), chunks_of(db)
        if dry_run:
            new = np.setdiff1d(wanted, ids_in(store.vectors()))
            return {"success": True, "would_add": len(new)}
        if model is None:
            if not wanted:
                return {"success": True, "indexed": 0, "version": store.current}
            return {"success": False, "message": NO_MODEL}
        copy = _Copy(store, folder, model.fingerprint)
        gone = np.setdiff1d(ids_in(copy.vectors), every)
        if len(gone):
            copy.vectors.remove_ids(gone)
        known = set(ids_in(copy.vectors).tolist())
        new_ones = [chunk for chunk in wanted if chunk not in known]
        before = len(wanted) - len(new_ones)
        for start in range(0, len(new_ones), BATCH):
            if cancelled():
                copy.save()
                return {**STOPPED, "indexed": before + start}
            progress(before + start, len(wanted), "")
            batch = new_ones[start : start + BATCH]
            vectors = embed(model, bags_of(db, batch))
            copy.vectors.add_with_ids(vectors, np.array(batch, dtype=np.int64))
            copy.unsaved += len(batch)
            copy.save(every=SAVE)
    if copy.path.exists() or copy.unsaved or len(gone):
        copy.save()
        store.publish(copy.path, path)
        copy.path.unlink()
    progress(len(wanted), len(wanted), "")
    return {"success": True, "indexed": len(wanted), "version": store.current}


# -- by many workers, each with a range


def batches_of(work: str | Path, source: str) -> int:
    """Return the number of batches that a source has: what is divided among workers."""
    with catalogue(work) as db:
        return -(-len(chunks_of(db, source)) // BATCH)


def embedder(work: str | Path, source: str, dimension: int) -> Callable[[int], bytes]:
    """Return a function that makes the vectors of one batch, as they stand in a file."""
    store = VectorStore(work, dimension)
    model = load_model(_model_file(store, _scratch(store, None)))
    if model is None:
        raise RuntimeError(NO_MODEL)
    with catalogue(work) as db:
        chunks = chunks_of(db, source)

    def embed_batch(number: int) -> bytes:
        with catalogue(work) as db:
            try:
                bags = bags_of(db, chunks[BATCH * number : BATCH * (number + 1)])
            except KeyError:
                raise RuntimeError(CHANGED) from None
        vectors: bytes = embed(model, bags).astype(np.float32).tobytes()
        return vectors

    return embed_batch


def adopt(work: str | Path, source: str, dimension: int, file: str | Path) -> Answer:
    """Give a source the vectors of a file, which has those of all its batches in order."""
    store = VectorStore(work, dimension)
    folder = _scratch(store, None)
    with catalogue(work) as db:
        chunks = np.array(chunks_of(db, source), dtype=np.int64)
    numbers = np.fromfile(file, dtype=np.float32)
    if len(numbers) != len(chunks) * dimension:
        return {"success": False, "message": CHANGED}
    found = numbers.reshape(-1, dimension)
    vectors = store.vectors()
    vectors.remove_ids(chunks)
    vectors.add_with_ids(found, chunks)
    faiss.write_index(vectors, str(folder / "merged.faiss"))
    version = store.publish(folder / "merged.faiss", _model_file(store, folder))
    shutil.rmtree(folder)
    return {"success": True, "indexed": len(chunks), "version": version}
