"""The benchmark of a page that is scrolled runs, and says numbers, in a page that is open."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from tests.bench.frames import FEWER_SECONDS, LONG_PAGE, PROGRAM, cells, measured

if TYPE_CHECKING:
    from tests.browser.conftest import OpenNotebook

SOURCES = {"an idle page": "0", "jobactors": cells(PROGRAM.smoke_size)}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_frames_and_tasks_are_measured(open_notebook: OpenNotebook, source: str) -> None:
    """How many and how long is not asserted: machines differ."""
    numbers = measured(open_notebook([source, LONG_PAGE]), FEWER_SECONDS)
    assert numbers.keys() == {measure.name for measure in PROGRAM.measures}
    assert all(math.isfinite(number) for number in numbers.values())
