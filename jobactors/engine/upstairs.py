"""What stands above the engine, found by name when it is first asked for.

The engine imports no host and no face: a program that asks for none loads none.
"""

from __future__ import annotations

import importlib
from typing import Any, Final

_HOMES: Final = {
    "executor": "faces.executor",
    "sqlite": "stores.sqlite",
    "terminal": "hosts.terminal",
}
DISPLAYS: Final = ("terminal",)
"""What ``display=`` says."""


def upstairs(name: str) -> Any:
    """Return the module of a host, face or store."""
    return importlib.import_module(f"jobactors.{_HOMES[name]}")


def check_display(display: object) -> None:
    """Raise for a display that does not exist.

    Raises:
        ValueError: the message lists those that do.
    """
    if display is not None and display not in DISPLAYS:
        known = ", ".join(f'"{known}"' for known in DISPLAYS)
        raise ValueError(f"display is None or one of {known}, not {display!r:.100}")
