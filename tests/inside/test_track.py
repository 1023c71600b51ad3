"""``track``: every item exactly once, whatever is requested of the loop meanwhile."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import gc
import random
import sys
import threading
import weakref
from collections import deque
from contextlib import ExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

import jobactors as ja
from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.report.checkpoint_buffer import CheckpointBuffer
from jobactors.inside.signals.control import StopJob

from .conftest import PATIENCE, Child, Moments, let_others_run, make_job, set_buffer, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator

    from jobactors.inside.context.job_context import JobContext


def generated(length: int) -> Iterator[int]:
    """Something that does not know how long it is."""
    yield from range(length)


class Stream:
    """An iterable of numbers that comes from code, as often as it is asked for."""

    def __init__(self, length: int) -> None:
        self._length = length

    def __iter__(self) -> Iterator[int]:
        return generated(self._length)

    def __length_hint__(self) -> int:
        return self._length


class Mapped(Stream):
    """One whose iterator is no generator."""

    def __iter__(self) -> Iterator[int]:
        return map(int, range(self._length))


def is_open(job: JobContext) -> bool:
    """Whether a tracked loop is open, or a cutter of one is left."""
    return job._meter.polled or bool(job._control.request_hooks)


def sequence(kind: type, length: int) -> Any:
    """A list, tuple, range, dictionary, … of the first numbers."""
    if kind is dict:
        return dict.fromkeys(range(length))
    if kind in {Stream, Mapped}:
        return kind(length)
    return range(length) if kind is range else kind(range(length))


def pause_and_resume(job: JobContext, child: Child) -> None:
    """Pause the thread of a job, and let it go on as soon as it stands still or has ended."""
    there = threading.Event()
    job._control.pause(there.set)
    until(lambda: there.is_set() or child.ended.is_set())
    job._control.resume()


each_kind = pytest.mark.parametrize("kind", [list, tuple, range, dict, set, deque, Stream, Mapped])


@pytest.fixture
def eager_switching() -> Iterator[None]:
    """Let threads change places as often as the interpreter allows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


# -- plain iteration


ITERABLES: list[Callable[[], Iterable[Any]]] = [
    lambda: [1, 2, 3],
    lambda: (1, 2, 3),
    lambda: range(5),
    lambda: range(10, 0, -3),
    lambda: range(10**30, 10**30 + 3),
    list,
    lambda: {"a": 1, "b": 2},
    {"a": 1}.items,
    lambda: "text",
    lambda: {7},
    lambda: iter([1, 2]),
    lambda: generated(4),
    lambda: map(str, [1, 2]),
]


@pytest.mark.parametrize("make", ITERABLES)
def test_a_tracked_loop_sees_what_a_plain_loop_sees(
    job: JobContext, make: Callable[[], Iterable[Any]]
) -> None:
    assert list(ja.track(make())) == list(make())
    assert not is_open(job)


@pytest.mark.parametrize("make", ITERABLES)
def test_outside_a_job_it_only_iterates(make: Callable[[], Iterable[Any]]) -> None:
    assert list(ja.track(make())) == list(make())


def test_it_starts_anew_each_time(job: JobContext) -> None:
    tracked = ja.track([1, 2, 3])
    assert list(tracked) == list(tracked) == [1, 2, 3]
    assert len(tracked) == 3
    assert job._meter.read().percent == 100


def test_a_range_without_end_starts_at_once(job: JobContext) -> None:
    for number in ja.track(range(10**30)):
        if number == 3:
            break
    assert job._meter.read().total is None
    assert not is_open(job)


def test_a_sequence_of_the_old_kind_is_tracked_as_for_takes_it(job: JobContext) -> None:
    class Dataset:
        def __len__(self) -> int:
            return 3

        def __getitem__(self, index: int) -> int:
            if index == 3:
                raise IndexError
            return index * 10

    dataset: Any = Dataset()
    assert list(ja.track(dataset)) == [0, 10, 20]
    assert job._meter.read().percent == 100


