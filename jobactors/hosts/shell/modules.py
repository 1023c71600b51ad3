"""The modules that a command line imports, for the job types that they declare."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .statuses import NO_SENSE, Complaint

if TYPE_CHECKING:
    from collections.abc import Iterable


def import_all(names: Iterable[str]) -> None:
    """Import modules by name, as from this folder, or by the path of their file.

    Raises:
        Complaint: for one that cannot be imported; the message has its error.
    """
    here = str(Path.cwd())
    if here not in sys.path and "" not in sys.path:
        sys.path.insert(0, here)
    for name in names:
        try:
            if name.endswith(".py"):
                _import_file(Path(name))
            else:
                importlib.import_module(name)
        except Exception as exc:  # the user's code
            raise Complaint(
                f"{name} cannot be imported: {type(exc).__name__}: {exc}", NO_SENSE
            ) from exc


def _import_file(path: Path) -> None:
    if path.stem in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # found by pickles of its functions
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
