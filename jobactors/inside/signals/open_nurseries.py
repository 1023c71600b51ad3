"""Closes the nurseries that a user's code has opened in a task of the engine, and not closed.

trio ends such a task with an error of its own, which nothing in the task can catch: it goes to the
nursery in which the engine starts its tasks, and would end all jobs for the slip of one.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable

# trio is loaded already where this is called, and not by a process that has no need of it.

T = TypeVar("T")
LEFT_OPEN: Final = (
    "a nursery was opened here and never closed: its tasks were cancelled; open it with "
    "'async with trio.open_nursery() as nursery:'"
)


async def closing_nurseries(awaitable: Awaitable[T]) -> T:
    """Await a user's code, and close the nurseries that it leaves open.

    Raises:
        RuntimeError: if there was one, after its tasks have ended.
    """
    import trio

    before = len(trio.lowlevel.current_task().child_nurseries)
    try:
        return await awaitable
    finally:
        if len(trio.lowlevel.current_task().child_nurseries) > before:
            await close_nurseries(before)


async def close_nurseries(before: int = 0) -> NoReturn:
    """Close the nurseries that are open in this task, the innermost first.

    Args:
        before: The number of those that stay open.

    Raises:
        RuntimeError: after their tasks have ended.
    """
    import trio

    task = trio.lowlevel.current_task()
    errors: list[BaseException] = []
    while len(task.child_nurseries) > before:
        nursery = task.child_nurseries[-1]
        nursery.cancel_scope.cancel("its function ended and left it open")
        # What leaving the nursery does: trio has no public name for it without its context manager.
        raised = await nursery._nested_child_finished(None)
        if isinstance(raised, BaseExceptionGroup):
            raised = raised.split(trio.Cancelled)[1]
        if raised is not None and not isinstance(raised, trio.Cancelled):
            errors.append(raised)
        with suppress(RuntimeError):  # a scope in it was left open as well
            nursery.cancel_scope.__exit__(None, None, None)
    raise RuntimeError(LEFT_OPEN) from (errors[0] if errors else None)
