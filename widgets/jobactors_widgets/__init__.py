"""The notebook half of jobactors: jobs as live rows, boards and a sidebar.

=================  ==============================================================================
hook               what a notebook shows for a job: the entry point the core calls
panel              one anywidget for a row or a board
sidebar            one comm for the sidebar of every window
feed               events become frames, at most ten a second
wire               one job as one JSON row
commands           a pressed button becomes a call on a job
details            what unfolds below a row: facts, log, result
outputs            what is saved with the notebook stays true where no browser keeps it so
launching          a button that starts a job; a slider that talks to one
comm               the one module that knows ipykernel's private doors
static_table       the same jobs where no widget runs
static_files       the browser's modules as one string
static/            format.js (words), view.js with its parts (DOM), panel.js, panel.css
labextension/      JupyterLab's and Notebook's sidebar and status item, drawn by the same view
=================  ==============================================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .hook import display_hook as display_hook

if TYPE_CHECKING:
    from .launching import bind as bind
    from .launching import launcher as launcher

__all__ = ["bind", "display_hook", "launcher"]


def __getattr__(name: str) -> Any:
    """Load what needs ipywidgets when it is first asked for: that import can take seconds."""
    if name in {"bind", "launcher"}:
        from . import launching as module

        globals().update(bind=module.bind, launcher=module.launcher)
        return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
