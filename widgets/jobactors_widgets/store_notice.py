"""The warning about the store of a job system, which heads its boards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .wire import LONGEST_MESSAGE, safe_text

if TYPE_CHECKING:
    import jobactors as ja


def store_notice(jobs: ja.Jobs | None) -> str:
    """Return the warning about the store of a job system; empty if all is well."""
    store = None if jobs is None else jobs.store
    if store is None:
        return ""
    lost = "Another process owns these jobs now: nothing more is stored here." if store.lost else ""
    return safe_text(lost or store.trouble or store.offer or "", LONGEST_MESSAGE)
