"""The Dask cluster of a module of tests, and a runner on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import jobactors as ja

from .dask_cluster import cluster

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def client(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Return the client of a cluster: of two workers in this process, or as ``CLUSTER`` has it."""
    with cluster(**getattr(request.module, "CLUSTER", {})) as client:
        yield client


@pytest.fixture
def runner(client: Any) -> ja.DaskRunner:
    """Return a runner on it."""
    return ja.DaskRunner(client)
