"""``metrics`` and ``schedules``: told by the owner of the store, or by opening it here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from jobactors.engine.api.outside_commands import metrics_of, schedules_of
from jobactors.hosts.terminal_text import safe
from jobactors.hosts.trio_block import open_jobs
from jobactors.stores.read_only import StoreView

from .owner_call import calling_owner
from .statuses import explained
from .store_choice import chosen_store
from .tables import is_for_people, put, put_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from pathlib import Path

    from jobactors.engine.api.jobs import Jobs

    Tell = Callable[[Jobs], dict[str, Any]]


@explained
def show_metrics(given: argparse.Namespace) -> int:
    """Print how many jobs have ended, how, and how long they took."""
    told = _told(given, "metrics", metrics_of)
    if given.prometheus:
        put(told["prometheus"].rstrip())
    else:
        _put(given, told, "metrics")
    return 0


@explained
def show_schedules(given: argparse.Namespace) -> int:
    """Print the schedules, with the time of the next run."""
    _put(given, _told(given, "schedules", schedules_of), "schedules")
    return 0


def _told(given: argparse.Namespace, what: str, tell: Tell) -> dict[str, Any]:
    with StoreView(chosen_store(given)) as view:
        owner, path = view.owner, view.path
    if owner is not None:
        with calling_owner(path, owner) as call:
            return call.ask({"verb": what})
    return trio.run(_told_here, path, tell)


async def _told_here(path: Path, tell: Tell) -> dict[str, Any]:
    async with open_jobs(store=path, unread_failures="ignore") as jobs:
        told = tell(jobs)
        await jobs.close()
    return told


def _put(given: argparse.Namespace, told: dict[str, Any], what: str) -> None:
    if is_for_people(given):
        for line in str(told["text"]).splitlines():
            put(safe(line))
    else:
        for one in told[what]:
            put_json(one)
