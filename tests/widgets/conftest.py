"""Fixtures for the front end's end of comms: the messages of a widget, and a way to answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import comm
import comm.base_comm
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


class RecordingComm(comm.base_comm.BaseComm):
    """Records the messages that the kernel publishes on a comm."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.published: list[tuple[str, dict[str, Any]]] = []
        super().__init__(*args, **kwargs)

    def publish_msg(self, msg_type: str, data: Any = None, *_: Any, **__: Any) -> None:
        """Record a message."""
        self.published.append((msg_type, data or {}))

    @property
    def first_state(self) -> dict[str, Any]:
        """The traits the widget was opened with."""
        state: dict[str, Any] = self.published[0][1]["state"]
        return state

    @property
    def contents(self) -> list[dict[str, Any]]:
        """The custom messages, in order."""
        return [data["content"] for _, data in self.published if data.get("method") == "custom"]

    def receive(self, content: object) -> None:
        """Deliver a custom message from the browser."""
        data = {"method": "custom", "content": content}
        self.handle_msg({"content": {"data": data}, "buffers": []})


@pytest.fixture
def comms(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[RecordingComm]]:
    """Every comm that widgets open during the test, in order."""
    opened: list[RecordingComm] = []

    def create(**kwargs: Any) -> RecordingComm:
        opened.append(RecordingComm(**kwargs))
        return opened[-1]

    monkeypatch.setattr(comm, "create_comm", create)
    yield opened
    for each in opened:
        each.close()
