"""A chain as one job; see :mod:`.chain_type` for its job type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import trio

from jobactors.engine.ports.late_binding import runner_from
from jobactors.engine.ports.runner import Abandoned
from jobactors.engine.records.running_phase import RunningPhase
from jobactors.inside.chain.chain import Chain
from jobactors.inside.chain.chain_drive import drive
from jobactors.inside.chain.chain_run import ChainRun
from jobactors.inside.chain.phase_runner import own_runner
from jobactors.inside.context.current_job import current_job
from jobactors.inside.signals.control import StopJob
from jobactors.model.chain_document import phase_from_json
from jobactors.model.errors import ChainInvalid
from jobactors.model.exception_tree import is_a, leaves_of
from jobactors.model.outcome import Partial, Succeeded
from jobactors.model.phases import ChainProblem, Phase
from jobactors.model.states import Request

from .phase_elsewhere import PhasePlaces

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobactors.engine.records.record import Record
    from jobactors.engine.records.running_attempt import RunningAttempt
    from jobactors.inside.context.job_context import JobContext

    from .host import AttemptHost


_FOR_PHASES: Final = frozenset({"thread", "process", "asyncio"})
"""The runners that cannot call ``run_phases``, which is trio code."""


async def run_phases(phases: Sequence[Any], name: str) -> Any:
    """Run the phases of the current job one after the other.

    Args:
        phases: Phases, or JSON.
        name: The chain's name; may be empty.
    """
    context = current_job()
    host = cast("AttemptHost", context._system)
    record, actor = _attempt_of(context, host)
    chain = chain_of(phases, name)
    run = ChainRun(chain._running, context)
    chain._checked("order", run.completed, runner=record.runner.name)

    async def in_thread(call: Callable[[], Any]) -> Any:
        return await _in_thread(call, context, actor)

    places = PhasePlaces(host, record, actor, in_thread)
    try:
        result = await drive(run, context, in_thread, places.perform)
    except BaseException as exc:
        if actor.request is Request.CANCEL and _is_stop(exc):
            return Partial(run.cancelled(actor.reason))
        if actor.request is Request.TIME_OUT and _is_stop(exc):
            raise run.failed(actor.reason) from exc
        raise
    if result.success:
        return Succeeded(result)
    # By a time out, or the end of the program: then the request decides, as for any job.
    was_told = context._control.answers > 0 and actor.request is not Request.CANCEL
    return result if was_told else Partial(result)


def chain_arguments(chain: Chain, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with which the job type runs ``chain``.

    Raises:
        TypeError: for arguments beside the chain, which has its own.
    """
    if args or kwargs:
        raise TypeError("a chain has the arguments of its phases: submit(chain), and nothing else")
    described = {"phases": chain._described()}
    return {**described, "name": chain.name} if chain.name else described


def check_chain(phases: Sequence[Any], name: str = "", *, runner: str) -> None:
    """Refuse a chain that cannot be run, before it is accepted.

    Args:
        phases: Its phases, or JSON.
        name: Its name.
        runner: The name of the runner that is to run it.

    Raises:
        ChainInvalid, TypeError, ValueError: the message names the fault.
    """
    if runner in _FOR_PHASES:
        raise ValueError(
            f'a chain as a whole runs on trio or on a cluster, and not with runner="{runner}": '
            f"leave that out here, and give the phases that need it a runner of their own: "
            f'ja.phase(…, runner="process")'
        )
    chain = chain_of(phases, name)._checked(runner=runner)
    unknown = [
        ChainProblem("error", one.name, why, places=(place,))
        for place, one in enumerate(chain.phases)
        if one.enabled and (why := _why_not_run(one))
    ]
    if unknown:
        raise ChainInvalid(chain.label, unknown)


def _why_not_run(phase: Phase) -> str:
    """Return why there is no such runner as a phase asks for; empty if there is."""
    own = own_runner(phase)
    try:
        if own is not None:
            runner_from(own)
    except ValueError as exc:
        return str(exc)
    return ""


def chain_of(phases: Sequence[Any], name: str) -> Chain:
    """Return the chain that a job's arguments describe.

    Raises:
        TypeError, ValueError: if they describe none.
    """
    if not isinstance(phases, list | tuple):
        raise TypeError(f'a chain\'s "phases" are a list, not {phases!r:.100}')
    return Chain(
        tuple(one if isinstance(one, Phase) else phase_from_json(one) for one in phases), name
    )


def _attempt_of(context: JobContext, host: AttemptHost) -> tuple[Record, RunningAttempt]:
    record = host.find(context.id)
    if record is None or record.actor is None:
        raise RuntimeError(f"{context.id} is a chain, and should be running")
    return record, record.actor


async def _in_thread(call: Callable[[], Any], context: JobContext, actor: RunningAttempt) -> Any:
    """Call a phase that is blocking code, as a job in a thread is called."""
    await trio.lowlevel.checkpoint_if_cancelled()
    host = cast("AttemptHost", context._system)
    made = host.workers.start(call, f"job {context.id}", context._control)
    # The job's cancel is the phase's to obey; a thread is left behind only when all is closing.
    phase = actor.phase = RunningPhase(trio.CancelScope(shield=True))
    with phase.scope:
        await made.ended()
    if not made.is_done:
        raise Abandoned
    return made.result()


def _is_stop(exc: BaseException) -> bool:
    """Whether this is the cancel itself, and not an error on the way out."""
    return all(is_a(leaf, trio.Cancelled, StopJob) for leaf in leaves_of(exc))
