"""``tracked``: makes a job of a block of code that runs where it stands."""

from __future__ import annotations

import copy
import threading
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, Unpack

import trio

from jobactors.engine.api.current import current_jobs
from jobactors.engine.api.offer import offer
from jobactors.engine.ports.runner import Abandoned
from jobactors.engine.system.job_spans import enter_span, leave_span
from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.context.job_context import JobContext
from jobactors.inside.signals.control import StopJob
from jobactors.inside.signals.event_loop import in_trio
from jobactors.inside.signals.latch import Latch
from jobactors.model.checks import class_name_of, is_of
from jobactors.model.error_text import ErrorText
from jobactors.model.errors import JobCancelled, JobFailed
from jobactors.model.exception_tree import attributes_of, is_group, members_of, message_of_group
from jobactors.model.option_types import NamedOptions, names_options

from .main_blocks import MAIN_BLOCKS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator
    from types import TracebackType

    from jobactors.engine.api.job import Job
    from jobactors.engine.ports.runner import Attempt
    from jobactors.inside.context.toolbox import Toolbox


class BlockContext(JobContext):
    """The job that a block is, seen from inside; given by ``with ja.tracked(…) as block``."""

    __slots__ = ("_result",)

    def __init__(self, toolbox: Toolbox, **about: Any) -> None:
        super().__init__(toolbox, **about)
        self._result: object = None

    def set_result(self, value: object) -> None:
        """Set the value that the block's job ends with, as the return value of a function.

        It counts if the block ends normally.  ``ja.cancelled(partial)`` ends the job as cancelled,
        and ``ja.succeeded(value)`` as succeeded although the block was notified of a cancel.

        Args:
            value: The result; a later one takes its place.

        Example::

            with ja.tracked("import") as block:
                for row in rows:
                    if block.cancel_requested:
                        break
                    load(row)
                block.set_result({"loaded": row.number})
        """
        self._result = value


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
        """Written by the block's thread before ``ended`` is set, as is ``value``."""
        self.value: object = None

    async def run(self, attempt: Attempt) -> Any:
        """Wait for the block, and end as it ended."""
        with trio.CancelScope(shield=True), attempt.abandon():
            await self.ended
            if self.error is not None:
                raise self.error
            return self.value
        raise Abandoned


@names_options
def tracked(name: str, *, type: str = "block", **options: Unpack[NamedOptions]) -> Tracked:
    """Make a block a job: ``with ja.tracked("import") as block:``, or ``async with``.

    The block runs where it stands, at once, and takes no slot.  Inside it ``ja.track``,
    ``ja.progress`` and ``ja.stage`` report for the job, which always ends with the block:
    succeeded, or failed with the exception that left it, which goes on and counts as read.  After a
    cancel, the next ``track``, ``progress`` or ``block.check()`` ends the block, or in ``async
    with`` on trio any cancel point, and the block raises :class:`JobCancelled`.  A block that was
    notified of the cancel, by ``block.cancel_requested``, and ends normally raises nothing; its job
    is cancelled.

    Args:
        name: Shown to people.
        type: The job type that it is listed and found by; default: "block".
        **options: Further job options, such as ``subject`` or ``tags``.

    Returns:
        A block to be entered once; it gives a :class:`JobContext` with ``set_result`` beside.

    Raises:
        TypeError, ValueError: for a type that is no text, or an empty one.
        NoJobSystem: on entering, if neither ``open_jobs`` nor ``ja.start`` is there to track it.
        JobCancelled: on leaving, after a cancel.

    Example::

        with ja.tracked("import", subject="films") as ctx:
            for row in ja.track(rows):
                load(row)
    """
    if not isinstance(type, str):
        raise TypeError(f"a block's type is text, not {type!r:.100}")
    if not type:
        raise ValueError("a block's type is a text that is not empty, such as its default, 'block'")
    return Tracked(type, {"name": name, **options})


