"""``fold``: every state meets every event, and the rules hold over any history."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from jobactors.model import events as ev
from jobactors.model.error_text import ErrorText
from jobactors.model.errors import IllegalMove
from jobactors.model.fold import fold
from jobactors.model.outcome import Outcome
from jobactors.model.progress import NO_PROGRESS, Progress
from jobactors.model.states import LEGAL_MOVES, JobState, Request, Waiting

from .samples import INFO, LATER, finished, leads_to, one_of_each, snapshot_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobactors.model.snapshot import JobSnapshot

JOB = INFO.id
MOVES = [event for event in one_of_each() if not isinstance(event, ev.JobQueued | ev.JobRestated)]


def history(*events: ev.Event) -> JobSnapshot:
    """The snapshot after ``events``, of which the first need not be said: the job was queued."""
    snapshot = fold(None, ev.JobQueued(JOB, 0.0, INFO))
    for event in events:
        snapshot = fold(snapshot, event)
    return snapshot


def started(at: float = 10.0, attempt: int = 1) -> ev.JobStarted:
    """An attempt begins."""
    return ev.JobStarted(JOB, at, attempt, "thread")


# -- the whole product


@pytest.mark.parametrize(
    ("state", "event"),
    list(itertools.product(JobState, MOVES)),
    ids=lambda value: str(value) if isinstance(value, JobState) else type(value).__name__,
)
def test_an_event_leads_where_the_table_allows_or_is_refused(
    state: JobState, event: ev.Event
) -> None:
    before = snapshot_in(state)
    target = leads_to(event)
    if target is None:
        after = fold(before, event)
        assert after.state is state
        assert after.changed_at == before.changed_at
    elif target in LEGAL_MOVES[state]:
        after = fold(before, event)
        assert after.state is target
        assert after.changed_at == LATER
    else:
        with pytest.raises(IllegalMove, match=JOB):
            fold(before, event)
    assert before == snapshot_in(state), "an event must not change the snapshot before it"


@pytest.mark.parametrize("state", JobState)
def test_a_job_is_queued_only_once(state: JobState) -> None:
    with pytest.raises(TypeError, match="JobQueued does not follow"):
        fold(snapshot_in(state), ev.JobQueued(JOB, LATER, INFO))


@pytest.mark.parametrize("state", JobState)
def test_a_restated_snapshot_is_taken_as_it_is(state: JobState) -> None:
    told = snapshot_in(state)
    assert fold(None, ev.JobRestated(JOB, LATER, told)) is told
    assert fold(snapshot_in(JobState.QUEUED), ev.JobRestated(JOB, LATER, told)) is told


@pytest.mark.parametrize("event", MOVES, ids=lambda event: type(event).__name__)
def test_a_job_begins_with_nothing_but_queued(event: ev.Event) -> None:
    with pytest.raises(TypeError, match=f"begins with JobQueued, not with {type(event).__name__}"):
        fold(None, event)


def test_what_is_no_event_of_the_catalogue_is_refused() -> None:
    class JobPainted(ev.Event, frozen=True):
        pass

    with pytest.raises(TypeError, match="JobPainted"):
        fold(snapshot_in(JobState.RUNNING), JobPainted(JOB, LATER))


@pytest.mark.parametrize("state", JobState)
def test_a_job_is_not_finished_by_coming_to_rest(state: JobState) -> None:
    with pytest.raises(IllegalMove):
        fold(snapshot_in(state), finished(JobState.INTERRUPTED))


@pytest.mark.parametrize("end", [state for state in JobState if state.is_terminal])
def test_a_job_does_not_come_to_rest_in_a_terminal_state(end: JobState) -> None:
    with pytest.raises(IllegalMove):
        fold(snapshot_in(JobState.RUNNING), ev.JobStopped(JOB, LATER, Outcome(end)))


# -- what an event says is what the snapshot shows


def test_a_queued_job_says_what_it_waits_for_until_it_starts() -> None:
    queued = history(ev.JobWaiting(JOB, 1.0, Waiting.RESOURCE))
    assert queued.waiting is Waiting.RESOURCE
    assert fold(queued, started()).waiting is None


def test_a_running_job_waits_for_jobs_and_resources_and_nothing_else() -> None:
    late = history(started(), ev.JobWaiting(JOB, 11.0, Waiting.HOLD))
    assert late.waiting is None
    waits = history(started(), ev.JobWaiting(JOB, 11.0, Waiting.RESOURCE, ("gpu",)))
    assert (waits.waiting, waits.waits_for) == (Waiting.RESOURCE, ("gpu",))
    assert repr(waits) == f"<JobSnapshot {JOB} running (resource: gpu)>"
    goes_on = fold(waits, ev.JobWaiting(JOB, 12.0, None))
    assert (goes_on.waiting, goes_on.waits_for) == (None, ())


def test_a_job_that_no_worker_begins_says_why_until_it_starts() -> None:
    """And a job that waits for anything else has no such reason."""
    empty = ev.JobWaiting(JOB, 1.0, Waiting.CLUSTER, reason="the cluster has no workers yet")
    waits = history(empty)
    assert waits.reason == waits.explanation == "the cluster has no workers yet"
    assert repr(waits) == f"<JobSnapshot {JOB} queued (cluster: the cluster has no workers yet)>"
    assert fold(waits, started()).reason is None
    assert fold(waits, ev.JobWaiting(JOB, 2.0, Waiting.CLUSTER)).reason is None
    asked = history(started(), ev.JobRequested(JOB, 11.0, Request.PAUSE, "lunch"))
    assert fold(asked, ev.JobWaiting(JOB, 12.0, Waiting.SLOT)).reason == "lunch"
    assert fold(asked, ev.JobWaiting(JOB, 12.0, Waiting.CLUSTER)).reason == "lunch"


def test_an_ended_job_waits_for_nothing() -> None:
    waits = history(started(), ev.JobWaiting(JOB, 11.0, Waiting.DEPENDENCY, ("other-2-abc",)))
    ended = fold(waits, ev.JobFinished(JOB, 12.0, Outcome(JobState.SUCCEEDED)))
    assert (ended.waiting, ended.waits_for) == (None, ())


def test_a_new_attempt_keeps_the_time_of_the_first_and_forgets_its_progress() -> None:
    boom = ErrorText("ValueError", "boom", "")
    retried = history(
        started(10.0),
        ev.JobProgressed(JOB, 11.0, Progress(done=5)),
        ev.JobRetried(JOB, 12.0, 20.0, boom),
    )
    assert (retried.due, retried.waiting, retried.error) == (20.0, Waiting.RETRY, boom)
    again = fold(retried, started(20.0, attempt=2))
    assert (again.attempt, again.started_at, again.due) == (2, 10.0, None)
    assert again.progress == NO_PROGRESS


@pytest.mark.parametrize("state", [state for state in JobState if not state.is_active])
def test_a_late_report_of_an_ended_attempt_is_dropped(state: JobState) -> None:
    before = snapshot_in(state)
    for late in (
        ev.JobProgressed(JOB, LATER, Progress(done=9)),
        ev.JobRequested(JOB, LATER, Request.PAUSE),
        ev.JobStuck(JOB, LATER),
    ):
        assert fold(before, late) is before


def test_a_request_is_shown_until_it_has_happened() -> None:
    asked = history(started(), ev.JobRequested(JOB, 11.0, Request.PAUSE))
    assert (asked.state, asked.request) == (JobState.RUNNING, Request.PAUSE)
    paused = fold(asked, ev.JobPaused(JOB, 12.0))
    assert (paused.state, paused.request) == (JobState.PAUSED, None)


def test_a_paused_job_shows_no_speed() -> None:
    moving = Progress(done=5, total=10, rate=2.0, time_left=2.5)
    paused = history(started(), ev.JobProgressed(JOB, 11.0, moving), ev.JobPaused(JOB, 12.0))
    assert paused.progress == replace(moving, rate=None, time_left=None)


def test_a_stuck_job_is_stuck_until_it_ends() -> None:
    stuck = history(started(), ev.JobCancelling(JOB, 11.0, "enough"), ev.JobStuck(JOB, 21.0))
    assert stuck.stuck
    assert stuck.reason == "enough"
    assert not fold(stuck, finished(JobState.CANCELLED, 30.0)).stuck


def test_the_end_shows_outcome_error_and_time_and_clears_what_was_asked() -> None:
    boom = ErrorText("ValueError", "boom", "")
    outcome = Outcome(JobState.FAILED, error=boom, reason="late")
    ended = history(
        started(),
        ev.JobRequested(JOB, 11.0, Request.TIME_OUT),
        ev.JobFinished(JOB, 30.0, outcome),
    )
    assert (ended.outcome, ended.error, ended.reason) == (outcome, boom, "late")
    assert (ended.finished_at, ended.request, ended.waiting) == (30.0, None, None)


def test_an_interrupted_job_is_resumed_without_the_outcome_it_rested_with() -> None:
    rest = ev.JobStopped(JOB, 30.0, Outcome(JobState.INTERRUPTED, reason="kernel died"))
    resting = history(started(), rest)
    assert (resting.reason, resting.finished_at) == ("kernel died", None)
    queued = fold(resting, ev.JobRequeued(JOB, 90.0, Waiting.RESOURCE))
    assert (queued.outcome, queued.reason, queued.waiting) == (None, None, Waiting.RESOURCE)


def test_only_a_terminal_job_is_read() -> None:
    assert fold(snapshot_in(JobState.FAILED), ev.JobRead(JOB, LATER)).read
    assert not fold(snapshot_in(JobState.RUNNING), ev.JobRead(JOB, LATER)).read


def test_an_update_changes_what_is_known_and_nothing_else() -> None:
    before = snapshot_in(JobState.RUNNING)
    info = replace(INFO, priority=10)
    after = fold(before, ev.JobUpdated(JOB, LATER, info))
    assert after == replace(before, info=info)


def test_a_removed_job_looks_as_it_did() -> None:
    before = snapshot_in(JobState.SUCCEEDED)
    assert fold(before, ev.JobRemoved(JOB, LATER, "taken")) is before


# -- time


def test_a_job_that_has_not_begun_has_no_elapsed_time() -> None:
    assert history().elapsed(now=50.0) is None
    assert history(finished(JobState.CANCELLED, 40.0)).elapsed(now=50.0) is None


def test_elapsed_time_leaves_pauses_out_and_stands_still_in_them() -> None:
    running = history(started(10.0))
    assert running.elapsed(now=15.0) == 5
    paused = fold(running, ev.JobPaused(JOB, 20.0))
    assert paused.elapsed(now=20.0) == paused.elapsed(now=99.0) == 10
    resumed = fold(paused, ev.JobResumed(JOB, 120.0))
    assert resumed.paused_for == 100
    assert resumed.elapsed(now=125.0) == 15
    ended = fold(resumed, finished(JobState.SUCCEEDED, 130.0))
    assert ended.elapsed(now=999.0) == 20


@pytest.mark.parametrize(
    "end",
    [
        ev.JobCancelling(JOB, 70.0),
        finished(JobState.FAILED, 70.0),
        ev.JobStopped(JOB, 70.0, Outcome(JobState.INTERRUPTED)),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_pause_that_ends_in_something_else_is_left_out_too(end: ev.Event) -> None:
    after = history(started(10.0), ev.JobPaused(JOB, 20.0), end)
    assert after.paused_for == 50
    assert after.elapsed(now=70.0) == 10


def test_rest_before_the_first_attempt_is_no_pause_of_it() -> None:
    """Interrupted while queued, resumed an hour later: the work itself begins after that."""
    running = history(
        ev.JobStopped(JOB, 10.0, Outcome(JobState.INTERRUPTED)),
        ev.JobRequeued(JOB, 3610.0),
        started(3620.0),
    )
    assert running.paused_for == 0
    assert running.elapsed(now=3650.0) == 30


def test_a_clock_that_was_set_back_makes_no_negative_time() -> None:
    resumed = history(started(10.0), ev.JobPaused(JOB, 20.0), ev.JobResumed(JOB, 5.0))
    assert resumed.paused_for == 0
    assert resumed.elapsed(now=1.0) == 0


# -- any history


@st.composite
def histories(draw: st.DrawFn) -> Sequence[ev.Event]:
    """Events of all kinds in any order, at times that never go back."""
    kinds = draw(st.lists(st.integers(0, len(MOVES) - 1), max_size=40))
    steps = draw(st.lists(st.integers(0, 50), min_size=len(kinds), max_size=len(kinds)))
    at = itertools.accumulate(steps)
    return [replace(MOVES[kind], at=float(time)) for kind, time in zip(kinds, at, strict=True)]


@given(histories())
def test_no_history_leaves_a_terminal_state_or_goes_back_in_time(
    events: Sequence[ev.Event],
) -> None:
    snapshot = fold(None, ev.JobQueued(JOB, 0.0, INFO))
    ends, elapsed = 0, 0.0
    for event in events:
        before = snapshot
        try:
            snapshot = fold(before, event)
        except IllegalMove:
            assert leads_to(event) not in LEGAL_MOVES[before.state]
            continue
        if before.state.is_terminal:
            assert snapshot.state is before.state
            assert snapshot.outcome is before.outcome
        elif snapshot.state.is_terminal:
            ends += 1
        assert snapshot.paused_for >= before.paused_for >= 0
        now = snapshot.elapsed(event.at) or 0.0
        later = snapshot.elapsed(event.at + 7) or 0.0
        assert 0 <= elapsed <= now <= later
        elapsed = now
    assert ends == int(snapshot.state.is_terminal)
    assert (snapshot.finished_at is not None) is snapshot.state.is_terminal
    if snapshot.state.is_terminal:
        assert (snapshot.waiting, snapshot.due, snapshot.request) == (None, None, None)


# -- for the eye


def test_a_snapshot_prints_its_state_and_why() -> None:
    assert repr(history()) == "<JobSnapshot train-1-abc queued (slot)>"
    half = ev.JobProgressed(JOB, 11.0, Progress(done=1, total=2, fraction=0.5))
    assert repr(history(started(), half)) == "<JobSnapshot train-1-abc running 50 %>"
    stuck = history(started(), ev.JobCancelling(JOB, 11.0), ev.JobStuck(JOB, 12.0))
    assert repr(stuck) == "<JobSnapshot train-1-abc cancelling stuck>"


def test_a_snapshot_speaks_for_its_info() -> None:
    snapshot = snapshot_in(JobState.RUNNING)
    assert (snapshot.id, snapshot.name, snapshot.type, snapshot.subject) == (
        INFO.id,
        INFO.name,
        INFO.type,
        INFO.subject,
    )
