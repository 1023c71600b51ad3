"""Tells a Ctrl-C that has struck a job's code from a KeyboardInterrupt that the code has raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable


def is_ctrl_c(exc: BaseException) -> bool:
    """Whether ``exc`` holds a KeyboardInterrupt that a signal brought, and not the job's code."""
    # Only the actor's own task is protected from Ctrl-C; tasks that the job starts are not.
    pending, looked_at = [exc], 0
    while pending and looked_at < _MOST_IN_A_GROUP:
        error = pending.pop()
        looked_at += 1
        kind = type(error)  # not isinstance: it asks the object for its __class__
        if issubclass(kind, KeyboardInterrupt) and _was_raised_by_trio(error):
            return True
        if issubclass(kind, BaseExceptionGroup):
            pending += _members(error)
    return False


_MOST_IN_A_GROUP: Final = 10_000
"""Exceptions of one group that are looked at."""


# The attribute itself: a class derived from it may hide it behind code of its own.
_members: Final = cast(
    "Callable[[BaseException], tuple[BaseException, ...]]", BaseExceptionGroup.exceptions.__get__
)


def _was_raised_by_trio(exc: BaseException) -> bool:
    where = exc.__traceback__
    while where is not None and where.tb_next is not None:
        where = where.tb_next
    return where is not None and where.tb_frame.f_globals.get("__name__") == "trio._core._ki"
