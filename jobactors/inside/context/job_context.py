"""The current job, as its own code sees it.

A user who presses Tab on ``ja.current_job()`` sees the names documented for users, and those alone.
The other rooms work with the names that begin with an underscore: ``_control`` and ``_meter`` for
every loop and report, ``_buffer`` for every save, ``_for_part`` for chains and ranges.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from jobactors.inside.report.work_files import folder_of, made, plain_name
from jobactors.inside.signals.cancel_point import CancelEvent, CancelPoint, CancelRequest
from jobactors.model.errors import NoJobSystem
from jobactors.model.resources import as_needs

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer
    from jobactors.inside.report.item_errors import ItemErrors
    from jobactors.inside.report.meter import Meter
    from jobactors.inside.signals.control import Control
    from jobactors.inside.signals.mailbox import Inbox
    from jobactors.model.chain_result import ItemError
    from jobactors.model.log import Log

    from .toolbox import Acquisition, Broker, Toolbox

_FIRST: Final = Lock()
"""Held while a part is made: two threads of one job may ask for it at the same moment."""


class JobContext:
    """The running job seen from inside: its identity, the requests to it, and its reports.

    Returned by :func:`current_job`.  Outside a job there is a detached one with an empty id: it is
    never cancelled and its reports go nowhere, so that job functions run anywhere.

    Its attributes do not change while the attempt runs; its methods may be called from any thread
    and task of the job.
    """

    __slots__ = (
        "_errors",
        "_known_meter",
        "_system",
        "_toolbox",
        "attempt",
        "id",
        "name",
        "part",
        "subject",
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
        self.id: str = id
        """The job's id; empty outside a job."""
        self.name: str = name
        """The job's name, for people."""
        self.type: str = type
        """The job type."""
        self.subject: str = subject
        """The subject: what the job is about."""
        self.attempt: int = attempt
        """1 for the first attempt; 0 outside a job."""
        self.part: str = part
        """The part of the job that this code is, a phase or a range; empty for the whole job."""
        self._known_meter: Meter | None = None
        """``_meter`` once it was asked for: hot loops look here first."""
        self._system: object = system
        """The job system it runs in, for the engine to know its own jobs by; None elsewhere."""
        self._errors: ItemErrors | None = None
        """The errors it has collected where no checkpoints are saved; else the buffer has them."""

    def __repr__(self) -> str:
        return (
            f"<JobContext {self.id} attempt {self.attempt}>" if self.id else "<JobContext detached>"
        )

    # -- for the other rooms

    @property
    def _control(self) -> Control:
        """The requests to this job."""
        return self._toolbox.control

    @property
    def _meter(self) -> Meter:
        """The progress that this job reports."""
        if self._known_meter is None:
            self._known_meter = self._toolbox.meter
        return self._known_meter

    @property
    def _buffer(self) -> CheckpointBuffer | None:
        """The checkpoints that this job saves; None where none are saved."""
        return self._toolbox.buffer

    @property
    def _collected(self) -> ItemErrors:
        """The errors of single items of this part."""
        from jobactors.inside.report.item_errors import ItemErrors, errors_in

        buffer = self._buffer
        if buffer is not None:
            return errors_in(buffer, self.part)
        with _FIRST:
            if self._errors is None:
                self._errors = ItemErrors(self.part)
            return self._errors

    def _for_part(self, part: str) -> JobContext:
        """Return this job as one of its parts sees it: with its own checkpoint and work files."""
        return JobContext(
            self._toolbox,
            id=self.id,
            name=self.name,
            type=self.type,
            subject=self.subject,
            attempt=self.attempt,
            system=self._system,
            part=f"{self.part}:{part}" if self.part else part,
        )

    # -- messages and output

    @property
    def inbox(self) -> Inbox:
        """The messages and questions sent to this job."""
        return self._toolbox.inbox

    @property
    def log(self) -> Log:
        """The lines that this job has printed and logged."""
        return self._toolbox.log

    def write_log(self, text: str, source: str) -> None:
        """Add text to the job's log, as if it had been printed to ``source``.

        It never blocks.  Of a log that is full the oldest lines go, and are counted.

        Args:
            text: One or more lines; one without its end waits for the rest.
            source: "out", "err", or a logging level such as "WARNING".
        """
        meter = self._meter  # before writing: its sampler counts the lines from here on
        if self.log.write(text, source, time.time()):
            meter.changed()

    # -- checkpoints

    @property
    def checkpoint(self) -> Any:
        """The value that an earlier attempt, or the job this one goes on from, saved; else None.

        Each access returns a fresh copy.
        """
        buffer = self._buffer
        return None if buffer is None else buffer.value_of(self.part)

    @property
    def errors(self) -> tuple[ItemError, ...]:
        """The errors that :func:`~jobactors.collect_errors` collected in this job, or phase."""
        return tuple(self._collected.items)

    def work_file(self, name: str = "work") -> Path:
        """Return the path of a file that belongs to this job's checkpoint; it may exist already.

        It is stored with the checkpoint for the job that goes on, and removed with it: when the job
        (of a chain, the phase) succeeds, when the checkpoint is dropped, after a week.  Each phase
        and each range has files of its own, in a folder of this user alone (0700).

        Write unfinished content here, and move it to its final name in one step, so that no reader
        ever finds half a file there.  Outside a job it is in a temporary folder of this process.

        Args:
            name: A plain file name; default: "work".

        Raises:
            TypeError, ValueError: for a name that is no plain file name.
            RuntimeError: in a job submitted with ``checkpoint_every=None``.

        Example::

            os.replace(written(ja.current_job().work_file()), "table.csv")
        """
        if self._buffer is None and self.id:
            raise RuntimeError(
                "work files belong to a job's checkpoints, and this job was submitted with "
                "checkpoint_every=None"
            )
        return folder_of(self.part, self._buffer) / plain_name(name)

    def work_folder(self, name: str = "work") -> Path:
        """Return a folder that belongs to this job's checkpoint, made if need be.

        It is stored and removed as :meth:`work_file` is.

        Args:
            name: A plain file name; default: "work".

        Raises:
            TypeError, ValueError, RuntimeError: as :meth:`work_file`.
        """
        return made(self.work_file(name))

    # -- cancel and pause

    @property
    def cancel_requested(self) -> bool:
        """Whether a cancel was requested.  Polling it raises nothing.

        True is an answer: a function that returns normally after it was notified, by this or by
        ``cancel_checker``, ``wait_cancel_requested`` or a cancellation that it caught, has been
        cancelled.  Its value is the partial result, and its checkpoint stays for the job that goes
        on.  ``return ja.succeeded(value)`` states that the work was finished all the same.  A
        function that has never looked has succeeded.  True counts in whatever thread it is read:
        a library may ask in its own workers, and leave work out in them.
        """
        return self._control.look()

    def wait_cancel_requested(self) -> CancelRequest:
        """Wait for a cancel request: ``await …`` in trio, ``.result(timeout)`` in a thread.

        Either returns the reason of the cancel, and a function that then returns has been
        cancelled, see :attr:`cancel_requested`.  In a trio job the wait itself is cancelled by that
        same cancel, as all waiting is; shield it (``trio.CancelScope(shield=True)``) where the code
        after it must still run.

        Example::

            reason = ja.current_job().wait_cancel_requested().result()
        """
        return CancelRequest(self._control)

    @property
    def cancel_event(self) -> CancelEvent:
        """The cancel in the form of a ``threading.Event``, for code that takes one to stop by.

        It has ``is_set()`` and ``wait(timeout)``, which raise nothing at a cancel.  A function that
        sees it set and returns is cancelled, with a partial result, see :attr:`cancel_requested`.
        Outside a job it is never set.

        Example::

            with ja.shield():  # progress reports do not raise the cancel: the crawler ends politely
                return crawl(address, stop_event=ja.current_job().cancel_event)
        """
        return CancelEvent(self._control)

    def check(self) -> CancelPoint:
        """Be cancelled or paused here, if that was requested.

        In a thread, ``ctx.check()`` raises once after a cancel and stands still during a pause.  In
        trio code it is ``await ctx.check()``, which is a cancel point as well.  In another thread
        than the one in which the job's function was called it does nothing.
        """
        meter, control = self._meter, self._control
        if not meter.pausable and control.is_own:
            meter.pausable = True
            meter.changed()
        if control.asked:
            control.obey()
        return CancelPoint(control)

    # -- resources

    def acquire(
        self, *resources: str | Mapping[str, int], any_of: bool = False, doing: str = ""
    ) -> Acquisition:
        """Acquire resources while running: ``with``, ``async with``, ``await``, or ``.result()``.

        All of them are taken together, or, with ``any_of``, the first that is free.  They are held
        until :meth:`release`, the end of the ``with`` block, or the end of the job.  Waiting lends
        the job's slot to others; a cancel ends it.

        Args:
            *resources: Names, or mappings of names to units.
            any_of: Whether one of them is enough; default: all.
            doing: The purpose, shown by ``jobs.resources()``; default: none.

        Raises:
            TypeError: without a resource.
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
        """Release resources before the job ends; without names, all that it holds.

        Args:
            *names: Resources; one that it does not hold is ignored.

        Raises:
            NoJobSystem: outside a job, and in a process of its own.
        """
        self._resources("ctx.release()").release(names or None)

    def _resources(self, call: str) -> Broker:
        broker = self._toolbox.broker
        if broker is None:
            raise NoJobSystem(call)
        return broker

    # -- for libraries that take a function

    def progress_callback(
        self, done: float | None = None, total: float | None = None, *_: object, **__: object
    ) -> None:
        """Report progress, as :func:`jobactors.progress` does, whatever else is passed.

        For libraries that take a ``callback(done, total)``.  In a thread it is a point where the
        job can be paused, or cancelled.  A library that is given :meth:`cancel_checker` as well is
        not cancelled here, between two of its questions: the next one has the answer, so that it
        can save first.  If it has not asked five seconds after the request, it is cancelled here.

        Args:
            done: Units done so far; default: as before.
            total: Units there are; 0 or less means that this is unknown; default: as before.
        """
        self._meter.report(done, total)
        if self._meter.alert:
            self._control.attend_asking(self._meter)

    def cancel_checker(self) -> bool:
        """Return whether to stop, for libraries that take a function to ask.

        A library that gets True, saves and returns leaves a cancelled job with a partial result,
        see :attr:`cancel_requested`.
        """
        control = self._control
        control.asks = True
        return control.look()
