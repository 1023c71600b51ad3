"""One phase of a chain that has a runner of its own: a process, a cluster, a runner of the user.

It is no job of its own, and needs no second row, lease, mailbox or log: it runs within the attempt
of its chain.  To its runner it is an attempt whose context is the chain's job as the phase sees it,
so that samples, lines, checkpoints, requests and answers go their usual ways.  What is different is
here and in few other places:

* the progress that its runner reports is a level of the chain's, see ``Meter.remote``;
* only the checkpoints of the phase are sent;
* messages are packed on their way, see :mod:`.packed_inbox`;
* while it waits on a cluster the chain shows as running and waiting for that, its timeout stands
  still, and it goes on until the runner calls ``started``;
* a runner that takes no slot has that of the chain lent meanwhile.  It comes back before the next
  phase that needs it, and after the end of this one was saved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
from attrs import evolve
from msgspec.structs import replace

from jobactors.engine.ports.late_binding import held_runner
from jobactors.engine.ports.runner import Attempt
from jobactors.engine.records.running_phase import RunningPhase
from jobactors.inside.chain.chain_drive import perform_here
from jobactors.inside.chain.phase_call import PhaseCall
from jobactors.inside.chain.phase_runner import own_runner
from jobactors.inside.context.job_context import JobContext
from jobactors.inside.signals.control import StopJob
from jobactors.model.events import JobRestated
from jobactors.model.job_type import job_type_of

from .packed_inbox import PackedInbox

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from jobactors.engine.ports.runner import KnownRunner
    from jobactors.engine.queue.slots import Loan
    from jobactors.engine.records.record import Record
    from jobactors.engine.records.running_attempt import RunningAttempt
    from jobactors.inside.chain.chain_run import Step
    from jobactors.inside.context.toolbox import Broker, Toolbox
    from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer
    from jobactors.inside.report.meter import Meter
    from jobactors.inside.signals.control import Control
    from jobactors.inside.signals.mailbox import Inbox
    from jobactors.model.log import Log
    from jobactors.model.options import Options

    from .host import AttemptHost


class PhasePlaces:
    """Runs the phases of one attempt where each belongs.  In the loop's thread only.

    Args:
        host: The host of the chain's job.
        record: That job.
        actor: Its running attempt.
        in_thread: Calls blocking code in a thread of the job.
    """

    def __init__(
        self,
        host: AttemptHost,
        record: Record,
        actor: RunningAttempt,
        in_thread: Callable[[Callable[[], Any]], Awaitable[Any]],
    ) -> None:
        self._host = host
        self._record = record
        self._actor = actor
        self._in_thread = in_thread
        self._loan: Loan | None = None
        """The loan of the chain's slot, which no phase has needed since."""

    async def perform(self, step: Step) -> Any:
        """Run a phase with its own runner, or where its chain runs.

        Raises:
            ValueError: if its runner is not known any more.
            BaseException: what the phase raises, or its runner.
        """
        own = own_runner(step.phase)
        runner = None if own is None else held_runner(own)
        if runner is None or runner.name == self._record.runner.name:
            await self._regain()
            return await perform_here(step, self._in_thread)
        is_here = not step.converts  # which would run the user's code
        arguments = step.arguments() if is_here else await self._in_thread(step.arguments)
        if runner.takes_slot:
            await self._regain()
        else:
            self._lend()
        phase = PhaseElsewhere(self._host, self._record, self._actor, step, runner)
        return await phase.run(arguments)

    def _lend(self) -> None:
        if self._loan is None:
            desk, record = self._host.desk, self._record
            self._loan = self._host.portal.step(desk.lend_slot, record, (), True)

    async def _regain(self) -> None:
        """Wait until the chain has its slot again, if it was lent."""
        loan, self._loan = self._loan, None
        if loan is not None:
            await self._host.portal.step(self._host.desk.want_slot, self._record, loan)


