"""The exit statuses of the command line, and the errors that lead to each."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Final, TypeVar

from jobactors.hosts.terminal_text import safe
from jobactors.model.errors import JobactorsError, StoreBusy, StoreError, UnknownJob
from jobactors.model.exception_tree import holds

if TYPE_CHECKING:
    import argparse

REFUSED: Final = 1
NO_SENSE: Final = 2
NO_JOB: Final = 3
STORE_TROUBLE: Final = 4
OWNER_SILENT: Final = 5
INTERRUPTED: Final = 130

_F = TypeVar("_F", bound="Callable[[argparse.Namespace], int]")


class Complaint(Exception):
    """Ends a subcommand with a sentence for the user and an exit status.

    Args:
        text: The sentence, with the cure.
        status: The exit status.
    """

    def __init__(self, text: str, status: int = REFUSED) -> None:
        super().__init__(text)
        self.status = status


def status_of(exc: BaseException) -> int:
    """Return the exit status for an error."""
    match exc:
        case Complaint():
            return exc.status
        case UnknownJob():
            return NO_JOB
        case StoreBusy():
            return OWNER_SILENT
        case StoreError():
            return STORE_TROUBLE
        case _:
            return REFUSED


def complain(text: str) -> None:
    """Print a sentence for the user on standard error, whatever it holds."""
    print(f"jobactors: {safe(text)}", file=sys.stderr)  # noqa: T201


def explained(handler: _F) -> _F:
    """Make of a handler's errors a sentence and a status, instead of a traceback."""

    @wraps(handler)
    def call(given: argparse.Namespace) -> int:
        try:
            status = handler(given)
            sys.stdout.flush()
        except (Complaint, JobactorsError) as exc:
            complain(str(exc))
            return status_of(exc)
        except BrokenPipeError:  # `jobactors list | head`: its reader has what it wanted
            with suppress(OSError):
                sys.stdout.close()
            return 0
        except KeyboardInterrupt:
            return INTERRUPTED
        except BaseExceptionGroup as group:
            if not holds(group, KeyboardInterrupt):
                raise
            return INTERRUPTED
        return status

    return call  # type: ignore[return-value]
