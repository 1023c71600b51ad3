"""Pages for people: the board at ``/``, the login, and the task bar as a fragment of HTML.

The board is that of the notebooks: its files are found by an entry point, so that there is one
front end, and the core knows no package above it.  Texts of jobs stand in HTML only here, escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from jobactors.model.states import JobState

if TYPE_CHECKING:
    from jobactors.engine.api.jobs import Jobs
    from jobactors.model.snapshot import JobSnapshot

GROUP: Final = "jobactors.page"
"""The group of entry points under which a front end is found."""
MOST_IN_BAR: Final = 50


class FrontEnd(Protocol):
    """The browser's half: its files, and what it asks and is sent."""

    def files(self) -> Mapping[str, tuple[bytes, str]]:
        """Return the files by name, each with its media type; ``index.html`` is the page."""
        ...

    def encoder(self, jobs: Jobs) -> Any:
        """Return a function that makes rows of snapshots, of jobs and of batches, one each."""
        ...

    def answer(self, jobs: Jobs, message: Any) -> Mapping[str, Any] | None:
        """Answer one message of the page; None for one that has no answer."""
        ...


@cache
def front_end() -> FrontEnd | None:
    """Return the front end that is installed; None for none."""
    for found in entry_points(group=GROUP):
        return cast("FrontEnd", found.load())
    return None


def login_page(prefix: str, why: str = "") -> str:
    """Return the page that asks for the token."""
    told = f'<p role="alert">{escape(why)}</p>' if why else ""
    return _page(
        "Log in",
        f"""<main><h1>Jobs</h1>{told}
<form method="post" action="{escape(prefix)}/login">
<label>Token <input name="token" type="password" autocomplete="off" required autofocus></label>
<button>Log in</button>
</form><p>The process that serves the jobs has it: <code>server.token</code>, or the file of
<code>--token-file</code>.</p></main>""",
    )


def logged_in_page(prefix: str) -> str:
    """Return the page that goes on to the board.

    Not a redirect: a browser that came here by a link on another site would not send the new cookie
    with it.
    """
    there = escape(f"{prefix}/")
    return _page("Jobs", f'<p><a href="{there}">Jobs</a></p>', f"0; url={there}")


def _page(title: str, body: str, refresh: str = "") -> str:
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>{again}
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,"></head><body>{body}</body></html>"""


def bar(snapshots: Sequence[JobSnapshot], prefix: str, *, read_only: bool) -> str:
    """Return the jobs that have not ended as a list: the task bar of a page.

    Each has an id that stays, so that htmx can swap it; without scripts it is a list with forms.
    """
    open_ones = [one for one in snapshots if not one.state.is_terminal]
    rows = "".join(_row(one, prefix, read_only=read_only) for one in open_ones[:MOST_IN_BAR])
    more = len(open_ones) - MOST_IN_BAR
    rest = f'<li class="jobactors-more">{more} more</li>' if more > 0 else ""
    again = f'hx-get="{escape(prefix)}/bar" hx-trigger="sse:jobs, every 30s" hx-swap="outerHTML"'
    label = 'role="list" aria-label="Jobs"'
    return f'<ul id="jobactors-bar" {label} {again}>{rows}{rest}</ul>'


def _row(snapshot: JobSnapshot, prefix: str, *, read_only: bool) -> str:
    name, job_id = _shown(snapshot.name), _shown(snapshot.id)
    icon = _shown(snapshot.info.icon) or '<span class="jobactors-spinner">⟳</span>'
    progress, fraction = snapshot.progress, snapshot.progress.fraction
    value = "" if fraction is None else f' value="{fraction:.4f}"'
    drawn = f'<progress max="1"{value} aria-label="{name}"></progress>'
    percent = "" if progress.percent is None else f"{progress.percent} %"
    words = " · ".join(filter(None, (str(snapshot.state), percent, _shown(progress.message))))
    since = "" if snapshot.started_at is None else f' data-started="{snapshot.started_at:.3f}"'
    path = f"{escape(prefix)}/jobs/{_in_path(snapshot.id)}/cancel"
    asked = snapshot.state is JobState.CANCELLING
    button = (
        ""
        if read_only or snapshot.state is JobState.INTERRUPTED
        else f'<button hx-post="{path}" hx-swap="none"{" disabled" if asked else ""} '
        f'aria-label="Cancel {name}">Cancel</button>'
    )
    return (
        f'<li id="job-{job_id}" class="jobactors-{snapshot.state}"{since}>'
        f'<span aria-hidden="true">{icon}</span> <span class="jobactors-name">{name}</span> '
        f'{drawn} <span role="status">{words}</span> {button}</li>'
    )


def _shown(text: object) -> str:
    try:
        return escape(str.__str__(str(text))[:500].encode("utf-8", "replace").decode())
    except Exception:  # a text of the user's own class
        return "?"


def _in_path(job_id: str) -> str:
    from urllib.parse import quote

    return quote(job_id, safe="", errors="replace")
