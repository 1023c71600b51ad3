"""What the code of one attempt works with, each part made when it is first asked for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from jobactors.engine.records.record import CREATION_LOCK
from jobactors.inside.report.meter import Meter
from jobactors.inside.signals.control import Control

from .checkpoint_writer import CheckpointWriter
from .progress_sampler import Sampler
from .resource_broker import ResourceBroker

if TYPE_CHECKING:
    from jobactors.engine.records.record import Record
    from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer
    from jobactors.inside.signals.mailbox import Inbox
    from jobactors.model.log import Log

    from .host import AttemptHost


class AttemptToolbox:
    """Control, meter, mailbox, log, buffer and broker of one attempt.

    Most jobs say nothing and are told nothing, and there may be thousands of them.  Asked from any
    thread: by the job's code, in whatever threads that runs, and by the loop.
    """

    __slots__ = (
        "_attempt",
        "_control",
        "_host",
        "_kept",
        "_meter",
        "_record",
        "sampler",
        "writer",
    )

    def __init__(self, host: AttemptHost, record: Record, attempt: int) -> None:
        self._host = host
        self._record = record
        self._attempt = attempt
        has_checkpoints = record.options.checkpoint_every is not None
        self._kept = host.leases.begin(record) if has_checkpoints else {}
        self._control: Control | None = None
        self._meter: Meter | None = None
        self.sampler: Sampler | None = None
        """Reads the meter; None as long as there is none."""
        self.writer: CheckpointWriter | None = None
        """Writes down what the job saves; None as long as it has neither saved nor looked."""

    @property
    def control(self) -> Control:
        """What is asked of the job."""
        if self._control is None:
            made = Control(self._host.portal.thread)
            with CREATION_LOCK:
                self._control = self._control or made
        return self._control

    @property
    def meter(self) -> Meter:
        """What the job reports."""
        if self._meter is None:
            meter = Meter(self._wake)
            sampler = self._sampler_of(meter)
            with CREATION_LOCK:
                if self._meter is None:
                    self.sampler, self._meter = sampler, meter
            self.control.arm = self._meter.arm
        return self._meter

    def _sampler_of(self, meter: Meter) -> Sampler:
        host, record = self._host, self._record
        return Sampler(
            meter,
            record.id,
            host.clock,
            host.timers,
            self.log,
            partial(host.emit, record),
        )

    @property
    def inbox(self) -> Inbox:
        """Where the job is told something."""
        inbox = self._record.open_inbox()
        inbox._attend(self.control)
        return inbox

    @property
    def log(self) -> Log:
        """What the job prints and logs."""
        return self._record.open_log()

    @property
    def buffer(self) -> CheckpointBuffer | None:
        """Keeps what the job saves; None if it has no checkpoints."""
        every = self._record.options.checkpoint_every
        if every is None:
            return None
        if self.writer is None:
            made = CheckpointWriter(
                self._host, self._record, self.meter, every, self._attempt, self._kept
            )
            with CREATION_LOCK:
                self.writer = self.writer or made
        return self.writer.buffer

    @property
    def broker(self) -> ResourceBroker:
        """Gets resources for the job."""
        return ResourceBroker(self._host, self._record, self.control)

    def close(self) -> None:
        """The attempt has ended: the last report is published, and nobody hears of later ones."""
        if self.sampler is not None:
            self.sampler.close()
        if self._meter is not None:
            self._meter.wake = _unheard  # the circle through it would wait for the collector

    def _wake(self) -> None:
        """Called by the job's code, in whatever thread that is."""
        portal = self._host.portal
        if portal.is_home:
            self._wake_sampler()
        else:
            portal.post_quietly(self._wake_sampler)

    def _wake_sampler(self) -> None:
        if self.sampler is not None:
            self.sampler.wake()


def _unheard() -> None:
    """What a thread wakes that goes on reporting after its attempt has ended."""
