"""Lower rooms never import higher ones: read from the sources, not from what happens to be loaded.

Every import counts, inside functions and under TYPE_CHECKING too: a type is knowledge as well.
Only `jobactors/__init__.py`, the table of contents, may name every room.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
CORE = ROOT / "jobactors"
WIDGETS = ROOT / "widgets" / "jobactors_widgets"

# A room may import the rooms of the lines above its own. Rooms on one line do not know each other.
ORDER = (
    ("model",),
    ("inside",),
    ("engine",),
    ("runners", "stores"),
    ("hosts", "faces"),
)
FLOOR = {room: floor for floor, rooms in enumerate(ORDER) for room in rooms}
# Modules and packages beside the rooms, such as lowlevel.py and testing/: above them all.
ROOF = len(ORDER)
ON_THE_ROOF = frozenset({"testing"})

JUPYTER = frozenset(
    {
        "IPython",
        "anywidget",
        "comm",
        "ipykernel",
        "ipywidgets",
        "jobactors_widgets",
        "jupyter_client",
        "jupyter_server",
        "jupyterlab",
        "traitlets",
    }
)

# The model is pure: no scheduler, no I/O, no clock.
IMPURE = frozenset(
    {
        "anyio",
        "asyncio",
        "concurrent",
        "http",
        "io",
        "multiprocessing",
        "os",
        "pathlib",
        "queue",
        "select",
        "selectors",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "trio",
        "urllib",
    }
)


@dataclass(frozen=True)
class Import:
    """One imported thing: a module, or a name out of one."""

    module: str
    name: str | None
    line: int

    @property
    def path(self) -> str:
        """The dotted path of what is imported."""
        return f"{self.module}.{self.name}" if self.name else self.module

    @property
    def top(self) -> str:
        """The distribution's top-level name."""
        return self.module.partition(".")[0]


