"""A job system beside the test, as a script has one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def jobs() -> Iterator[ja.Jobs]:
    """A system with two slots, its loop in a thread."""
    yield ja.start(max_running=2)
    ja.stop(math.inf)
