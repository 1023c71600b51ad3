"""README and CONTRIBUTING name files, targets and functions that exist."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

import jobactors as ja

ROOT: Final = Path(__file__).resolve().parents[1]
README: Final = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING: Final = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAP: Final = CONTRIBUTING.partition("## Where is …?")[2].partition("\n## ")[0]
BASES: Final = (ROOT / "jobactors", ROOT / "widgets" / "jobactors_widgets", ROOT)

BLOCKS: Final = re.findall(r"^```python\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def places() -> list[str]:
    """Return each path that the map of CONTRIBUTING names, and each name it seeks in one."""
    return re.findall(r"`([\w/.]+(?:/|\.py|\.js))`(?:: `(\w+)`)?", MAP)


@pytest.mark.parametrize(("path", "name"), places(), ids=lambda value: value or "-")
def test_the_map_points_at_files_and_functions_that_exist(path: str, name: str) -> None:
    found = [base / path for base in BASES if (base / path).exists()]
    assert len(found) == 1
    assert not name or f"def {name}(" in found[0].read_text(encoding="utf-8")


def test_every_room_is_drawn() -> None:
    house = CONTRIBUTING.partition("## The house")[2].partition("```\n\n")[0]
    drawn = set(re.findall(r"^ *(\w+)/ ", house, flags=re.MULTILINE))
    rooms = {path.parent.name for path in (ROOT / "jobactors").rglob("*.py")}
    assert rooms - {"jobactors", "testing"} <= drawn


def test_the_readme_of_the_notebooks_has_a_row_for_each() -> None:
    notebooks = ROOT / "notebooks"
    rows = re.findall(
        r"^\| \[\w+\]\((\w+\.ipynb)\) \|", (notebooks / "README.md").read_text(), re.MULTILINE
    )
    assert rows == sorted(path.name for path in notebooks.glob("*.ipynb"))


def test_every_target_of_make_is_listed() -> None:
    targets = re.findall(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    listed = set(re.findall(r"`make ([\w-]+)", CONTRIBUTING))
    assert {target for line in targets for target in line.split()} - {"help"} == listed


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.strip().split("\n")[0])
def test_the_code_of_the_readme_compiles_and_uses_public_names(block: str) -> None:
    compile(block, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    names = {
        node.attr
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "ja"
    }
    assert names <= {*ja.__all__}


def test_the_first_argument_of_a_local_cluster_is_its_name() -> None:
    """A number there is a name: the cluster then has as many workers as fit the machine."""
    texts = [README, *(path.read_text() for path in (ROOT / "notebooks").glob("*.ipynb"))]
    assert not [found for text in texts for found in re.findall(r"LocalCluster\(\d.*", text)]


def test_the_methods_of_the_readme_exist() -> None:
    """Of a job system and of a job, under the names that the code there gives them."""
    owners = {"jobs": ja.Jobs, "job": ja.Job, "work": ja.Resumable}
    missing = [
        ast.unparse(node)
        for block in BLOCKS
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Attribute)
        and (owner := owners.get(ast.unparse(node.value))) is not None
        and not hasattr(owner, node.attr)
    ]
    assert missing == []


def test_the_readme_says_how_to_try_it_within_its_first_fifth() -> None:
    assert README.index("make run") < len(README) / 5