def test_a_length_that_cannot_be_told_is_unknown(job: JobContext) -> None:
    class Stream:
        def __len__(self) -> int:
            raise NotImplementedError

        def __iter__(self) -> Iterator[int]:
            return iter([1, 2])

    seen = [item for item in ja.track(Stream())]  # noqa: C416 - list() asks for the length, too
    assert seen == [1, 2]
    assert job._meter.read().total is None


def test_a_list_of_somebodys_own_class_is_asked_for_its_items(job: JobContext) -> None:
    class Doubled(list[int]):
        def __iter__(self) -> Iterator[int]:
            return (2 * item for item in super().__iter__())

    assert list(ja.track(Doubled([1, 2]))) == [2, 4]
    assert job._meter.read().total == 2


@pytest.mark.parametrize("wrong", [3, None, len])
def test_what_cannot_be_iterated_is_refused_where_it_is_given(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"track\(\) takes something to iterate over, not"):
        ja.track(wrong)


def test_an_asynchronous_iterable_in_a_plain_loop_names_the_right_one(job: JobContext) -> None:
    with pytest.raises(TypeError, match="async for x in"):
        iter(ja.track(asynchronously(3)))


def test_an_error_of_the_iterable_is_the_loops(job: JobContext) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        list(ja.track(broken()))
    assert not is_open(job)


# -- how far it is


@pytest.mark.parametrize("make", [lambda: [0] * 4, lambda: (0,) * 4, lambda: range(4)])
def test_an_item_is_done_when_the_next_is_asked_for(
    job: JobContext, make: Callable[[], Any]
) -> None:
    seen = []
    for _ in ja.track(make(), label="rows", unit="row"):
        progress = job._meter.read()
        seen.append(progress.done)
        assert (progress.total, progress.unit, progress.stages) == (4, "row", ("rows",))
        assert progress.pausable
    assert seen == [0, 1, 2, 3]
    assert job._meter.read().percent == 100


def test_a_generator_counts_without_a_total(job: JobContext) -> None:
    seen = [job._meter.read().done for _ in ja.track(generated(3))]
    assert seen == [0, 1, 2]
    progress = job._meter.read()
    assert (progress.done, progress.total, progress.fraction) == (3, None, None)


@pytest.mark.parametrize("make", [lambda: generated(4), lambda: [0] * 4])
def test_a_total_that_is_given_is_taken(job: JobContext, make: Callable[[], Any]) -> None:
    seen = [job._meter.read().fraction for _ in ja.track(make(), total=8)]
    assert seen == [0, 0.125, 0.25, 0.375]
    assert job._meter.read().fraction == 0.5


@pytest.mark.parametrize("make", [list, tuple, lambda: range(0), lambda: iter(())])
def test_an_empty_loop_is_complete_and_not_unknown(
    job: JobContext, make: Callable[[], Any]
) -> None:
    assert list(ja.track(make())) == []
    progress = job._meter.read()
    assert (progress.done, progress.total, progress.percent) == (0, 0, 100)


def test_nested_loops_make_one_fraction(job: JobContext) -> None:
    seen = [
        job._meter.read().fraction for _ in ja.track(range(2)) for _ in ja.track(iter([1, 2, 3, 4]))
    ]
    assert seen == [0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875]
    assert job._meter.read().percent == 100


def test_the_labels_of_nested_loops_are_shown_outermost_first(job: JobContext) -> None:
    for _ in ja.track([1], label="files"):
        for _ in ja.track([1], label="rows"):
            assert job._meter.read().stages == ("files", "rows")


@each_kind
def test_done_never_goes_back_nor_beyond_the_total(job: JobContext, kind: type) -> None:
    """Read from another thread, under pauses, as the sampler does."""
    length = 20_000
    samples: list[tuple[float, float | None, float | None]] = []

    def work() -> int:
        return sum(1 for _ in ja.track(sequence(kind, length)))

    child = Child(work)
    while not child.ended.is_set():
        pause_and_resume(job, child)
        progress = job._meter.read()
        samples.append((progress.done, progress.total, progress.fraction))
    assert child.result() == length
    done = [sample[0] for sample in samples]
    assert done == sorted(done)
    for number, total, fraction in samples:
        assert number <= (total or length)
        assert fraction is None or 0 <= fraction <= 1
    assert job._meter.read().percent == 100


