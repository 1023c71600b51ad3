"""``open_job``: a job that is opened in one place and completed in another.

For work that no function and no block stands for: a request that a server answers later, a command
on another machine, a step that a person takes.  Its opener holds a handle, and ends it by that.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, Unpack

from jobactors.engine.api.current import current_jobs
from jobactors.engine.api.offer import offer
from jobactors.inside.signals.control import StopJob
from jobactors.model.errors import IllegalVerb, JobFailed
from jobactors.model.job_type import job_types
from jobactors.model.option_types import JobOptions, names_options
from jobactors.model.outcome import Partial

from .block import BlockRunner

if TYPE_CHECKING:
    from jobactors.engine.api.job import Job
    from jobactors.engine.api.jobs import Jobs
    from jobactors.inside.context.job_context import JobContext

_NO_ARGUMENTS: Final[Mapping[str, Any]] = {}


@names_options
def open_job(
    type: str, arguments: Mapping[str, Any] = _NO_ARGUMENTS, /, **options: Unpack[JobOptions]
) -> OpenJob:
    """Open a job that runs from now on, and ends by a call of its handle.

    It takes no slot.  A cancel is only asked for: :attr:`OpenJob.cancel_requested` shows it, and
    the opener ends the job.  A job whose handle is dropped before it has ended fails.

    Args:
        type: The job type: a registered one, whose label and options hold, or any other text.
        arguments: The job's arguments, by name, to be shown and stored; default: none.
        **options: Job options, such as ``subject`` or ``timeout``.

    Returns:
        The handle that ends it, from any thread.

    Raises:
        TypeError, ValueError: for a type that is no text, or an empty one, and for options and
            arguments as at a submit.
        NoJobSystem: if neither ``open_jobs`` nor ``ja.start`` is there to hold it.

    Example::

        opened = ja.open_job("scrape", {"username": "x"}, subject="x")
        server.send(request, on_progress=opened.progress, on_answer=opened.complete)
    """
    if not isinstance(type, str):
        raise TypeError(f"an open job's type is text, not {type!r:.100}")
    if not type:
        raise ValueError('an open job\'s type is a text that is not empty, such as "scrape"')
    return open_in(current_jobs("ja.open_job()"), type, arguments, options, BlockRunner())


def open_in(
    jobs: Jobs,
    type: str,
    arguments: Mapping[str, Any],
    options: Mapping[str, Any],
    runner: BlockRunner,
    *,
    registered: bool = True,
) -> OpenJob:
    """Open a job in a job system; as :func:`open_job`, without its checks.

    Args:
        jobs: The job system.
        type: The job type.
        arguments: The job's arguments, by name.
        options: Job options.
        runner: Waits for its end.
        registered: Whether a registered type of that name is meant; otherwise it is only a name.
    """
    if registered and type in job_types():
        job = offer(jobs._system, type, (dict(arguments),), {}, options, runner)
    else:
        work = FunctionType(_opened.__code__, globals(), type)
        job = offer(jobs._system, work, (), dict(arguments), options, runner)
    actor = job._record.actor
    if actor is None:
        raise RuntimeError(f"{job.id} takes no slot, and should have started in its submit")
    return OpenJob(job, actor.context, runner)


class OpenJob:
    """A job that its opener ends; made by :func:`open_job`.  From any thread.

    Of several ends the first counts: one that comes after that of the system, which may have
    cancelled the job meanwhile, does nothing.  A second one of its opener is refused.
    """

    def __init__(self, job: Job[Any], context: JobContext, runner: BlockRunner) -> None:
        self.job: Job[Any] = job
        """The handle that any other code has."""
        self._context = context
        self._runner = runner
        self._own_end = ""
        """The method by which the opener has ended it."""

    @property
    def id(self) -> str:
        """The job's id."""
        return self.job.id

    @property
    def cancel_requested(self) -> bool:
        """Whether the job was asked to end: :meth:`cancelled` does so."""
        return self._context._control.cancel_requested.is_set

    def progress(
        self,
        done: float | None = None,
        total: float | None = None,
        message: str | None = None,
        unit: str = "",
        **counters: float,
    ) -> None:
        """Report progress, as :func:`jobactors.progress` does; it is no cancel point."""
        self._report(done, total, message, unit, counters)

    def _report(
        self,
        done: float | None,
        total: float | None,
        message: str | None,
        unit: str,
        counters: dict[str, float],
    ) -> None:
        meter = self._context._meter
        meter.report(done, total)
        meter.describe(message, unit, counters)
        if meter.alert:
            self._context._control.attend(meter)

    def write_log(self, text: str, source: str = "out") -> None:
        """Add text to the job's log, as if it had been printed.

        Args:
            text: One or more lines.
            source: "out", "err", or a logging level such as "WARNING".
        """
        self._context.write_log(text, source)

    def complete(self, result: object = None) -> None:
        """End the job as succeeded, with a result.

        Raises:
            IllegalVerb: if it was ended by one of these methods before.
        """
        self._end("complete", result, None)

    def fail(self, error: Exception | str) -> None:
        """End the job as failed.

        Args:
            error: An exception, or what went wrong in words, which arrives as :class:`JobFailed`.

        Raises:
            TypeError: for anything else.
            IllegalVerb: if it was ended by one of these methods before.
        """
        if isinstance(error, str):
            error = JobFailed(self.id, error)
        if not isinstance(error, Exception):
            raise TypeError(f"a job fails with an Exception or a text, not with {error!r:.100}")
        self._end("fail", None, error)

    def cancelled(self, partial: object = None) -> None:
        """End the job as cancelled, with what there is of a result; default: nothing.

        Raises:
            IllegalVerb: if it was ended by one of these methods before.
        """
        self._end("cancelled", Partial(partial), None)

    def _end(self, verb: str, value: object, error: Exception | None) -> None:
        runner = self._runner
        if self._own_end:
            before = f"{self._own_end}() has ended it already, and its first end counts"
            raise IllegalVerb(self.id, self.job.state, verb, before)
        self._own_end = verb
        if not runner.ended.is_set:
            runner.value, runner.error = value, error
            runner.ended.set()

    def _stop(self) -> None:
        """End the job as it was asked to: cancelled, or interrupted."""
        if not self._runner.ended.is_set:
            self._own_end = "stop"
            self._runner.error = StopJob()
            self._runner.ended.set()

    def __del__(self) -> None:
        runner = getattr(self, "_runner", None)
        if runner is not None and not runner.ended.is_set:
            self._end(
                "fail", None, JobFailed(self.id, "its opener has dropped it without ending it")
            )

    def __repr__(self) -> str:
        return f"<OpenJob of {self.job!r}>"


def _opened(**arguments: Any) -> None:
    """Stand for the function of an open job."""
