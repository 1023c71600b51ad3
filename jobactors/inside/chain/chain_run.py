"""One run of a chain: the completed phases, the next step, and the result; it runs nothing.

The code that drives it calls ``begin``, runs the step in its own colour, and reports the end of the
step with ``end_phase``, ``stop`` or ``cancelled``.  So trio code, threads and the engine share one
account of a chain, and none of the three is known here.

A phase that returns after it was notified of a cancel was cut short: it is not completed, and the
chain ends there, as a job does.

A phase is completed when its end is *saved* under the chain's part of the checkpoint, as one JSON
value with all phases before it; the phase's own checkpoint is dropped in the same write.
A result that is no JSON is known in this process alone; a phase that needs it as an argument has
the one that made it run again.

Everything here is read and written by the code that drives, which is in one place at a time.
"""

from __future__ import annotations

import inspect
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from jobactors.inside.report.guarded_log import LOG
from jobactors.inside.report.returned_failure import failure_text, says_failure
from jobactors.inside.verbs.stage import stage
from jobactors.model.chain_result import ChainResult, ItemError, PhaseResult
from jobactors.model.error_text import ErrorText
from jobactors.model.errors import ChainFailed
from jobactors.model.exact import NotExact, exact_json
from jobactors.model.job_type import job_type_named, job_type_of
from jobactors.model.outcome import Partial, Succeeded
from jobactors.model.phases import Phase, filled_in, keys_of
from jobactors.model.snooze import Snooze

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from jobactors.inside.context.job_context import JobContext
    from jobactors.inside.verbs.stage import Stage


class Step(Struct, frozen=True):
    """One phase that is to be run now."""

    phase: Phase
    function: Callable[..., Any]
    context: JobContext
    """The job as the phase sees it."""
    result_of: Callable[[str], Any]

    @property
    def is_async(self) -> bool:
        """Whether it is trio code."""
        target: Any = self.function
        while isinstance(target, partial):
            target = target.func
        return inspect.iscoroutinefunction(target)

    def call(self) -> Any:
        """Call the phase, where its own code runs."""
        return self.function(**self.arguments())

    @property
    def converts(self) -> bool:
        """Whether its arguments may be converted, to classes that are code of the user."""
        return bool(self.phase.arguments) and job_type_of(self.function) is not None

    def arguments(self) -> dict[str, Any]:
        """Return its arguments: results of earlier ones filled in, JSON converted where it fits.

        If it converts, not in the engine's loop.
        """
        given = dict(self.phase.arguments)
        if self.phase.needs:
            given = filled_in(given, self.result_of)
        kind = job_type_of(self.function) if self.converts else None
        if kind is not None:
            from jobactors.model.argument_check import converted_where_it_fits

            given = converted_where_it_fits(kind, given)
        return given


class _Done(Struct, frozen=True):
    """A completed phase."""

    value: Any
    type: str
    """The name of the result's type."""
    is_known: bool
    """Whether the value itself is known; else it was no JSON, and its process has ended."""
    errors: tuple[ItemError, ...]
    from_before: bool = False

    def as_json(self, key: str) -> dict[str, Any]:
        fields: dict[str, Any] = {"phase": key, "type": self.type}
        if self.is_known and _is_exact(self.value):
            fields["result"] = self.value
        if self.errors:
            fields["errors"] = [[error.item, error.error] for error in self.errors]
        return fields

    @classmethod
    def of(cls, fields: dict[str, Any]) -> _Done:
        errors = tuple(ItemError(*error) for error in fields.get("errors", ()))
        known = "result" in fields
        return cls(fields.get("result"), fields["type"], known, errors, from_before=True)