# -- leaving early


@pytest.mark.parametrize("make", [lambda: [1, 2, 3], lambda: range(3), lambda: generated(3)])
def test_a_loop_left_early_is_closed(job: JobContext, make: Callable[[], Any]) -> None:
    for _ in ja.track(make()):
        assert is_open(job)
        break
    assert not is_open(job)
    with suppress(ValueError):
        for _ in ja.track(make()):
            raise ValueError
    assert not is_open(job)


def test_a_generator_that_is_left_early_is_closed_at_once(job: JobContext) -> None:
    closed = list[int]()

    def numbers() -> Iterator[int]:
        try:
            yield from range(5)
        finally:
            closed.append(1)

    gc.disable()
    try:
        for _ in ja.track(numbers()):
            break
    finally:
        gc.enable()
    assert closed == [1]
    assert not is_open(job)


@pytest.mark.parametrize("as_given", [lambda items: items, partial(map, int)], ids=["as is", "map"])
def test_a_generator_is_closed_at_once_while_another_thread_looks_and_asks(
    job: JobContext, as_given: Callable[[Iterator[int]], Iterator[int]]
) -> None:
    closed = list[int]()

    def numbers() -> Iterator[int]:
        try:
            yield from range(5)
        finally:
            closed.append(1)

    look: Callable[[], float] | None = None
    hooks: list[Callable[[], None]] = []
    for number in ja.track(as_given(numbers())):
        # What such a thread holds in the middle of either.
        look, hooks = job._meter.top.probe, job._control.request_hooks.copy()
        if number == 3:
            break
    assert closed == [1]
    assert look is not None
    assert look() == 3
    for hook in hooks:
        hook()
    assert look() == 3


@pytest.mark.parametrize("as_given", [lambda items: items, partial(map, int)], ids=["as is", "map"])
@pytest.mark.parametrize("way", ["native", "counted", "resumable", "resumable without a store"])
def test_a_cancel_closes_a_generator_before_the_code_around_its_loop_goes_on(
    job: JobContext, as_given: Callable[[Iterator[int]], Iterator[int]], way: str
) -> None:
    """In the thread of the job, whose file or connection it may hold."""
    closed = list[int]()
    job._control.is_polled = way == "counted"
    if way == "resumable":
        set_buffer(job, CheckpointBuffer(job._meter, ja.Every(), lambda _: None))

    def numbers() -> Iterator[int]:
        try:
            yield from range(5)
        finally:
            closed.append(threading.get_ident())

    def work() -> None:
        for number in ja.track(as_given(numbers()), resumable=way.startswith("resumable")):
            if number == 3:
                job._control.cancel(None)

    with pytest.raises(StopJob) as raised:
        work()
    assert closed == [threading.get_ident()]
    assert raised.tb is not None  # which holds frames of the loop


def test_the_loops_in_a_generator_that_is_left_end_before_the_loop_over_it(job: JobContext) -> None:
    def numbers() -> Iterator[int]:
        for number in ja.track(generated(5)):
            yield from ja.track([number] * 20)

    for index, _ in enumerate(ja.track(numbers())):
        if index == 50:
            break
    assert job._meter.read().done == 50
    assert not is_open(job)


@pytest.mark.parametrize("kind", [Stream, Mapped])
@pytest.mark.parametrize("length", [0, 1, 999, 1_000, 1_001, 1_002, 1_999, 2_000, 5_003])
def test_items_that_are_made_are_counted_to_their_end(
    job: JobContext, kind: type[Stream], length: int
) -> None:
    with ja.stage("all"):
        assert list(ja.track(kind(length))) == list(range(length))
        assert job._meter.closed is not None
        assert job._meter.closed[1].done == length
    counted = [job._meter.read().done for _ in ja.track(kind(length))]
    assert counted == list(range(length))


