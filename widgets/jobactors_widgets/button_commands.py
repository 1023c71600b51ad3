"""Runs the command of a button on the jobs that it names, and returns an answer in words.

A message from a browser is not trusted: a verb outside the table, or an id that is not text, does
nothing, and the answer states it.
"""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

import jobactors as ja

from .wire import LONGEST_MESSAGE, safe_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BY_HAND: Final = "by hand"
MOST_AT_ONCE: Final = 200
"""Jobs commanded in one turn of the loop; the jobs' own work goes on before the next ones."""


class CommandAnswer(TypedDict):
    """Reports whether a command was done."""

    kind: Literal["answer"]
    id: str
    """The job's id; empty if the command was for many."""
    verb: str
    """The command."""
    ok: bool
    """Whether it was done."""
    why: str
    """The reason why not; empty if it was done."""


def _read(job: ja.Job[Any]) -> None:
    """Mark the end of a job as read: a user has unfolded its row."""
    if job.state.is_terminal:
        job.exception()


def _dismiss(jobs: ja.Jobs, job: ja.Job[Any]) -> None:
    """Forget an ended job; of an item also its earlier jobs, which would be shown in its place."""
    info = job.info
    job.delete()
    while info.batch and info.continues:
        with contextlib.suppress(ja.JobactorsError):  # dismissed already, or still needed
            before = jobs.get(info.continues)
            if (before.info.batch, before.info.index) == (info.batch, info.index):
                info = before.info
                before.delete()
                continue
        return


def _read_failures(batch: ja.Batch[Any]) -> None:
    """Mark the failures of a batch as read: a user has unfolded it."""
    for job in batch.jobs:
        if job.state is ja.JobState.FAILED:
            _read(job)


def _resume_all(batch: ja.Batch[Any]) -> None:
    """Let a batch go on; raise if some of its jobs rest all the same, with the reason of one.

    Raises:
        JobactorsError: the number of those jobs, and what hinders the first.
    """
    batch.resume()
    resting = [job.id for job in batch.jobs if job.state is ja.JobState.INTERRUPTED]
    if resting:
        left = batch.system.resumable()
        why = {work.job_id: work.obstacle for work in left}.get(resting[0]) or "it rests"
        raise ja.JobactorsError(f"{len(resting)} of {len(batch)} jobs cannot go on: {why}")


VERBS: Final[Mapping[str, Callable[[ja.Job[Any]], object]]] = {
    "cancel": lambda job: job.cancel(reason=BY_HAND),
    "pause": lambda job: job.pause(),
    "resume": lambda job: job.resume(),
    "hold": lambda job: job.hold(),
    "release": lambda job: job.release(),
    "restart": lambda job: job.restart(),
    "fresh": lambda job: job.restart(from_checkpoint=False),
    "discard": lambda job: job.discard(),
    "dismiss": lambda job: job.delete(),
    "read": _read,
}
"""Every verb that a front end may send, and the call that it makes."""

BATCH_VERBS: Final[Mapping[str, Callable[[ja.Batch[Any]], object]]] = {
    "cancel": lambda batch: batch.cancel(reason=BY_HAND),
    "pause": lambda batch: batch.pause(),
    "resume": _resume_all,
    "restart_failed": lambda batch: batch.restart_failed(),
    "discard": lambda batch: batch.discard(),
    "dismiss": lambda batch: batch.delete(),
    "read": _read_failures,
}
"""The same for a batch as a whole."""


def perform(jobs: ja.Jobs, verb: object, job_id: object) -> CommandAnswer:
    """Run ``verb`` on a job, or on a batch as a whole, and return the answer.  Never raises."""
    if not isinstance(verb, str) or not isinstance(job_id, str):
        return answer("", "", "this message names no verb and no job")
    try:
        if ja.lowlevel.batch_snapshot(jobs, job_id) is not None:
            known = BATCH_VERBS.get(verb)
            command = None if known is None else partial(known, jobs.batch(job_id))
        else:
            one: Callable[[ja.Job[Any]], object] | None = VERBS.get(verb)
            if verb == "dismiss":
                one = partial(_dismiss, jobs)
            command = None if one is None else partial(one, jobs.get(job_id))
        if command is None:
            return answer(verb, job_id, f"this panel knows no {verb!r}")
        command()
    except ja.JobactorsError as error:
        return answer(verb, job_id, _without_id(str(error), job_id))
    except Exception as error:  # the row shows it; the board must go on
        return answer(verb, job_id, f"{type(error).__name__}: {error}")
    return answer(verb, job_id)


class BulkCommand:
    """Runs one verb on many jobs, a part at a time; ``answer`` is complete after the last part.

    Args:
        jobs: The job system.
        verb: The command.
        job_ids: The jobs.
        states: The states in which their user sees them; a job that is in none of these by now is
            left alone.  None for any state.
    """

    def __init__(
        self, jobs: ja.Jobs, verb: object, job_ids: Sequence[object], states: object = None
    ) -> None:
        self._states = _texts(states)
        self._jobs = jobs
        self._verb = verb
        self._left = list(job_ids)[::-1]
        self._count = len(self._left)
        self._refused: list[CommandAnswer] = []

    def perform_some(self) -> bool:
        """Run the verb on the next jobs; return whether there are more."""
        for _ in range(min(MOST_AT_ONCE, len(self._left))):
            answered = self._perform(self._left.pop())
            if not answered["ok"]:
                self._refused.append(answered)
        return bool(self._left)

    def _perform(self, job_id: object) -> CommandAnswer:
        if self._states is not None and isinstance(job_id, str):
            with contextlib.suppress(ja.JobactorsError):  # there is no such job: an answer, too
                state = self._jobs.get(job_id).state.value
                if state not in self._states:
                    return answer(str(self._verb), job_id, f"it is {state} by now")
        return perform(self._jobs, self._verb, job_id)

    @property
    def answer(self) -> CommandAnswer:
        """The one answer: how many jobs refused, and the reason of the first."""
        verb = self._verb if isinstance(self._verb, str) else ""
        if not self._refused:
            return answer(verb, "")
        first = self._refused[0]["why"]
        return answer(verb, "", f"{len(self._refused)} of {self._count} could not: {first}")


def _texts(value: Any) -> list[str] | None:
    """Return the texts of a list out of a message; None if it is no list."""
    match value:
        case [*items]:
            return [item for item in items if isinstance(item, str)]
        case _:
            return None


def answer(verb: str, job_id: str, why: str = "") -> CommandAnswer:
    """Return the answer to ``verb``: done, unless ``why`` gives a reason why not."""
    return {
        "kind": "answer",
        "id": safe_text(job_id, LONGEST_MESSAGE),
        "verb": safe_text(verb, LONGEST_MESSAGE),
        "ok": not why,
        "why": safe_text(why, LONGEST_MESSAGE),
    }


def _without_id(text: str, job_id: str) -> str:
    """Cut the long id out of a reason that is shown in the job's own row."""
    return text.replace(f" job {job_id}: it is ", ": it is ")
