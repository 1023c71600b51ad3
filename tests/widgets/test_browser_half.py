"""Tests of the browser's half under node: pure functions, and the view over a small document."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from jobactors_widgets.static_files import MODULES, panel_module, panel_style

HERE = Path(__file__).parent
STATIC = HERE.parents[1] / "widgets" / "jobactors_widgets" / "static"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(
    NODE is None,
    reason="node is not on PATH; the view is still tried by tests/browser in a real browser",
)


@needs_node
def test_the_browser_half() -> None:
    """Run every `*.test.mjs` of this folder."""
    tests = [str(path) for path in sorted(HERE.glob("*.test.mjs"))]
    assert NODE is not None
    run = subprocess.run(
        [NODE, "--test", *tests], capture_output=True, text=True, check=False, timeout=600
    )
    assert run.returncode == 0, run.stdout + run.stderr


@needs_node
def test_the_one_module_is_valid_javascript(tmp_path: Path) -> None:
    """No name is declared twice when the modules stand behind each other."""
    module = tmp_path / "panel.mjs"
    module.write_text(panel_module(), encoding="utf-8")
    assert NODE is not None
    run = subprocess.run(
        [NODE, "--check", str(module)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_the_one_module_imports_nothing_and_exports_once() -> None:
    """A module from a string has no folder to import from."""
    alone = {"page.js"}  # a page that jobs are served on loads the modules as they are
    assert set(MODULES) == {path.name for path in STATIC.glob("*.js")} - alone
    assert not re.search(r"^import\b", panel_module(), re.MULTILINE)
    assert re.findall(r"^export .*$", panel_module(), re.MULTILINE) == [
        "export default { initialize, render };"
    ]


def test_nothing_is_ever_set_as_html() -> None:
    """Everything shown is text; what jobs call themselves is not ours to trust."""
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in panel_module()


def test_the_style_keeps_to_itself_and_outweighs_a_host() -> None:
    """All is nested in one rule of our own, with an id's weight: a notebook has other widgets."""
    style = re.sub(r"/\*.*?\*/", "", panel_style(), flags=re.DOTALL)
    while (flat := re.sub(r"\{[^{}]*\}", ";", style)) != style:  # from the innermost outwards
        style = flat
    rules = [rule.strip() for rule in style.split(";")]
    assert rules == [".ja-jobs:not(#ja)", "@keyframes ja-turn", "@keyframes ja-slide", ""]