@pytest.mark.parametrize("length", [4, 1_001])
@pytest.mark.parametrize("as_given", [lambda items: items, partial(map, int)], ids=["as is", "map"])
def test_an_item_is_done_while_the_next_is_made_and_while_that_waits(
    job: JobContext, length: int, as_given: Callable[[Iterator[int]], Iterator[int]]
) -> None:
    made, waiting = list[float](), list[float]()

    def stand_still() -> None:
        waiting.append(job._meter.read().done)
        job._control.resume()

    def items() -> Iterator[int]:
        for number in range(length):
            made.append(job._meter.read().done)
            job._control.pause(stand_still)
            yield number

    for number in ja.track(as_given(items())):
        assert job._meter.read().done == number
    assert made == waiting == list(range(length))


def test_a_loop_left_early_stays_as_far_as_it_was(job: JobContext) -> None:
    for number in ja.track(range(10)):
        if number == 5:
            break
    assert job._meter.read().fraction == 0.5


def test_a_loop_that_was_never_begun_leaves_nothing(job: JobContext) -> None:
    iter(ja.track([1]))
    assert not is_open(job)


def test_a_finished_loop_keeps_nothing_of_its_sequence(job: JobContext) -> None:
    class Item:
        pass

    items = [Item()]
    watched = weakref.ref(items[0])
    for _ in ja.track(items):
        pass
    del items, _
    gc.collect()
    assert watched() is None
    assert not is_open(job)


def test_a_set_that_changes_in_the_loop_is_seen_as_in_a_plain_loop(job: JobContext) -> None:
    """It may yield more items than it had: each is seen, and none twice."""

    def visit(track: Callable[[Iterable[int]], Iterable[int]]) -> list[int]:
        items, seen = set(range(8)), list[int]()
        for item in track(items):
            seen.append(item)
            if len(seen) < 40:
                items.remove(item)
                items.add(item + 8)
        return seen

    seen = visit(ja.track)
    assert seen == visit(iter)
    assert len(seen) > 20
    assert not is_open(job)


# -- pause


@each_kind
@pytest.mark.parametrize("seed", range(4))
def test_every_item_comes_exactly_once_under_pauses_from_another_thread(
    job: JobContext, eager_switching: None, kind: type, seed: int
) -> None:
    items, enough = sequence(kind, 3_000), threading.Event()
    expected = list(items)

    def work() -> int:
        rounds = 0
        while not enough.is_set():
            seen = [item for item in ja.track(items)]  # noqa: C416 - list() would go another way
            assert seen == expected
            rounds += 1
        return rounds

    chance = random.Random(seed)  # noqa: S311 - no secret
    child = Child(work)
    for _ in range(150):
        for _ in range(chance.randrange(5)):
            let_others_run()
        pause_and_resume(job, child)
    enough.set()
    assert child.result() > 0
    assert not is_open(job)


@each_kind
def test_a_paused_loop_stands_still(job: JobContext, kind: type) -> None:
    seen: list[int] = []
    half_way = threading.Event()

    def work() -> None:
        for item in ja.track(sequence(kind, 100)):
            seen.append(item)
            if item == 50:
                half_way.set()
                assert asked.wait(PATIENCE)

    asked, reached = threading.Event(), threading.Event()
    child = Child(work)
    assert half_way.wait(PATIENCE)
    job._control.pause(reached.set)
    asked.set()
    assert reached.wait(PATIENCE)
    assert seen == list(range(51))
    assert not child.ended.is_set()
    job._control.resume()
    child.result()
    assert seen == list(range(100))


def test_a_pause_in_a_list_of_millions_loses_nothing(
    job: JobContext, eager_switching: None
) -> None:
    """Cutting so long a list takes time, and the job's thread is waiting for its turn."""
    items = list(range(500_000))
    count = total = 0

    def work() -> None:
        nonlocal count, total
        for item in ja.track(items):
            count += 1
            total += item

    child = Child(work)
    for _ in range(20):
        pause_and_resume(job, child)
    child.result()
    assert (count, total) == (len(items), sum(items))


