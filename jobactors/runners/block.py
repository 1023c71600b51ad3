"""``tracked``: makes a job of a block of code that runs where it stands."""

from __future__ import annotations

import copy
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Unpack

import trio

from jobactors.engine.api.current import current_jobs
from jobactors.engine.api.offer import offer
from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.signals.control import StopJob
from jobactors.inside.signals.latch import Latch
from jobactors.model.error_text import ErrorText
from jobactors.model.errors import JobCancelled, JobFailed
from jobactors.model.option_types import NamedOptions, names_options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from types import TracebackType

    from jobactors.engine.api.job import Job
    from jobactors.engine.ports.runner import Attempt
    from jobactors.inside.context.job_context import JobContext


class BlockRunner:
    """Waits for one block to end.  A cancel reaches the block at its own points, not here."""

    name: str = "block"
    takes_slot: bool = False
    can_abandon: bool = True
    waits_elsewhere: bool = False
    runs_already: bool = True

    def __init__(self) -> None:
        self.ended: Latch = Latch()
        self.error: BaseException | None = None
        """Written by the block's thread before ``ended`` is set."""

    async def run(self, attempt: Attempt) -> Any:
        """Wait for the block, and end as it ended."""
        with trio.CancelScope(shield=True), attempt.abandon():
            await self.ended
        if self.error is not None:
            raise self.error


@names_options
def tracked(name: str, **options: Unpack[NamedOptions]) -> Tracked:
    """Make a block a job: ``with ja.tracked("import") as ctx:``, or ``async with``.

    The block runs where it stands, at once, and takes no slot.  Inside it ``ja.track``,
    ``ja.progress`` and ``ja.stage`` report for the job, which always ends with the block:
    succeeded, or failed with the exception that left it, which goes on and counts as read.  After a
    cancel, the next ``track``, ``progress`` or ``ctx.check()`` ends the block, or in ``async with``
    on trio any cancel point, and the block raises :class:`JobCancelled`.

    Args:
        name: Shown to people.
        **options: Further job options, such as ``subject`` or ``tags``.

    Returns:
        A block to be entered once; it gives the :class:`JobContext`.

    Raises:
        NoJobSystem: on entering, if neither ``open_jobs`` nor ``ja.start`` is there to track it.
        JobCancelled: on leaving, after a cancel.

    Example::

        with ja.tracked("import", subject="films") as ctx:
            for row in ja.track(rows):
                load(row)
    """
    return Tracked({"name": name, **options})


class Tracked:
    """A block that is a job; entered once, in either colour.  Made by :func:`tracked`."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._runner = BlockRunner()
        self._entered: Any = None

    def __enter__(self) -> JobContext:
        self._entered = self._in_thread()
        context: JobContext = self._entered.__enter__()
        return context

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> bool | None:
        result: bool | None = self._entered.__exit__(kind, error, where)
        return result

    async def __aenter__(self) -> JobContext:
        self._entered = self._in_loop()
        context: JobContext = await self._entered.__aenter__()
        return context

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> bool | None:
        result: bool | None = await self._entered.__aexit__(kind, error, where)
        return result

    @contextmanager
    def _in_thread(self) -> Generator[JobContext]:
        job, context = self._begin()
        try:
            with self._following(job, context):
                yield context
        finally:
            job._record.settled.call_when_set(partial(_note_reading, job, self._runner))
            if not context._control.is_home:
                job._record.settled.wait_in_thread()

    @asynccontextmanager
    async def _in_loop(self) -> AsyncGenerator[JobContext]:
        job, context = self._begin()
        try:
            with self._following(job, context), _cancelled_with(context):
                yield context
        finally:
            job._record.settled.call_when_set(partial(_note_reading, job, self._runner))
        await job.wait()

    def _begin(self) -> tuple[Job[Any], JobContext]:
        jobs = current_jobs("ja.tracked()")
        job, _ = offer(jobs._system, _block, (), {}, self._options, self._runner)
        actor = job._record.actor
        if actor is None:
            raise RuntimeError(f"{job.id} takes no slot, and should have started in its submit")
        return job, actor.context

    @contextmanager
    def _following(self, job: Job[Any], context: JobContext) -> Generator[None]:
        """End the job as the block ends."""
        token = CURRENT.set(context)
        try:
            yield
        except StopJob:
            self._runner.error = JobCancelled(job.id, context._control.reason)
            raise self._runner.error from None
        except BaseException as exc:
            if not isinstance(exc, Exception):
                job.cancel(f"its block was left by {type(exc).__name__}")
            self._runner.error = _copy(exc)
            raise
        finally:
            CURRENT.reset(token)
            self._runner.ended.set()


def _note_reading(job: Job[Any], runner: BlockRunner) -> None:
    """Count a failure as read: it has left the block, and reached its caller."""
    if runner.error is not None:
        job._note_reading()


def _copy(exc: BaseException) -> BaseException:
    """Copy the exception that left the block: it passes on there, and the engine drops its frames.

    Copying runs the code of its class, which may raise anything; its text is taken then.
    """
    try:
        copied = copy.copy(exc)
    except BaseException:
        copied = None
    if copied is None or type(copied) is not type(exc):
        return JobFailed("", str(ErrorText.of(exc)))
    return BaseException.with_traceback(copied, exc.__traceback__)


def _block() -> None:
    """Stand for the function of a tracked block's job."""


@contextmanager
def _cancelled_with(context: JobContext) -> Generator[None]:
    """On trio, cancel the block when the job is cancelled."""
    if not _in_trio():
        yield
        return
    scope = trio.CancelScope()
    token = trio.lowlevel.current_trio_token()
    take_back = context._control.cancel_requested.call_when_set(
        lambda: token.run_sync_soon(scope.cancel)
    )
    try:
        with scope:
            yield
    finally:
        take_back()
    if scope.cancelled_caught:
        raise StopJob(context._control.reason)


def _in_trio() -> bool:
    try:
        trio.lowlevel.current_trio_token()
    except RuntimeError:
        return False
    return True
