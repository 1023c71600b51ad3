"""The notebooks import their libraries from the folder they lie in; so do these tests."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.notebooks.tiny_model import Models

sys.path.insert(0, str(Path(__file__).parents[2] / "notebooks"))


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    """Debian's docker-registry, with one model."""
    from tests.notebooks.tiny_model import open_models  # not before the path is in place

    with open_models(tmp_path_factory.mktemp("registry")) as models:
        yield models
