"""Killed at any moment, nothing acknowledged is lost, nothing that ended is done again.

`make test` strikes now and then, `make crash` (JOBACTORS_CRASH=all) before and after every SQL
statement, and at 1,000 random moments.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ALL = os.environ.get("JOBACTORS_CRASH") == "all"


def strikes(kind: str, first: int, second: int, *workload: str) -> list[dict[str, Any]]:
    """Run the loop in a process of its own, and return what each strike came to."""
    command = [sys.executable, "-m", "tests.crash.loop", kind, str(first), str(second), *workload]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.mark.slow
def test_no_statement_is_a_bad_moment_to_die() -> None:
    """Before and after SQL statements; then the program goes on, and comes to the same end."""
    outcomes = strikes("statements", 1, 1 if ALL else 19)
    assert [outcome for outcome in outcomes if outcome["faults"]] == []
    assert sum(outcome["how"] == "killed" for outcome in outcomes) >= 10
    if ALL:  # a chain was struck between its phases, too
        assert {outcome["phases_kept"] for outcome in outcomes} >= {0, 1, 2}


@pytest.mark.slow
def test_no_moment_is_a_bad_one_to_die() -> None:
    """At random moments, up to three times in a row."""
    outcomes = strikes("moments", 1000 if ALL else 12, int(os.environ.get("JOBACTORS_SEED", "1")))
    assert [outcome for outcome in outcomes if outcome["faults"]] == []
    assert any("killed" in outcome["how"] for outcome in outcomes)


@pytest.mark.slow
def test_each_moment_of_a_schedule_has_one_job_whenever_its_program_is_killed() -> None:
    """Before and after SQL statements: no moment is lost, and none is submitted twice."""
    outcomes = strikes("statements", 1, 1, "schedule") if ALL else _few_statements()
    assert [outcome for outcome in outcomes if outcome["faults"]] == []
    assert sum(outcome["how"] == "killed" for outcome in outcomes) >= (150 if ALL else 2)
    if ALL:
        outcomes = strikes("moments", 300, int(os.environ.get("JOBACTORS_SEED", "1")), "schedule")
        assert [outcome for outcome in outcomes if outcome["faults"]] == []


def _few_statements() -> list[dict[str, Any]]:
    return strikes("statements", 41, 40, "schedule")
