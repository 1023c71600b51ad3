"""Chains: phases run one after the other, with one progress, that go on where they stopped.

What comes next is decided by :class:`ChainRun`, which runs nothing.  It is driven in three places:
``Chain.run`` and ``Chain.run_sync`` here, and the engine's job of the built-in type ``chain``.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

from msgspec import Struct

from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.context.job_context import JobContext
from jobactors.inside.context.toolbox import ReadyToolbox
from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer
from jobactors.inside.report.guarded_log import LOG
from jobactors.inside.report.meter import Meter
from jobactors.inside.signals.event_loop import check_in_trio, in_trio
from jobactors.model.chain_result import ChainResult
from jobactors.model.error_text import ErrorText, is_soon_described
from jobactors.model.errors import ChainInvalid, UnknownJobType, WrongThread
from jobactors.model.every import Every
from jobactors.model.exception_tree import is_a
from jobactors.model.field_docs import documented
from jobactors.model.job_type import job_type_named, job_type_of
from jobactors.model.phases import (
    NO_ARGUMENTS,
    ChainProblem,
    Phase,
    ResultOf,
    as_phase_names,
    keys_of,
    phase_as_json,
    problems_of_order,
)

from .caller_control import CallerControl
from .chain_run import ChainRun

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator, Iterator

    from .chain_run import Step

_NEVER: Final = Every(math.inf, math.inf)
_CHAIN_RUN: Final[ContextVar[ChainRun | None]] = ContextVar("jobactors_chain", default=None)
"""The run whose phase this code is."""


def phase(
    name: str,
    work: Callable[..., Any] | str,
    arguments: Mapping[str, Any] | None = None,
    *,
    weight: float = 50,
    after: str | Iterable[str] = (),
) -> Phase:
    """Describe one phase of a :func:`chain`.

    Args:
        name: Shown to people, and used by other phases to refer to it.  It may be there twice: the
            second one's results and errors are those of "Index (2)".
        work: A function (``async def`` runs in trio, ``def`` in a thread), or the name of a job
            type.  Inside it, ``ja.current_job()`` has a checkpoint and work files of the phase.
        arguments: Its keyword arguments, as one dictionary; ``ja.result_of("Clear")`` in it, also
            in lists and dictionaries, stands for the result of an earlier phase; default: none.
        weight: Its share of the progress beside the other phases' weights; default: 50.
        after: Names of phases that must come before this one if they are in the chain; default:
            none.

    Raises:
        TypeError, ValueError: for a name, weight or arguments of the wrong kind.

    Example::

        ja.phase("Index", index, {"folder": "wiki/"}, weight=90, after="Clear")
    """
    return Phase(
        name, work, NO_ARGUMENTS if arguments is None else arguments, weight, as_phase_names(after)
    )


def result_of(phase: str) -> Any:
    """Stand for the result of an earlier phase in arguments; in a running phase, return it.

    Args:
        phase: The phase's name; of several with that name, the last one before is meant.

    Raises:
        KeyError: in a running phase, if no phase of that name is completed.
        LookupError: if its result was not JSON, and ended with its process.

    Example::

        ja.phase("Index", index, {"pages": ja.result_of("Scrape")})
    """
    run = _CHAIN_RUN.get()
    return ResultOf(phase) if run is None else run.result_of(phase)


def chain(*phases: Phase, name: str = "") -> Chain:
    """Combine phases into one job that runs them one after the other.

    ``jobs.submit(chain)`` runs it as one job, with one weighted progress and one result, a
    :class:`ChainResult`.  After each phase a checkpoint is written: a later attempt, a restart, or
    a new submit of the same chain leaves out the phases that are completed, and goes on in the one
    that was interrupted from its own checkpoint.  Chains of one subject are the same by their name,
    or without one by the names of their phases: a chain with a name may be repaired.  Where a phase
    that has left something has another function or other arguments by then, the submit asks, see
    ``on_checkpoint``.  A phase that raises ends the chain with
    :class:`ChainFailed`.  A cancel ends the running phase; those after it are skipped, and nothing
    is rolled back.

    If every phase is a registered job type with JSON arguments, the chain survives in a store, and
    ``jobs.submit("chain", {"phases": [{"name": "Clear", "type": "clear"}, …]})`` is the same.

    Args:
        *phases: Phases made by :func:`phase`, in order.
        name: Shown to people, and by which a later submit finds what this one has completed;
            default: the names of the phases.

    Raises:
        TypeError: for something that is no phase.

    Example::

        rebuild = ja.chain(
            ja.phase("Clear", clear, weight=10),
            ja.phase("Index", index, {"folder": "wiki/"}, weight=90),
        )
        result = jobs.options(subject="wiki").submit(rebuild).result()
    """
    for one in phases:
        if not isinstance(one, Phase):
            raise TypeError(f"a chain is made of ja.phase(…), not of {one!r:.100}")
    if not isinstance(name, str):
        raise TypeError(f"a chain's name is text, not {name!r:.100}")
    return Chain(phases, name)


@documented
class Chain(Struct, frozen=True):
    """Phases to be submitted as one job, or run as they are.  Made by :func:`chain`."""

    phases: tuple[Phase, ...]
    """The phases, in order."""
    name: str = ""
    """Shown to people; empty for the names of the phases."""

    def check(self) -> list[ChainProblem]:
        """Check the chain before it starts, and return its problems; an empty list is good news.

        With an error it is refused by ``submit`` and ``run``; warnings are logged there.  Nothing
        of it is called.
        """
        problems = problems_of_order(self.phases)
        for one in self.phases:
            problems += _problems_of_work(one)
        return problems

    def _checked(self) -> Chain:
        """Return this chain and log its warnings, or raise ChainInvalid with all errors."""
        problems = self.check()
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            raise ChainInvalid(self.label, errors)
        for problem in problems:
            LOG.warning("chain %s: %s", self.label, problem)
        return self

    @property
    def label(self) -> str:
        """Its name, or those of its phases."""
        return self.name or " → ".join(keys_of(self.phases)) or "chain"

    def _described(self) -> list[Any]:
        """Return its phases as JSON, as far as they are registered job types."""
        kinds = [_type_of(one) for one in self.phases]
        if None in kinds:
            return list(self.phases)
        return [phase_as_json(one, str(kind)) for one, kind in zip(self.phases, kinds, strict=True)]

    async def run(self) -> ChainResult:
        """Run the chain here, in trio code, with or without a job system.

        Inside a job its progress and its checkpoints are that job's; outside, nothing is saved.  A
        cancel of the calling code ends the running phase.

        Raises:
            WrongLoop: in asyncio; submit it there, and await the job.
            ChainInvalid: before anything is run.
            ChainFailed: if a phase raises; ``__cause__`` is its error, ``result`` the chain's
                result so far.
        """
        check_in_trio("chain.run()", "await jobs.submit(chain), or chain.run_sync() in a thread")
        import trio

        context = _own_context()
        run = ChainRun(self._checked().phases, context)
        return await drive(run, context, trio.to_thread.run_sync)

    def run_sync(
        self,
        *,
        progress: Callable[[float, float, str], object] | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> ChainResult:
        """Run the chain here, in a thread; phases that are ``async def`` each get a trio loop.

        A cancel or pause of the job takes effect between phases, and in a phase as in any thread.
        The callbacks are for programs without a job system, and for functions that take such ones
        themselves.  Both are called in this thread: between phases, and wherever a phase tracks,
        reports, or checks.

        Args:
            progress: Called with percent, 100, and the phase with its message, ten times a second
                at most; default: no calls.
            cancel: Asked whether to stop.  After True the phase is cancelled as a thread's job is,
                and the chain returns a result with the status "cancelled"; default: never.

        Raises:
            WrongThread: in a trio loop, which it would block.
            ChainInvalid, ChainFailed: as :meth:`run`.

        Example::

            rebuild.run_sync(progress=lambda done, total, text: print(text, f"{done:.0f} %"))
        """
        if in_trio():
            raise WrongThread("chain.run_sync()", "'await chain.run()'")
        phases = self._checked().phases
        if progress is None and cancel is None:
            return _run_in_thread(phases, _own_context(), None)
        caller = CallerControl(progress, cancel)
        context = caller.context(_memory(caller.meter))
        token = CURRENT.set(context)  # for the stages of the phases as well
        try:
            return _run_in_thread(phases, context, caller)
        finally:
            CURRENT.reset(token)


def _run_in_thread(
    phases: tuple[Phase, ...], context: JobContext, caller: CallerControl | None
) -> ChainResult:
    """Run a chain in this thread, for a caller with callbacks or without."""
    import trio

    run = ChainRun(phases, context)
    while (step := run.begin()) is not None:
        try:
            context.check()
            with _entered(run, step):
                function = partial(step.function, **step.arguments())
                value = trio.run(function) if step.is_async else function()
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
) -> ChainResult:
    """Run a chain in trio code; ``in_thread`` calls the phases that are blocking code."""
    while (step := run.begin()) is not None:
        try:
            await context.check()
            with _entered(run, step):
                function = partial(step.function, **step.arguments())
                value = await (function() if step.is_async else in_thread(function))
        except BaseException as exc:
            text = None
            if not step.is_async and is_a(exc, Exception) and not is_soon_described(exc):
                text = await in_thread(partial(ErrorText.of, exc))  # its text is the phase's code
            _raise(run.stop(exc, text), exc)
        if not run.end_phase(value):
            break
    return run.result()


def _raise(stopped: BaseException, exc: BaseException) -> NoReturn:
    if stopped is exc:
        raise exc
    raise stopped from exc


@contextmanager
def _entered(run: ChainRun, step: Step) -> Generator[None]:
    """Make the code in the block the phase's."""
    with ExitStack() as stack:
        stack.callback(CURRENT.reset, CURRENT.set(step.context))
        stack.callback(_CHAIN_RUN.reset, _CHAIN_RUN.set(run))
        yield