def imports_of(source: str, package: str) -> Iterator[Import]:
    """Yield every import of a module that lives in `package`, relative ones made absolute."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (Import(alias.name, None, node.lineno) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                origin = _absolute(module, level, package)
                yield from (Import(origin, alias.name, node.lineno) for alias in names)
            case ast.Call(func=func, args=[ast.Constant(value=str(name)), *_]) if ast.unparse(
                func
            ) in {"importlib.import_module", "import_module", "__import__"}:
                yield Import(name, None, node.lineno)


def _absolute(module: str | None, level: int, package: str) -> str:
    if level == 0:
        return module or ""
    parents = package.split(".")[: len(package.split(".")) - level + 1]
    return ".".join([*parents, module] if module else parents)


# --- the rules --------------------------------------------------------------------------------


def core_faults(source: str, where: str) -> list[str]:
    """Return what is wrong with the imports of a core module, as `line: what, and why`.

    Args:
        source: its text.
        where: its path below the checkout, such as `jobactors/engine/bus.py`.
    """
    parts = Path(where).with_suffix("").parts
    room = parts[1] if len(parts) > 2 and parts[1] not in ON_THE_ROOF else None
    package = ".".join(parts[:-1])
    faults = []
    for imported in imports_of(source, package):
        why: str | None
        if imported.top in JUPYTER:
            why = "the core knows no Jupyter"
        elif room == "model" and imported.top in IMPURE:
            why = "the model is pure: no trio, no I/O, no clock"
        else:
            why = _upward(imported, room, package)
        if why:
            faults.append(f"line {imported.line}: imports {imported.path}: {why}")
    return faults


def _upward(imported: Import, room: str | None, package: str) -> str | None:
    if imported.top != "jobactors" or room is None:
        return None
    names = imported.path.split(".")
    target = names[1] if len(names) > 1 else None
    if target == room:
        return None
    if target not in FLOOR:
        return "rooms import rooms, not what stands above them all"
    if FLOOR.get(room, ROOF) <= FLOOR[target]:
        return f"{room} may not know {target} ({_order()})"
    return None


def _order() -> str:
    return " < ".join(", ".join(rooms) for rooms in ORDER)


def widget_faults(source: str, where: str, public: frozenset[str]) -> list[str]:
    """Return what is wrong with the imports of a widgets module: only public names are right.

    Args:
        source: its text.
        where: its path below `widgets/`.
        public: what `jobactors.__all__` lists.
    """
    package = ".".join(Path(where).parts[:-1])
    faults = []
    for imported in imports_of(source, package):
        if imported.top != "jobactors":
            continue
        if imported.module != "jobactors":
            faults.append(f"line {imported.line}: imports {imported.path}: a room of the core")
        elif imported.name is not None and imported.name not in public:
            faults.append(f"line {imported.line}: {imported.path} is not in jobactors.__all__")
    return faults + _private_attributes(source, public)


def _private_attributes(source: str, public: frozenset[str]) -> list[str]:
    tree = ast.parse(source)
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "jobactors"
    }
    return [
        f"line {node.lineno}: {name}.{attribute} is not in jobactors.__all__"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        for name, attribute in [(ast.unparse(node.value), node.attr)]
        if name in aliases and attribute not in public
    ]


# --- the sources ------------------------------------------------------------------------------


def _modules(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


CORE_MODULES = [path for path in _modules(CORE) if path != CORE / "__init__.py"]


@pytest.mark.parametrize("path", CORE_MODULES, ids=_name)
def test_a_core_module_imports_only_what_is_below_it(path: Path) -> None:
    """The rooms are in order, the core knows no Jupyter, and the model is pure."""
    assert core_faults(path.read_text(), _name(path)) == []


def test_the_table_of_contents_knows_no_jupyter() -> None:
    """`jobactors/__init__.py` may name every room, and nothing of the notebook half."""
    source = (CORE / "__init__.py").read_text()
    assert core_faults(source, "jobactors/__init__.py") == []


@pytest.mark.parametrize("path", _modules(WIDGETS), ids=_name)
def test_a_widgets_module_imports_only_public_names(path: Path) -> None:
    """The notebook half stands on what every user has."""
    import jobactors

    where = path.relative_to(WIDGETS.parent).as_posix()
    assert widget_faults(path.read_text(), where, frozenset(jobactors.__all__)) == []


def test_every_room_is_on_a_floor() -> None:
    """A new room is given its place here before it is moved into."""
    rooms = {path.parent.name for path in CORE.glob("*/*.py")}
    assert rooms <= FLOOR.keys() | ON_THE_ROOF


# --- the rules can fail -----------------------------------------------------------------------

BAD_CORE = {
    "upward": ("model", "import jobactors.engine.bus", "model may not know engine"),
    "relative": ("inside", "from ..engine import bus", "inside may not know engine"),
    "two up": ("engine", "from .. import runners", "engine may not know runners"),
    "sideways": ("stores", "from ..runners.task import run", "stores may not know runners"),
    "in a function": ("engine", "def f():\n    from ..hosts import thread", "may not know hosts"),
    "for a type": (
        "engine",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..stores import sqlite",
        "engine may not know stores",
    ),
    "by name": ("hosts", "import importlib\nimportlib.import_module('IPython')", "no Jupyter"),
    "the roof": ("engine", "import jobactors as ja", "not what stands above"),
    "a public name": ("faces", "from jobactors import open_jobs", "not what stands above"),
    "a clock": ("model", "from time import monotonic", "the model is pure"),
    "trio": ("model", "import trio", "the model is pure"),
    "the tools for tests": ("faces", "from jobactors.testing import run_inside", "stands above"),
    "the notebook half": ("hosts", "from jobactors_widgets import panel", "no Jupyter"),
}


@pytest.mark.parametrize(("room", "source", "why"), BAD_CORE.values(), ids=BAD_CORE)
def test_a_bad_core_import_is_found(room: str, source: str, why: str) -> None:
    """Each way of breaking the order is seen, and said in words."""
    faults = core_faults(source, f"jobactors/{room}/sample.py")
    assert len(faults) == 1
    assert why in faults[0]


def test_good_core_imports_pass() -> None:
    """What is below, one's own room and the libraries are free to use."""
    source = "import os, trio\nfrom ..model.state import State\nfrom . import actor\nimport msgspec"
    assert core_faults(source, "jobactors/engine/sample.py") == []
    for on_the_roof in ("jobactors/lowlevel.py", "jobactors/testing/sample.py"):
        assert core_faults("import jobactors.hosts, jobactors as ja", on_the_roof) == []


BAD_WIDGETS = {
    "a room": ("from jobactors.engine import bus", "a room of the core"),
    "a module": ("import jobactors.model", "a room of the core"),
    "a hidden name": ("from jobactors import _wire", "jobactors._wire is not in"),
    "an attribute": ("import jobactors as ja\nja.engine.bus", "ja.engine is not in"),
}


@pytest.mark.parametrize(("source", "why"), BAD_WIDGETS.values(), ids=BAD_WIDGETS)
def test_a_bad_widgets_import_is_found(source: str, why: str) -> None:
    """A room of the core and a name that is not public are seen, and said in words."""
    faults = widget_faults(source, "jobactors_widgets/sample.py", frozenset({"Job"}))
    assert len(faults) == 1
    assert why in faults[0]


def test_good_widgets_imports_pass() -> None:
    """Public names, however they are reached."""
    source = "import jobactors as ja\nfrom jobactors import Job\nfrom . import wire\nja.Job"
    assert widget_faults(source, "jobactors_widgets/sample.py", frozenset({"Job"})) == []