@each_kind
@given(pauses=st.sets(st.integers(0, 19)), cancel_swallowed=st.none() | st.integers(0, 19))
def test_every_item_comes_exactly_once_wherever_it_is_cut(
    kind: type, pauses: set[int], cancel_swallowed: int | None
) -> None:
    job = make_job()
    token = CURRENT.set(job)
    seen: list[int] = []
    try:
        with suppress(StopJob):
            for item in ja.track(sequence(kind, 20)):
                seen.append(item)
                if item in pauses:
                    job._control.pause(job._control.resume)
                if item == cancel_swallowed:
                    job._control.cancel(None)
    finally:
        CURRENT.reset(token)
    end = 20 if cancel_swallowed is None else cancel_swallowed + 1
    assert seen == list(range(end))
    assert not is_open(job)


def test_a_generator_is_paused_between_items_too(job: JobContext) -> None:
    seen: list[int] = []
    there = threading.Event()

    def work() -> None:
        for item in ja.track(generated(10)):
            seen.append(item)
            if item == 4:
                job._control.pause(there.set)

    child = Child(work)
    assert there.wait(PATIENCE)
    assert seen == [0, 1, 2, 3, 4]
    job._control.resume()
    child.result()
    assert seen == list(range(10))


# -- a list that changes


@pytest.mark.parametrize("cut_at", [None, 0, 1, 5, 9])
def test_a_growing_list_is_followed_as_in_a_plain_loop(job: JobContext, cut_at: int | None) -> None:
    """A list of work that adds to itself; the pause comes before and after the last item so far."""
    for cut_first in (True, False):
        work, seen = [0], []
        for item in ja.track(work):
            if cut_first and item == cut_at:
                job._control.pause(job._control.resume)
            if item < 9:
                work.append(item + 1)
            if not cut_first and item == cut_at:
                job._control.pause(job._control.resume)
            seen.append(item)
        assert seen == list(range(10))
        assert not is_open(job)


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=6),
    st.sets(st.integers(0, 30)),
    st.data(),
)
def test_a_list_that_is_changed_in_the_loop_is_seen_as_in_a_plain_loop(
    work: list[int], pauses: set[int], data: st.DataObject
) -> None:
    """Grown at the end while it is gone through, cut or not."""
    script = [data.draw(st.integers(0, 2)) for _ in range(12)]

    def run(iterate: Callable[[list[int]], Iterable[int]], ask: Callable[[], None]) -> list[int]:
        items, seen = list(work), []
        for turn, item in enumerate(iterate(items)):
            seen.append(item)
            if turn in pauses:
                ask()
            if turn < len(script):
                items.extend([turn] * script[turn])
        return seen

    job = make_job()
    token = CURRENT.set(job)
    try:
        tracked = run(ja.track, lambda: job._control.pause(job._control.resume))
    finally:
        CURRENT.reset(token)
    assert tracked == run(iter, lambda: None)


def test_a_list_grown_by_another_thread_repeats_and_skips_nothing(
    job: JobContext, eager_switching: None
) -> None:
    items, seen = list(range(20_000)), list[int]()

    def work() -> None:
        for item in ja.track(items):
            seen.append(item)

    def grow() -> None:
        for number in range(20_000, 40_000):
            items.append(number)  # noqa: PERF402 - one by one, and so with the others between

    children = [Child(work), Child(grow)]
    while not children[0].ended.is_set():
        pause_and_resume(job, children[0])
    for child in children:
        child.result()
    assert seen == items[: len(seen)]
    assert len(seen) >= 20_000


def test_a_list_that_shrinks_ends_the_loop_as_a_plain_one(job: JobContext) -> None:
    items, seen = list(range(10)), []
    for item in ja.track(items):
        seen.append(item)
        if item == 3:
            job._control.pause(job._control.resume)
            del items[2:]
    assert seen == [0, 1, 2, 3]


# -- cancel


