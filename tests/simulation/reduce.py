"""Makes a failing program short enough to be read, and puts it beside the earlier ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.simulation.programs import CORPUS, Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def reduce(program: Program, fails: Callable[[Program], bool]) -> Program:
    """Leave out steps, longest runs first, for as long as it still fails."""
    steps = list(program["steps"])
    size = len(steps) // 2
    while size:
        for start in range(len(steps) - size, -1, -size):
            fewer = steps[:start] + steps[start + size :]
            if fails({**program, "steps": fewer}):
                steps = fewer
        size //= 2
    return _plainer({**program, "steps": steps}, fails)


def _plainer(program: Program, fails: Callable[[Program], bool]) -> Program:
    """Leave out options of submits, too."""
    for fewer in list(_with_one_option_less(program)):
        if fails(fewer):
            return _plainer(fewer, fails)
    return program


def _with_one_option_less(program: Program) -> Iterator[Program]:
    for number, (step, what) in enumerate(program["steps"]):
        if step == "submit":
            for name in what:
                less = {other: value for other, value in what.items() if other != name}
                steps = [*program["steps"]]
                steps[number] = (step, less)
                yield {**program, "steps": steps}


def keep(program: Program, name: str) -> None:
    """Write a program into the corpus, one step a line."""
    CORPUS.mkdir(exist_ok=True)
    steps = ",\n  ".join(json.dumps(step) for step in program["steps"])
    rest = json.dumps({key: value for key, value in program.items() if key != "steps"})
    (CORPUS / f"{name}.json").write_text(f'{rest[:-1]},\n "steps": [\n  {steps}\n ]}}\n')
