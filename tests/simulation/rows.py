"""What the model knows of one job."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Mapping

STOPS = {"cancel", "time out"}
TERMINAL = {"succeeded", "failed", "cancelled"}
CAPACITIES: Mapping[str, int] = {"gpu": 2, "disk": 3}


@dataclass
class Row:
    """One job."""

    id: str
    order: int
    flavour: int
    submitted: float
    priority: int = 0
    needs: dict[str, int] = field(default_factory=dict)
    key: str | None = None
    edges: dict[str, str] = field(default_factory=dict)
    argument: str | None = None
    held: bool = False
    due: float = -math.inf
    why_due: str = "start time"
    attempts: int = 1
    """How many attempts may fail, in all."""
    delay: float = 0.0
    """Seconds before each further attempt."""
    timeout: float | None = None
    start_deadline: float | None = None
    grace: float = 10.0

    state: str = "queued"
    announced: bool = False
    """Whether the engine has said that it waits."""
    owns_key: bool = True
    """Whether nobody has replaced it."""
    attempt: int = 0
    failures: int = 0
    request: str | None = None
    stuck: bool = False
    place: str = "queue"
    """"queue", "listening", "paused", "awaiting", "acquiring", "returning", "going on", "gone"."""
    awaits: str | None = None
    wants: list[dict[str, int]] = field(default_factory=list)
    """The alternatives of a request for resources that waits."""
    asked: int = 0
    """The order of requests."""
    got: dict[str, int] = field(default_factory=dict)
    """What a request has got of which the job does not know yet."""
    since: int = 0
    """In which step it began to want its slot back."""
    slot: bool = False
    holds: dict[str, int] = field(default_factory=dict)
    shielded: bool = False
    on_cancel: str = "raise"
    told: bool = False
    """Whether its code has heard that it is to end."""
    timeout_at: float = math.inf
    time_left: float | None = None
    stuck_at: float = math.inf
    value: object = None
    ended: int = 0
    read: bool = False
    kept: bool = True
    inbox: list[tuple[str, int]] = field(default_factory=list)
    reads: int | None = None
    """Which message it gets when it next reads its inbox."""
    rules: dict[str, Any] = field(default_factory=dict)
    """`on_duplicate` and `on_busy`, for a restart."""

    @property
    def terminal(self) -> bool:
        """Whether it has ended."""
        return self.state in TERMINAL

    @property
    def active(self) -> bool:
        """Whether an attempt exists."""
        return self.state in {"running", "paused", "cancelling"}

    @property
    def stopping(self) -> bool:
        """Whether it was told to end."""
        return self.request in STOPS

    @property
    def listens(self) -> bool:
        """Whether it would do a line now."""
        return self.place == "listening"


def options_of(row: Row, epoch: float) -> dict[str, Any]:
    """Return a row's options as the engine wants them."""
    return {
        "priority": row.priority,
        "key": row.key,
        "resources": row.needs,
        "hold": row.held,
        "start_at": None if row.due == -math.inf else epoch + row.due,
        "retry": ja.Retry(max=row.attempts, base=row.delay, factor=1.0, jitter=0.0),
        "timeout": row.timeout,
        "start_deadline": row.start_deadline,
        "grace": row.grace,
        "mailbox": 2,
    }