@pytest.mark.parametrize(
    "make",
    [lambda: list(range(9)), lambda: tuple(range(9)), lambda: range(9), lambda: generated(9)],
)
def test_a_cancel_stops_the_loop_before_the_next_item(
    job: JobContext, make: Callable[[], Any]
) -> None:
    seen = []

    def work() -> None:
        for item in ja.track(make()):
            seen.append(item)
            if item == 4:
                job._control.cancel("enough")

    with pytest.raises(StopJob, match="enough"):
        work()
    assert seen == [0, 1, 2, 3, 4]
    assert not is_open(job)


@pytest.mark.parametrize("request_to", ["cancel", "pause"])
def test_an_item_that_was_fetched_during_a_request_is_not_begun_before_that_is_obeyed(
    job: JobContext, request_to: str
) -> None:
    order = list[object]()

    def stand_still() -> None:
        order.append("paused")
        job._control.resume()

    def items() -> Iterator[int]:
        yield 1
        if request_to == "cancel":
            job._control.cancel(None)
        else:
            job._control.pause(stand_still)
        yield 2

    with suppress(StopJob):
        for item in ja.track(items()):
            order.append(item)
    assert order == ([1] if request_to == "cancel" else [1, "paused", 2])


def test_a_cancel_before_the_loop_stops_it_before_the_first_item(job: JobContext) -> None:
    job._control.cancel(None)
    with pytest.raises(StopJob):
        list(ja.track([1, 2]))


def test_a_cancel_at_the_last_item_comes_at_the_end_of_the_loop(job: JobContext) -> None:
    seen: list[int] = []

    def work() -> None:
        for item in ja.track([1, 2]):
            seen.append(item)
            if item == 2:
                job._control.cancel(None)

    with pytest.raises(StopJob):
        work()
    assert seen == [1, 2]


def test_a_cancel_from_another_thread_ends_an_endless_loop(job: JobContext) -> None:
    begun = threading.Event()

    def work() -> None:
        for _ in ja.track(range(sys.maxsize)):
            begun.set()

    child = Child(work)
    assert begun.wait(PATIENCE)
    job._control.cancel("enough")
    with pytest.raises(StopJob, match="enough"):
        child.result()
    assert not is_open(job)


def test_a_cancel_wakes_a_paused_loop(job: JobContext) -> None:
    there = threading.Event()
    job._control.pause(there.set)
    child = Child(lambda: list(ja.track([1, 2])))
    assert there.wait(PATIENCE)
    job._control.cancel("enough")
    with pytest.raises(StopJob, match="enough"):
        child.result()


def test_a_cancel_that_was_swallowed_lets_later_loops_run_to_their_end(job: JobContext) -> None:
    job._control.cancel(None)
    with suppress(StopJob):
        list(ja.track([1, 2]))
    before = job._control.requests
    assert list(ja.track(range(100))) == list(range(100))
    assert list(ja.track(generated(5))) == [0, 1, 2, 3, 4]
    assert job._control.requests == before
    assert not job._control.asked


def test_an_outer_loop_goes_on_when_its_body_swallows_the_cancel(job: JobContext) -> None:
    outer = []
    for number in ja.track([1, 2, 3]):
        if number == 1:
            job._control.cancel(None)
        with suppress(StopJob):
            list(ja.track([1]))
        outer.append(number)
    assert outer == [1, 2, 3]


def test_a_shield_around_a_loop_lets_it_end(job: JobContext) -> None:
    seen = []

    def work() -> None:
        with ja.shield():
            for item in ja.track([1, 2, 3]):
                seen.append(item)
                job._control.cancel(None)
        ja.progress(1)

    with pytest.raises(StopJob):
        work()
    assert seen == [1, 2, 3]


def test_a_shield_in_a_loop_lets_the_item_end(job: JobContext) -> None:
    written = []

    def work() -> None:
        for item in ja.track([1, 2, 3]):
            with ja.shield():
                job._control.cancel(None)
                ja.progress(0)
                written.append(item)

    with pytest.raises(StopJob):
        work()
    assert written == [1]


