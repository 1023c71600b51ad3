"""The socket of a store's owner, when the store passes to another owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

import jobactors as ja
from jobactors.hosts.owner_conversation import OwnerSilent, conversing
from jobactors.hosts.owner_socket import take_commands

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


async def test_an_owner_that_ends_leaves_the_socket_of_the_next_one(tmp_path: Path) -> None:
    """The store is released before the processes of the last owner have ended."""
    store = tmp_path / "jobs.db"

    def ask() -> object:
        with conversing(store) as owner:
            return owner.ask({"verb": "metrics"})["ok"]

    async with ja.open_jobs() as jobs, trio.open_nursery() as ended:
        last = serving(ended, jobs, store)
        following = serving(ended, jobs, store)
        await end(last)
        assert await trio.to_thread.run_sync(ask) is True
        await end(following)
        with pytest.raises(OwnerSilent):
            await trio.to_thread.run_sync(ask)


def serving(nursery: trio.Nursery, jobs: ja.Jobs, store: Path) -> trio.CancelScope:
    """Take commands for a store, as its owner does, until the scope is cancelled."""
    scope = trio.CancelScope()
    service = take_commands(jobs, ja.SqliteStore(store))
    assert service is not None

    async def serve(service: Callable[[], Awaitable[None]] = service) -> None:
        with scope:
            await service()

    nursery.start_soon(serve)
    return scope


async def end(scope: trio.CancelScope) -> None:
    """Cancel a service, and let it end."""
    scope.cancel()
    await trio.testing.wait_all_tasks_blocked()
