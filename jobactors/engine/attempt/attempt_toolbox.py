"""The toolbox of one attempt, each part made when it is first asked for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from jobactors.engine.checkpoints.table import fraction_of_newest
from jobactors.engine.records.record import CREATION_LOCK
from jobactors.inside.report.meter import Meter
from jobactors.inside.signals.control import Control
from jobactors.model.job_type import CHAIN_TYPE

from .progress_sampler import Sampler

if TYPE_CHECKING:
    from jobactors.engine.records.record import Record
    from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer
    from jobactors.inside.signals.mailbox import Inbox
    from jobactors.model.log import Log
    from jobactors.model.snapshot import JobSnapshot

    from .checkpoint_writer import CheckpointWriter
    from .host import AttemptHost
    from .resource_broker import ResourceBroker


class AttemptToolbox:
    """Control, meter, mailbox, log, buffer and broker of one attempt.

    Most jobs report nothing and get no message, and there may be thousands of them.  Parts are
    asked for from any thread: by the job's code, and by the loop.
    """

    __slots__ = (
        "_attempt",
        "_checkpoints",
        "_control",
        "_host",
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
        self._checkpoints = host.leases.begin(record) if has_checkpoints else {}
        self._control: Control | None = None
        self._meter: Meter | None = None
        self.sampler: Sampler | None = None
        """Reads the meter; None until there is one."""
        self.writer: CheckpointWriter | None = None
        """Writes the job's checkpoints; None until it has saved one, or looked for one."""

    @property
    def control(self) -> Control:
        """The requests to the job: cancel and pause."""
        if self._control is None:
            made = Control(self._host.portal.thread)
            with CREATION_LOCK:
                self._control = self._control or made
        return self._control

    @property
    def was_told(self) -> bool:
        """Whether the attempt's code was notified of a request to end; read after its return."""
        return self._control is not None and self._control.answers > 0

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is a checkpoint to go on from: of an earlier attempt, or of this one."""
        if self.writer is None:
            return bool(self._checkpoints)
        return self.writer.buffer.has_any

    @property
    def meter(self) -> Meter:
        """The meter to which the job reports progress."""
        if self._meter is None:
            meter = Meter(self._wake)
            if self._record.snapshot.info.type == CHAIN_TYPE:
                meter.floor = fraction_of_newest(self._checkpoints.values())
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
        """The mailbox from which the job reads."""
        inbox = self._record.open_inbox()
        inbox._attend(self.control)
        return inbox

    @property
    def log(self) -> Log:
        """The lines that the job prints and logs."""
        return self._record.open_log()

    @property
    def buffer(self) -> CheckpointBuffer | None:
        """The buffer of the job's checkpoints; None if it saves none."""
        every = self._record.options.checkpoint_every
        if every is None:
            return None
        if self.writer is None:
            from .checkpoint_writer import CheckpointWriter  # most jobs save nothing

            made = CheckpointWriter(
                self._host,
                self._record,
                self.meter,
                every,
                self._attempt,
                self._checkpoints,
                self._catch_up,
            )
            with CREATION_LOCK:
                self.writer = self.writer or made
        return self.writer.buffer

    def buffer_to_send(self) -> dict[str, Any] | None:
        """Return the contents for a buffer in the job's own process.

        No buffer is made here, since most jobs save nothing.
        """
        if self.writer is not None:
            return self.writer.buffer.to_send()
        if self._record.options.checkpoint_every is None:
            return None
        from jobactors.inside.report.checkpoint_buffer import to_send  # for a process alone

        folder, *words = self._host.leases.folder_words(self._record)
        return to_send(self._checkpoints, folder, words)

    @property
    def broker(self) -> ResourceBroker:
        """Acquires resources for the job."""
        from .resource_broker import ResourceBroker  # most jobs acquire none while they run

        return ResourceBroker(self._host, self._record, self._attempt, self.control)

    def newest(self, snapshot: JobSnapshot) -> JobSnapshot:
        """Return a snapshot of the job with all its reports; from any thread."""
        return snapshot if self.sampler is None else self.sampler.newest(snapshot)

    def close(self) -> None:
        """Publish the last report at the attempt's end; later ones are dropped."""
        if self.sampler is not None:
            self.sampler.close()
        if self._meter is not None:
            self._meter.wake = (
                _ignore_wake  # the cycle through it would wait for the garbage collector
            )

    def _wake(self) -> None:
        """Wake the sampler; called by the job's code, from any thread."""
        portal = self._host.portal
        if portal.is_home:
            self._wake_sampler()
        else:
            portal.post_quietly(self._wake_sampler)

    def _catch_up(self) -> None:
        if self.sampler is not None:
            self.sampler.catch_up()

    def _wake_sampler(self) -> None:
        if self.sampler is not None:
            self.sampler.wake()


def _ignore_wake() -> None:
    """Do nothing: a thread of the job reports on after its attempt has ended."""
