"""The function that Dask knows as the task of an attempt, and others that travel whole.

A function that is sent by its name takes its worker down where the name is not found: the worker
cannot read the message, closes the connection, and the next worker gets the task.  So it is sent
by value, as cloudpickle sends a function in a function, and looks for jobactors when it is called.
What it finds, or does not, is then an error of the task like any other.  The scheduler, which reads
tasks as well, needs no jobactors.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from . import dask_wire

if TYPE_CHECKING:
    from collections.abc import Callable


def task_function() -> Callable[..., Any]:
    """Return the function of all tasks: one object, so that a graph holds it once."""
    return _task_function(dask_wire.WIRE)


@cache
def _task_function(wire: int) -> Callable[..., Any]:
    # It may use nothing of this module, and no class that a bare worker does not have.
    def run_attempt(begin: bytes, work: bytes, *held: Any) -> Any:
        from jobactors.runners.dask_wire import WIRE
        from jobactors.runners.dask_worker import run_attempt

        if wire != WIRE:
            raise ImportError(f"its frames have version {WIRE}, the job's {wire}", name="jobactors")
        return run_attempt(begin, work, *held)

    run_attempt.__annotations__.clear()
    return run_attempt


@cache
def forgetting_function() -> Callable[..., Any]:
    """Return a function for a scheduler, which empties our topics that no client listens to."""
    from .dask_wire import TOPIC

    return _forgetting_function(TOPIC)


def _forgetting_function(prefix: str) -> Callable[..., Any]:
    def forget(dask_scheduler: Any) -> None:
        topics, clients = dask_scheduler._broker._topics, set(dask_scheduler.clients)
        for name, topic in topics.items():
            if name.startswith(prefix) and not topic.subscribers & clients:
                topic.truncate()  # it stays: its client may have lost its connection for a moment

    forget.__annotations__.clear()
    return forget
