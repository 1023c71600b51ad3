"""A command for the process that owns a store, with the exit statuses of the command line."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from jobactors.hosts.owner_conversation import OwnerRefused, OwnerSilent, conversing

from .statuses import NO_JOB, NO_SENSE, OWNER_SILENT, REFUSED, Complaint

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from jobactors.hosts.owner_conversation import OwnerConversation

_STATUSES: Final = {
    "UnknownJob": NO_JOB,
    **dict.fromkeys(
        ("ArgumentsInvalid", "TypeError", "UnknownJobType", "UnknownTemplate", "ValueError"),
        NO_SENSE,
    ),
}


class OwnerCall:
    """A conversation with the owner of a store.  Got from :func:`calling_owner`."""

    def __init__(self, conversation: OwnerConversation, owner: str) -> None:
        self._conversation = conversation
        self._owner = owner

    def ask(self, command: Mapping[str, object]) -> dict[str, Any]:
        """Send one command, and return its answer.

        Raises:
            Complaint: if it was refused, or is not answered.
        """
        try:
            return self._conversation.ask(command)
        except OwnerSilent as exc:
            raise _silent(self._owner, exc) from None
        except OwnerRefused as exc:
            raise Complaint(str(exc), _STATUSES.get(exc.kind, REFUSED)) from None


@contextmanager
def calling_owner(store: Path, owner: str) -> Generator[OwnerCall]:
    """Connect to the owner of the store at ``store``, a path without links.

    Raises:
        Complaint: if it takes no commands; the message has the cure.
    """
    with ExitStack() as opened:
        try:
            conversation = opened.enter_context(conversing(store))
        except OwnerSilent as exc:
            raise _silent(owner, exc) from None
        yield OwnerCall(conversation, owner)


def _silent(owner: str, exc: OwnerSilent) -> Complaint:
    return Complaint(
        f"the store belongs to {owner}, which takes no commands ({exc}): command it there, or end "
        "that process",
        OWNER_SILENT,
    )
