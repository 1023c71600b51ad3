"""The job queue: pure decisions, against a naive model that sorts a list each time."""

from __future__ import annotations

import math

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
)
from msgspec import Struct

from jobactors.engine.queue.job_queue import JobQueue
from jobactors.engine.queue.wait_reason import reason_in_queue
from jobactors.model.states import Waiting

CAPACITIES = {"a": 2, "b": 1}


def test_larger_priority_goes_first_and_first_come_inside_one() -> None:
    """The order of arrival decides inside a priority."""
    queue = JobQueue(max_running=3)
    for name, priority in [("n1", 0), ("l1", -10), ("h1", 10), ("n2", 0), ("h2", 10)]:
        queue.add(name, priority)
    assert list(queue) == ["h1", "h2", "n1", "n2", "l1"]
    assert queue.take_ready(0) == ["h1", "h2", "n1"]
    assert queue.take_ready(0) == []
    queue.leave("h2")
    assert queue.take_ready(0) == ["n2"]


def test_a_released_job_keeps_its_place() -> None:
    """Who was held lost no turn."""
    queue = JobQueue(max_running=None)
    queue.add("first", held=True)
    queue.add("second")
    assert reason_in_queue(queue, "first", 0).waiting is Waiting.HOLD
    queue.release("first")
    queue.release("first")
    assert queue.take_ready(0) == ["first", "second"]


def test_nothing_starts_before_its_time() -> None:
    """And when the next one is due can be asked."""
    queue = JobQueue()
    queue.add("late", 10, due=100)
    queue.add("later", due=200, why_due=Waiting.RETRY)
    assert (queue.take_ready(99), queue.next_due()) == ([], 100)
    assert reason_in_queue(queue, "late", 99).waiting is Waiting.START_TIME
    assert reason_in_queue(queue, "later", 99).waiting is Waiting.RETRY
    assert queue.take_ready(100) == ["late"]
    queue.hold("later")
    assert queue.next_due() is None
    queue.release("later")
    assert queue.next_due() == 200
    assert queue.take_ready(math.inf) == ["later"]


def test_a_held_dispatch_starts_nothing() -> None:
    """Everybody waits, and says for what."""
    queue = JobQueue()
    queue.dispatch_held = True
    queue.add("x")
    assert queue.take_ready(0) == []
    assert reason_in_queue(queue, "x", 0).waiting is Waiting.HOLD
    queue.dispatch_held = False
    assert queue.take_ready(0) == ["x"]


def test_fewer_slots_than_running_jobs_start_nothing() -> None:
    """Scaling down lets the running ones go on."""
    queue = JobQueue(max_running=3)
    for name in "abcd":
        queue.add(name)
    assert queue.take_ready(0) == ["a", "b", "c"]
    queue.max_running = 1
    assert queue.free_slots == 0
    queue.leave("a")
    queue.leave("b")
    assert queue.take_ready(0) == []
    queue.leave("c")
    assert queue.take_ready(0) == ["d"]


def test_jobs_without_a_slot_take_none_and_wait_for_none() -> None:
    """By priority among the others as long as slots are free, and alone when none is."""
    queue = JobQueue(max_running=1, capacities={"a": 1})
    queue.add("slot 1", -1)
    queue.add("none 1", takes_slot=False)
    queue.add("none 2", 1, takes_slot=False, needs={"a": 1})
    queue.add("slot 2", -2)
    queue.add("none 3", -3, takes_slot=False, needs={"a": 1})
    assert queue.take_ready(0) == ["none 2", "none 1", "slot 1"]
    assert queue.running == {"slot 1"}
    assert queue.free_slots == 0
    assert reason_in_queue(queue, "none 3", 0).waiting is Waiting.RESOURCE
    queue.give_back("none 2")
    assert queue.take_ready(0) == ["none 3"]
    queue.leave("slot 1")
    assert queue.take_ready(0) == ["slot 2"]


class Naive(Struct):
    """A waiting job in the model."""

    name: str
    priority: int
    order: int
    held: bool
    due: float
    needs: dict[str, int]
    after: set[str]


