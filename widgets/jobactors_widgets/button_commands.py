"""What a button asks for, done to the jobs it names, and answered in words.

A message from a browser is not trusted: a verb that is not in the table, or an id that is no text,
does nothing and is answered so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

import jobactors as ja

from .wire import LONGEST_MESSAGE, safe_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BY_HAND: Final = "cancelled by hand"
MOST_AT_ONCE: Final = 200
"""Jobs told in one go; the loop goes on with the jobs' own work before the next ones."""


class CommandAnswer(TypedDict):
    """What became of a pressed button."""

    kind: Literal["answer"]
    id: str
    """The job's id; empty when many were asked for."""
    verb: str
    """What was asked."""
    ok: bool
    """Whether it was done."""
    why: str
    """Why not; empty when it was done."""


def _read(job: ja.Job[Any]) -> None:
    """Somebody has looked at how the job ended."""
    if job.state.is_terminal:
        job.exception()


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
"""Every verb a panel may send, and what it does."""


def perform(jobs: ja.Jobs, verb: object, job_id: object) -> CommandAnswer:
    """Do ``verb`` to the job ``job_id`` and return the answer.  Never raises."""
    if not isinstance(verb, str) or not isinstance(job_id, str):
        return answer("", "", "this message names no verb and no job")
    if verb not in VERBS:
        return answer(verb, job_id, f"this panel knows no {verb!r}")
    try:
        VERBS[verb](jobs.get(job_id))
    except ja.JobactorsError as error:
        return answer(verb, job_id, _without_id(str(error), job_id))
    except Exception as error:  # the row says it; the board must go on
        return answer(verb, job_id, f"{type(error).__name__}: {error}")
    return answer(verb, job_id)


class BulkCommand:
    """One verb for many jobs, told a part at a time; ``answer`` is complete when all are told."""

    def __init__(self, jobs: ja.Jobs, verb: object, job_ids: Sequence[object]) -> None:
        self._jobs = jobs
        self._verb = verb
        self._left = list(job_ids)[::-1]
        self._asked = len(self._left)
        self._refused: list[CommandAnswer] = []

    def tell_some(self) -> bool:
        """Tell the next ones; whether there are more."""
        for _ in range(min(MOST_AT_ONCE, len(self._left))):
            answered = perform(self._jobs, self._verb, self._left.pop())
            if not answered["ok"]:
                self._refused.append(answered)
        return bool(self._left)

    @property
    def answer(self) -> CommandAnswer:
        """How it went: how many could not, and why the first of them could not."""
        verb = self._verb if isinstance(self._verb, str) else ""
        if not self._refused:
            return answer(verb, "")
        first = self._refused[0]["why"]
        return answer(verb, "", f"{len(self._refused)} of {self._asked} could not: {first}")


def answer(verb: str, job_id: str, why: str = "") -> CommandAnswer:
    """Return the answer to ``verb``: done, unless ``why`` says why not."""
    return {
        "kind": "answer",
        "id": safe_text(job_id, LONGEST_MESSAGE),
        "verb": safe_text(verb, LONGEST_MESSAGE),
        "ok": not why,
        "why": safe_text(why, LONGEST_MESSAGE),
    }


def _without_id(text: str, job_id: str) -> str:
    """The row that says it is the job's own: its long id would only push the reason out."""
    return text.replace(f" job {job_id}: it is ", ": it is ")
