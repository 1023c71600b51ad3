"""The modules that a worker lacks, or has in another version: such an error gets its cure."""

from __future__ import annotations

import re
from typing import Final

_MISSING_NAME: Final = re.compile(r"Can't get attribute .* on <module '([\w.]+)'")


def add_cure(exc: Exception) -> None:
    """Add the cure to the words of an error that came when a call was rebuilt on a worker.

    A row shows an error's words, and no note.  Its class and its own words stay.
    """
    cure = _cure_of(exc)
    if not cure:
        return
    words = f"{exc}; {cure}"
    if isinstance(exc, ImportError):
        exc.msg = words
    exc.args = (words, *exc.args[1:])


def _cure_of(exc: Exception) -> str:
    if type(exc) is ModuleNotFoundError and exc.name:
        return f"the worker does not have it: {_how_to_send(exc.name)}"
    if type(exc) is ImportError and exc.name:
        return _how_to_renew(exc.name)
    found = _MISSING_NAME.match(str(exc)) if type(exc) is AttributeError else None
    return "" if found is None or found[1] == "__main__" else _how_to_renew(found[1])


def _how_to_renew(module: str) -> str:
    return (
        f"the worker has another version of {module}: {_how_to_send(module)}; "
        "client.restart() lets workers import anew what has changed where they read it"
    )


def _how_to_send(module: str) -> str:
    top, _, rest = module.partition(".")
    install = f'client.register_plugin(dask.distributed.PipInstall(["{top}"])) installs a package'
    return install if rest else f'client.upload_file("{top}.py") sends a file, {install}'
