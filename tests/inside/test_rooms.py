"""The rooms of ``jobactors.inside`` load no engine and no event loop."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

from tests.test_layers import CORE, ROOT

if TYPE_CHECKING:
    from pathlib import Path

MODULES: Final = sorted((CORE / "inside").rglob("*.py"))


def name_of(path: Path) -> str:
    """Return the dotted name of a module."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_all_of_it_loads_no_engine_and_no_event_loop() -> None:
    """A process that runs one job imports these modules, and is to start at once."""
    code = (
        f"import sys\nimport {', '.join(map(name_of, MODULES))}\n"
        "heavy = {'trio', 'asyncio', 'sqlite3', 'jobactors.engine'} & sys.modules.keys()\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
