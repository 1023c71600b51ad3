"""``track(resumable=True)``: a loop that goes on where an earlier attempt has left it."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import pytest

import jobactors as ja
from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer, SavedCheckpoint
from jobactors.inside.signals.control import StopJob

from .conftest import Child, make_job, set_buffer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jobactors.inside.context.job_context import JobContext


class Broken(Exception):
    """What ends an attempt in these tests."""


class Attempts:
    """One job's attempts, each of which goes on from the checkpoints of the last."""

    def __init__(self) -> None:
        self.kept: dict[str, SavedCheckpoint] = {}

    def begin(self) -> JobContext:
        """Begin an attempt: this code belongs to it."""
        context = make_job()
        set_buffer(context, CheckpointBuffer(context._meter, ja.Every(), lambda _: None, self.kept))
        CURRENT.set(context)
        return context

    def end(self) -> None:
        """End it: what it has saved is kept."""
        buffer = ja.current_job()._buffer
        assert buffer is not None
        self.kept = self.kept | {
            part: SavedCheckpoint(s.text, s.items) for part, s in buffer.take()
        }
        CURRENT.set(None)

    def run(self, function: Callable[[], None]) -> None:
        """Run an attempt, which may break."""
        self.begin()
        try:
            function()
        except (Broken, StopJob):
            pass
        finally:
            self.end()


@pytest.fixture
def attempts() -> Attempts:
    """A job whose attempts are to come."""
    return Attempts()


class Lazy(Sequence[int]):
    """A sequence whose items are made when they are asked for."""

    def __init__(self) -> None:
        self.made: list[int] = []

    def __len__(self) -> int:
        return 6

    def __getitem__(self, i: Any) -> Any:
        self.made.append(i)
        return i


ITERABLES: dict[str, Callable[[], Iterable[int]]] = {
    "list": lambda: list(range(6)),
    "tuple": lambda: tuple(range(6)),
    "range": lambda: range(6),
    "sequence": Lazy,
    "generator": lambda: (i for i in range(6)),
    "dict": lambda: dict.fromkeys(range(6)),
}
each_kind = pytest.mark.parametrize("make", ITERABLES.values(), ids=ITERABLES)


@each_kind
def test_what_is_done_is_left_out(attempts: Attempts, make: Callable[[], Iterable[int]]) -> None:
    done: list[int] = []

    def work() -> None:
        for i in ja.track(make(), resumable=True):
            if i in {2, 4} and attempts.kept.get("track", SavedCheckpoint("0", 0)).value != str(i):
                raise Broken
            done.append(i)

    for _ in range(3):
        attempts.run(work)
    assert done == [0, 1, 2, 3, 4, 5]
    assert attempts.kept == {"track": SavedCheckpoint("6", 6)}


@each_kind
async def test_what_is_done_is_left_out_in_trio_code(
    attempts: Attempts, make: Callable[[], Iterable[int]]
) -> None:
    assert await in_trio(attempts, make, stop=4) == [0, 1, 2, 3]
    assert await in_trio(attempts, make) == [4, 5]
    assert await in_trio(attempts, make) == []


async def in_trio(
    attempts: Attempts, make: Callable[[], Any], stop: int | None = None
) -> list[int]:
    """Go through a loop, or a part of it, and return what was done."""
    attempts.begin()
    done: list[int] = []
    async for i in ja.track(make(), resumable=True):
        if i == stop:
            break
        done.append(i)
    attempts.end()
    return done


class Numbers:
    """An asynchronous iterable that leaves nothing open."""

    def __init__(self) -> None:
        self._items = iter(range(6))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> int:
        for i in self._items:
            return i
        raise StopAsyncIteration


async def test_asynchronous_iterables_go_on_as_well(attempts: Attempts) -> None:
    assert await in_trio(attempts, Numbers, stop=4) == [0, 1, 2, 3]
    assert await in_trio(attempts, Numbers) == [4, 5]


def test_items_of_a_sequence_that_are_done_are_not_even_made(attempts: Attempts) -> None:
    attempts.kept = {"track": SavedCheckpoint("4", 4)}
    lazy = Lazy()
    attempts.run(lambda: list_of(ja.track(lazy, resumable=True)))
    assert lazy.made == [4, 5]


def list_of(items: Iterable[Any]) -> None:
    """Go through items."""
    for _ in items:
        pass


def test_an_iterable_that_has_become_shorter_has_nothing_left(attempts: Attempts) -> None:
    attempts.kept = {"track": SavedCheckpoint("4", 4)}
    attempts.run(lambda: list_of(ja.track([1, 2], resumable=True)))
    attempts.run(lambda: list_of(ja.track(iter([1, 2]), resumable=True)))


