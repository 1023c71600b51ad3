"""``jobactors tour``: a copy of the notebooks, opened in JupyterLab."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .statuses import Complaint, explained
from .tables import put

if TYPE_CHECKING:
    import argparse

_NOT_COPIED: Final = shutil.ignore_patterns("__pycache__", ".*", "*.db*")


def copy_notebooks(folder: Path) -> Path:
    """Copy the notebooks into a folder; files that are there stay as they are.

    Returns:
        The first notebook.
    """
    packed = files("jobactors") / "notebooks"
    with as_file(packed) as found:
        source = found if found.is_dir() else Path(__file__).resolve().parents[3] / "notebooks"
        first = next(iter(sorted(source.glob("*.ipynb"))), None)
        if first is None:
            raise Complaint("this installation has no notebooks: install the wheel of jobactors")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copytree(
            source,
            folder,
            ignore=_NOT_COPIED,
            copy_function=_copy_if_missing,
            dirs_exist_ok=True,
        )
    return folder / first.name


def _copy_if_missing(source: str, target: str) -> str:
    if not Path(target).exists():
        shutil.copyfile(source, target)
    return target


@explained
def open_tour(given: argparse.Namespace) -> int:
    """Copy the notebooks, and become JupyterLab."""
    if not given.no_browser and importlib.util.find_spec("jupyterlab") is None:
        raise Complaint("the tour needs JupyterLab: pip install 'jobactors[tour]'")
    first = copy_notebooks(Path(given.folder).expanduser())
    put(f"the notebooks are in {first.parent}; {first.name} is the first")
    if given.no_browser:
        return 0
    sys.stdout.flush()
    # In a container one is root, and Jupyter refuses to start without being told so.
    allowed = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    os.execv(sys.executable, [sys.executable, "-m", "jupyter", "lab", *allowed, str(first)])  # noqa: S606 - our own
    return 0  # where a test has replaced exec
