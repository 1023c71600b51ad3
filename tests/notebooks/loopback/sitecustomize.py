"""Limits the sockets of a Python program to this machine; found by being on PYTHONPATH.

Python imports a module of this name at its start, and so does each Python that such a program
starts. A refusal is also noted in the file LOOPBACK_REFUSALS names: the program may swallow it.
"""

import os
import sys


def _refuse(address: object) -> None:
    if path := os.environ.get("LOOPBACK_REFUSALS"):
        with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - pathlib is slow to import
            file.write(f"{address!r}\n")
    raise PermissionError(f"this test allows no address but this machine's own: {address!r}")


def _is_here(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    return host is None or (
        isinstance(host, str)
        and (host in {"", "localhost", "::1", "::", "0.0.0.0"} or host.startswith("127."))
    )


def _look(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.getaddrinfo" and not _is_here(arguments[0]):
        _refuse(arguments[0])
    if event in {"socket.connect", "socket.sendto"}:
        address = arguments[1]
        if isinstance(address, tuple) and not _is_here(address[0]):
            _refuse(address)


sys.addaudithook(_look)
