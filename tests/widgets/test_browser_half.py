"""Tests of the browser's half under node: pure functions, and the view over a small document."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from jobactors_widgets.static_files import (
    BUILDER_MODULES,
    DRAWING_MODULES,
    MODULES,
    builder_module,
    builder_style,
    drawings_module,
    drawings_style,
    panel_module,
    panel_style,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

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
@pytest.mark.parametrize("source", [panel_module, builder_module, drawings_module])
def test_the_one_module_is_valid_javascript(tmp_path: Path, source: Callable[[], str]) -> None:
    """No name is declared twice when the modules stand behind each other."""
    module = tmp_path / "one.mjs"
    module.write_text(source(), encoding="utf-8")
    assert NODE is not None
    run = subprocess.run(
        [NODE, "--check", str(module)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_the_one_module_imports_nothing_and_exports_once() -> None:
    """A module from a string has no folder to import from."""
    alone = {"page.js"}  # a page that jobs are served on loads the modules as they are
    own = {name for name in MODULES if "/" not in name}
    assert own == {path.name for path in STATIC.glob("*.js")} - alone
    assert not re.search(r"^import\b", panel_module(), re.MULTILINE)
    assert re.findall(r"^export .*$", panel_module(), re.MULTILINE) == [
        "export default { initialize, render };"
    ]


@pytest.mark.parametrize("modules", [MODULES, BUILDER_MODULES])
def test_a_module_stands_behind_those_that_it_imports(modules: Sequence[str]) -> None:
    """Else a name would be missing in the one module, and only once it is used."""
    for place, name in enumerate(modules):
        source, folder = (STATIC / name).read_text(encoding="utf-8"), (STATIC / name).parent
        for path in re.findall(r"^import\s[^;]*?\sfrom\s+'(\.[^']+)';", source, re.MULTILINE):
            imported = (folder / path).resolve().relative_to(STATIC).as_posix()
            assert imported in modules[:place], f"{name} imports {imported}"


def test_the_builder_is_one_module_too_of_small_files() -> None:
    """Each is one idea, and what is loaded before a click is small."""
    own = sorted((STATIC / "builder").glob("*.js"))
    assert {f"builder/{path.name}" for path in own} <= {*BUILDER_MODULES, *MODULES}
    assert max(path.stat().st_size for path in own) <= 25_000
    assert not re.search(r"^import\b", builder_module(), re.MULTILINE)
    assert re.findall(r"^export .*$", builder_module(), re.MULTILINE) == [
        "export default { initialize, render };"
    ]


def test_drawings_are_one_module_too() -> None:
    """Of small files as well."""
    own = sorted((STATIC / "drawings").glob("*.js"))
    assert {f"drawings/{path.name}" for path in own} <= set(DRAWING_MODULES)
    assert not re.search(r"^import\b", drawings_module(), re.MULTILINE)
    assert re.findall(r"^export .*$", drawings_module(), re.MULTILINE) == [
        "export default { initialize, render };"
    ]
    assert rules_of(drawings_style()) == [".ja-drawing:not(#ja)", ""]


def test_nothing_is_ever_set_as_html() -> None:
    """Everything shown is text; what jobs call themselves is not ours to trust."""
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in panel_module() + builder_module() + drawings_module()


def test_the_style_keeps_to_itself_and_outweighs_a_host() -> None:
    """All is nested in one rule of our own, with an id's weight: a notebook has other widgets."""
    own = [".ja-jobs:not(#ja)", "@keyframes ja-turn", "@keyframes ja-slide"]
    forms = [".ja-builder:not(#ja), .ja-new:not(#ja):not(.ja)", ""]
    assert rules_of(panel_style()) == own + forms
    assert rules_of(builder_style()) == forms


def rules_of(style: str) -> list[str]:
    """The outermost rules of a style sheet."""
    style = re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)
    while (flat := re.sub(r"\{[^{}]*\}", ";", style)) != style:  # from the innermost outwards
        style = flat
    return [rule.strip() for rule in style.split(";")]