class AgainstAList(RuleBasedStateMachine):
    """Whatever is done in whatever order, both start the same jobs."""

    names = Bundle("names")

    def __init__(self) -> None:
        super().__init__()
        self.queue = JobQueue(2, CAPACITIES)
        self.slots: int | None = 2
        self.waiting: list[Naive] = []
        self.running: dict[str, dict[str, int]] = {}
        self.now = 0.0
        self.count = 0

    def find(self, name: str) -> Naive | None:
        """Return a waiting job."""
        return next((naive for naive in self.waiting if naive.name == name), None)

    @rule(
        target=names,
        priority=st.integers(-1, 1),
        held=st.booleans(),
        due=st.none() | st.floats(0, 20),
        needs=st.dictionaries(st.sampled_from("ab"), st.just(1)),
        after=st.lists(names, max_size=2),
    )
    def add(
        self,
        priority: int,
        held: bool,
        due: float | None,
        needs: dict[str, int],
        after: list[str],
    ) -> str:
        """Submit a job."""
        self.count += 1
        name = f"job-{self.count}"
        upstream = {n for n in after if self.find(n) or n in self.running}
        self.queue.add(name, priority, held=held, due=due, needs=needs, after=upstream)
        at = -math.inf if due is None else due
        self.waiting.append(Naive(name, priority, self.count, held, at, needs, upstream))
        return name

    @rule(target=names)
    def start_at_once(self) -> str:
        """Submit a job that waits for nothing: it starts as it would by way of the queue."""
        self.count += 1
        name, is_first = f"job-{self.count}", not self.waiting
        self.waiting.append(Naive(name, 0, self.count, False, -math.inf, {}, set()))
        starts = is_first and self.naive_take() == [name]
        assert self.queue.start_at_once(name) is starts
        if not starts:
            self.queue.add(name)
        return name

    @rule(name=names, doing=st.sampled_from(["hold", "release"]))
    def hold_or_release(self, name: str, doing: str) -> None:
        """Hold or release a waiting job."""
        naive = self.find(name)
        if naive is not None:
            getattr(self.queue, doing)(name)
            naive.held = doing == "hold"

    @rule(name=names, priority=st.integers(-1, 1))
    def reprioritise(self, name: str, priority: int) -> None:
        """Change a priority."""
        naive = self.find(name)
        if naive is not None:
            self.queue.reprioritise(name, priority)
            naive.priority = priority

    @rule(name=consumes(names))
    def end(self, name: str) -> None:
        """Cancel a waiting job, or let a running one end."""
        naive = self.find(name)
        if naive is not None:
            self.waiting.remove(naive)
        assert self.queue.remove(name) is (naive is not None)
        if name in self.running:
            del self.running[name]
            self.queue.leave(name)
            self.queue.give_back(name)
        self.queue.ended(name)
        for other in self.waiting:
            other.after.discard(name)

    @rule(slots=st.none() | st.integers(1, 4))
    def scale(self, slots: int | None) -> None:
        """Change the number of slots."""
        self.queue.max_running = self.slots = slots

    @rule(held=st.booleans())
    def hold_dispatch(self, held: bool) -> None:
        """Hold or release everything."""
        self.queue.dispatch_held = held

    @rule(seconds=st.floats(0.5, 10))
    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @precondition(lambda self: self.waiting)
    @rule()
    def take(self) -> None:
        """Ask who starts."""
        assert self.queue.take_ready(self.now) == self.naive_take()

    def naive_take(self) -> list[str]:
        """Decide by the rules, one after the other, over the whole list."""
        started: list[str] = []
        queues: set[str] = set()
        for naive in sorted(self.waiting, key=lambda naive: (-naive.priority, naive.order)):
            if naive.held or naive.after or naive.due > self.now or self.queue.dispatch_held:
                continue
            if self.slots is not None and len(self.running) >= self.slots:
                break
            missing = next((n for n in naive.needs if n in queues or not self.free(n)), None)
            if missing is not None:
                queues.add(missing)
                continue
            self.running[naive.name] = naive.needs
            self.waiting.remove(naive)
            started.append(naive.name)
        return started

    def free(self, name: str) -> int:
        """Units nobody holds."""
        return CAPACITIES[name] - sum(needs.get(name, 0) for needs in self.running.values())

    @invariant()
    def tables_agree(self) -> None:
        """The same jobs wait and run."""
        assert sorted(self.queue) == sorted(naive.name for naive in self.waiting)
        assert len(self.queue) == len(self.waiting)
        assert self.queue.running == self.running.keys()
        for naive in self.waiting:
            assert naive.name in self.queue
            why = reason_in_queue(self.queue, naive.name, self.now).waiting
            assert (why is Waiting.HOLD) == (naive.held or self.queue.dispatch_held)


TestAgainstAList = AgainstAList.TestCase
TestAgainstAList.settings = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
