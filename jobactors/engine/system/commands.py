"""The commands to jobs, and to a whole system: each checks the state, then changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from jobactors.model.errors import IllegalVerb
from jobactors.model.events import JobRequested, JobUpdated
from jobactors.model.last_references import drop_elsewhere
from jobactors.model.options import OPTION_NAMES, UPDATABLE, options_with
from jobactors.model.states import JobState, Request, Waiting

if TYPE_CHECKING:
    from collections.abc import Collection

    from jobactors.engine.records.record import Record
    from jobactors.model.info import JobInfo
    from jobactors.model.options import Options

    from .admission import Admission
    from .core import Core
    from .parts import Parts
    from .recovery import Recovery

_ON_CLUSTER: Final = (
    "it waits on the cluster, where it cannot be held, and starts when that has room; cancel() "
    "takes it back"
)


class Commands:
    """The commands of one system.  Called in the loop's thread only."""

    def __init__(self, parts: Parts, core: Core, admission: Admission, recovery: Recovery) -> None:
        self._parts = parts
        self._core = core
        self._admission = admission
        self._recovery = recovery

    def cancel(self, record: Record, reason: str | None) -> None:
        """Cancel a job, see :meth:`Core.cancel`."""
        self._core.cancel(record, reason)

    def pause(self, record: Record) -> None:
        """Ask a running job to stand still.

        Raises:
            IllegalVerb: if it does not run.
        """
        state = record.snapshot.state
        if state is JobState.PAUSED:
            actor = record.actor
            if actor is not None and self._parts.slots.take_back(record.id, actor.resume):
                self._core.emit(record, JobRequested(record.id, self._core.clock.now(), None))
                self._core.wake_drains()
            return
        if record.actor is None or state is not JobState.RUNNING:
            instead = (
                "hold() keeps it from starting" if state is JobState.QUEUED else "it is too late"
            )
            if record.snapshot.waiting is Waiting.CLUSTER:
                instead = _ON_CLUSTER
            raise IllegalVerb(record.id, state, "pause", instead)
        record.actor.pause()

    def resume(self, record: Record) -> None:
        """Let a paused or interrupted job go on as soon as a slot is free.

        Raises:
            IllegalVerb: if there is nothing to resume.
            NotResumable: if it is interrupted and cannot go on here.
        """
        actor, state = record.actor, record.snapshot.state
        if state is JobState.PAUSED and actor is not None:
            if not record.runner.takes_slot:
                actor.resume()
            elif not self._parts.slots.wants(record.id, actor.resume):
                self._core.emit(
                    record, JobRequested(record.id, self._core.clock.now(), Request.RESUME)
                )
                self._parts.slots.want(record.id, actor.resume)
                self._core.pump()
        elif state is JobState.RUNNING and actor is not None:
            if actor.request is Request.PAUSE:
                actor.resume()
        elif state is JobState.INTERRUPTED:
            self._recovery.resume(record)
        else:
            instead = "release() lets it start" if state is JobState.QUEUED else "submit it again"
            if record.snapshot.waiting is Waiting.CLUSTER:
                instead = _ON_CLUSTER
            raise IllegalVerb(record.id, state, "resume", instead)

    def discard(self, record: Record) -> None:
        """End an interrupted job as cancelled, and drop its checkpoints.

        Raises:
            IllegalVerb: if it is not interrupted.
        """
        state = record.snapshot.state
        if state is not JobState.INTERRUPTED:
            instead = "delete() forgets it" if state.is_terminal else "cancel() ends it"
            raise IllegalVerb(record.id, state, "discard", instead)
        self._core.cancel(record, "discarded")
        self._parts.leases.drop_of(record.id)

    def hold(self, record: Record) -> None:
        """Hold a queued job, so that it does not start.

        Raises:
            IllegalVerb: if it is not queued.
        """
        self._require_queued(record, "hold", "pause() makes a running job stand still")
        self._parts.queue.hold(record.id)
        self._core.pump()  # the next one that waits for the same resource may need less of it
        self._core.explain(record)
        self._core.wake_drains()

    def release(self, record: Record) -> None:
        """Let a held job start in its turn.

        Raises:
            IllegalVerb: if it is not queued.
        """
        self._require_queued(record, "release", "it has started")
        self._parts.queue.release(record.id)
        self._core.pump()
        self._core.explain(record)

    def update(self, record: Record, changed: Options, names: Collection[str]) -> None:
        """Change the named options of a job; a new priority counts at once.

        Args:
            record: The job.
            changed: Returned by :func:`checked_update`.
            names: The options to take from it.

        Raises:
            IllegalVerb: if it has finished.
            TooMuch, Deadlock: for resources with which it could never start.
        """
        info = record.snapshot.info
        if record.snapshot.state.is_terminal:
            raise IllegalVerb(record.id, record.snapshot.state, "update", "it stays as it ended")
        options = options_with(record.options, changed, names)
        self._parts.queue.check_needs(record.id, options.resources)
        drop_elsewhere(record.options)
        record.options = options
        fields = {name: getattr(options, name) for name in names}
        self._core.emit(
            record, JobUpdated(record.id, self._core.clock.now(), _evolve(info, fields))
        )
        if record.id in self._parts.queue:
            self._parts.queue.reprioritise(record.id, options.priority)
            self._parts.queue.change_needs(record.id, options.resources)
            if "start_at" in names and not record.snapshot.attempt:
                self._parts.queue.postpone(record.id, options.start_at)
            self._core.pump()

    def set_operation(self, record: Record, name: str, operation: str) -> None:
        """Record for what a job holds a resource.

        Raises:
            IllegalVerb: if it holds none of it.
        """
        if not self._parts.queue.resources.set_operation(record.id, name, operation):
            held = ", ".join(sorted(self._parts.queue.resources.held_by(record.id))) or "nothing"
            instead = f"it does not hold {name!r}; it holds {held}"
            raise IllegalVerb(record.id, record.snapshot.state, "set_operation", instead)

    def restart(self, ended: Record, from_checkpoint: bool) -> tuple[Record, bool]:
        """Submit the work of an ended or interrupted job again, linked to it.

        Returns:
            The job, and whether it is new: an unfinished one may have the key.

        Raises:
            IllegalVerb: if it is neither.
            NotResumable: if its process has ended, and it cannot be started here.
        """
        state = ended.snapshot.state
        if not (state.is_terminal or state is JobState.INTERRUPTED):
            raise IllegalVerb(ended.id, state, "restart", "it has not ended")
        from .restart import make_restart

        self._recovery.revive(ended)
        choice = self._parts.leases.choice_for(ended, from_checkpoint)
        restarted = make_restart(ended, self._core.clock.now(), choice)
        if state is JobState.INTERRUPTED:
            self._core.check_open()  # before the interrupted job is ended
            self._core.cancel(ended, f"started again as {restarted.id}")
        accepted = self._admission.accept(restarted)
        return accepted, accepted is restarted

    def delete(self, record: Record) -> None:
        """Forget an ended job, in the registry and in the store.

        Raises:
            IllegalVerb: if it is unfinished, or an unfinished job comes after it.
            UnknownJob: if it has been removed already.
        """
        self._core.ended.delete(record)

    def hold_dispatch(self, held: bool) -> None:
        """Stop the start of jobs, or allow it again."""
        self._parts.queue.dispatch_held = held
        self._core.wake_drains()
        self._core.pump()
        for job_id in self._parts.queue:
            self._core.explain(self._parts.registry.get(job_id))

    def set_max_running(self, max_running: int | None) -> None:
        """Change how many jobs may run; running ones go on, free slots are filled at once."""
        self._parts.queue.max_running = max_running
        self._core.pump()

    def _require_queued(self, record: Record, verb: str, instead: str) -> None:
        if record.id not in self._parts.queue:
            if record.snapshot.waiting is Waiting.CLUSTER:
                instead = _ON_CLUSTER
            raise IllegalVerb(record.id, record.snapshot.state, verb, instead)

    # -- the mailbox

    def tell(self, record: Record, message: Any, verb: str = "tell") -> None:
        """Put a message into a job's mailbox; before its start it waits there.

        Raises:
            IllegalVerb: if the job has ended.
            MailboxFull: if no more messages fit.
        """
        state = record.snapshot.state
        if state.is_terminal:
            raise IllegalVerb(record.id, state, verb, "its mailbox is closed, and nothing reads it")
        record.open_inbox()._put(message)


def _evolve(info: JobInfo, fields: dict[str, Any]) -> JobInfo:
    known = set(info.__struct_fields__)
    return replace(info, **{name: value for name, value in fields.items() if name in known})


def checked_update(record: Record, changes: dict[str, Any]) -> Options:
    """Return a job's options with some changed, before the engine moves.

    Their error is the caller's alone, and so is the code of their values.

    Raises:
        TypeError, ValueError: for an unknown or fixed option, or a wrong value.
    """
    fixed = changes.keys() & OPTION_NAMES - UPDATABLE
    if fixed:
        raise TypeError(
            f"{', '.join(sorted(fixed))} cannot change after the submit; "
            f"what can: {', '.join(sorted(UPDATABLE))}"
        )
    return record.options.changed(**changes)
