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

FORM_MODULES: Final = (
    *("builder/document.js", "builder/schema.js", "builder/controls.js", "builder/form.js"),
    "builder/catalogue.js",
)
"""The form of a job type: a board starts one job by it, a builder has it on its cards."""
MODULES: Final = (
    *("dom.js", "format.js", "summary.js", "frames.js", "kernel_clock.js", "keys.js"),
    *("batches.js", "actions.js", "visible_span.js", "sizes.js", "sight.js", "announcer.js"),
    *("pending_actions.js", "saved_state.js", "kernel_life.js", "row.js", "details.js"),
    *("columns.js", "board.js", "other_views.js"),
    *("held_order.js", "listing.js", "keyboard.js", "undo.js", "scheduled.js", *FORM_MODULES),
    *("row_window.js", "unfolded.js", "selection.js", "given_commands.js", "seconds.js"),
    *("builder/new_job.js", "view_head.js", "view.js", "panel.js"),
)

BUILDER_MODULES: Final = (
    *("dom.js", "keys.js", "format.js", "summary.js", "batches.js", "saved_state.js"),
    *("kernel_life.js", *FORM_MODULES),
    *("builder/reorder.js", "builder/cards.js", "builder/session.js", "builder/builder_view.js"),
    *("builder/saved_chain.js", "builder/widget.js"),
)

DRAWING_MODULES: Final = (
    *("dom.js", "keys.js", "format.js", "batches.js", "summary.js", "saved_state.js"),
    *("drawings/time_range.js", "drawings/placed_bars.js", "drawings/painter.js"),
    *("drawings/drawing_frame.js", "drawings/timeline_view.js", "drawings/graph_view.js"),
    "drawings/widget.js",
)

_IMPORT: Final = re.compile(r"^import\s[^;]*?\sfrom\s+'\.{1,2}/[\w./]+';\n", re.MULTILINE)
_EXPORT: Final = re.compile(r"^export (?=(?:async )?function |const |class )", re.MULTILINE)


@cache
def panel_module() -> str:
    """Return the panel's code as one module that imports nothing."""
    return "\n".join(_inlined(_read(name)) for name in MODULES)


@cache
def panel_style() -> str:
    """Return the panel's style sheet, with that of forms."""
    return _read("panel.css") + builder_style()


@cache
def builder_module() -> str:
    """Return the builder's code as one module that imports nothing."""
    return "\n".join(_inlined(_read(name)) for name in BUILDER_MODULES)


@cache
def builder_style() -> str:
    """Return the builder's style sheet."""
    return _read("builder/builder.css")


@cache
def drawings_module() -> str:
    """Return the code of timelines and graphs as one module that imports nothing."""
    return "\n".join(_inlined(_read(name)) for name in DRAWING_MODULES)


@cache
def drawings_style() -> str:
    """Return the style sheet of timelines and graphs."""
    return _read("drawings/drawings.css")


def _inlined(source: str) -> str:
    return _EXPORT.sub("", _IMPORT.sub("", source))


def _read(name: str) -> str:
    return (files("jobactors_widgets") / "static" / name).read_text(encoding="utf-8")
