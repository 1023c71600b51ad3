"""The web page beside the commands: a search, buttons, and the task bar, always in sight.

The application is an ordinary one of Starlette.  It mounts the jobs at ``/jobs``, and from there
come the task bar (a piece of HTML), the stream that says when it has changed (server-sent events),
the start of a command (JSON) and its cancel.  It answers this machine alone, and the jobs take
commands from its own page only; where people log in, ``ja.http.app(jobs, token=…)`` asks for more.
"""

import html
import re
import socket
from functools import partial
from pathlib import Path
from typing import Any

import site_work
from needed import needing
from site_commands import call

import jobactors as ja

with needing():
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import HTMLResponse
    from starlette.routing import Mount, Route


def application(jobs: ja.Jobs, database: str | Path) -> Starlette:
    """Return the page, with the jobs at ``/jobs``, and the commands as job types."""

    @ja.job("scrape", icon="🕷", unique=True)
    def scrape(address: str) -> Any:
        """Read the pages of a site."""
        return call(site_work.scrape, database, address, again=True, pause=0.05)

    @ja.job("embed", icon="🧭", unique=True)
    def embed() -> Any:
        """Give each passage a vector."""
        return call(site_work.embed, database)

    @ja.job("discover", icon="💡", unique=True)
    def discover() -> Any:
        """Find links that the site lacks."""
        return call(site_work.discover, database)

    def front(request: Request) -> HTMLResponse:  # in a thread, since it is no async function
        query = request.query_params.get("q", "")
        parts = {"{query}": html.escape(query), "{found}": found(query)}
        return HTMLResponse(re.sub(r"\{query\}|\{found\}", lambda place: parts[place[0]], PAGE))

    def found(query: str) -> str:
        try:
            answer = site_work.search(database, query)["found"] if query else []
        except LookupError as error:
            return f"<p>{html.escape(str(error))}</p>"
        rows = (tuple(map(html.escape, row)) for row in answer)
        return "".join(f"<h2>{title}</h2><p>{text}</p>" for _, title, text in rows)

    # A page elsewhere that has bent its name to this address sends its own name.
    here = Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    routes = [Route("/", front), Mount("/jobs", ja.http.app(jobs))]
    return Starlette(routes=routes, middleware=[here])


def serve(jobs: ja.Jobs, database: str | Path, port: int = 0) -> str:
    """Serve the page beside the jobs until they end, and return its address."""
    from hypercorn.config import Config
    from hypercorn.trio import serve

    listener = socket.create_server(("127.0.0.1", port))
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.errorlog = None
    page: Any = application(jobs, database)
    ja.lowlevel.attach(jobs, lambda _: partial(serve, page, config)())
    return f"http://127.0.0.1:{port}/"


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Search the site</title>
<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">
<style>
  body { font: 15px/1.5 system-ui; max-width: 46em; margin: 1em auto 8em; padding: 0 1em; }
  h2 { font-size: 1em; margin-bottom: 0; } p { margin-top: 0; }
  input { font: inherit; width: 24em; max-width: 60%; }
  footer { position: fixed; inset: auto 0 0 0; background: Canvas; border-top: 1px solid GrayText; }
  footer ul { list-style: none; max-width: 46em; margin: 0 auto; padding: .4em 1em; }
  footer li { display: flex; gap: .6em; align-items: baseline; }
  footer [role=status] { flex: 1; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
  .jobactors-spinner { display: inline-block; animation: turn 1s linear infinite; }
  @keyframes turn { to { transform: rotate(1turn); } }
</style></head><body>
<h1>Search the site</h1>
<form><input name="q" value="{query}" aria-label="Search" autofocus> <button>Search</button></form>
{found}
<p><button data-type="embed">Embed</button> <button data-type="discover">Discover</button>
<a href="jobs/">All jobs</a></p>
<footer aria-label="Task bar"></footer>
<script>
const footer = document.querySelector("footer");
let drawing = false, again = false;
async function draw() {                        // the newest state, one request at a time
  if (drawing) { again = true; return; }
  drawing = true;
  const bar = await fetch("jobs/bar").catch(() => null);
  if (bar?.ok) footer.innerHTML = await bar.text();            // our own server has escaped it
  else setTimeout(draw, 1000);                                 // it is away
  drawing = false;
  if (again) { again = false; draw(); }
}
const stream = new EventSource("jobs/events");
stream.addEventListener("state", draw);        // all jobs, at first
stream.addEventListener("jobs", draw);         // those that have changed
footer.addEventListener("click", (event) => {
  const button = event.target.closest("[hx-post]");
  if (button) { button.disabled = true; fetch(button.getAttribute("hx-post"), { method: "POST" }); }
});
for (const button of document.querySelectorAll("[data-type]")) {
  const body = JSON.stringify({ type: button.dataset.type });
  const headers = { "Content-Type": "application/json" };
  button.addEventListener("click", () => fetch("jobs/jobs", { method: "POST", headers, body }));
}
</script></body></html>"""
