"""Tests of ipykernel's private parts where they are missing or have changed.

`tests/kernel` tries the real ones.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from jobactors_widgets.kernel_internals import current_kernel, hear_while_busy, hears_while_busy


class FakeManager:
    """Makes subshells, as ipykernel's manager does."""

    def __init__(self) -> None:
        self.subshells: list[str] = []
        self.broken = False

    def list_subshell(self) -> list[str]:
        """Name them."""
        return self.subshells

    def _create_subshell(self) -> str:
        if self.broken:
            raise AssertionError("not in this thread")
        self.subshells.append(f"own-{len(self.subshells)}")
        return self.subshells[-1]


class FakeKernel:
    """A kernel with subshells."""

    def __init__(self, manager: object) -> None:
        self.shell_channel_thread = SimpleNamespace(_manager=manager)


class FakeComm:
    """A comm as ipykernel 7.4 makes it: it would send everything back to the main shell."""

    comm_id = "c1"

    def _reply_subshell_for(self, _data: object, _default: str | None) -> str | None:
        return None


def route_of(comm: Any) -> Any:
    """Return the function that ipykernel calls to route a message."""
    return lambda named: comm._reply_subshell_for({}, named)


def test_outside_of_a_kernel_there_is_none() -> None:
    """A test run is no kernel."""
    assert current_kernel() is None


@pytest.mark.parametrize(
    "kernel",
    [
        None,
        object(),
        SimpleNamespace(shell_channel_thread=None),
        FakeKernel(None),
        FakeKernel(object()),
    ],
    ids=["no kernel", "another kernel", "ipykernel 6", "not started", "changed inside"],
)
def test_a_kernel_without_the_private_parts_cannot_hear(kernel: object) -> None:
    """And its comms are left as they are."""
    comm = FakeComm()
    hear_while_busy(comm, kernel)
    assert not hears_while_busy(kernel)
    assert vars(comm) == {}


def test_a_message_goes_where_the_browser_wants_it() -> None:
    """Without us, ipykernel 7.4 would send it to the main shell."""
    manager, comm = FakeManager(), FakeComm()
    manager.subshells = ["browser"]
    kernel = FakeKernel(manager)
    hear_while_busy(comm, kernel)
    assert hears_while_busy(kernel)
    assert route_of(comm)("browser") == "browser"
    assert manager.subshells == ["browser"]


def test_a_message_that_names_no_subshell_goes_to_one_of_ours() -> None:
    """Made once, and again if it was deleted; also for a name that is not known any more."""
    manager, one, two = FakeManager(), FakeComm(), FakeComm()
    kernel = FakeKernel(manager)
    hear_while_busy(one, kernel)
    hear_while_busy(two, kernel)
    assert [route_of(one)(None), route_of(two)(None), route_of(one)("gone")] == ["own-0"] * 3
    manager.subshells = ["other"]
    assert route_of(one)(None) == "own-1"


def test_a_part_that_fails_leaves_the_message_to_the_main_shell(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Late, not lost."""
    manager, comm = FakeManager(), FakeComm()
    hear_while_busy(comm, FakeKernel(manager))
    manager.broken = True
    assert route_of(comm)(None) is None
    assert "clicks wait" in caplog.text