def test_a_shield_that_ends_in_the_middle_of_a_loop_lets_the_cancel_in_there(
    job: JobContext,
) -> None:
    seen = []

    def work() -> None:
        with ExitStack() as stack:
            stack.enter_context(ja.shield())
            for item in ja.track(range(10)):
                seen.append(item)
                if item == 2:
                    job._control.cancel(None)
                if item == 5:
                    stack.close()

    with pytest.raises(StopJob):
        work()
    assert seen == [0, 1, 2, 3, 4, 5]


# -- asked at any moment


def run_and_ask(
    kind: type, moment: int, ask: Callable[[JobContext], None]
) -> tuple[int, list[int]]:
    """Go through five items, and ask at a moment.

    Returns how many items had been seen when it was asked, or -1, and all that were seen.
    """
    job, seen, asked_at = make_job(), list[int](), -1

    def at_the_moment() -> None:
        nonlocal asked_at
        asked_at = len(seen)
        ask(job)

    token = CURRENT.set(job)
    try:
        with Moments(moment, at_the_moment):
            for item in ja.track(sequence(kind, 5)):
                seen.append(item)
    except StopJob:
        seen.append(-1)
    finally:
        CURRENT.reset(token)
    assert not is_open(job)
    return asked_at, seen


def moments(kind: type) -> Iterator[int]:
    """Every moment of such a loop."""
    moment = 0
    while run_and_ask(kind, moment, lambda _: None)[0] >= 0:
        yield moment
        moment += 1


@each_kind
def test_a_cancel_is_noticed_whenever_it_comes(kind: type) -> None:
    """Also between obeying and the next segment, when there is nothing to cut yet."""
    stopped = 0
    for moment in moments(kind):
        asked_at, seen = run_and_ask(kind, moment, lambda job: job._control.cancel(None))
        if -1 in seen:
            stopped += 1
            assert seen.index(-1) <= asked_at + 1, "at most the item that had been handed out"
        else:
            assert asked_at >= 4
    assert stopped > 10


@each_kind
def test_no_item_is_lost_whenever_a_pause_comes(kind: type) -> None:
    for moment in moments(kind):
        _, seen = run_and_ask(kind, moment, lambda job: job._control.pause(job._control.resume))
        assert seen == [0, 1, 2, 3, 4]


def test_a_list_grown_at_any_moment_of_a_cut_repeats_and_skips_nothing(job: JobContext) -> None:
    """As another thread may do; the cut itself must be one step."""
    moment, grown = 0, True
    while grown:
        items, seen = list(range(5)), list[int]()
        add_one = partial(items.append, 5)
        with Moments(moment, add_one) as moments:
            for item in ja.track(items):
                seen.append(item)
                if item == 2:
                    job._control.pause(job._control.resume)
        assert seen == items[: len(seen)]
        assert len(seen) >= 5
        moment, grown = moment + 1, moments.asked
    assert moment > 20


# -- in the loop's own thread


@pytest.mark.parametrize("make", [lambda: [1, 2, 3], lambda: (1, 2, 3), lambda: generated(3)])
def test_a_plain_loop_in_the_loops_thread_neither_blocks_nor_raises(
    home_job: JobContext, make: Callable[[], Any]
) -> None:
    """Waiting there would stop every job: `experiments/trackpause.py`."""
    home_job._control.pause(lambda: pytest.fail("it stands still"))
    count = 0
    for _ in ja.track(make()):
        count += 1
        if count == 2:
            home_job._control.cancel(None)
    assert count == 3


# -- asynchronous loops


async def asynchronously(length: int) -> AsyncIterator[int]:
    """An asynchronous generator of unknown length."""
    for number in range(length):
        await trio.lowlevel.checkpoint()
        yield number


each_source = pytest.mark.parametrize(
    "make", [lambda: [0, 1, 2], lambda: generated(3), lambda: asynchronously(3)]
)


