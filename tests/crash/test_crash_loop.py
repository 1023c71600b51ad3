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


def strikes(kind: str, first: int, second: int) -> list[dict[str, Any]]:
    """Run the loop in a process of its own, and return what each strike came to."""
    command = [sys.executable, "-m", "tests.crash.loop", kind, str(first), str(second)]
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
