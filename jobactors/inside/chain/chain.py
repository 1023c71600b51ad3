"""Chains: phases run one after the other, with one progress, that go on where they stopped.

What comes next is decided by :class:`ChainRun`, which runs nothing.  It is driven by
``Chain.run``, ``Chain.run_sync``, and the engine's job of the built-in type ``chain``; see
:mod:`.chain_drive`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol, cast

from msgspec import Struct

from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.report.guarded_log import LOG
from jobactors.inside.signals.event_loop import check_in_trio, in_trio
from jobactors.model.chain_document import (
    checked_options,
    document_of,
    phase_as_json,
    read_document,
)
from jobactors.model.chain_result import ChainResult
from jobactors.model.chain_source import source_of_chain
from jobactors.model.errors import ChainInvalid, WrongThread
from jobactors.model.field_docs import documented
from jobactors.model.job_type import job_type_of
from jobactors.model.phases import (
    NO_ARGUMENTS,
    ChainProblem,
    ChainProblems,
    Phase,
    ResultOf,
    as_phase_names,
    keys_of,
)
from jobactors.model.runner_value import RunnerValue

from .caller_control import CallerControl
from .chain_check import Depth, problems_of_chain
from .chain_drive import drive, own_context, run_in_thread, unstored_buffer
from .chain_run import ChainRun
from .phase_call import CHAIN_RUN
from .phase_runner import CHAIN_RUNNER


def phase(
    name: str,
    work: Callable[..., Any] | str,
    arguments: Mapping[str, Any] | None = None,
    *,
    weight: float = 50,
    after: str | Iterable[str] = (),
    enabled: bool = True,
    runner: str | RunnerValue | None = None,
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
        enabled: Whether it is run at all; default: it is.
        runner: Runs this phase alone, in a job: ``"process"``, or a value such as
            ``ja.DaskRunner(client)``.  Its progress, log, checkpoint, Cancel and Pause stay those
            of the chain, which lends its slot meanwhile if the runner takes none, and whose timeout
            stands still while the phase waits on a cluster.  Its arguments and its result are
            copies where it runs in another process.  Default: the runner of its job type, or else
            where the chain runs.

    Raises:
        TypeError, ValueError: for a name, weight or arguments of the wrong kind.

    Example::

        ja.phase("Index", index, {"folder": "wiki/"}, weight=90, after="Clear")
    """
    given = NO_ARGUMENTS if arguments is None else arguments
    names = as_phase_names(after)
    return Phase(name, work, given, weight, names, enabled, runner=runner)


def result_of(phase: str) -> Any:
    """Stand for the result of an earlier phase in arguments; in a running phase, return it.

    Args:
        phase: The phase's name; of several with that name, the last one before is meant.

    Raises:
        KeyError: in a running phase, if no phase of that name is completed.
        LookupError: if its result was not JSON, and ended with its process; and in a phase that
            runs in another process, where results come as arguments alone.

    Example::

        ja.phase("Index", index, {"pages": ja.result_of("Scrape")})
    """
    run = CHAIN_RUN.get()
    return ResultOf(phase) if run is None else run.result_of(phase)


def chain_from_json(document: Mapping[str, Any] | str) -> Chain:
    """Read a chain from a JSON document: one that a builder made, a template, or written by hand.

    Nothing of it is called, and its job types need not be registered yet: :meth:`Chain.check` has
    what is wrong.  It is ``ja.chain.from_json``.

    Args:
        document: As :meth:`Chain.to_json` makes it, or the text of it.  Only ``"phases"`` is
            required, and of each phase its ``"type"``.

    Raises:
        TypeError, ValueError: if it is no such document; the message names the place.

    Example::

        rebuild = ja.chain.from_json({"phases": [
            {"type": "clear", "weight": 10},
            {"type": "index", "arguments": {"pages": {"$result_of": "clear"}}},
        ]})
        jobs.submit(rebuild)
    """
    read = read_document(document)
    return Chain(read.phases, read.name, read.options)


class ChainMaker(Protocol):
    """Makes chains: of phases, or out of a JSON document."""

    def __call__(
        self, *phases: Phase, name: str = "", options: Mapping[str, Any] | None = None
    ) -> Chain:
        """See :func:`jobactors.chain`."""
        ...

    def from_json(self, document: Mapping[str, Any] | str) -> Chain:
        """See :func:`chain_from_json`."""
        ...


def _with_reader(function: Callable[..., Chain]) -> ChainMaker:
    """Give the function its ``from_json``."""
    maker = cast("ChainMaker", function)
    maker.from_json = chain_from_json  # type: ignore[method-assign]
    return maker


