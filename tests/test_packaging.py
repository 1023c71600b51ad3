"""What a user installs, and what `import jobactors` costs."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WIDGETS = ROOT / "widgets" / "jobactors_widgets"

# Loaded when they are needed, and not before: some take seconds on a busy machine.
NEEDED_LATER = frozenset(
    {
        "IPython",
        "anyio",
        "anywidget",
        "asyncio",
        "cattrs",
        "cloudpickle",
        "comm",
        "concurrent.futures",
        "dask",
        "distributed",
        "hypercorn",
        "ipykernel",
        "ipywidgets",
        "jobactors_widgets",
        "multiprocessing",
        "platformdirs",
        "psutil",
        "rich",
        "sqlite3",
        "starlette",
        "tqdm",
    }
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """The wheel of this checkout, built without a network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    built = subprocess.run(
        [*command, "--directory", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("*.whl")
    return zipfile.Path(path)


def _names(wheel: zipfile.Path) -> set[str]:
    return {name for name in wheel.root.namelist() if not name.endswith("/")}


def test_the_wheel_holds_two_packages_and_nothing_beside_them(wheel: zipfile.Path) -> None:
    """No import name `widgets`, no tests."""
    tops = {name.partition("/")[0] for name in _names(wheel)}
    packages = {top for top in tops if not top.endswith((".dist-info", ".data"))}
    assert packages == {"jobactors", "jobactors_widgets"}
    assert not [name for name in _names(wheel) if name.endswith((".png", ".gif"))]


def test_both_packages_say_that_they_are_typed(wheel: zipfile.Path) -> None:
    """Without py.typed a type checker ignores every annotation."""
    assert {"jobactors/py.typed", "jobactors_widgets/py.typed"} <= _names(wheel)


@pytest.mark.parametrize("folder", ["static", "labextension"])
def test_the_browser_half_is_complete(wheel: zipfile.Path, folder: str) -> None:
    """Every file of the front end that is in the checkout is in the wheel."""
    there = {
        path.relative_to(WIDGETS.parent).as_posix()
        for path in (WIDGETS / folder).rglob("*")
        if path.is_file()
    }
    assert there - _names(wheel) == set()


def test_jupyterlab_finds_the_sidebar(wheel: zipfile.Path) -> None:
    """It looks below share/jupyter; there the folder is laid out as in the package."""
    names = _names(wheel)
    (data,) = {name.partition("/")[0] for name in names if ".data/" in name}
    installed = f"{data}/data/share/jupyter/labextensions/jobactors/"
    there = {name.removeprefix(installed) for name in names if name.startswith(installed)}
    front = WIDGETS / "labextension"
    top = {"package.json", "install.json"}
    wanted = top | {
        path.relative_to(base).as_posix()
        for base, folder in (
            (front, front / "schemas"),
            (WIDGETS, front / "sidebar"),
            (WIDGETS, WIDGETS / "static"),
        )
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert there == wanted
    package = json.loads((wheel / installed / "package.json").read_text())
    assert package["version"] == data.removesuffix(".data").rpartition("-")[2]
    assert package["jupyterlab"]["_build"]["load"] in there


def test_the_notebook_face_can_be_found(wheel: zipfile.Path) -> None:
    """The core finds its notebook face by this entry point alone."""
    (info,) = (part for part in wheel.iterdir() if part.name.endswith(".dist-info"))
    declared = (info / "entry_points.txt").read_text()
    assert "[jobactors.display]\nnotebook = jobactors_widgets:display_hook" in declared
    assert "[jobactors.page]\nboard = jobactors_widgets.web_page:PAGE" in declared
    assert "jobactors = jobactors_widgets.server_proxy:describe_server" in declared


def test_the_wheel_has_the_console_script_and_all_that_lies_beside_the_notebooks(
    wheel: zipfile.Path,
) -> None:
    """`jobactors tour` copies it; what jobs have left beside them is not in it."""
    (info,) = (part for part in wheel.iterdir() if part.name.endswith(".dist-info"))
    assert "jobactors = jobactors.__main__:main" in (info / "entry_points.txt").read_text()
    notebooks = ROOT / "notebooks"
    there = {
        f"jobactors/notebooks/{path.relative_to(notebooks).as_posix()}"
        for path in notebooks.rglob("*")
        if path.is_file()
        and not re.search(r"(^|/)(\.|__pycache__/)", path.relative_to(notebooks).as_posix())
    }
    assert any(name.endswith(".ipynb") for name in there)
    assert {name for name in _names(wheel) if name.startswith("jobactors/notebooks/")} == there


def test_both_tables_of_public_names_agree() -> None:
    """A type checker reads one and the running program the other."""
    import jobactors

    tree = ast.parse((ROOT / "jobactors" / "__init__.py").read_text())
    (for_types,) = (node for node in tree.body if isinstance(node, ast.If))
    declared = {
        alias.asname or alias.name: node.module
        for node in for_types.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    assert declared == jobactors._HOME_OF


def _loaded_by(statement: str, cwd: Path) -> set[str]:
    program = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return set(json.loads(ran.stdout))


def test_importing_the_core_loads_nothing_that_is_needed_later(tmp_path: Path) -> None:
    """`import jobactors` costs what trio and msgspec cost."""
    floor = _loaded_by("import msgspec, trio", tmp_path)
    added = _loaded_by("import jobactors", tmp_path) - floor
    assert added & NEEDED_LATER == set()


def _install(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command with which make installs, without a network."""
    return subprocess.run(
        [sys.executable, ROOT / ".ci" / "install", "a test", "--no-index", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_installation_reports_its_beginning_and_its_end(
    wheel: zipfile.Path, tmp_path: Path
) -> None:
    """Elsewhere than in a terminal each report is a line."""
    ran = _install("--no-deps", "--target", str(tmp_path), str(wheel.root.filename))
    first, *_, last = ran.stdout.splitlines()
    assert (ran.returncode, ran.stderr) == (0, "")
    assert first == "  a test · asking the package registry"
    assert last.startswith("  a test · done in 0:")
    assert (tmp_path / "jobactors" / "__init__.py").exists()


def test_an_installation_that_fails_shows_the_cause_and_where_the_rest_is() -> None:
    """What pip printed is not lost, and the status is no success."""
    ran = _install("no-package-of-this-name")
    assert ran.returncode != 0
    assert "a test · failed after" in ran.stdout
    assert "No matching distribution found for no-package-of-this-name" in ran.stderr
    assert "All that pip printed is in " in ran.stderr
