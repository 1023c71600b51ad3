"""Runs the phases of a chain, in a thread or in trio code."""

from __future__ import annotations

import math
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.context.job_context import JobContext
from jobactors.inside.context.toolbox import ReadyToolbox
from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer
from jobactors.inside.report.meter import Meter
from jobactors.inside.signals.open_nurseries import closing_nurseries
from jobactors.model.error_text import ErrorText, is_soon_described
from jobactors.model.every import Every
from jobactors.model.exception_tree import add_note, is_a
from jobactors.model.outcome import RaisedElsewhere

from .chain_run import ChainRun
from .phase_call import CHAIN_RUN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from jobactors.model.chain_result import ChainResult
    from jobactors.model.phases import Phase

    from .caller_control import CallerControl
    from .chain_run import Step

_NEVER: Final = Every(math.inf, math.inf)


def run_in_thread(
    phases: tuple[Phase, ...], context: JobContext, caller: CallerControl | None
) -> ChainResult:
    """Run a chain in this thread, for a caller with callbacks or without."""
    import trio

    run = ChainRun(phases, context)
    while (step := run.begin()) is not None:
        try:
            context.check()
            with _entered(run, step):
                value = trio.run(step.call) if step.is_async else step.call()
        except BaseException as exc:
            if caller is not None and caller.has_stopped(exc):
                return run.cancelled(caller.reason)
            _raise(run.stop(exc), exc)
        goes_on = run.end_phase(value)
        if caller is not None:
            caller.tell(now=True)
        if not goes_on:
            break
    return run.result()


async def drive(
    run: ChainRun,
    context: JobContext,
    in_thread: Callable[[Callable[[], Any]], Awaitable[Any]],
    perform: Callable[[Step], Awaitable[Any]] | None = None,
) -> ChainResult:
    """Run a chain in trio code.

    Args:
        run: The run.
        context: The job that runs it.
        in_thread: Calls the phases that are blocking code.
        perform: Runs a phase, here or elsewhere; default: here.
    """
    while (step := run.begin()) is not None:
        try:
            await context.check()
            with _entered(run, step):
                value = await (perform_here(step, in_thread) if perform is None else perform(step))
        except RaisedElsewhere as exc:
            ending, heading = exc.ending, f"raised in the process of phase {step.phase.name!r}:"
            add_note(ending.exception, f"{heading}\n{ending.text.traceback}")
            _raise(run.stop(ending.exception, ending.text), ending.exception)
        except BaseException as exc:
            text = None
            if not step.is_async and is_a(exc, Exception) and not is_soon_described(exc):
                text = await in_thread(partial(ErrorText.of, exc))  # its text is the phase's code
            _raise(run.stop(exc, text), exc)
        if not run.end_phase(value):
            break
    return run.result()


async def perform_here(step: Step, in_thread: Callable[[Callable[[], Any]], Awaitable[Any]]) -> Any:
    """Run a phase where its chain runs: in this task, or in a thread."""
    if not step.is_async:
        return await in_thread(step.call)
    return await closing_nurseries(step.call())


def _raise(stopped: BaseException, exc: BaseException) -> NoReturn:
    if stopped is exc:
        raise exc
    raise stopped from exc


@contextmanager
def _entered(run: ChainRun, step: Step) -> Generator[None]:
    """Make the code in the block the phase's."""
    with ExitStack() as stack:
        stack.callback(CURRENT.reset, CURRENT.set(step.context))
        stack.callback(CHAIN_RUN.reset, CHAIN_RUN.set(run))
        yield


def own_context() -> JobContext:
    """Return the context of the job that this code is in, or one whose reports go nowhere."""
    context = CURRENT.get()
    if context is not None:
        return context
    meter = Meter(lambda: None)
    return JobContext(ReadyToolbox(meter=meter, buffer=unstored_buffer(meter)))


def unstored_buffer(meter: Meter) -> CheckpointBuffer:
    """Return a buffer whose checkpoints are stored nowhere."""
    return CheckpointBuffer(meter, _NEVER, lambda _: None)
