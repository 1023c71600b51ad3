"""Vectors of texts by hashing and latent semantic analysis (LSA), in numpy alone.

A text is counted by its words, hashed into 4,096 buckets: its *bag*.  Words that occur together in
the documents at hand are brought together by LSA: the matrix of all bags, weighed by how rare a
word is, is projected onto its strongest directions.  So there is nothing to download, and the model
is trained on the documents themselves.  `train` does it by subspace iteration, a thousand chunks at
a time, so that it needs little memory, can be stopped, and goes on where it was.
"""

import os
import re
import sqlite3
import zlib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from document_library import STOPPED, Answer, Cancelled, Progress, never, quiet
from needed import needing

with needing():
    import numpy as np
    from threadpoolctl import threadpool_limits

threadpool_limits(1)  # a job computes in one thread: many of them share the processors

Array = Any  # of numpy: a matrix or a vector of 32-bit floats

BUCKETS = 4096
"""Buckets that words are hashed into."""
STEM = 6
"""Letters that count in a word, so that "railroad" and "railroads" are one."""
BATCH = 1000
"""Chunks in memory at a time."""
PASSES = 3
"""Passes of the iteration over all chunks."""
SPARE = 16
"""Directions beside the wanted ones; they make the iteration come to its end sooner."""
DECIMALS = 5
"""Decimals of a vector's numbers: the same on every processor, and after every interruption."""


@lru_cache(maxsize=100_000)
def _bucket(word: str) -> int:
    return zlib.crc32(word.encode()) % BUCKETS


def bag_of(text: str) -> bytes:
    """Return the buckets of a text's words and how often each occurs, as 16-bit numbers."""
    words = re.findall(r"[a-z]{3,}", text.lower())
    counts = Counter(_bucket(word[:STEM]) for word in words)
    return np.array(sorted(counts.items()), dtype=np.uint16).reshape(-1, 2).tobytes()


class Model(NamedTuple):
    """What `train` learns."""

    weights: Array
    """How much a word of each bucket says."""
    projection: Array
    """The strongest directions, a column each."""
    fingerprint: str
    """The state of the catalogue that it was trained on."""


def save_model(model: Model, path: Path) -> None:
    """Write a model, whole or not at all."""
    _save(path, weights=model.weights, projection=model.projection, of=np.array(model.fingerprint))


def load_model(path: Path) -> Model | None:
    """Read a model; None if there is none."""
    if not path.exists():
        return None
    with np.load(path) as found:
        return Model(found["weights"], found["projection"], str(found["of"]))


def _save(path: Path, **arrays: Array) -> None:
    part = path.with_suffix(".part.npz")
    np.savez(part, **arrays)
    os.replace(part, path)  # noqa: PTH105 - the one word that says it


def embed(model: Model, bags: Sequence[bytes]) -> Array:
    """Return the vectors of some bags, each of length 1."""
    vectors = _normalised(_rows(bags, model.weights) @ model.projection)
    return vectors.round(DECIMALS)


def _rows(bags: Sequence[bytes], weights: Array) -> Array:
    """Return bags as a matrix, weighed, each row of length 1."""
    found = [np.frombuffer(bag, dtype=np.uint16).reshape(-1, 2) for bag in bags]
    rows = np.repeat(np.arange(len(found)), [len(pairs) for pairs in found])
    pairs = np.concatenate(found)
    matrix = np.zeros((len(found), BUCKETS), dtype=np.float32)
    matrix[rows, pairs[:, 0]] = np.log1p(pairs[:, 1]) * weights[pairs[:, 0]]
    return _normalised(matrix)


def _normalised(matrix: Array) -> Array:
    return matrix / (np.linalg.norm(matrix, axis=1, keepdims=True) + 1e-9)


# -- the training


def train(
    db: sqlite3.Connection,
    dimension: int,
    fingerprint: str,
    path: Path,
    *,
    progress: Progress = quiet,
    cancelled: Cancelled = never,
) -> Answer:
    """Train a model on all chunks of the catalogue, and write it to `path`.

    How far it is stands in a file beside that, which is read by the next call if it was stopped.
    """
    bags = [bag for (bag,) in db.execute("SELECT bag FROM chunks ORDER BY id").fetchall()]
    if not bags:
        return {"success": False, "message": "the catalogue is empty: read the metadata first"}
    weights = _weights(bags)
    directions = min(dimension + SPARE, len(bags), BUCKETS)
    state = _State(path.with_suffix(".state.npz"), fingerprint, directions)
    total = PASSES * len(bags)
    while state.turn < PASSES:
        while state.next < len(bags):
            if cancelled():
                state.save()
                return {**STOPPED}
            progress(state.turn * len(bags) + state.next, total, f"pass {state.turn + 1}")
            rows = _rows(bags[state.next : state.next + BATCH], weights)
            state.sum += rows.T @ (rows @ state.basis)
            state.next += BATCH
            state.save(every=2 * BATCH)
        if state.turn < PASSES - 1:
            state.begin_next_pass()
        else:
            state.turn = PASSES
    save_model(Model(weights, _strongest(state.basis, state.sum, dimension), fingerprint), path)
    state.path.unlink(missing_ok=True)
    progress(total, total, "")
    return {"success": True, "chunks": len(bags)}


def _weights(bags: Sequence[bytes]) -> Array:
    buckets = np.concatenate([np.frombuffer(bag, dtype=np.uint16)[::2] for bag in bags])
    containing = np.bincount(buckets, minlength=BUCKETS)
    return np.log(len(bags) / (1 + containing)).clip(0).astype(np.float32)


def _strongest(basis: Array, total: Array, dimension: int) -> Array:
    """Return the strongest directions in the plane that the iteration has come to."""
    small = basis.T @ total
    _, turns = np.linalg.eigh((small + small.T) / 2)
    found = basis @ turns[:, ::-1][:, :dimension]
    found = found * np.sign(found[np.abs(found).argmax(axis=0), np.arange(found.shape[1])])
    return np.pad(found, ((0, 0), (0, dimension - found.shape[1])))  # of few texts: 0 in the others


class _State:
    """How far a training is."""

    def __init__(self, path: Path, fingerprint: str, directions: int) -> None:
        self.path = path
        self._fingerprint = fingerprint
        self._saved = 0
        start = np.random.default_rng(0).standard_normal((BUCKETS, directions))
        self.basis: Array = start.astype(np.float32)
        self.sum: Array = np.zeros_like(self.basis)
        self.turn = self.next = 0
        if path.exists():
            with np.load(path) as found:
                if str(found["of"]) == fingerprint and found["basis"].shape == self.basis.shape:
                    self.basis, self.sum = found["basis"], found["sum"]
                    self.turn, self.next = map(int, found["place"])

    def begin_next_pass(self) -> None:
        self.basis = np.linalg.qr(self.sum)[0].astype(np.float32)
        self.sum = np.zeros_like(self.basis)
        self.turn, self.next = self.turn + 1, 0
        self.save()

    def save(self, every: int = 0) -> None:
        """Write it down, unless fewer than `every` chunks were done since."""
        done = self.turn * 10**9 + self.next
        if done - self._saved >= every:
            self._saved = done
            place = np.array([self.turn, self.next])
            _save(
                self.path,
                basis=self.basis,
                sum=self.sum,
                place=place,
                of=np.array(self._fingerprint),
            )
