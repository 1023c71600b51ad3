"""The table that ``make bench`` writes."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from typing import TYPE_CHECKING

from tests.bench.harness import Measure, Program, Results, Variant, ratio, value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HEAD = """\
| what | floor | jobactors | × floor | bar | | peers |
| --- | --- | --- | --- | --- | --- | --- |"""


def table(programs: Iterable[tuple[Program, Results]]) -> str:
    """One line a measure: medians, in brackets the least and the most of all rounds."""
    lines = [line for program, results in programs for line in _lines(program, results)]
    return "\n".join([HEAD, *lines])


def _lines(program: Program, results: Results) -> Iterator[str]:
    floor, ours, *peers = program.variants
    for measure in program.measures:
        here = value(results, ours.name, measure.name)
        bare = value(results, floor.name, measure.name)
        times = ratio(results, ours.name, floor.name, measure.name)
        told = ", ".join(_peer(peer, results, floor, measure) for peer in peers)
        reached = None if here is None else here.middle
        if not measure.absolute:
            reached = None if times is None else times.middle
        cells = [f"{program.title}: {measure.name}, {measure.unit}", bare, here, times]
        texts = ["" if cell is None else str(cell) for cell in cells]
        bar, verdict = _bar(measure), _verdict(reached, measure)
        yield f"| {' | '.join([*texts, bar, verdict, told])} |"


def _peer(peer: Variant, results: Results, floor: Variant, measure: Measure) -> str:
    if peer.version is None:
        return f"{peer.name} not installed"
    times = ratio(results, peer.name, floor.name, measure.name)
    if times is not None:
        return f"{peer.name} {times.middle:.3g}×"
    here = value(results, peer.name, measure.name)
    return f"{peer.name} –" if here is None else f"{peer.name} {here.middle:.3g}"


def _bar(measure: Measure) -> str:
    if measure.at_most is None:
        return ""
    return f"≤ {measure.at_most:g} {measure.unit if measure.absolute else '×'}"


def _verdict(reached: float | None, measure: Measure) -> str:
    if reached is None or measure.at_most is None:
        return ""
    return "met" if reached <= measure.at_most else "missed"


def conditions(programs: Iterable[Program]) -> str:
    """What ran where: versions, processors, and how busy the machine is."""
    names = {variant.package for program in programs for variant in program.variants}
    packages = sorted({"msgspec", "trio"} | names - {""})
    versions = [f"{name} {_version(name)}" for name in packages]
    machine = f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} cores"
    return f"{machine}; {', '.join(versions)}; {load_now()}"


def load_now() -> str:
    """How busy the machine is."""
    if not hasattr(os, "getloadavg"):
        return "load unknown"
    return "load {:.1f} {:.1f} {:.1f}".format(*os.getloadavg())


def _version(package: str) -> str:
    found = Variant("", lambda _: {}, package).version
    return "not installed" if found is None else found


def title() -> str:
    """The first line."""
    return f"# jobactors {version('jobactors')} beside the bare thing"
