"""A command for the process that owns a store, over its Unix socket."""

from __future__ import annotations

import json
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

from jobactors.hosts.owner_address import LONGEST, address_of, is_guarded

from .statuses import NO_JOB, NO_SENSE, OWNER_SILENT, REFUSED, Complaint

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

PATIENCE: Final = 30.0
"""Seconds to wait for an answer: a submit is answered when the store holds it."""
_STATUSES: Final = {
    "UnknownJob": NO_JOB,
    **dict.fromkeys(("ArgumentsInvalid", "TypeError", "UnknownJobType", "ValueError"), NO_SENSE),
}


class OwnerCall:
    """A conversation with the owner of a store.  Got from :func:`calling_owner`."""

    def __init__(self, connection: socket.socket, owner: str) -> None:
        self._connection = connection
        self._received = connection.makefile("rb")
        self._owner = owner

    def ask(self, command: Mapping[str, object]) -> dict[str, Any]:
        """Send one command, and return its answer.

        Raises:
            Complaint: if it was refused, or is not answered.
        """
        try:
            self._connection.sendall(json.dumps(command).encode() + b"\n")
            line = self._received.readline(LONGEST)
            answer = json.loads(line)
        except (OSError, ValueError) as exc:
            raise _silent(self._owner, exc) from None
        if not isinstance(answer, dict):
            raise _silent(self._owner, ValueError("it is no object"))
        told = cast("dict[str, Any]", answer)
        if not told.get("ok"):
            status = _STATUSES.get(str(told.get("error")), REFUSED)
            raise Complaint(f"{told.get('message')}", status)
        return told


@contextmanager
def calling_owner(store: Path, owner: str) -> Generator[OwnerCall]:
    """Connect to the owner of the store at ``store``, a path without links.

    Raises:
        Complaint: if it takes no commands; the message has the cure.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise _silent(owner, OSError("this system has no Unix sockets"))
    address = address_of(store)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE)
        try:
            if not is_guarded(address.parent):
                raise PermissionError(f"{address.parent} is not a folder of this user alone")
            connection.connect(os.fspath(address))
        except OSError as exc:
            raise _silent(owner, exc) from None
        yield OwnerCall(connection, owner)


def _silent(owner: str, exc: BaseException) -> Complaint:
    why = str(exc) or type(exc).__name__
    return Complaint(
        f"the store belongs to {owner}, which takes no commands ({why}): command it there, or end "
        "that process",
        OWNER_SILENT,
    )
