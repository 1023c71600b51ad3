"""The run of a builder's chain: how it is started, what an earlier one has left, how it goes."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Literal, TypedDict

import trio

import jobactors as ja

from .builder_document import as_object, places_by_key, shares
from .wire import LONGEST_MESSAGE, LONGEST_NAME, safe_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .builder_check import WireProblem
    from .builder_document import Document

CHAIN: Final = "chain"
FRAME_SECONDS: Final = 0.1
How = Literal["ask", "resume", "fresh"]


class CheckpointQuestion(TypedDict):
    """The question before a run for which an earlier one has left something."""

    text: str
    can_resume: bool


class RunState(TypedDict):
    """The progress of a run, as `static/builder/session.js` reads it."""

    id: str
    ended: bool
    bad: bool
    """Whether it has failed."""
    text: str
    fraction: float | None
    place: int
    """The place of the running phase; -1 for none."""
    part: float | None
    """The progress within that phase."""


class EarlierRun(Exception):
    """An earlier run has left something, and it is open how to go on."""

    def __init__(self, question: CheckpointQuestion) -> None:
        super().__init__(question["text"])
        self.question = question


def start(jobs: ja.Jobs, chain: ja.Chain, how: How) -> ja.Job[Any]:
    """Start a chain, or go on with an earlier run of it.

    Args:
        jobs: The job system.
        chain: The chain.
        how: "ask" raises if an earlier run has left something; "resume" goes on from that, "fresh"
            drops it.

    Raises:
        EarlierRun: the question for the user.
        ChainInvalid: if it has errors.
    """
    errors = [one for one in chain.check() if one.severity == "error"]
    if errors:  # those of `validate` too, which a submit does not call
        raise ja.ChainInvalid(chain.label, errors)
    rests = next((w for w in _earlier(jobs, chain) if w.state is ja.JobState.INTERRUPTED), None)
    if rests is not None:
        if how == "ask":
            raise EarlierRun(_question(rests))
        return rests.resume() if how == "resume" else rests.start_fresh()
    decided = how == "ask" and "on_checkpoint" in chain.options
    submitter = jobs.options() if decided else jobs.options(on_checkpoint=how)
    try:
        return submitter.submit(chain)
    except ja.CheckpointFound as found:
        left = next(iter(_earlier(jobs, chain)), None)
        question = _question(left) if left is not None else None
        text = safe_text(str(found), LONGEST_MESSAGE)
        raise EarlierRun(question or {"text": text, "can_resume": True}) from None


def _earlier(jobs: ja.Jobs, chain: ja.Chain) -> list[ja.Resumable]:
    subject = str(chain.options.get("subject", ""))
    return [
        work
        for work in jobs.resumable()
        if (work.type, work.subject) == (CHAIN, subject) and work.name == chain.label
    ]


def _question(work: ja.Resumable) -> CheckpointQuestion:
    why = f" · {work.obstacle}" if work.obstacle else ""
    text = safe_text(f"An earlier run was {work.in_words()}{why}", LONGEST_MESSAGE)
    return {"text": text, "can_resume": not work.obstacle}


class PlannedPhase(TypedDict):
    """The part of one phase in a run."""

    name: str
    share: int
    """Its share of the progress, in percent."""
    text: str


def steps_of(
    jobs: ja.Jobs, chain: ja.Chain, document: Document, problems: Sequence[WireProblem]
) -> list[PlannedPhase]:
    """Return what a run would do, phase by phase; nothing is called."""
    done, parts = _completed(jobs, chain), shares(document)
    steps: list[PlannedPhase] = []
    for key, place in places_by_key(document).items():
        wrong = [one for one in problems if place in one["places"]]
        errors = [one["text"] for one in wrong if one["severity"] == "error"]
        state = "completed by an earlier run, and left out" if key in done else "runs"
        text = f"cannot run: {'; '.join(errors)}" if errors else state
        steps.append(
            {
                "name": safe_text(key, LONGEST_NAME),
                "share": round(100 * parts[place]),
                "text": safe_text(text, LONGEST_MESSAGE),
            }
        )
    return steps


def _completed(jobs: ja.Jobs, chain: ja.Chain) -> frozenset[str]:
    """Return the phases that an earlier run has completed, and a resumed one would leave out."""
    ids = {work.job_id for work in _earlier(jobs, chain)}
    found: set[str] = set()
    for checkpoint in jobs.checkpoints():
        if checkpoint.job_id in ids:
            match checkpoint.value:
                case {"chain": [*entries]}:
                    found |= {str(as_object(one).get("phase")) for one in entries}
                case _:
                    pass
    return frozenset(found)


# --- following ------------------------------------------------------------------------------


async def follow(job: ja.Job[Any], document: Document, show: Callable[[RunState], object]) -> None:
    """Show how a run goes until it has come to its end.  On the jobs' loop."""
    show(state_of(job.snapshot(), document))
    try:
        async with job.jobs.subscribe() as batches:
            batches.focus([job.id])
            async for batch in batches:
                if any(event.job_id == job.id for event in batch):
                    state = state_of(job.snapshot(), document)
                    show(state)
                    if state["ended"]:
                        return
                    await trio.sleep(FRAME_SECONDS)  # meanwhile, changes gather
    finally:
        with suppress(ja.JobactorsError):
            show(state_of(job.snapshot(), document))


def state_of(snapshot: ja.JobSnapshot, document: Document) -> RunState:
    """Return how a run goes."""
    at_rest = snapshot.state.is_terminal or snapshot.state is ja.JobState.INTERRUPTED
    progress = snapshot.progress
    key = progress.stages[0] if progress.stages else ""
    place = places_by_key(document).get(key, -1)
    fraction = progress.fraction
    return {
        "id": snapshot.id,
        "ended": at_rest,
        "bad": snapshot.state is ja.JobState.FAILED,
        "text": safe_text(_text(snapshot, key), LONGEST_MESSAGE),
        "fraction": fraction,
        "place": place,
        "part": _part(document, place, fraction),
    }


def _part(document: Document, place: int, fraction: float | None) -> float | None:
    if place < 0 or fraction is None:
        return None
    parts = shares(document)
    own = parts[place]
    return min(1.0, max(0.0, (fraction - sum(parts[:place])) / own)) if own else None


def _text(snapshot: ja.JobSnapshot, key: str) -> str:
    state, progress = snapshot.state, snapshot.progress
    if state is ja.JobState.FAILED:
        return f"failed: {snapshot.error}"
    if state is ja.JobState.SUCCEEDED:
        value = None if snapshot.outcome is None else snapshot.outcome.value
        return f"succeeded: {value.message}" if isinstance(value, ja.ChainResult) else "succeeded"
    if state is ja.JobState.CANCELLED:
        return f"cancelled: {snapshot.explanation}" if snapshot.explanation else "cancelled"
    percent = "" if progress.percent is None else f"{progress.percent} %"
    waiting = snapshot.waiting.value if snapshot.waiting else ""
    parts = (state.value, waiting, percent, safe_text(key, LONGEST_NAME), progress.message)
    return " · ".join(filter(None, parts))
