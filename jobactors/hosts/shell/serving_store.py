"""``jobactors serve``: the jobs of a store over HTTP, by its owner, or here."""

from __future__ import annotations

import os
import secrets
import signal
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio

from jobactors.hosts.terminal_text import safe
from jobactors.hosts.trio_block import open_jobs
from jobactors.stores.read_only import StoreView

from .interrupts import run_jobs
from .modules import import_all
from .owner_call import calling_owner
from .statuses import NO_SENSE, Complaint, complain, explained
from .store_choice import chosen_store
from .tables import put

if TYPE_CHECKING:
    import argparse

_LONGEST_TOKEN: Final = 1_000


@explained
def serve(given: argparse.Namespace) -> int:
    """Serve until told to end."""
    import_all(given.module)
    wanted: dict[str, Any] = {
        "bind": f"unix:{Path(given.uds).absolute()}" if given.uds else given.bind,
        "read_only": given.read_only,
        "prefix": given.base_url.rstrip("/"),
        "insecure": given.insecure,
        "token": None if given.token_file is None else token_in(Path(given.token_file)),
    }
    path = chosen_store(given, new=True)
    owner = None
    if path.exists():
        with StoreView(path) as view:
            owner, path = view.owner, view.path
    try:
        if owner is not None:
            return run_jobs(_have_it_served, path, owner, wanted)
        return run_jobs(_serve, path, given.max_running, wanted)
    except (ImportError, OSError, ValueError) as exc:
        raise Complaint(str(exc), NO_SENSE) from None


def token_in(path: Path) -> str:
    """Return the token in a file; a new one if there is no such file, which is made.

    Raises:
        Complaint: for a file that others can read, or that holds no token.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise Complaint(f"{path} can be read by others: chmod 600 {path}", NO_SENSE) from None
        with path.open(encoding="ascii", errors="replace") as file:
            return file.read(_LONGEST_TOKEN).strip()
    token = secrets.token_urlsafe(32)
    with open(fd, "w", encoding="ascii") as file:  # noqa: PTH123 - a descriptor
        file.write(f"{token}\n")
    return token


def _tell(url: str, login_url: str) -> None:
    put(safe(login_url))
    complain(f"serves {safe(url)}; the address above logs a browser in, once. Ctrl-C ends it")


async def _serve(path: Path, max_running: int, wanted: dict[str, Any]) -> int:
    async with open_jobs(max_running, store=path, unread_failures="ignore") as jobs:
        server = jobs.serve(**wanted)
        _tell(server.url, server.login_url)
        with trio.open_signal_receiver(signal.SIGINT) as interrupts:
            async for _ in interrupts:
                break
        await jobs.close()
    return 0


async def _have_it_served(path: Path, owner: str, wanted: dict[str, Any]) -> int:
    """Let the owner serve, for as long as this waits."""
    with calling_owner(path, owner) as call:
        answer = call.ask({"verb": "serve", **wanted})
        _tell(str(answer["url"]), str(answer["login_url"]))
        job_id = answer["job"]["id"]
        with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as told:
            async for _ in told:
                break
        call.ask({"verb": "cancel", "id": job_id, "reason": "the command line was ended"})
    return 0
