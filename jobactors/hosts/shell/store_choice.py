"""The store that a command line means."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jobactors.stores.location import notebook_store_path

from .statuses import NO_SENSE, Complaint

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

VARIABLE: Final = "JOBACTORS_STORE"
DEFAULT: Final = "jobs.db"


def chosen_store(
    given: argparse.Namespace, environment: Mapping[str, str] = os.environ, *, new: bool = False
) -> Path:
    """Return the path of the store that was given, or is meant where none was.

    Args:
        given: The parsed command line.
        environment: Where ``JOBACTORS_STORE`` may be; default: this process's.
        new: Whether the store may have to be made, so that it is worth naming one.

    Raises:
        Complaint: if none was named, and there is none where one is expected.
    """
    named = getattr(given, "store", None)
    option = given.store_option
    if named and option and named != option:
        raise Complaint(f"two stores are named, {named} and {option}: name one", NO_SENSE)
    text = named or option or environment.get(VARIABLE)
    if not text and (new or Path(DEFAULT).is_file()):
        text = DEFAULT
    if not text:
        raise Complaint(
            f"which store? Name its file (--store jobs.db), set {VARIABLE}, or go to a folder with "
            f"a {DEFAULT}",
            NO_SENSE,
        )
    if "\0" in text:
        raise Complaint("a path of a store holds no NUL character", NO_SENSE)
    path = Path(text).expanduser()
    return notebook_store_path(path) if path.suffix == ".ipynb" else path