class ChainRun:
    """The state of one run.  The code that drives it calls the phases."""

    def __init__(self, phases: Sequence[Phase], context: JobContext) -> None:
        self._phases = phases
        self._keys = keys_of(phases)
        self._context = context
        self._total = sum(phase.weight for phase in phases)
        self._done: dict[int, _Done] = {}
        self._notes: list[str] = []
        self._stage: Stage | None = None
        self._now = -1
        """The phase that runs, or ran last."""
        self._step: Step | None = None
        self._partial: Any = None
        self._answers = 0
        """The number of times its code was notified of a cancel before the present phase."""
        self._cut_short: ChainResult | None = None
        self._resumed = self._restore()

    # -- the checkpoint of an earlier attempt

    def _restore(self) -> bool:
        saved = self._context.checkpoint
        if saved is not None:
            self._restore_completed(saved)
        return bool(self._done) or any(self._has_saved(key) for key in self._keys)

    def _restore_completed(self, saved: Any) -> None:
        """Restore the completed phases of this chain; raise ValueError if other data was saved."""
        known = {key: i for i, key in enumerate(self._keys)}
        try:
            done = {str(entry["phase"]): _Done.of(entry) for entry in saved["chain"]}
        except (KeyError, TypeError):
            raise ValueError(
                "the saved checkpoint is not one of a chain: submit with "
                'on_checkpoint="fresh" to begin anew'
            ) from None
        self._done = {known[key]: one for key, one in done.items() if key in known}
        self._run_again_what_is_needed()

    def _has_saved(self, key: str) -> bool:
        buffer, inside = self._context._buffer, self._context._for_part(key)
        return buffer is not None and any(buffer.parts_within(inside.part))

    def _run_again_what_is_needed(self) -> None:
        """Take back a completed phase whose result is needed, and was lost with its process."""
        for i in reversed(range(len(self._phases))):
            if i in self._done:
                continue
            for name in sorted(self._phases[i].needs):
                needed = self._before(name, i)
                done = self._done.get(needed)
                if done is not None and not done.is_known:
                    del self._done[needed]
                    self._notes.append(
                        f"{self._keys[needed]} is run again: {self._keys[i]} takes its result, of "
                        f"type {done.type}, which could not be stored"
                    )

    def _before(self, name: str, i: int) -> int:
        """Return the last phase called ``name`` before number ``i``."""
        return next((j for j in reversed(range(i)) if self._phases[j].name == name), -1)

    @property
    def completed(self) -> frozenset[str]:
        """The keys of the completed phases."""
        return frozenset(self._keys[i] for i in self._done)

    # -- one phase after the other

    def begin(self) -> Step | None:
        """Begin the next phase that is not completed; None if all are."""
        while self._now + 1 < len(self._phases):
            self._now += 1
            self._open_stage()
            if self._now not in self._done:
                phase = self._phases[self._now]
                inside = self._context._for_part(self._keys[self._now])
                self._answers = self._context._control.answers
                self._step = Step(phase, _function_of(phase), inside, self.result_of)
                return self._step
            self._close_stage()
        return None

    def _open_stage(self) -> None:
        phase = self._phases[self._now]
        self._stage = stage(self._keys[self._now], weight=100 * phase.weight / self._total)
        self._stage.__enter__()

    def _close_stage(self, exc: BaseException | None = None) -> None:
        opened, self._stage = self._stage, None
        if opened is not None:
            kind, where = (None, None) if exc is None else (type(exc), exc.__traceback__)
            opened.__exit__(kind, exc, where)

    def end_phase(self, value: Any) -> bool:
        """Take what the phase has returned; returns whether the chain goes on."""
        control = self._context._control
        if type(value) is Succeeded:  # not isinstance: it asks the value for its __class__
            value = value.value
        elif type(value) is Partial:
            self._cut_short = self.cancelled(control.reason, value.value)
        elif control.answers != self._answers:
            self._cut_short = self.cancelled(control.reason, value)
        if self._cut_short is not None:
            return False
        if says_failure(value):
            LOG.warning("%s", failure_text(f"phase {self._keys[self._now]!r}"))
        self._complete(value)
        return True

    def _complete(self, value: Any) -> None:
        """Save the phase as completed, and drop the checkpoint that it had saved for itself."""
        self._close_stage()
        step, self._step = self._step, None
        errors = () if step is None else step.context.errors
        name = type(value).__qualname__
        self._done[self._now] = _Done(value, name, True, errors)
        buffer = self._context._buffer
        if buffer is not None and step is not None:
            entries = [self._done[i].as_json(self._keys[i]) for i in sorted(self._done)]
            buffer.measure()
            buffer.save(self._context.part, {"chain": entries})
            buffer.drop(step.context.part)

    def result_of(self, name: str) -> Any:
        """Return what the last phase called ``name`` before the present one has returned."""
        i = self._before(name, self._now)
        done = self._done.get(i)
        if done is None:
            raise KeyError(f"no phase {name!r} is completed before {self._keys[self._now]!r}")
        if not done.is_known:
            raise LookupError(
                f"the result of {name!r}, of type {done.type}, could not be stored and ended with "
                f'its process: pass it as an argument, ja.result_of("{name}"), and the phase is '
                "run again where it is needed"
            )
        return done.value

    # -- the result

    def stop(self, exc: BaseException, text: ErrorText | None = None) -> BaseException:
        """Return what the chain raises after ``exc`` of its phase, whose text may be known."""
        self._close_stage(exc)
        if not isinstance(exc, Exception) or isinstance(exc, Snooze):
            return exc
        text = text or ErrorText.of(exc)
        return self.failed(f"{text.type}: {text.message}")

    def failed(self, reason: str | None) -> ChainFailed:
        """Return the error of a chain that ends in the present phase, with its result so far."""
        return ChainFailed(self._stopped("failed", reason or ""))

    def result(self) -> ChainResult:
        """Return the result of a chain that has come to its end, or was cut short in a phase."""
        if self._cut_short is not None:
            return self._cut_short
        before = sum(done.from_before for done in self._done.values())
        message = _count(len(self._phases), "phase", "completed")
        if before:
            message += f", {before} of them before"
        return self._result("succeeded", message + self._about_errors())

    def cancelled(self, reason: str | None, partial: Any = None) -> ChainResult:
        """Return the result of a cancelled chain, with the partial result of its phase."""
        self._close_stage(_Cancelled())
        self._partial = partial
        return self._stopped("cancelled", reason or "")

    def _stopped(self, status: Literal["failed", "cancelled"], reason: str) -> ChainResult:
        key, number = self._keys[self._now], self._now + 1
        left = len(self._phases) - number
        message = f"{status} in {key} ({number} of {len(self._phases)})"
        message += f": {reason}" if reason else ""
        message += f"; {_count(len(self._done), 'phase', 'completed')}, {left} skipped"
        return self._result(status, message + self._about_errors(), key, reason or None)

    def _result(
        self,
        status: Literal["succeeded", "failed", "cancelled"],
        message: str,
        stopped_at: str | None = None,
        reason: str | None = None,
    ) -> ChainResult:
        phases = tuple(self._phase_result(i, status) for i in range(len(self._phases)))
        notes = tuple(self._notes)
        return ChainResult(status, message, phases, self._resumed, stopped_at, reason, notes)

    def _phase_result(self, i: int, status: str) -> PhaseResult:
        done, key = self._done.get(i), self._keys[i]
        if done is not None:
            return PhaseResult(key, "completed", done.value, done.from_before, done.errors)
        if i == self._now and status != "succeeded":
            step = self._step
            errors = () if step is None else step.context.errors
            return PhaseResult(key, status, self._partial, errors=errors)  # type: ignore[arg-type]
        return PhaseResult(key, "skipped")

    def _about_errors(self) -> str:
        count = sum(len(done.errors) for done in self._done.values())
        return f"; {_count(count, 'error', 'of single items')}" if count else ""


def _count(number: int, what: str, rest: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'} {rest}"


def _function_of(phase: Phase) -> Callable[..., Any]:
    work = phase.work
    return job_type_named(work).function if isinstance(work, str) else work


def _is_exact(value: Any) -> bool:
    try:
        exact_json(value)
    except NotExact:
        return False
    return True


class _Cancelled(Exception):
    """Leaves a stage that did not come to its end."""
