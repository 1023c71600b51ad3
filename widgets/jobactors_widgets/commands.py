"""What a button asks for, done to the job it names, and answered in words.

A message from a browser is not trusted: a verb that is not in the table, or an id that is no text,
does nothing and is answered so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

import jobactors as ja

from .wire import LONGEST_MESSAGE, safe_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BY_HAND: Final = "cancelled by hand"


class Answer(TypedDict):
    """What became of a pressed button."""

    kind: Literal["answer"]
    id: str
    """The job's id."""
    verb: str
    """What was asked."""
    ok: bool
    """Whether it was done."""
    why: str
    """Why not; empty when it was done."""


VERBS: Final[Mapping[str, Callable[[ja.Job[Any]], object]]] = {
    "cancel": lambda job: job.cancel(reason=BY_HAND),
}
"""Every verb a panel may send, and what it does."""


def perform(jobs: ja.Jobs, verb: object, job_id: object) -> Answer:
    """Do ``verb`` to the job ``job_id`` and return the answer.  Never raises."""
    if not isinstance(verb, str) or not isinstance(job_id, str):
        return answer("", "", "this message names no verb and no job")
    if verb not in VERBS:
        return answer(verb, job_id, f"this panel knows no {verb!r}")
    try:
        VERBS[verb](jobs.get(job_id))
    except ja.JobactorsError as error:
        return answer(verb, job_id, str(error))
    except Exception as error:  # the row says it; the board must go on
        return answer(verb, job_id, f"{type(error).__name__}: {error}")
    return answer(verb, job_id)


def answer(verb: str, job_id: str, why: str = "") -> Answer:
    """Return the answer to ``verb``: done, unless ``why`` says why not."""
    return {
        "kind": "answer",
        "id": safe_text(job_id, LONGEST_MESSAGE),
        "verb": safe_text(verb, LONGEST_MESSAGE),
        "ok": not why,
        "why": safe_text(why, LONGEST_MESSAGE),
    }
