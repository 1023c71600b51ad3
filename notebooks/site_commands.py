"""A command line over one web site: scrape, embed, search, discover, and a page beside it.

    python topics_site.py --delay 0.05 &             # a site to try it on
    python site_commands.py scrape http://127.0.0.1:8000/
    python site_commands.py embed
    python site_commands.py search "clean up after an error"
    python site_commands.py discover --as-job        # the same as a job
    python site_commands.py web                      # a search page, with the jobs in sight

Each command calls a plain function of :mod:`site_work`.  ``@ja.command`` adds ``--as-job``: without
it nothing changes, with it the command has a bar, is stored, and is cancelled from elsewhere.
While another process has the store open, ``web`` or a notebook, it stands among the jobs there.
"""

import json
import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import site_work
from needed import needing

import jobactors as ja

with needing():
    import typer


def finish(result: dict[str, Any] | None) -> None:
    """Print what a command returns; one that was stopped, or has failed, ends with status 1."""
    print(json.dumps(result, ensure_ascii=False))
    if result is not None and not result["success"]:
        raise typer.Exit(1)


app = typer.Typer(
    help=__doc__.split("\n", 1)[0],
    epilog="Each command but web takes --as-job as well: then it is a job, with a bar and a store.",
    no_args_is_help=True,
    result_callback=finish,
)
R = TypeVar("R")
Database = Annotated[Path, typer.Option("--db", envvar="SITE_DB", help="the file of the tables")]
SITE_DB = Path("site.db")
Port = Annotated[int, typer.Option(min=0, max=65535, help="0: a free one")]
STORE = os.environ.get("JOBACTORS_STORE") or "site-jobs.db"
"""Where the jobs are stored; the tables of the application are another file."""


def show(current: int, total: int | None, message: str) -> None:
    """Report progress: to the job, if this command is one, and otherwise in one line."""
    if ja.current_job().id:
        ja.progress(current, total, message)
    elif sys.stderr.isatty():
        print(f"\r\x1b[K{current}/{total or '?'} {message}", end="", file=sys.stderr)


def call(function: Callable[..., R], *args: Any, **options: Any) -> R:
    """Call a function with the callback and the stop signal that it takes."""
    # Shielded, so that a report does not raise the cancel: the function looks at its signal.
    with ja.shield():
        signal = ja.current_job().cancel_event
        return function(*args, **options, on_progress=show, signal=signal)


@app.command()
@ja.command(name="scrape", store=STORE)
def scrape(address: str, db: Database = SITE_DB, again: bool = False) -> Any:
    """Read the pages of a site, from its front page on."""
    return call(site_work.scrape, db, address, again=again)


@app.command()
@ja.command(name="embed", store=STORE)
def embed(db: Database = SITE_DB) -> Any:
    """Cut the pages into passages, and give each a vector."""
    return call(site_work.embed, db)


@app.command()
@ja.command(name="search", store=STORE)
def search(query: str, db: Database = SITE_DB, limit: int = 5) -> Any:
    """Find passages, by their words and by their meaning."""
    return call(site_work.search, db, query, limit)


@app.command()
@ja.command(name="discover", store=STORE)
def discover(db: Database = SITE_DB, nearness: float = 0.75) -> Any:
    """Find pages that are about the same, and do not link to each other."""
    return call(site_work.discover, db, nearness)


@app.command()
def web(db: Database = SITE_DB, port: Port = 8321) -> Any:
    """Serve a search page, with the jobs of this and other commands in sight."""
    import site_page

    jobs = ja.start(store=STORE, display=None)
    print(site_page.serve(jobs, db, port), flush=True)
    jobs.forever().result()


if __name__ == "__main__":
    try:
        app()
    # What the person at the command line can mend is told in one line.
    except (LookupError, OSError, ValueError, sqlite3.Error, ja.StoreError) as error:
        sys.exit(f"site_commands: {getattr(error, 'reason', error)}")