class Tracked:
    """A block that is a job; entered once, in either colour.  Made by :func:`tracked`."""

    def __init__(self, kind: str, options: dict[str, Any]) -> None:
        self._kind = kind
        self._options = options
        self._runner = BlockRunner()
        self._entered: Any = None

    def _enter(self, entered: Any) -> None:
        if self._entered is not None:
            raise RuntimeError(
                "this block was entered before, and a block is one job: call ja.tracked(…) for each"
            )
        self._entered = entered

    def _leave(self) -> Any:
        if self._entered is None:
            raise RuntimeError("a block is entered before it is left: 'with ja.tracked(…):'")
        return self._entered

    def __enter__(self) -> BlockContext:
        self._enter(self._in_thread())
        context: BlockContext = self._entered.__enter__()
        return context

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> bool | None:
        result: bool | None = self._leave().__exit__(kind, error, where)
        return result

    async def __aenter__(self) -> BlockContext:
        self._enter(self._in_loop())
        context: BlockContext = await self._entered.__aenter__()
        return context

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> bool | None:
        result: bool | None = await self._leave().__aexit__(kind, error, where)
        return result

    @contextmanager
    def _in_thread(self) -> Generator[BlockContext]:
        with MAIN_BLOCKS.standing():
            job, context = self._begin()
            context._control.own_thread = threading.get_ident()
            try:
                with self._following(job, context):
                    yield context
            finally:
                job._record.settled.call_when_set(partial(_note_reading, job, self._runner))
                if not context._control.is_home:
                    job._record.settled.wait_in_thread()

    @asynccontextmanager
    async def _in_loop(self) -> AsyncGenerator[BlockContext]:
        with MAIN_BLOCKS.standing():
            job, context = self._begin()
            try:
                with self._following(job, context), _cancelled_with(context):
                    yield context
            finally:
                job._record.settled.call_when_set(partial(_note_reading, job, self._runner))
            await job.wait()

    def _begin(self) -> tuple[Job[Any], BlockContext]:
        jobs = current_jobs("ja.tracked()")
        work = FunctionType(_block.__code__, globals(), self._kind)
        job = offer(jobs._system, work, (), {}, self._options, self._runner)
        actor = job._record.actor
        if actor is None:
            raise RuntimeError(f"{job.id} takes no slot, and should have started in its submit")
        seen = actor.context
        about = {name: getattr(seen, name) for name in _SEEN}
        return job, BlockContext(seen._toolbox, system=seen._system, **about)

    @contextmanager
    def _following(self, job: Job[Any], context: BlockContext) -> Generator[None]:
        """End the job as the block ends."""
        token, entered = CURRENT.set(context), enter_span(job._record)
        try:
            yield
            self._runner.value = context._result
        except StopJob:
            self._runner.error = JobCancelled(job.id, context._control.reason)
            raise self._runner.error from None
        except BaseException as exc:
            if not isinstance(exc, Exception):
                job.cancel(f"its block was left by {type(exc).__name__}")
            self._runner.error = _copy(exc, job.id)
            raise
        finally:
            with suppress(ValueError):  # a generator's block, left in another thread or task
                CURRENT.reset(token)
                leave_span(entered)
            self._runner.ended.set()


_SEEN: Final = ("id", "name", "type", "subject", "attempt", "part")


def _note_reading(job: Job[Any], runner: BlockRunner) -> None:
    """Count a failure as read: it has left the block, and reached its caller."""
    if runner.error is not None:
        job._note_reading()


def _copy(exc: BaseException, job_id: str) -> BaseException:
    """Copy the exception that left the block: that one passes on, and the engine drops frames."""
    # Copying runs the code of its class, which may raise anything; its text is taken then.
    try:
        copied = _copied(exc)
    except BaseException:
        copied = None
    # By name: the SystemExit of sys.exit() may be one of ours, which is copied as Python's own.
    if not is_of(copied, BaseException) or class_name_of(copied) != class_name_of(exc):
        return JobFailed(job_id, str(ErrorText.of(exc)))
    return copied


def _copied(exc: BaseException) -> BaseException:
    """Copy an exception, and those in a group; what it is chained to stays with the original."""
    if is_group(exc):
        members = [_copied(member) for member in members_of(exc)]
        copied: BaseException = type(exc)(message_of_group(exc), members)
    else:
        copied = copy.copy(exc)
    # A library can register a way to copy exceptions that shares all they have: tblib does.
    own = {**attributes_of(exc)}
    if type(notes := own.get("__notes__")) is list:
        own["__notes__"] = [*notes]
    object.__setattr__(copied, "__dict__", own)
    copied.__cause__ = copied.__context__ = None
    return BaseException.with_traceback(copied, exc.__traceback__)


def _block() -> None:
    """Stand for the function of a tracked block's job."""


@contextmanager
def _cancelled_with(context: JobContext) -> Generator[None]:
    """On trio, cancel the block when the job is cancelled."""
    if not in_trio():
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
