"""Joins the browser's modules into one ES module for a panel, and reads its style sheet.

anywidget takes a module as one string, which has no folder to import from.  So the modules of
`static/` are put behind each other in the order of their imports; the sidebar loads the same files
as they are.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Final

MODULES: Final = (
    *("dom.js", "format.js", "summary.js", "frames.js", "kernel_clock.js", "keys.js"),
    *("batches.js", "actions.js", "visible_span.js", "sizes.js", "announcer.js"),
    *("pending_actions.js", "saved_state.js", "row.js", "details.js", "columns.js", "board.js"),
    *("held_order.js", "listing.js", "keyboard.js", "undo.js", "scheduled.js", "view.js"),
    *("panel.js",),
)

_IMPORT: Final = re.compile(r"^import\s[^;]*?\sfrom\s+'\./[\w.]+';\n", re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?function |const |class )", re.MULTILINE)


@cache
def panel_module() -> str:
    """Return the panel's code as one module that imports nothing."""
    return "\n".join(_inlined(_read(name)) for name in MODULES)


@cache
def panel_style() -> str:
    """Return the panel's style sheet."""
    return _read("panel.css")


def _inlined(source: str) -> str:
    return _EXPORT.sub("", _IMPORT.sub("", source))


def _read(name: str) -> str:
    return (files("jobactors_widgets") / "static" / name).read_text(encoding="utf-8")