def test_the_progress_counts_what_was_done_before(attempts: Attempts) -> None:
    attempts.kept = {"track": SavedCheckpoint("4", 4)}
    context = attempts.begin()
    seen = []
    for _ in ja.track(range(6), resumable=True, unit="rows"):
        progress = context._meter.read()
        seen.append((progress.done, progress.total, progress.unit))
    assert seen == [(4, 6, "rows"), (5, 6, "rows")]
    assert context._meter.read().fraction == 1
    attempts.end()


def test_a_cancel_comes_between_items_and_loses_none(attempts: Attempts) -> None:
    done: list[int] = []

    def work() -> None:
        for i in ja.track(range(6), resumable=True):
            if i == 2:
                ja.current_job()._control.cancel("enough")
            done.append(i)

    attempts.run(work)
    assert done == [0, 1, 2]
    assert attempts.kept == {"track": SavedCheckpoint("3", 3)}


def test_loops_one_after_the_other_are_each_gone_on_with(attempts: Attempts) -> None:
    done: list[str] = []

    def work(stop: str | None = None) -> None:
        for letters in ("abc", "xyz", "mn"):
            for letter in ja.track(letters, resumable=True):
                if letter == stop:
                    raise Broken
                done.append(letter)

    attempts.run(lambda: work("c"))
    attempts.run(lambda: work("y"))
    attempts.run(lambda: work("n"))
    attempts.run(work)
    assert done == list("abcxyzmn")


def test_a_resumable_loop_in_another_one_is_refused(attempts: Attempts) -> None:
    attempts.begin()

    def work() -> None:
        for _ in ja.track([1, 2], resumable=True):
            list_of(ja.track([3, 4], resumable=True))

    with pytest.raises(RuntimeError, match="leave resumable=True out of the inner one"):
        work()
    attempts.end()


async def test_a_resumable_loop_in_another_one_is_refused_in_trio(attempts: Attempts) -> None:
    context = attempts.begin()

    async def work() -> None:
        async for _ in ja.track([1, 2], resumable=True):
            async for _ in ja.track([3, 4], resumable=True):
                pass

    with pytest.raises(RuntimeError, match="leave resumable=True out of the inner one"):
        await work()
    assert len(context._meter.frames) == 1
    attempts.end()


def test_a_plain_loop_may_be_inside(attempts: Attempts) -> None:
    def work() -> None:
        for _ in ja.track([1, 2], resumable=True):
            list_of(ja.track([3, 4]))

    attempts.run(work)
    assert attempts.kept == {"track": SavedCheckpoint("2", 2)}


def test_a_loop_that_was_left_makes_room_for_the_next(attempts: Attempts) -> None:
    def work() -> None:
        for i in ja.track(range(9), resumable=True):
            if i == 1:
                break
        list_of(ja.track(range(2), resumable=True))

    attempts.run(work)
    assert attempts.kept == {"track": SavedCheckpoint("[1, 2]", 3)}


def test_a_value_saved_by_hand_is_kept_beside_it(attempts: Attempts) -> None:
    def work() -> None:
        for i in ja.track(range(3), resumable=True):
            ja.save_checkpoint({"sum": i}, items=0)

    attempts.run(work)
    assert attempts.kept == {"": SavedCheckpoint('{"sum": 2}', 0), "track": SavedCheckpoint("3", 3)}


def test_parts_have_loops_of_their_own(attempts: Attempts) -> None:
    context = attempts.begin()

    def work(part: str, count: int) -> None:
        CURRENT.set(context._for_part(part))
        list_of(ja.track(range(count), resumable=True))

    for child in [Child(work, "a", 3), Child(work, "b", 4)]:
        child.result()
    attempts.end()
    assert attempts.kept == {"a:track": SavedCheckpoint("3", 3), "b:track": SavedCheckpoint("4", 4)}


def test_outside_a_job_and_without_checkpoints_it_is_a_plain_loop(job: JobContext) -> None:
    assert list(ja.track([1, 2], resumable=True)) == [1, 2]
    token = CURRENT.set(None)
    assert list(ja.track([1, 2], resumable=True)) == [1, 2]
    CURRENT.reset(token)


@pytest.mark.parametrize("kept", ['"x"', "[1, -2]", "[true]", "1.5", "{}"])
def test_what_was_not_kept_by_a_loop_is_refused(attempts: Attempts, kept: str) -> None:
    attempts.kept = {"track": SavedCheckpoint(kept, 1)}
    with pytest.raises(ValueError, match="no number of items"):
        attempts.run(lambda: list_of(ja.track([1, 2], resumable=True)))
