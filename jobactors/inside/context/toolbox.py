"""The parts that a job's code works with: control, meter, mailbox, log, checkpoints, resources.

A protocol, because the engine makes each part when it is first used (most jobs use none), while a
process of its own, a test, and code outside jobs have all of them ready.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from jobactors.inside.report.meter import Meter
from jobactors.inside.signals.control import Control
from jobactors.inside.signals.mailbox import Inbox
from jobactors.model.log import Log

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer
    from jobactors.model.checks import Seconds


class Acquisition(Protocol):
    """Resources on their way to a job: awaited, waited for in a thread, or entered as a block."""

    def __await__(self) -> Generator[Any, Any, Mapping[str, int]]: ...
    def result(self, timeout: Seconds | None = None) -> Mapping[str, int]:
        """Block this thread until the resources are held; returns names and units."""
        ...

    def __enter__(self) -> Mapping[str, int]: ...
    def __exit__(self, *_: object) -> None: ...
    async def __aenter__(self) -> Mapping[str, int]: ...
    async def __aexit__(self, *_: object) -> None: ...


class Broker(Protocol):
    """Gets resources for a running job."""

    def acquire(self, alternatives: tuple[Mapping[str, int], ...], doing: str) -> Acquisition:
        """Return a wait for one of ``alternatives``."""
        ...

    def release(self, names: Iterable[str] | None) -> None:
        """Release ``names``, or all that the job holds."""
        ...


class Toolbox(Protocol):
    """The parts that a job's code works with; may be asked for from any thread."""

    @property
    def control(self) -> Control:
        """The requests to the job."""
        ...

    @property
    def meter(self) -> Meter:
        """The progress that the job reports."""
        ...

    @property
    def inbox(self) -> Inbox:
        """The messages to the job."""
        ...

    @property
    def log(self) -> Log:
        """The lines that the job prints and logs."""
        ...

    @property
    def buffer(self) -> CheckpointBuffer | None:
        """The checkpoints that the job saves; None where none are saved."""
        ...

    def buffer_to_send(self) -> dict[str, Any] | None:
        """Return the contents for the buffer of the job's own process; None if nothing is saved."""
        ...

    @property
    def broker(self) -> Broker | None:
        """Gets resources for the job; None outside a job system."""
        ...


class ReadyToolbox:
    """A toolbox with all parts made: for code outside a job system, or in a process of its own."""

    broker: None = None
    """None: resources belong to a job system."""

    def __init__(
        self,
        control: Control | None = None,
        meter: Meter | None = None,
        inbox: Inbox | None = None,
        log: Log | None = None,
        buffer: CheckpointBuffer | None = None,
    ) -> None:
        self.control: Control = Control(loop_thread=0) if control is None else control
        self.meter: Meter = Meter(lambda: None) if meter is None else meter
        self.inbox: Inbox = Inbox("", 0) if inbox is None else inbox
        self.log: Log = Log(0) if log is None else log
        self.buffer: CheckpointBuffer | None = buffer
        self.control.arm = self.meter.arm

    def buffer_to_send(self) -> dict[str, Any] | None:
        """Return the contents for the buffer of the job's own process; None if nothing is saved."""
        return None if self.buffer is None else self.buffer.to_send()
