"""Lower rooms never import higher ones, nor do the rooms inside them.

Read from the sources, not from what happens to be loaded.

Every import counts, inside functions and under TYPE_CHECKING too: a type is knowledge as well.
Only `jobactors/__init__.py`, the table of contents, may name every room.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, KeysView

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
# The rooms inside a room, in the same way.
INNER_ORDER = {
    "inside": (("report",), ("signals",), ("context",), ("verbs",), ("chain",)),
    "engine": (
        ("loop", "queue", "ports"),
        ("records",),
        ("storage", "checkpoints"),
        ("attempt",),
        ("system",),
        ("api",),
    ),
    "faces": (("http",),),
    "hosts": (("shell",),),
}
# Two lookups have to point up: a runner by its name, and a host, face or store by its own.
LATE_BINDING = "jobactors/engine/ports/late_binding.py"

LONGEST_MODULE = 400

FLOOR = {room: floor for floor, rooms in enumerate(ORDER) for room in rooms}
# Modules and packages beside the rooms, such as lowlevel.py and testing/: above them all.
ROOF = len(ORDER)
# A module beside the inner rooms of its room is below them all.
LOBBY = -1
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


@cache
def imports_of(source: str, package: str) -> tuple[Import, ...]:
    """Return every import of a module that lives in `package`, relative ones made absolute."""
    return tuple(_imports(source, package))


def _imports(source: str, package: str) -> Iterator[Import]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from (Import(alias.name, None, node.lineno) for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                origin = _absolute(module, level, package)
                yield from (Import(origin, alias.name, node.lineno) for alias in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(value=ast.Name(id="importlib"), attr="import_module"),
                args=[name, *_],
            ):
                yield Import(_beginning(name), None, node.lineno)


def _beginning(name: ast.expr) -> str:
    """Return the text of a module's name, of a formatted one up to its first gap."""
    match name:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=[ast.Constant(value=str(text)), *_]):
            return text.rstrip(".")
        case _:
            return ""


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
        elif where == LATE_BINDING and imported.name is None:
            why = None
        else:
            why = _upward(imported, room, package) or _inward(imported, parts)
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


def _inward(imported: Import, parts: tuple[str, ...]) -> str | None:
    """Return what is wrong between the rooms inside one room, types included."""
    names = imported.path.split(".")
    if len(parts) < 4 or names[:2] != ["jobactors", parts[1]] or len(names) < 3:
        return None
    floors = {r: floor for floor, rooms in enumerate(INNER_ORDER[parts[1]]) for r in rooms}
    room, target = parts[2], names[2]
    if room not in floors or target == room or floors.get(target, LOBBY) < floors[room]:
        return None
    return f"{parts[1]}/{room} may not know {parts[1]}/{target}"


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
        f"line {node.lineno}: {node.value.id}.{node.attr} is not in jobactors.__all__"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        if node.value.id in aliases and node.attr not in public
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
    public = frozenset({*jobactors.__all__, "lowlevel", "testing"})
    assert widget_faults(path.read_text(), where, public) == []


def test_every_room_is_on_a_floor() -> None:
    """A new room is given its place here before it is moved into."""
    rooms = {path.parent.name for path in CORE.glob("*/*.py")}
    assert rooms <= FLOOR.keys() | ON_THE_ROOF
    for outer, order in INNER_ORDER.items():
        inner = {path.parent.name for path in (CORE / outer).glob("*/*.py")}
        assert inner == {room for floor in order for room in floor}


def test_no_import_goes_in_a_circle() -> None:
    """Modules of one room, too: what a module may know is an order, not a web."""
    paths = {_dotted(path): path for path in CORE_MODULES if path.name != "__init__.py"}
    graph = {module: _known(module, path, paths.keys()) for module, path in paths.items()}
    assert _circles(graph) == []


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _known(module: str, path: Path, modules: KeysView[str]) -> set[str]:
    """Return which of the modules a module imports, types included."""
    found = set()
    for imported in imports_of(path.read_text(), module.rpartition(".")[0]):
        found |= {imported.path, imported.module} & modules
    return found - {module}


def _circles(graph: dict[str, set[str]]) -> list[str]:
    """Return the modules left when those that know none of the others are taken away."""
    left = {module: set(known) for module, known in graph.items()}
    while free := [module for module, known in left.items() if not known & left.keys()]:
        for module in free:
            del left[module]
    return sorted(left)


def test_no_module_is_longer_than_one_sitting() -> None:
    """What grows beyond that holds two ideas."""
    lengths = {_name(path): len(path.read_text().splitlines()) for path in CORE_MODULES}
    assert {name: n for name, n in lengths.items() if n > LONGEST_MODULE} == {}


def test_no_module_of_the_core_shares_its_name_with_another() -> None:
    """A stranger who hears a name finds one file."""
    names = [path.stem for path in CORE_MODULES if not path.stem.startswith("__")]
    assert sorted({name for name in names if names.count(name) > 1}) == []


# --- the rules can fail -----------------------------------------------------------------------

BAD_CORE = {
    "upward": ("model", "import jobactors.engine.loop", "model may not know engine"),
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
    "by a formatted name": (
        "inside",
        "import importlib\nimportlib.import_module(f'jobactors.runners.{1}')",
        "inside may not know runners",
    ),
    "inner rooms": (
        "engine/records",
        "from jobactors.engine.attempt.actor import Actor",
        "engine/records may not know engine/attempt",
    ),
    "inner rooms, for a type": (
        "engine/queue",
        "if TYPE_CHECKING:\n    from ..api.job import Job",
        "engine/queue may not know engine/api",
    ),
    "inner rooms, sideways": (
        "engine/storage",
        "from jobactors.engine.checkpoints import table",
        "engine/storage may not know engine/checkpoints",
    ),
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
