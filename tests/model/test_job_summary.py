"""The one line of words that counts jobs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from jobactors.model.job_summary import KINDS, summary, summary_of_counts
from jobactors.model.states import JobState

from .samples import snapshot_in

SUMMARIES = json.loads(
    (Path(__file__).parents[1] / "widgets" / "summaries.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", SUMMARIES, ids=lambda case: case["summary"] or "none")
def test_a_summary_has_the_total_and_each_kind_once(case: dict[str, Any]) -> None:
    """As the browser has it; the same file holds both."""
    assert summary_of_counts(Counter(case["jobs"])) == case["summary"]


def test_every_state_is_counted() -> None:
    """And a stuck job as stuck, whatever its state."""
    assert {state.value for state in JobState} | {"stuck"} == set(KINDS)
    stuck = replace(snapshot_in(JobState.CANCELLING), stuck=True)
    assert summary([stuck, *map(snapshot_in, JobState)]).startswith("9 jobs: 1 failed · 1 stuck")
