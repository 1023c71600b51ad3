"""Runs the variants of a program in turns, each in a fresh process, and compares them."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path(__file__).resolve().parents[2]
LONGEST_RUN = 600

Numbers = dict[str, float]
"""What one run of a variant measured, by the name of the measure."""


@dataclass(frozen=True)
class Measure:
    """One number of a program.  Less is better, always."""

    name: str
    unit: str
    at_most: float | None = None
    """The bar, as a multiple of the floor; None if design.md has none."""
    absolute: bool = False
    """Whether the bar is in ``unit`` instead, and a ratio to the floor would say nothing."""


@dataclass(frozen=True)
class Variant:
    """One way to do a program's work: a function from the size to numbers."""

    name: str
    run: Callable[[int], Numbers]
    package: str = ""
    """The distribution it needs, if that is neither ours nor the standard library."""

    @property
    def version(self) -> str | None:
        """The version of its package; None if that is not installed."""
        try:
            return version(self.package) if self.package else ""
        except PackageNotFoundError:
            return None


@dataclass(frozen=True)
class Program:
    """One question: the floor, jobactors, then peers."""

    title: str
    measures: tuple[Measure, ...]
    variants: tuple[Variant, ...]
    size: int
    smoke_size: int
    rounds: int = 5


Results = dict[str, list[Numbers]]
"""The numbers of each variant, one a round."""


def load(name: str) -> Program:
    """Return the program of the module ``name``."""
    program: Program = importlib.import_module(f"tests.bench.{name}").PROGRAM
    return program


def answer(name: str, variant: str, size: int) -> None:
    """Run one variant in this process, and print its numbers as the last line."""
    (chosen,) = (v for v in load(name).variants if v.name == variant)
    numbers = chosen.run(size)
    print("\n" + json.dumps(numbers))


def ask(name: str, variant: str, size: int) -> Numbers:
    """Run one variant in a fresh process, and return its numbers.

    Raises:
        RuntimeError: it failed; the message has what it wrote.
    """
    code = f"from tests.bench.harness import answer; answer({name!r}, {variant!r}, {size})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LONGEST_RUN,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{name}, {variant}: {done.stderr}")
    numbers: Numbers = json.loads(done.stdout.splitlines()[-1])
    return numbers


def run_in_turns(name: str, variants: Iterable[Variant], size: int, rounds: int) -> Results:
    """Run the variants again and again, beginning with another one each time."""
    order = [variant.name for variant in variants]
    results: Results = {variant: [] for variant in order}
    for _ in range(rounds):
        for variant in order:
            results[variant].append(ask(name, variant, size))
        order = [*order[1:], order[0]]
    return results


@dataclass(frozen=True)
class Spread:
    """The middle and the ends of some numbers."""

    middle: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.middle:.3g} ({self.least:.3g}–{self.most:.3g})"


def spread(numbers: Iterable[float]) -> Spread:
    """Return the median and the extremes."""
    kept = list(numbers)
    return Spread(median(kept), min(kept), max(kept))


def value(results: Results, variant: str, measure: str) -> Spread | None:
    """How a variant did; None if it does not have this measure."""
    found = [numbers[measure] for numbers in results.get(variant, []) if measure in numbers]
    return spread(found) if found else None


def ratio(results: Results, variant: str, floor: str, measure: str) -> Spread | None:
    """How many times as much as the floor of the same round a variant takes."""
    pairs = zip(results.get(variant, []), results[floor], strict=False)
    found = [
        one[measure] / bare[measure]
        for one, bare in pairs
        if measure in one and bare.get(measure, 0) > 0
    ]
    return spread(found) if found else None


def peer(module: str) -> Any:
    """Import another library, which may be absent where these files are only type-checked."""
    return importlib.import_module(module)
