"""The current job, as its own code sees it."""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from jobactors.inside.report.item_errors import ItemErrors, errors_in
from jobactors.inside.report.work_files import folder_of, made, plain_name
from jobactors.inside.signals.cancel_point import CancelPoint, CancelRequest
from jobactors.model.errors import NoJobSystem
from jobactors.model.resources import as_needs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer
    from jobactors.inside.report.meter import Meter
    from jobactors.inside.signals.control import Control
    from jobactors.inside.signals.mailbox import Inbox
    from jobactors.model.log import Log
    from jobactors.model.phases import ItemError

    from .toolbox import Acquisition, Broker, Toolbox

_FIRST: Final = Lock()
"""Held while a part is made: two threads of one job may ask for it at the same moment."""


class JobContext:
    """The running job seen from inside: its id, what was asked of it, and what it says.

    Got from :func:`current_job`.  Outside a job there is a detached one with an empty id: it is
    never cancelled and what it is told goes nowhere, so that job functions run anywhere.
    """

    __slots__ = (
        "_buffer",
        "_errors",
        "_toolbox",
        "attempt",
        "id",
        "known_meter",
        "name",
        "part",
        "subject",
        "system",
        "type",
    )

    def __init__(
        self,
        toolbox: Toolbox,
        *,
        id: str = "",
        name: str = "",
        type: str = "",
        subject: str = "",
        attempt: int = 0,
        system: object = None,
        part: str = "",
    ) -> None:
        self._toolbox = toolbox
        self.id = id
        """The job's id; empty outside a job."""
        self.name = name
        """What a person reads."""
        self.type = type
        """The job type."""
        self.subject = subject
        """What the job is about."""
        self.attempt = attempt
        """1 for the first attempt; 0 outside a job."""
        self.known_meter: Meter | None = None
        """``meter`` once it was asked for: hot loops look here first."""
        self._buffer: CheckpointBuffer | None = None
        self.system = system
        self._errors: ItemErrors | None = None
        """What it has collected where nothing is kept; else the buffer has it."""
        self.part = part
        """Which part of the job this is: a phase or a range; empty for a job of one piece."""

    def __repr__(self) -> str:
        return (
            f"<JobContext {self.id} attempt {self.attempt}>" if self.id else "<JobContext detached>"
        )

    @property
    def control(self) -> Control:
        """What is asked of this job."""
        return self._toolbox.control

    @property
    def meter(self) -> Meter:
        """What this job reports."""
        if self.known_meter is None:
            self.known_meter = self._toolbox.meter
        return self.known_meter

    @property
    def inbox(self) -> Inbox:
        """What others tell and ask this job."""
        return self._toolbox.inbox

    @property
    def log(self) -> Log:
        """What this job has printed and logged."""
        return self._toolbox.log

    @property
    def buffer(self) -> CheckpointBuffer | None:
        """Keeps what this job saves; None where nothing is kept."""
        return self._toolbox.buffer if self._buffer is None else self._buffer

    @buffer.setter
    def buffer(self, buffer: CheckpointBuffer | None) -> None:
        self._buffer = buffer

    @property
    def checkpoint(self) -> Any:
        """What an earlier attempt, or the job that this one goes on from, has saved; else None.

        Each access gives a fresh copy.
        """
        return None if self.buffer is None else self.buffer.value_of(self.part)

    @property
    def collected(self) -> ItemErrors:
        """Where this part of the job collects the errors of single items."""
        if self.buffer is not None:
            return errors_in(self.buffer, self.part)
        with _FIRST:
            if self._errors is None:
                self._errors = ItemErrors(self.part)
            return self._errors

    @property
    def errors(self) -> tuple[ItemError, ...]:
        """What :func:`~jobactors.collect_errors` has written down in this job, or this phase."""
        return tuple(self.collected.items)

    def work_file(self, name: str = "work") -> Path:
        """Return the path of a file that belongs to this job's checkpoint; it may exist already.

        It is kept with the checkpoint for whoever goes on, and dropped with it: when the job (of a
        chain, the phase) succeeds, when the checkpoint is dropped, after a week.  Each phase and
        each range has files of its own, in a folder of this user alone (0700).

        Write here what is unfinished, and move it to its final name in one step, so that nobody
        ever finds half a file there.  Outside a job it is in a temporary folder of this process.

        Args:
            name: A plain file name.

        Raises:
            ValueError: for a name that is no plain file name.

        Example::

            os.replace(written(ja.current_job().work_file()), "table.csv")
        """
        if self.buffer is None and self.id:
            raise RuntimeError(
                "work files belong to a job's checkpoints, and this job was submitted with "
                "checkpoint_every=None"
            )
        return folder_of(self.part, self.buffer) / plain_name(name)

    def work_folder(self, name: str = "work") -> Path:
        """Return a folder of that kind, made if need be; see :meth:`work_file` for the rest."""
        return made(self.work_file(name))

    def for_part(self, part: str) -> JobContext:
        """Return this job as one of its parts sees it: with its own checkpoint and work files."""
        context = JobContext(
            self._toolbox,
            id=self.id,
            name=self.name,
            type=self.type,
            subject=self.subject,
            attempt=self.attempt,
            system=self.system,
            part=f"{self.part}:{part}" if self.part else part,
        )
        context._buffer = self._buffer
        return context

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody wants this job to end.  Polling it raises nothing."""
        return self.control.cancel_requested.is_set

    def wait_cancel_requested(self) -> CancelRequest:
        """Wait for a cancel request: ``await …`` in trio, ``.result(timeout)`` in a thread.

        In a trio job the wait itself is cancelled by that same cancel, as all waiting is; shield it
        (``trio.CancelScope(shield=True)``) where the code after it must still run.
        """
        return CancelRequest(self.control)

    def check(self) -> CancelPoint:
        """A point where this job can be cancelled or paused.

        In a thread, ``ctx.check()`` raises once after a cancel and stands still during a pause.  In
        trio code it is ``await ctx.check()``, which is a cancel point as well.
        """
        meter, control = self.meter, self.control
        if not meter.pausable:
            meter.pausable = True
            meter.changed()
        if control.asked:
            control.obey()
        return CancelPoint(control)

    def acquire(
        self, *resources: str | Mapping[str, int], any_of: bool = False, doing: str = ""
    ) -> Acquisition:
        """Ask for resources while running: ``with``, ``async with``, ``await``, or ``.result()``.

        All of them are taken together, or, with ``any_of``, the first that is free.  They are held
        until :meth:`release`, the end of the ``with`` block, or the end of the job.  Waiting lends
        the job's slot to others; a cancel ends it.

        Args:
            *resources: Names, or mappings of names to units.
            any_of: Whether one of them is enough.
            doing: What for; shown by ``jobs.resources()``.

        Raises:
            TooMuch: if there are not as many units at all.
            Deadlock: if it would wait in a circle.
            NoJobSystem: outside a job, and in a process of its own.

        Example::

            async with ctx.acquire("gpu-0", "gpu-1", any_of=True, doing="embed") as held:
                (gpu,) = held
        """
        if not resources:
            raise TypeError("acquire takes the names of resources")
        each = [as_needs(resource) for resource in resources]
        if any_of:
            alternatives = tuple(each)
        else:
            alternatives = ({name: units for needs in each for name, units in needs.items()},)
        return self._resources("ctx.acquire()").acquire(alternatives, doing)

    def release(self, *names: str) -> None:
        """Give resources back before the job ends; without names, everything it holds.

        What it does not hold is left out.
        """
        self._resources("ctx.release()").release(names or None)

    def _resources(self, call: str) -> Broker:
        broker = self._toolbox.broker
        if broker is None:
            raise NoJobSystem(call)
        return broker

    def write_log(self, text: str, source: str) -> None:
        """Add text to the job's log, as if it had been printed to ``source``."""
        meter = self.meter  # before writing: whoever reads it counts the lines from here on
        if self.log.write(text, source, time.time()):
            meter.changed()

    def progress_callback(
        self, done: float, total: float | None = None, *_: object, **__: object
    ) -> None:
        """Report progress and obey; for libraries that take a ``callback(done, total)``."""
        self.meter.report(done, total)
        if self.meter.alert:
            self.control.attend(self.meter)

    def cancel_checker(self) -> bool:
        """Answer whether to stop; for libraries that take a function to ask."""
        return self.control.cancel_requested.is_set
