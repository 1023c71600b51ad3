"""The catalogue of events."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import pytest

from jobactors.model import events as ev
from jobactors.model.states import JobState

from .samples import one_of_each


def test_the_catalogue_has_every_event_class_under_its_own_name() -> None:
    declared = {
        name: kind
        for name, kind in vars(ev).items()
        if isinstance(kind, type) and issubclass(kind, ev.Event) and kind is not ev.Event
    }
    assert declared == ev.KINDS


def test_the_samples_of_these_tests_have_one_of_every_kind() -> None:
    """So that "every kind" in the tests of the snapshot means what it says."""
    assert {type(event) for event in one_of_each()} == set(ev.KINDS.values())


def test_every_state_but_the_terminal_ones_is_what_some_event_leads_to() -> None:
    led_to = {kind.leads_to for kind in ev.KINDS.values()} - {None}
    assert led_to == {state for state in JobState if not state.is_terminal}


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: type(event).__name__)
def test_an_event_is_frozen_and_says_when_it_happens(event: ev.Event) -> None:
    assert type(event).__doc__
    with pytest.raises(AttributeError, match="immutable"):
        event.at = 0.0  # type: ignore[misc]
