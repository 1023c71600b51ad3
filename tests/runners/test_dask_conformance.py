"""The conformance suite on a Dask cluster whose workers are in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import jobactors as ja
from jobactors.testing import RunnerConformance

from .dask_cluster import cluster

if TYPE_CHECKING:
    from collections.abc import Iterator


class TestDask(RunnerConformance):
    """All that a runner promises.  Arguments and results are copies, as on another machine."""

    shares_memory = False
    patience = 120.0
    client: ClassVar[Any]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _on_a_cluster(cls) -> Iterator[None]:
        with cluster(workers=4) as client:
            cls.client = client
            yield

    def make_runner(self) -> ja.DaskRunner:
        """Make one for each row."""
        return ja.DaskRunner(self.client)
