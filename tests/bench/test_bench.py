"""The benchmarks run, and say numbers.  How large these are is not asserted: machines differ."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.bench import __main__ as command
from tests.bench import report
from tests.bench.harness import (
    Measure,
    Numbers,
    Program,
    Results,
    Variant,
    ask,
    load,
    ratio,
    spread,
)

MARKS = {
    "hot_loop": pytest.mark.kernel,
    "board": pytest.mark.kernel,
    "document_delete": pytest.mark.kernel,
}
ELSEWHERE = {"frames"}
"""Tried with the browser and the server of other tests, in `tests/browser/test_frames.py`."""
NAMES = [
    pytest.param(name, marks=MARKS.get(name, ()))
    for name in command.PROGRAMS
    if name not in ELSEWHERE
]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_floor_and_jobactors_yield_numbers(name: str) -> None:
    """Once, in the smallest size, in fresh processes; both at a time, for nothing is timed here."""
    program = load(name)
    floor, ours, *_ = program.variants
    with ThreadPoolExecutor() as pool:
        bare, here = pool.map(
            lambda variant: ask(name, variant.name, program.smoke_size), (floor, ours)
        )
    assert set(here) == {measure.name for measure in program.measures}
    assert set(bare) <= set(here)
    assert all(math.isfinite(number) for number in [*here.values(), *bare.values()])


def test_a_program_that_fails_costs_its_own_rows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others are measured and kept, and the command's status tells of it."""
    kept: list[list[str]] = []

    def measure(name: str, _program: Program, **_options: object) -> Results:
        if name == "cancel":
            raise RuntimeError("it broke")
        return {variant.name: [] for variant in load(name).variants}

    monkeypatch.setattr(command, "measure", measure)
    monkeypatch.setattr(command, "keep", lambda _text, measured: kept.append(list(measured)))
    monkeypatch.setattr("sys.argv", ["bench", "track_sequences", "cancel", "progress"])
    with pytest.raises(SystemExit, match="could not be measured: cancel"):
        command.main()
    assert kept[-1] == ["track_sequences", "progress"]


def once(**numbers: float) -> list[Numbers]:
    """One round of a variant."""
    return [numbers]


def test_a_ratio_is_taken_within_a_round() -> None:
    """A round in which the machine was slow for everybody changes nothing."""
    results = {"floor": [{"x": 1.0}, {"x": 10.0}], "ours": [{"x": 2.0}, {"x": 20.0}]}
    assert ratio(results, "ours", "floor", "x") == spread([2.0])


def test_the_table_says_what_was_met_and_who_is_missing() -> None:
    """A bar is a multiple of the floor or a value; a peer that is not installed has no number."""

    def run(_size: int) -> Numbers:
        raise AssertionError

    program = Program(
        title="work",
        measures=(Measure("x", "ns", at_most=1.5), Measure("y", "Hz", at_most=9, absolute=True)),
        variants=(
            Variant("bare", run),
            Variant("jobactors", run),
            Variant("other", run),
            Variant("absent", run, "no-such-distribution"),
        ),
        size=1,
        smoke_size=1,
    )
    results = {"bare": once(x=2, y=8), "jobactors": once(x=4, y=8), "other": once(x=1)}
    absent = "absent not installed"
    lines = report.table([(program, results)]).splitlines()[2:]
    assert lines == [
        f"| work: x, ns | 2 (2–2) | 4 (4–4) | 2 (2–2) | ≤ 1.5 × | missed | other 0.5×, {absent} |",
        f"| work: y, Hz | 8 (8–8) | 8 (8–8) | 1 (1–1) | ≤ 9 Hz | met | other –, {absent} |",
    ]
