"""The rooms of ``jobactors.inside`` import one way, and load no engine and no event loop."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.test_layers import CORE, ROOT, imports_of

if TYPE_CHECKING:
    from pathlib import Path

# A room imports those right of it, itself, and the model; types count.
ORDER: Final = ("chain", "verbs", "context", "signals", "report")
INSIDE: Final = CORE / "inside"
MODULES: Final = sorted(path for path in INSIDE.rglob("*.py"))


def faults(source: str, room: str) -> list[str]:
    """Return the imports of a module of ``room`` that go against the order."""
    found = []
    for imported in imports_of(source, f"jobactors.inside.{room}"):
        names = imported.path.split(".")
        if names[:2] != ["jobactors", "inside"] or len(names) == 2:
            continue
        if ORDER.index(names[2]) < ORDER.index(room):
            found.append(f"line {imported.line}: {room} may not import {imported.path}")
    return found


def name_of(path: Path) -> str:
    """Return the dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent != INSIDE], ids=name_of)
def test_a_room_imports_only_the_rooms_below_it(path: Path) -> None:
    assert faults(path.read_text(), path.parent.name) == []


def test_every_room_has_its_place_in_the_order() -> None:
    assert {path.parent.name for path in MODULES if path.parent != INSIDE} == {*ORDER}


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("report", "from jobactors.inside.context.job_context import JobContext"),
        ("signals", "def f():\n    from ..verbs import track"),
        ("verbs", "if TYPE_CHECKING:\n    from jobactors.inside import chain"),
    ],
)
def test_an_import_against_the_order_is_found(room: str, source: str) -> None:
    assert len(faults(source, room)) == 1


def test_all_of_it_loads_no_engine_and_no_event_loop() -> None:
    """A process that runs one job imports these modules, and is to start at once."""
    code = (
        f"import sys\nimport {', '.join(map(name_of, MODULES))}\n"
        "heavy = {'trio', 'asyncio', 'sqlite3', 'jobactors.engine'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
