"""What a job's code works with: control, meter, mailbox, log, and who gets resources for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from jobactors.inside.report.meter import Meter
from jobactors.inside.signals.control import Control
from jobactors.inside.signals.mailbox import Inbox
from jobactors.model.log import Log

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping

    from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer


class Acquisition(Protocol):
    """Resources on their way to a job: awaited, waited for in a thread, or entered as a block."""

    def __await__(self) -> Generator[Any, Any, Mapping[str, int]]: ...
    def result(self, timeout: float | None = None) -> Mapping[str, int]:
        """Block this thread until the resources are held."""
        ...

    def __enter__(self) -> Mapping[str, int]: ...
    def __exit__(self, *_: object) -> None: ...
    async def __aenter__(self) -> Mapping[str, int]: ...
    async def __aexit__(self, *_: object) -> None: ...


class Broker(Protocol):
    """Whoever gets resources for a running job."""

    def acquire(self, alternatives: tuple[Mapping[str, int], ...], doing: str) -> Acquisition:
        """Return what waits for one of ``alternatives``."""
        ...

    def release(self, names: Iterable[str] | None) -> None:
        """Give back ``names``, or everything."""
        ...


class Toolbox(Protocol):
    """What a job's code works with, each part made when it is first asked for."""

    @property
    def control(self) -> Control:
        """What is asked of the job."""
        ...

    @property
    def meter(self) -> Meter:
        """What the job reports."""
        ...

    @property
    def inbox(self) -> Inbox:
        """Where the job is told something."""
        ...

    @property
    def log(self) -> Log:
        """What the job prints and logs."""
        ...

    @property
    def buffer(self) -> CheckpointBuffer | None:
        """Keeps what the job saves; None where nothing is kept."""
        ...

    @property
    def broker(self) -> Broker | None:
        """Gets resources for the job; None where there are none to be had."""
        ...


class ReadyToolbox:
    """Toolbox made whole, at once: of code outside a job system, or in a process of its own."""

    broker = None

    def __init__(
        self,
        control: Control | None = None,
        meter: Meter | None = None,
        inbox: Inbox | None = None,
        log: Log | None = None,
        buffer: CheckpointBuffer | None = None,
    ) -> None:
        self.control = Control(loop_thread=0) if control is None else control
        self.meter = Meter(lambda: None) if meter is None else meter
        self.inbox = Inbox("", 0) if inbox is None else inbox
        self.log = Log(0) if log is None else log
        self.buffer = buffer
        self.control.arm = self.meter.arm
