"""Takes commands of the same user from other processes, while a store is open here.

A store has one owner, and only its owner may change it.  So ``jobactors cancel …`` in a terminal
does not open a store that a notebook has open: it sends the command here.  Messages are lines of
JSON: one command a line, and one answer to each.  The socket has mode 0600, in a folder of mode
0700 that belongs to this user; where the system names the user of a connection, that is compared.
"""

from __future__ import annotations

import contextvars
import json
import os
import socket
import struct
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import trio

from jobactors.engine.api.outside_commands import (
    metrics_of,
    perform,
    schedules_of,
    submit_by_name,
    submit_template,
    templates_of,
)
from jobactors.inside.report.guarded_log import LOG
from jobactors.model.argument_problem import ArgumentsInvalid
from jobactors.model.errors import JobactorsError

from .guest_jobs import MOST_GUESTS, VERBS, Guest, Reception
from .owner_address import LONGEST, address_of, is_guarded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from jobactors.engine.api.job import Job
    from jobactors.engine.api.jobs import Jobs

MOST_CONNECTIONS: Final = 16 + MOST_GUESTS
_LISTS: Final[Mapping[str, Callable[[Jobs], dict[str, Any]]]] = {
    "metrics": metrics_of,
    "schedules": schedules_of,
    "templates": templates_of,
}
_MOST_LINES: Final = 1_000
_CREDENTIALS: Final = struct.Struct("=iII")


def take_commands(jobs: Jobs, store: object) -> Callable[[], Awaitable[None]] | None:
    """Listen for commands for the jobs of a store that is open here.

    Args:
        jobs: The job system.
        store: Its store.

    Returns:
        An async function that answers them until it is cancelled; None for a store without a file,
        and where no socket can be made, which is logged.
    """
    path = getattr(store, "path", None)
    if not isinstance(path, Path) or not hasattr(socket, "AF_UNIX"):
        return None
    address = address_of(path)
    try:
        return partial(_serve, jobs, address, *_listen(address))
    except OSError as exc:
        LOG.info("no commands are taken from other processes for %s: %s", path, exc)
        return None


async def _serve(
    jobs: Jobs, address: Path, listener: trio.socket.SocketType, made: os.stat_result
) -> None:
    try:
        async with trio.open_nursery() as nursery:
            accepted, reception = trio.CapacityLimiter(MOST_CONNECTIONS), Reception()
            while True:
                connection, _ = await listener.accept()
                guest = Guest(jobs, reception)
                nursery.start_soon(_converse, jobs, connection, accepted, guest)
    finally:
        _close(listener, address, made)


def _listen(address: Path) -> tuple[trio.socket.SocketType, os.stat_result]:
    """Return a socket that listens there, and what identifies its file."""
    with suppress(FileExistsError):
        address.parent.mkdir(mode=0o700)
    if not is_guarded(address.parent):
        raise PermissionError(f"{address.parent} is not a folder of this user alone")
    with suppress(FileNotFoundError):
        address.unlink()  # of an owner that was killed: the store's lock is ours
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(os.fspath(address))
        address.chmod(0o600)
        listener.listen(MOST_CONNECTIONS)
        return trio.socket.from_stdlib_socket(listener), address.lstat()
    except BaseException:
        listener.close()
        raise


def _close(listener: trio.socket.SocketType, address: Path, made: os.stat_result) -> None:
    """Close it, and remove its file, unless that is by now the one of the store's next owner."""
    with suppress(OSError):
        if os.path.samestat(made, address.lstat()):
            address.unlink()
    listener.close()  # not before: until then no other file has the same number


@trio.lowlevel.enable_ki_protection
async def _converse(
    jobs: Jobs,
    connection: trio.socket.SocketType,
    accepted: trio.CapacityLimiter,
    guest: Guest,
) -> None:
    with connection, closing(guest):
        if not _is_same_user(connection):
            return
        stream = trio.SocketStream(connection)
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async with accepted:
                received = b""
                async for chunk in stream:
                    *lines, received = (received + chunk).split(b"\n")
                    if len(received) > LONGEST:
                        return
                    for line in lines:
                        answer = await _answered_elsewhere(jobs, line, guest)
                        await stream.send_all(json.dumps(answer).encode() + b"\n")


def _is_same_user(connection: trio.socket.SocketType) -> bool:
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # the folder's permissions have to do
    given = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(given)
    return user in {0, os.getuid()}


async def _answered_elsewhere(jobs: Jobs, line: bytes, guest: Guest) -> dict[str, Any]:
    """Answer a command in a worker thread: a job type's label and checks are the user's code."""
    # In a context of its own: a command is no part of whatever opened the system.
    context = contextvars.Context()
    return await trio.to_thread.run_sync(
        lambda: context.run(answer_to, jobs, line, guest), abandon_on_cancel=True
    )


def answer_to(jobs: Jobs, line: bytes, guest: Guest) -> dict[str, Any]:
    """Return the answer to one command; never raises for its content."""
    try:
        return {"ok": True, **_done(jobs, json.loads(line), guest)}
    except ArgumentsInvalid as exc:
        problems = [{"path": one.path, "text": one.text} for one in exc.problems]
        return {**_refused(exc), "problems": problems}
    except (JobactorsError, ImportError, OSError, TypeError, ValueError, RecursionError) as exc:
        return _refused(exc)
    except Exception as exc:  # a label, a hook: the user's code
        LOG.exception("a command from another process failed")
        return _refused(exc)


def _refused(exc: BaseException) -> dict[str, Any]:
    return {"ok": False, "error": type(exc).__name__, "message": str(exc)}


def _done(jobs: Jobs, command: Any, guest: Guest) -> dict[str, Any]:
    match command:
        case {"verb": str(verb)} if verb in VERBS:
            return guest.answer(command)
        case {"verb": "submit", "template": name}:
            job = submit_template(jobs, name, command.get("arguments"), command.get("options"))
        case {"verb": "submit", "type": kind}:
            job = submit_by_name(jobs, kind, command.get("arguments"), command.get("options"))
        case {"verb": "log", "id": str(job_id)}:
            return _log_of(jobs.get(job_id), command.get("since"))
        case {"verb": "serve", **wanted}:
            server = jobs.serve(**cast("Any", wanted))
            told = {"url": server.url, "login_url": server.login_url}
            return {**told, "job": server.job.to_dict()}
        case {"verb": str(what)} if what in _LISTS:
            return _LISTS[what](jobs)
        case {"verb": "show", "id": str(job_id)}:
            job = jobs.get(job_id)
        case {"verb": str(verb), "id": str(job_id)}:
            job = perform(jobs, verb, job_id, command.get("reason"))
        case _:
            raise ValueError('a command has a "verb" and the "id" of a job, or a "type"')
    return {"job": job.to_dict(), "is_new": job.is_new}


def _log_of(job: Job[Any], since: object) -> dict[str, Any]:
    first = since if isinstance(since, int) and since > 0 else 0
    snapshot = job.snapshot()
    lines = job.log_lines(first)[:_MOST_LINES]
    first = max(first, snapshot.log_cut)
    return {
        "first": first,
        "next": first + len(lines),
        "lines": [[line.at, line.source, line.text] for line in lines],
        "job": snapshot.to_dict(),
    }
