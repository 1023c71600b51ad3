"""A conversation with the owner of a store, over its Unix socket: one line asks, one answers."""

from __future__ import annotations

import json
import os
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast, final

from .owner_address import LONGEST, address_of, is_guarded

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

PATIENCE: Final = 30.0
"""Seconds to wait for an answer: a submit is answered when the store holds it."""


class OwnerSilent(Exception):
    """The owner takes no commands, or has not answered."""


class OwnerRefused(Exception):
    """The owner has refused a command.

    Args:
        text: Its words.
        kind: The name of the error's class.
    """

    def __init__(self, text: str, kind: str) -> None:
        super().__init__(text)
        self.kind = kind


@final
class OwnerConversation:
    """A connection to the owner of a store.  Got from :func:`conversing`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._received = connection.makefile("rb")

    def ask(self, command: Mapping[str, object]) -> dict[str, Any]:
        """Send one command, and return its answer.

        Raises:
            OwnerRefused: if it was refused.
            OwnerSilent: if it is not answered.
        """
        try:
            self._connection.sendall(json.dumps(command).encode() + b"\n")
            line = self._received.readline(LONGEST)
            answer = json.loads(line)
        except (OSError, ValueError) as exc:
            raise _silent(exc) from None
        if not isinstance(answer, dict):
            raise _silent(ValueError("it is no object"))
        told = cast("dict[str, Any]", answer)
        if not told.get("ok"):
            raise OwnerRefused(f"{told.get('message')}", str(told.get("error")))
        return told


@contextmanager
def conversing(store: Path) -> Generator[OwnerConversation]:
    """Connect to the owner of the store at ``store``, a path without links.

    Raises:
        OwnerSilent: if it takes no commands.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise OwnerSilent("this system has no Unix sockets")
    address = address_of(store)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE)
        try:
            if not is_guarded(address.parent):
                raise PermissionError(f"{address.parent} is not a folder of this user alone")
            connection.connect(os.fspath(address))
        except OSError as exc:
            raise _silent(exc) from None
        conversation = OwnerConversation(connection)
        with conversation._received:
            yield conversation


def _silent(exc: Exception) -> OwnerSilent:
    return OwnerSilent(str(exc) or type(exc).__name__)
