"""The task of an attempt: its options, and all that goes to the cluster with it."""

from __future__ import annotations

import json
import os
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from jobactors.engine.attempt.chain_type import run_chain
from jobactors.inside.context.own_trace import trace_headers

from .dask_chain import phases_to_send, run_phases
from .dask_client import Order
from .dask_packing import async_refused, is_soon_packed, pack_call
from .process_threads import in_thread
from .process_wire import labels_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import trio

    from jobactors.engine.ports.runner import Attempt


class CallOptions(Struct, frozen=True):
    """The options of a :class:`~jobactors.DaskRunner`, as an attempt reads them."""

    address: str
    """The address of the scheduler."""
    future: type | tuple[()] = ()
    """The class of the cluster's futures."""
    allow_restart: bool = False
    keep: bool = False
    kill_workers: bool = False
    resources: tuple[tuple[str, float], ...] = ()
    shared_folder: str | None = None
    workers: tuple[str | int, ...] = ()


async def order_for(
    attempt: Attempt,
    key: str,
    topic: str,
    options: CallOptions,
    threads: trio.CapacityLimiter,
) -> Order:
    """Return the task of an attempt; packing its call may run users' code, and does so in a thread.

    Args:
        attempt: The attempt.
        key: The key of the task.
        topic: The topic on which its runs report.
        options: The runner's options.
        threads: Limits the threads that pack.

    Raises:
        TypeError: if something in the call cannot be pickled, which the message names; if the
            function is an async def.
    """
    soon = soon_ordered(attempt, key, topic, options)
    if soon is not None:
        return soon
    call = _call_of(attempt)
    work, held = await in_thread(pack_call, *call, options.future, limiter=threads)
    return _order(attempt, key, topic, options, work, held)


def soon_ordered(attempt: Attempt, key: str, topic: str, options: CallOptions) -> Order | None:
    """Return the same where no code of users is run and no time is taken; else None."""
    call = _call_of(attempt)
    if not is_soon_packed(*call):
        return None
    return _order(attempt, key, topic, options, *pack_call(*call, options.future))


def _order(
    attempt: Attempt, key: str, topic: str, options: CallOptions, work: bytes, held: list[Any]
) -> Order:
    context = attempt.context
    begin = {
        "key": key,
        "topic": topic,
        "fenced": not options.allow_restart,
        "holds": options.keep,
        "job": labels_of(context),
        "buffer": _to_send(context._toolbox.buffer_to_send(), options.shared_folder),
        "shared": options.shared_folder,
        "trace": trace_headers(),
    }
    return Order(
        key,
        json.dumps(begin).encode(),
        work,
        tuple(held),
        attempt.options.priority,
        options.workers,
        options.resources,
    )


def _call_of(attempt: Attempt) -> tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]:
    """Return what a worker is to call.

    Raises:
        TypeError: if that is an async def, which the worker would find out.
    """
    if attempt.function is not run_chain:
        if iscoroutinefunction(attempt.function):
            raise async_refused(attempt.function)
        return attempt.function, attempt.args, attempt.kwargs
    phases = phases_to_send(attempt.kwargs["phases"])
    return run_phases, (phases, attempt.kwargs.get("name", "")), {}


def _to_send(sent: dict[str, Any] | None, shared: str | None) -> dict[str, Any] | None:
    """Return the checkpoints for a run, with the folder of their files if it can be used there."""
    if sent is None:
        return None
    usable = shared is not None and sent["folder"]
    return {**sent, "folder": os.path.realpath(sent["folder"]) if usable else ""}