class PhaseElsewhere:
    """Has one phase run by its own runner.  In the loop's thread only.

    Args:
        record: The chain's job.
        actor: Its running attempt.
        step: The phase.
        runner: The phase's runner.
    """

    def __init__(
        self,
        host: AttemptHost,
        record: Record,
        actor: RunningAttempt,
        step: Step,
        runner: KnownRunner,
    ) -> None:
        self._host = host
        self._record = record
        self._actor = actor
        self._step = step
        self._runner = runner
        self._phase = RunningPhase(trio.CancelScope())
        pack: Callable[[object], bytes] | None = getattr(runner, "pack_message", None)
        self._is_in_other_process = pack is not None
        self._context = step.context if pack is None else self._packing(step.context, pack)

    def _packing(self, context: JobContext, pack: Callable[[object], bytes]) -> JobContext:
        """Return the context of a phase whose messages and checkpoints go to another process."""
        inbox = PackedInbox(context.inbox, pack, self._host.start_task, self._complain)
        toolbox = PhaseToolbox(context._toolbox, inbox, context.part)
        return JobContext(
            toolbox,
            id=context.id,
            name=context.name,
            type=context.type,
            subject=context.subject,
            attempt=context.attempt,
            system=context._system,
            part=context.part,
        )

    def _complain(self, text: str) -> None:
        self._context.write_log(f"{text}\n", "WARNING")

    async def run(self, arguments: dict[str, Any]) -> Any:
        """Run the phase to its end, and return or raise what its runner does."""
        function = self._step.function
        call = PhaseCall(function) if self._is_in_other_process else function
        attempt = Attempt(
            self._context,
            call,
            (),
            arguments,
            self._scope,
            self._options(),
            self._started,
            self._explain_wait,
        )
        self._host.portal.step(self._begin)
        meter = self._context._meter
        try:
            return await self._runner.run(attempt)
        except BaseException:
            meter.hold()  # what it has reported is gone soon, and no fraction runs backwards
            raise
        finally:
            meter.remote = None
            self._host.portal.step(self._end)

    def _scope(self) -> trio.CancelScope:
        return self._phase.scope

    def _options(self) -> Options:
        """Return the chain's options, with the limits that a phase's job type has for itself."""
        kind, options = job_type_of(self._step.function), self._record.options
        if kind is None or self._runner.name != "process":
            return options
        return evolve(
            options, runner="process", limits=kind.options.limits, fresh=kind.options.fresh
        )

    def _begin(self) -> None:
        self._actor.phase = self._phase
        if self._runner.waits_elsewhere:
            self._phase.awaits_cluster = True
            self._actor.stop_timeout()
            self._host.desk.explain(self._record)

    async def _started(self, where: str) -> None:
        """Take note that the phase begins, unless its chain is to end."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._actor.is_stopping:  # and the runner is shielded from it
            raise StopJob(self._actor.reason)
        self._host.portal.step(self._begun, where)

    def _explain_wait(self, reason: str | None) -> None:
        if self._phase.awaits_cluster:
            self._phase.wait_reason = reason
            self._host.portal.step(self._host.desk.explain, self._record)

    def _begun(self, where: str) -> None:
        if self._phase.awaits_cluster:
            self._phase.awaits_cluster = False
            self._actor.run_timeout()
            self._host.desk.explain(self._record)
        self._show(where)

    def _end(self) -> None:
        self._begun("")
        if self._actor.phase is self._phase:
            self._actor.phase = None

    def _show(self, where: str) -> None:
        """Show on the chain's row where its phase runs."""
        snapshot = self._record.snapshot
        if where != snapshot.where and snapshot.state.is_active:
            moved = replace(snapshot, where=where)
            now = self._host.clock.now()
            self._host.emit(self._record, JobRestated(self._record.id, now, moved))


class PhaseToolbox:
    """The chain's toolbox as a phase in another process has it.

    Args:
        toolbox: The chain's.
        inbox: Relays its messages packed.
        part: The phase's part of the checkpoints.
    """

    def __init__(self, toolbox: Toolbox, inbox: Inbox, part: str) -> None:
        self._toolbox = toolbox
        self._part = part
        self.inbox: Inbox = inbox
        """The messages to the job."""

    @property
    def control(self) -> Control:
        """The requests to the job."""
        return self._toolbox.control

    @property
    def meter(self) -> Meter:
        """The progress that the job reports."""
        return self._toolbox.meter

    @property
    def log(self) -> Log:
        """The lines that the job prints and logs."""
        return self._toolbox.log

    @property
    def buffer(self) -> CheckpointBuffer | None:
        """The checkpoints that the job saves."""
        return self._toolbox.buffer

    @property
    def broker(self) -> Broker | None:
        """Gets resources for the job."""
        return self._toolbox.broker

    def buffer_to_send(self) -> dict[str, Any] | None:
        """Return the checkpoints of the phase: those of the others are none of its business."""
        sent = self._toolbox.buffer_to_send()
        if sent is None:
            return None
        inside = f"{self._part}:"
        stored = {
            part: saved
            for part, saved in sent["stored"].items()
            if part == self._part or part.startswith(inside)
        }
        return {**sent, "stored": stored}
