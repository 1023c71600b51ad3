"""The notebook half of jobactors: jobs as live rows, boards and a sidebar.

=================  ==============================================================================
display_hook       returns what a notebook shows for a job: the entry point the core calls
panel              one anywidget that shows one job or all of them
sidebar            one comm for the sidebars of all windows
conversation       answers what a front end asks: where a click arrives
button_commands    runs the command of a button on a job
details            returns what unfolds below a row: facts, log, result
change_feed        collects the changes of jobs and sends frames, at most ten a second
frame_message      one outgoing frame, and the protocol of its receivers
wire               encodes one job as one JSON row
saved_outputs      updates what is saved with a notebook where no browser does
launch_button      a button that starts a job, and its row
live_widget        an anywidget that hears the browser while a cell runs
binding            sends the values of a slider to a job, and shows both
chain_builder      a builder of chains: its widget, and the messages of its browsers
builder_document   the document of a builder, as the kernel holds it
builder_check      the problems of a document, for its cards
builder_run        the run of a builder's chain
builder_templates  templates of chains
new_job            starts a job of a registered type for the form of a board or the sidebar
type_catalogue     the registered job types, as forms show them
web_page           the board as a page of its own, for the HTTP face of the core
server_proxy       the same page behind Jupyter's login
kernel_internals   the one module that uses private parts of ipykernel
static_table       the same jobs as a table where no widget runs
static_files       joins the browser's modules into one string
static/            format.js (words), view.js with its parts (DOM), panel.js, panel.css
labextension/      sidebar and status item of JupyterLab and Notebook, drawn by the same view
=================  ==============================================================================
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from .display_hook import display_hook as display_hook

if TYPE_CHECKING:
    from .binding import Binding as Binding
    from .binding import bind as bind
    from .chain_builder import ChainBuilder as ChainBuilder
    from .chain_builder import builder as builder
    from .launch_button import launcher as launcher

__all__ = ["Binding", "ChainBuilder", "bind", "builder", "display_hook", "launcher"]

# A module called like its function would hide it, hence `launch_button`.
_LOADED_WHEN_USED: Final = {
    "Binding": ".binding",
    "ChainBuilder": ".chain_builder",
    "bind": ".binding",
    "builder": ".chain_builder",
    "launcher": ".launch_button",
}


def __getattr__(name: str) -> Any:
    """Import what needs ipywidgets when it is first used: that import can take seconds."""
    if name not in _LOADED_WHEN_USED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_LOADED_WHEN_USED[name], __name__), name)
    globals()[name] = value
    return value
