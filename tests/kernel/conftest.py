"""The fixture `kernel`: a real ipykernel, of the version a test asks for.

def test_something(kernel: Kernel) -> None: ...                 # the installed ipykernel

@pytest.mark.parametrize("kernel", IPYKERNELS, indirect=True)   # and the older ones
def test_more(kernel: Kernel) -> None: ...
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kernel.client import Kernel, run_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def kernel(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kernel]:
    """A kernel of its own for a test, in an empty folder; ended with the test."""
    version: str = getattr(request, "param", "installed")
    with run_kernel(tmp_path, version) as running:
        yield running
