"""A small model in a real registry, and the job type that downloads it, for tests."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import model_download
import pytest
import trio
from model_registry import WEIGHTS, open_registry, push
from ollama_stand_in import example_layers

import jobactors as ja
from tests.notebooks.docker_registry import NoRegistryError, find_registry
from tests.notebooks.executed import cells_of
from tests.notebooks.pull_server import Gate, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTEBOOK = "04_model_download.ipynb"
SIZE = 3_000_000
IN_THE_MIDDLE = 1_000_000
LAYERS = example_layers(SIZE)


class Models(NamedTuple):
    """A registry that has the model "tiny"."""

    url: str
    folder: Path
    weights: str
    """The digest of its largest layer."""


def registry_program() -> str:
    """Return where docker-registry is; without one the tests fail and name the cure."""
    try:
        return find_registry()
    except NoRegistryError as none_found:
        pytest.fail(str(none_found), pytrace=False)


@contextmanager
def open_models(folder: Path) -> Iterator[Models]:
    """Run Debian's docker-registry, with one model."""
    with open_registry(folder, registry_program()) as registry:
        digests = push(registry.url, "tiny", LAYERS)
        yield Models(registry.url, folder, digests[WEIGHTS])


def job_type(server: str) -> Any:
    """Return the job type as the notebook has it, for a server."""
    names = {"ja": ja, "server": server, "download_model": model_download.download_model}
    exec(cells_of(NOTEBOOK)["type"], names)  # noqa: S102 - our own
    return names["download"]


def contents(folder: Path) -> dict[str, str]:
    """Return the checksum of each file of a server's models."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for kind in ("blobs", "manifests")
        for path in (folder / kind).iterdir()
    }


async def undisturbed(models: Models, folder: Path) -> dict[str, str]:
    """Return what a download leaves that nothing has disturbed."""
    async with served(folder, models.url, Gate()) as server:
        await trio.to_thread.run_sync(model_download.download_model, "tiny", server)
    return contents(folder)


def file_name(digest: str) -> str:
    """Return the name of a blob's file."""
    return digest.replace(":", "-")