@each_source
async def test_async_for_goes_over_both_colours(
    home_job: JobContext, make: Callable[[], Any]
) -> None:
    seen = []
    async for item in ja.track(make(), total=3, label="rows"):
        progress = home_job._meter.read()
        seen.append((item, progress.done, progress.total, progress.stages))
    assert seen == [(n, n, 3, ("rows",)) for n in range(3)]
    assert home_job._meter.read().percent == 100
    assert not is_open(home_job)


@each_source
async def test_async_for_outside_a_job_only_iterates(make: Callable[[], Any]) -> None:
    assert [item async for item in ja.track(make())] == [0, 1, 2]


async def test_async_for_over_nothing_is_complete(home_job: JobContext) -> None:
    nothing: list[int] = []
    assert [item async for item in ja.track(nothing)] == []
    assert home_job._meter.read().percent == 100


async def test_every_item_of_an_async_loop_is_a_cancel_point(home_job: JobContext) -> None:
    seen = []
    with trio.CancelScope() as scope:
        async for item in ja.track(range(10)):
            seen.append(item)
            if item == 4:
                home_job._control.cancel(None)
                scope.cancel()
    assert seen == [0, 1, 2, 3, 4]
    assert scope.cancelled_caught
    assert not is_open(home_job)


async def test_a_cancel_closes_a_generator_before_the_code_around_its_async_loop_goes_on(
    home_job: JobContext,
) -> None:
    order = list[str]()

    def numbers() -> Iterator[int]:
        try:
            yield from range(5)
        finally:
            order.append("generator")

    with trio.CancelScope() as scope:
        try:
            async for _ in ja.track(numbers()):
                scope.cancel()
        finally:
            order.append("job")
    assert order == ["generator", "job"]
    assert not is_open(home_job)


@pytest.mark.usefixtures("home_job")
async def test_an_error_of_an_iterable_in_an_async_loop_leaves_nothing_else_behind() -> None:
    class Broken:
        def __iter__(self) -> Iterator[int]:
            raise KeyError("boom")

    with pytest.raises(KeyError, match="boom"):
        [item async for item in ja.track(Broken())]
    gc.collect()  # warnings are errors here


async def test_an_async_loop_left_early_is_closed_at_once(home_job: JobContext) -> None:
    """And leaves no unfinished asynchronous generator behind: warnings are errors here."""
    async for _ in ja.track([1, 2, 3]):
        assert is_open(home_job)
        break
    assert not is_open(home_job)
    gc.collect()
    await wait_all_tasks_blocked()


async def test_an_async_loop_whose_body_raises_is_closed(home_job: JobContext) -> None:
    with suppress(ValueError):
        async for _ in ja.track([1, 2, 3]):
            raise ValueError
    assert not is_open(home_job)


async def test_an_error_of_the_source_closes_the_async_loop(home_job: JobContext) -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise ValueError("boom")

    with pytest.raises(ValueError, match="boom"):
        [item async for item in ja.track(broken())]
    assert not is_open(home_job)


async def test_an_async_loop_stands_still_in_a_pause_and_its_loop_does_not(
    home_job: JobContext,
) -> None:
    seen: list[int] = []
    reached = trio.Event()

    async def work() -> None:
        async for item in ja.track(range(6)):
            seen.append(item)
            if item == 2:
                home_job._control.pause(reached.set)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        with trio.fail_after(PATIENCE):
            await reached.wait()
        await wait_all_tasks_blocked()
        assert seen == [0, 1, 2]
        home_job._control.resume()
    assert seen == list(range(6))


async def test_nested_async_loops_make_one_fraction(home_job: JobContext) -> None:
    seen: list[float | None] = []
    async for _ in ja.track([1, 2]):
        seen += [home_job._meter.read().fraction async for _ in ja.track([1, 2])]
    assert seen == [0, 0.25, 0.5, 0.75]


async def test_loops_of_several_tasks_close_in_any_order(home_job: JobContext) -> None:
    async def work(length: int) -> None:
        async for _ in ja.track(range(length)):
            pass

    async with trio.open_nursery() as nursery:
        for length in (3, 1, 5, 2):
            nursery.start_soon(work, length)
    assert not is_open(home_job)
