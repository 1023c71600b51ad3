"""The notebook half of jobactors: jobs as live rows, boards and, later, a sidebar.

=================  ==============================================================================
hook               what a notebook shows for a job: the entry point the core calls
panel              one anywidget for a row or a board
feed               events become frames, at most ten a second
wire               one job as one JSON row
commands           a pressed button becomes a call on a job
comm               the one module that knows ipykernel's private doors
static_table       the same jobs where no widget runs
static_files       the browser's modules as one string
static/            format.js (words and numbers), view.js (DOM), panel.js, panel.css
=================  ==============================================================================
"""

from .hook import display_hook as display_hook