def _own_context() -> JobContext:
    context = CURRENT.get()
    if context is not None:
        return context
    meter = Meter(lambda: None)
    return JobContext(ReadyToolbox(meter=meter, buffer=_memory(meter)))


def _memory(meter: Meter) -> CheckpointBuffer:
    """Return a buffer whose checkpoints are stored nowhere."""
    return CheckpointBuffer(meter, _NEVER, lambda _: None)


def _type_of(one: Phase) -> str | None:
    if isinstance(one.work, str):
        return one.work
    kind = job_type_of(one.work)
    return None if kind is None else kind.name


def _problems_of_work(one: Phase) -> Iterator[ChainProblem]:
    try:
        kind = job_type_named(one.work) if isinstance(one.work, str) else job_type_of(one.work)
    except UnknownJobType as exc:
        yield ChainProblem("error", one.name, str(exc))
        return
    function: Any = one.work if kind is None else kind.function
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        text = "a generator function: calling it runs none of it"
        yield ChainProblem("error", one.name, text)
    try:
        inspect.signature(function).bind(**one.arguments)
    except ValueError:
        pass  # a builtin without a signature
    except TypeError as exc:
        yield ChainProblem("error", one.name, f"it cannot be called so: {exc}")
    runner = None if kind is None else kind.options.runner
    if runner == "asyncio":
        yield ChainProblem("error", one.name, "asyncio code cannot be a phase: phases run on trio")
    elif runner == "process":
        text = "it runs in a thread here, although its job type asks for a process"
        yield ChainProblem("warning", one.name, text)
    elif runner is not None and not isinstance(runner, str):
        text = "phases run on trio and in threads: the runner of its job type is not used here"
        yield ChainProblem("warning", one.name, text)
