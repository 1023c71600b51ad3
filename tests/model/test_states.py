"""The life of a job: one enum, one table of legal moves, one drawing."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import itertools

import pytest

from jobactors.model import states
from jobactors.model.errors import IllegalMove
from jobactors.model.states import ACTIVE, LEGAL_MOVES, TERMINAL, JobState, check_move


def reachable_from(start: JobState) -> set[JobState]:
    """Every state a job in ``start`` can come to, ``start`` included."""
    seen, pending = {start}, [start]
    while pending:
        for state in LEGAL_MOVES[pending.pop()] - seen:
            seen.add(state)
            pending.append(state)
    return seen


def test_the_table_has_a_row_for_every_state() -> None:
    assert set(LEGAL_MOVES) == set(JobState)


def test_every_state_can_be_reached_from_queued() -> None:
    assert reachable_from(JobState.QUEUED) == set(JobState)


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_nothing_leads_out_of_a_terminal_state(state: JobState) -> None:
    assert LEGAL_MOVES[state] == frozenset()
    assert state.is_terminal
    assert not state.is_active


@pytest.mark.parametrize("state", sorted(set(JobState) - TERMINAL))
def test_every_other_state_can_come_to_an_end(state: JobState) -> None:
    assert not state.is_terminal
    assert reachable_from(state) & TERMINAL


@pytest.mark.parametrize("state", sorted(set(JobState) - TERMINAL))
def test_whatever_is_unfinished_can_be_cancelled(state: JobState) -> None:
    assert JobState.CANCELLED in LEGAL_MOVES[state]


def test_a_job_succeeds_only_out_of_an_attempt() -> None:
    before = {state for state in JobState if JobState.SUCCEEDED in LEGAL_MOVES[state]}
    assert before <= ACTIVE


def test_a_cancelling_job_never_fails() -> None:
    """An error after the request counts as cancelled."""
    assert LEGAL_MOVES[JobState.CANCELLING] == {JobState.SUCCEEDED, JobState.CANCELLED}


def test_active_means_that_an_attempt_exists() -> None:
    assert {state for state in JobState if state.is_active} == {
        JobState.RUNNING,
        JobState.PAUSED,
        JobState.CANCELLING,
    }


@pytest.mark.parametrize(("old", "new"), list(itertools.product(JobState, JobState)))
def test_a_move_is_allowed_exactly_where_the_table_has_it(old: JobState, new: JobState) -> None:
    if new in LEGAL_MOVES[old]:
        check_move("j", old, new)
    else:
        with pytest.raises(IllegalMove, match=rf"job j is {old}: it cannot become {new}"):
            check_move("j", old, new)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        LEGAL_MOVES[JobState.FAILED] = frozenset()  # type: ignore[index]


@pytest.mark.parametrize("state", JobState)
def test_the_drawing_names_every_state(state: JobState) -> None:
    assert states.__doc__ is not None
    drawing = states.__doc__.split("::")[1].split("A *request*")[0]
    assert state.value in drawing.split() or f"{state.value}┘" in drawing


def test_a_state_reads_as_its_own_name() -> None:
    assert [str(state) for state in JobState] == [state.name.lower() for state in JobState]
