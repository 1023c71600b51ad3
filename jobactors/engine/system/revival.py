"""A stored submit, read again: the function and the arguments of a job that came from a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from jobactors.engine.ports.late_binding import choose_runner, is_runner_known
from jobactors.engine.records.checkpoint_key import set_key
from jobactors.engine.records.record import Edge, unrevived
from jobactors.engine.records.references import JobReference, with_nested
from jobactors.engine.storage.submit_codec import arguments_from, options_from, source_of
from jobactors.inside.verbs.ranges import Range
from jobactors.model.argument_check import converted_where_it_fits
from jobactors.model.errors import NotResumable, UnknownJobType
from jobactors.model.job_type import CHAIN_TYPE, job_type_named
from jobactors.model.outcome import NotKept

from .stored_phases import holds_phases, obstacle_of_phases

if TYPE_CHECKING:
    from jobactors.engine.records.record import Record
    from jobactors.engine.records.stored_submit import StoredSubmit
    from jobactors.model.job_type import JobType

    from .core import Core
    from .parts import Parts

_DROPPED: Final = (
    "its arguments, or its function, took much memory, and were let go when its result was read, "
    "or when the ended jobs took more than retention allows: submit it again"
)


class Revival:
    """Reads the stored submits of one system.  In the loop's thread only."""

    def __init__(self, parts: Parts, core: Core) -> None:
        self._parts = parts
        self._core = core

    def revive(self, record: Record, submit: StoredSubmit) -> None:
        """Find the function and the arguments of a job to whose revival there is no obstacle.

        Raises:
            NotResumable: if they make no sense.
        """
        kind = job_type_named(record.snapshot.type)
        try:
            options = options_from(submit.options, kind.options)
            runner = choose_runner(kind.function, options)
            args, kwargs = self.arguments_of(submit, kind)
        except (ValueError, TypeError) as exc:
            raise NotResumable(record.id, f"what was kept of it makes no sense: {exc}") from None
        edges = {job_id: self._edge(job_id, when) for job_id, when in submit.after}
        record.args, record.kwargs, record.edges = args, kwargs, edges
        record.are_arguments_dropped = False
        record.options, record.runner, record.function = options, runner, kind.function
        set_key(record)

    def arguments_of(
        self, submit: StoredSubmit, kind: JobType
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a submit, read anew: no job changes those of another one.

        Those that were given as JSON are converted as the annotations of ``kind`` have them.

        Raises:
            ValueError: if they make no sense.
        """
        stored = arguments_from(submit.arguments)
        stored.fill(self._argument)
        if stored.is_typed:
            stored = replace(stored, kwargs=converted_where_it_fits(kind, stored.kwargs))
        return with_nested(stored.args, stored.kwargs)

    def obstacle(self, record: Record, *, reads_store: bool = True) -> str:
        """Return what prevents the revival of a job, here and now; empty if nothing does.

        Args:
            record: The job.
            reads_store: Whether the jobs that it comes after are looked for, if need be in the
                store.
        """
        submit = record.submit
        if record.function is not unrevived and (submit is None or submit.lost):
            return _DROPPED
        if submit is None:
            return "nothing is known of its submit"
        if lost := self._lost(record, submit):
            return lost
        try:
            kind = job_type_named(record.snapshot.type)
        except UnknownJobType as exc:
            return _why_unknown(exc)
        missing = _missing_runner(submit, kind)
        if missing:
            return (
                f"its runner {missing!r} is not known here: it is not resumable until a runner of "
                "that name is given again, with jobs.options(runner=…)"
            )
        for job_id, _ in submit.after if reads_store else ():
            upstream = self._core.ended.find_anywhere(job_id)
            if upstream is None:
                return f"the job {job_id} it comes after is no longer kept"
            outcome = upstream.snapshot.outcome
            if outcome is not None and isinstance(outcome.value, NotKept):
                return f"the result of {job_id}, of type {outcome.value.type}, was not kept"
        return ""

    def _lost(self, record: Record, submit: StoredSubmit) -> str:
        """Return what the store does not hold; of a chain, what its open phases need."""
        if record.snapshot.type == CHAIN_TYPE and holds_phases(submit):
            return obstacle_of_phases(submit, self._parts.checkpoints.rows_of(record.id))
        return submit.lost

    def has_changed(self, record: Record) -> bool:
        """Whether the job type's source is another than when the job was submitted."""
        submit = record.submit
        if submit is None or not submit.source:
            return False
        try:
            kind = job_type_named(record.snapshot.type)
        except UnknownJobType:
            return False
        source = source_of(kind)
        return bool(source) and source != submit.source

    def _argument(self, job_id: str, how: str) -> object:
        if how == "range":
            return Range.from_text(job_id)
        record = self._core.ended.find_anywhere(job_id)
        if record is None:
            raise ValueError(f"job {job_id} is no longer kept")
        return JobReference(record, "handle" if how == "handle" else "result")

    def _edge(self, job_id: str, when: Any) -> Edge:
        upstream = self._core.ended.find_anywhere(job_id)
        if upstream is None:
            raise NotResumable(job_id, "it is no longer kept")
        return Edge(upstream, when)


def _why_unknown(exc: UnknownJobType) -> str:
    if exc.meant:
        return (
            f"its job type {exc.name!r} is now an alias of {' and '.join(exc.meant)}: submit it "
            'as one of them, with on_checkpoint="resume" to go on from its checkpoint'
        )
    return (
        f"its job type {exc.name!r} is not registered yet: run the cell, or import the module, "
        "that declares it"
    )


def _missing_runner(spec: StoredSubmit, kind: JobType) -> str:
    """Return the name of a job's runner if none of that name was given in this process."""
    try:
        runner = options_from(spec.options, kind.options).runner
    except (ValueError, TypeError):
        return ""  # the resume says what is wrong with them
    return runner if isinstance(runner, str) and not is_runner_known(runner) else ""
