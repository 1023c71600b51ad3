"""The thread that commits a batch: the loop's while nothing is slow, and else the store's."""

from __future__ import annotations

from math import inf

from jobactors.engine.storage.commit_place import (
    FEWEST,
    IN_A_ROW,
    MOST,
    MOST_CHANGES,
    SLOW,
    CommitPlace,
)

QUICK = SLOW / 10


def quick_commits_until_the_loop(place: CommitPlace) -> int:
    """Commit in the store's thread until the loop may, and count."""
    count = 0
    while not place.is_loop(1):
        place.note_in_thread(1, QUICK)
        count += 1
    return count


def trusted() -> CommitPlace:
    """Make one that lets the loop commit."""
    place = CommitPlace()
    quick_commits_until_the_loop(place)
    return place


def test_the_first_commits_are_tried_out_in_the_thread() -> None:
    """Nothing is known about this disk yet."""
    assert quick_commits_until_the_loop(CommitPlace()) == FEWEST


def test_a_slow_commit_in_the_thread_begins_the_count_anew() -> None:
    """The loop follows a row of quick ones."""
    place = CommitPlace()
    place.note_in_thread(1, QUICK)
    place.note_in_thread(1, SLOW * 2)
    assert quick_commits_until_the_loop(place) == FEWEST


def test_a_large_batch_is_for_the_thread_and_says_nothing() -> None:
    """It takes long on any disk."""
    place = trusted()
    assert not place.is_loop(MOST_CHANGES + 1)
    place.note_in_thread(MOST_CHANGES + 1, 10.0)
    assert place.is_loop(MOST_CHANGES)
    fresh = CommitPlace()
    for _ in range(FEWEST):
        fresh.note_in_thread(MOST_CHANGES + 1, QUICK)
    assert not fresh.is_loop(1)


def test_each_slow_commit_in_the_loop_doubles_what_it_takes_to_come_back() -> None:
    """A disk that is slow now and then costs the loop less and less often."""
    place, counts = trusted(), list[int]()
    for _ in range(20):
        place.note_in_loop(SLOW * 2)
        counts.append(quick_commits_until_the_loop(place))
    assert counts[:3] == [FEWEST * 2, FEWEST * 4, FEWEST * 8]
    assert counts[-1] == MOST


def test_a_commit_that_was_given_up_is_a_slow_one() -> None:
    """Another program had locked the file."""
    place = trusted()
    place.note_in_loop(inf)
    assert not place.is_loop(1)


def test_the_thread_has_its_turn_after_a_row_of_commits_in_the_loop() -> None:
    """It tidies up; and a row without a slow one halves what it takes to come back."""
    place = trusted()
    place.note_in_loop(SLOW * 2)
    place.note_in_loop(SLOW * 2)
    needed = [quick_commits_until_the_loop(place)]
    for _ in range(3):
        for _ in range(IN_A_ROW):
            assert place.is_loop(1)
            place.note_in_loop(QUICK)
        needed.append(quick_commits_until_the_loop(place))
    assert needed == [FEWEST * 4, FEWEST * 2, FEWEST, FEWEST]