@_with_reader
def chain(*phases: Phase, name: str = "", options: Mapping[str, Any] | None = None) -> Chain:
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
        options: Job options of its jobs, such as ``{"subject": "wiki"}``; those of
            ``jobs.options(…)`` win.  Default: none.

    Raises:
        TypeError: for something that is no phase.
        TypeError, ValueError: for an option that it cannot have.

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
    return Chain(phases, name, checked_options({} if options is None else options))


@documented
class Chain(Struct, frozen=True):
    """Phases to be submitted as one job, or run as they are.  Made by :func:`chain`."""

    phases: tuple[Phase, ...]
    """The phases, in order."""
    name: str = ""
    """Shown to people; empty for the names of the phases."""
    options: Mapping[str, Any] = NO_ARGUMENTS
    """The options of its jobs, unless they are submitted with others."""

    def check(self) -> list[ChainProblem]:
        """Check the chain before it starts, and return its problems; an empty list is good news.

        With an error it is refused by ``submit`` and ``run``; warnings are logged there.  No phase
        is called.  Of phases that are given by the name of their job type, the arguments are
        checked against its annotations, and here also by its ``validate``, which is code of yours
        and may block: a submit does not call it.
        """
        return ChainProblems(problems_of_chain(self.phases, runner=CHAIN_RUNNER))

    def to_json(self) -> dict[str, Any]:
        """Return the chain as a JSON document, from which :func:`ja.chain.from_json` makes it.

        Private arguments of its job types are left out.

        Raises:
            ChainInvalid: if a phase is no registered job type.
            TypeError: for an argument that JSON cannot hold exactly.
        """
        return document_of(self.phases, self._types(), self.name, self.options)

    def to_python(self) -> str:
        """Return Python source that makes this chain, without its private arguments.

        Raises:
            ChainInvalid, TypeError: as :meth:`to_json`.
        """
        plain = read_document(self.to_json())
        return source_of_chain(plain.phases, self._types(), plain.name, plain.options)

    def _types(self) -> list[str]:
        """Return the job types of its phases, or raise ChainInvalid if there is one without."""
        kinds = [_type_of(one) for one in self.phases]
        missing = [
            ChainProblem(
                "error",
                one.name,
                "its function is no registered job type, which a document needs: "
                '@ja.job("…") makes it one',
                places=(place,),
            )
            for place, (one, kind) in enumerate(zip(self.phases, kinds, strict=True))
            if kind is None
        ]
        if missing:
            raise ChainInvalid(self.label, missing)
        return [str(kind) for kind in kinds]

    @property
    def _running(self) -> tuple[Phase, ...]:
        """The phases that are not switched off."""
        return tuple(one for one in self.phases if one.enabled)

    def _checked(
        self,
        depth: Depth = "annotations",
        completed: Collection[str] = (),
        *,
        runner: str | None = None,
    ) -> Chain:
        """Return this chain and log its warnings, or raise ChainInvalid with all errors.

        Args:
            depth: How far the check goes.
            completed: The keys of phases that are completed.
            runner: The name of the runner of the chain's job; default: it is run without one.
        """
        problems = problems_of_chain(self.phases, depth, completed, runner)
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            raise ChainInvalid(self.label, errors)
        for problem in problems:
            LOG.warning("chain %s: %s", self.label, problem)
        return self

    @property
    def label(self) -> str:
        """Its name, or those of its phases."""
        return self.name or " → ".join(keys_of(self._running)) or "chain"

    def _described(self) -> list[Any]:
        """Return its phases as JSON, as far as they are registered job types."""
        kinds = [_type_of(one) for one in self._running]
        has_values = any(not isinstance(one.runner, str | None) for one in self._running)
        if None in kinds or has_values:  # a runner that is a value is not found by its name alone
            return list(self._running)
        pairs = zip(self._running, kinds, strict=True)
        return [phase_as_json(one, str(kind)) for one, kind in pairs]

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

        context = own_context()
        run = ChainRun(self._checked()._running, context)
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
        phases = self._checked()._running
        if progress is None and cancel is None:
            return run_in_thread(phases, own_context(), None)
        caller = CallerControl(progress, cancel)
        context = caller.context(unstored_buffer(caller.meter))
        token = CURRENT.set(context)  # for the stages of the phases as well
        try:
            return run_in_thread(phases, context, caller)
        finally:
            CURRENT.reset(token)


def _type_of(one: Phase) -> str | None:
    if isinstance(one.work, str):
        return one.work
    kind = job_type_of(one.work)
    return None if kind is None else kind.name
