"""The wait graph: which wait closes a circle, against a naive model that plays everything out."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct

import jobactors as ja
from jobactors.engine.queue.job_queue import JobQueue
from jobactors.engine.queue.request_lines import ResourceRequest
from jobactors.engine.queue.resource_requests import ResourceRequests
from jobactors.engine.queue.slots import Loan, Slots
from jobactors.engine.queue.wait_graph import WaitEdge, WaitGraph
from jobactors.model.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from trio.testing import MockClock

CAPACITIES = {"gpu": 2, "disk": 3}


class Bench:
    """The queue, the slots and the requests of one system, without a system."""

    def __init__(self, max_running: int | None = None) -> None:
        self.queue = JobQueue(max_running, CAPACITIES)
        self.slots = Slots(self.queue)
        self.requests = ResourceRequests(self.queue)
        self.waits = self.queue.waits
        self.loans: dict[str, list[Loan]] = {}

    def run(self, job_id: str, **needs: int) -> None:
        """Add a job and start it."""
        self.queue.add(job_id, needs=needs)
        assert self.queue.take_ready(0) == [job_id]

    def wait(self, job_id: str, *others: str) -> WaitEdge:
        """Let a running job wait for one of others."""
        wait = WaitEdge(job_id, others)
        self.lend(job_id, wait)
        return wait

    def lend(self, job_id: str, *waits: WaitEdge) -> None:
        """Lend a job's slot."""
        self.loans.setdefault(job_id, []).append(self.slots.lend(job_id, waits))

    def end_loan(self, job_id: str) -> None:
        """End the first loan of a job."""
        assert self.slots.end_loan(self.loans[job_id].pop(0))

    def acquire(self, job_id: str, *alternatives: Mapping[str, int]) -> ResourceRequest:
        """Let a running job request resources."""
        request = ResourceRequest(job_id, units=alternatives)
        if not self.requests.add(request):
            self.lend(job_id)
        return request

    def end(self, job_id: str) -> None:
        """End a running job, as the engine does."""
        self.requests.forget(job_id)
        self.slots.forget(job_id)
        self.queue.leave(job_id)
        self.queue.give_back(job_id)
        self.queue.ended(job_id)
        self.requests.serve()
        self.slots.serve()


def test_a_job_cannot_wait_for_itself() -> None:
    """The shortest circle."""
    bench = Bench()
    bench.run("a")
    with pytest.raises(ja.Deadlock):
        bench.wait("a", "a")
    assert not bench.waits


def test_a_circle_of_jobs_is_refused_where_it_would_close() -> None:
    """The refused wait leaves nothing behind: when the circle is open again, it may begin."""
    bench = Bench()
    for name in "abc":
        bench.run(name)
    bench.wait("a", "b")
    opened = bench.wait("b", "c")
    with pytest.raises(ja.Deadlock):
        bench.wait("c", "a")
    bench.waits.end(opened)
    bench.wait("c", "a")


def test_several_tasks_of_a_job_wait_for_several_jobs() -> None:
    """Each wait counts, the earlier as well as the later."""
    bench = Bench()
    for name in "abc":
        bench.run(name)
    bench.wait("a", "b")
    bench.wait("a", "c")
    for name in "bc":
        with pytest.raises(ja.Deadlock):
            bench.wait(name, "a")


def test_two_waits_for_one_job_end_one_by_one() -> None:
    """The other one still counts."""
    bench = Bench()
    bench.run("a")
    bench.run("b")
    first, second = bench.wait("a", "b"), bench.wait("a", "b")
    bench.waits.end(first)
    bench.waits.end(first)
    with pytest.raises(ja.Deadlock):
        bench.wait("b", "a")
    bench.waits.end(second)
    bench.wait("b", "a")


def test_units_and_jobs_make_one_graph() -> None:
    """A holder that is awaited cannot be waited for, whichever of the two waits begins first."""
    bench = Bench()
    bench.run("a", r=1)
    bench.run("b")
    waiting = bench.wait("a", "b")
    with pytest.raises(ja.Deadlock):
        bench.acquire("b", {"r": 1})
    bench.waits.end(waiting)
    bench.acquire("b", {"r": 1})
    with pytest.raises(ja.Deadlock):
        bench.wait("a", "b")


def test_a_queued_job_waits_for_what_it_needs_and_comes_after() -> None:
    """Held or not, and through other queued jobs."""
    bench = Bench()
    bench.run("a", r=1)
    bench.queue.add("needs", held=True, needs={"r": 1})
    bench.queue.add("later", after=["needs"])
    bench.queue.add("after", after=["a"])
    bench.queue.add("free", held=True)
    for name in ("needs", "later", "after"):
        with pytest.raises(ja.Deadlock):
            bench.wait("a", name)
    bench.wait("a", "free")


def test_changed_needs_may_close_a_circle() -> None:
    """They are refused, and may be asked for again once the circle is open."""
    bench = Bench()
    bench.run("a", r=1)
    bench.queue.add("b", held=True)
    waiting = bench.wait("a", "b")
    with pytest.raises(ja.Deadlock):
        bench.queue.check_needs("b", {"r": 1})
    bench.queue.check_needs("b", {"s": 1})
    bench.waits.end(waiting)
    bench.queue.check_needs("b", {"r": 1})


def test_one_alternative_is_enough() -> None:
    """A request is refused when each of its alternatives is lost."""
    bench = Bench()
    bench.run("a", r=1)
    bench.run("b", s=1)
    bench.run("c")
    bench.wait("a", "c")
    with pytest.raises(ja.Deadlock):
        bench.acquire("c", {"r": 1})
    bench.acquire("c", {"r": 1}, {"s": 1})
    with pytest.raises(ja.Deadlock):
        bench.wait("b", "c")


def test_a_choice_inside_a_circle_does_not_hide_it() -> None:
    """One way out of ``c`` is held by a job that waits for ``c``, the other by the asking job."""
    bench = Bench()
    bench.run("a", r=1)
    bench.run("b", s=1)
    bench.run("c")
    bench.acquire("c", {"r": 1}, {"s": 1})
    bench.wait("b", "c")
    with pytest.raises(ja.Deadlock):
        bench.wait("a", "c")


def test_units_count_not_holders() -> None:
    """A holder that goes on does not help if it holds less than is missing."""
    bench = Bench()
    bench.run("a", gpu=1)
    bench.run("b", gpu=1)
    bench.run("c")
    bench.wait("a", "c")
    with pytest.raises(ja.Deadlock):
        bench.acquire("c", {"gpu": 2})
    bench.acquire("c", {"gpu": 1})


def test_a_batch_is_waited_for_as_long_as_one_of_its_jobs_goes_on() -> None:
    """Of many jobs any one is news."""
    bench = Bench()
    for name in "abc":
        bench.run(name)
    bench.wait("b", "a")
    under_way = {0: "b", 1: "c"}
    wait = WaitEdge("a", under_way.values())
    bench.waits.begin(wait)
    with pytest.raises(ja.Deadlock):
        bench.wait("c", "a")
    bench.waits.end(wait)
    del under_way[1]
    with pytest.raises(ja.Deadlock):
        bench.waits.begin(wait)


def test_a_knot_elsewhere_is_not_the_asking_jobs_doing() -> None:
    """A task of ``b`` got units while another waits: it will give them back, or it will not."""
    bench = Bench()
    bench.run("x", r=1)
    bench.run("a")
    bench.run("b")
    bench.run("c")
    bench.wait("b", "a")
    bench.acquire("b", {"r": 1})
    bench.acquire("a", {"s": 1, "r": 1})
    bench.end("x")  # r goes to b, whose other task waits for a
    bench.wait("c", "a")


def test_the_error_says_who_holds_what_and_waits_for_whom() -> None:
    """The asking job first, then job by job."""
    bench = Bench()
    bench.run("a", r=1)
    bench.run("b", s=1)
    bench.queue.add("c", after=["d"])
    bench.queue.add("d", needs={"r": 1}, held=True)
    bench.acquire("a", {"s": 1})
    with pytest.raises(ja.Deadlock) as raised:
        bench.wait("b", "c")
    assert raised.value.circle == (
        "b holds 's' and waits for c",
        "c comes after d",
        "d is queued for 'r'",
        "a holds 'r' and waits for 's'",
    )
    assert "job b cannot wait for 'c'" in str(raised.value)


def test_a_wait_costs_nothing_where_nothing_is_waited_for() -> None:
    """However much waits elsewhere: only what can be reached is looked at."""
    looked: list[str] = []

    def gates(job_id: str) -> Iterable[WaitEdge]:
        looked.append(job_id)
        return ()

    resources = Resources({})
    graph = WaitGraph(resources, gates, lambda _: ())
    resources.take("holder", {"mutex": 1})
    for number in range(1_000):
        graph.begin(WaitEdge(f"waiter-{number}", units=({"mutex": 1},)))
        graph.begin(WaitEdge(f"parent-{number}", (f"child-{number}",)))
    assert len(looked) <= 2 * 1_000


def test_a_thousand_requests_for_a_mutex_are_looked_at_once_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not all of them each time it comes back."""
    bench = Bench()
    bench.run("holder", mutex=1)
    names = [f"job-{number}" for number in range(1_000)]
    for name in names:
        bench.run(name)
    looks = 0
    free = bench.queue.resources.free

    def counting(name: str) -> int:
        nonlocal looks
        looks += 1
        return free(name)

    monkeypatch.setattr(bench.queue.resources, "free", counting)
    requests = [bench.acquire(name, {"mutex": 1}) for name in names]
    order = []
    for before, request in zip(["holder", *names], requests, strict=False):
        bench.end(before)
        assert request.taken
        order.append(request.job_id)
    assert order == names
    assert looks < 10 * len(names)
    assert not bench.waits


# -- the order of the job queue yields


def test_a_job_overtakes_those_that_wait_for_its_end() -> None:
    """The big one needs what the parent holds, and the parent awaits the small one behind it."""
    bench = Bench()
    bench.run("parent", gpu=1)
    bench.queue.add("big", needs={"gpu": 2})
    assert bench.queue.take_ready(0) == []
    bench.queue.add("child", needs={"gpu": 1})
    bench.queue.add("other", needs={"gpu": 1})
    assert bench.queue.take_ready(0) == []
    bench.wait("parent", "child")
    assert bench.queue.take_ready(0) == ["child"]
    bench.end("child")
    assert bench.queue.take_ready(0) == []
    bench.end("parent")
    assert bench.queue.take_ready(0) == ["big"]


def test_a_job_that_comes_later_and_before_is_overtaken_as_well() -> None:
    """A larger priority does not make the waits before it circles."""
    bench = Bench(max_running=2)
    bench.run("parent", gpu=1)
    bench.run("busy", gpu=1)
    bench.queue.add("child", needs={"gpu": 1})
    bench.wait("parent", "child")
    bench.queue.add("big", 10, needs={"gpu": 2})
    assert bench.queue.take_ready(0) == []
    bench.end("busy")
    assert bench.queue.take_ready(0) == ["child"]


def test_a_queued_job_goes_before_a_request_that_waits_for_its_end() -> None:
    """Two children of two holders, behind one request that could take either alternative."""
    bench = Bench()
    bench.run("a", gpu=1)
    bench.run("b", disk=1)
    bench.run("c")
    bench.acquire("c", {"gpu": 2}, {"disk": 3})
    bench.queue.add("child of a", needs={"gpu": 1})
    bench.queue.add("child of b", needs={"disk": 1})
    assert bench.queue.take_ready(0) == []
    bench.wait("a", "child of a")
    assert bench.queue.take_ready(0) == []  # c may still get the disk
    bench.wait("b", "child of b")
    assert set(bench.queue.take_ready(0)) == {"child of a", "child of b"}


# -- slots


def test_all_tasks_of_a_job_that_come_back_go_on_with_its_one_slot() -> None:
    """None is forgotten for a later one."""
    bench = Bench(max_running=1)
    bench.run("a")
    for _ in range(2):
        bench.lend("a")
    bench.run("b")
    back: list[str] = []
    for _ in range(2):
        bench.end_loan("a")
    bench.slots.want("a", lambda: back.append("first"))
    bench.slots.want("a", lambda: back.append("second"))
    bench.end("b")
    assert back == ["first", "second"]
    assert bench.queue.running == {"a"}


def test_a_job_has_no_slot_as_long_as_one_of_its_tasks_waits() -> None:
    """The first to come back goes on without one: it may end while the others wait for slots."""
    bench = Bench(max_running=1)
    bench.run("a")
    for _ in range(2):
        bench.lend("a")
    back: list[str] = []
    bench.end_loan("a")
    bench.slots.want("a", lambda: back.append("first"))
    assert back == ["first"]
    bench.run("b")
    bench.end_loan("a")
    bench.slots.want("a", lambda: back.append("second"))
    assert back == ["first"]
    bench.end("b")
    assert back == ["first", "second"]


def test_a_wait_that_begins_while_the_job_comes_back_lets_it_go_on_without_a_slot() -> None:
    """It would get the slot only to wait with it."""
    bench = Bench(max_running=1)
    bench.run("a")
    bench.lend("a")
    bench.run("b")
    back: list[str] = []
    bench.end_loan("a")
    bench.slots.want("a", lambda: back.append("first"))
    bench.lend("a")
    assert back == ["first"]
    bench.end("b")
    assert not bench.queue.running


async def leaf() -> None:
    """Take a moment."""
    await trio.sleep(1)


async def staggered(jobs: ja.Jobs) -> None:
    """Wait in two tasks, one after the other."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(jobs.run, leaf)
        await trio.sleep(0.3)
        nursery.start_soon(jobs.run, leaf)


async def cut_short(jobs: ja.Jobs) -> None:
    """Wait in three tasks, one of which gives up."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(jobs.run, leaf)
        nursery.start_soon(jobs.run, leaf)
        with trio.move_on_after(0.5):
            await jobs.submit(leaf)


async def fan_out(jobs: ja.Jobs) -> None:
    """Wait in ten tasks."""
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(jobs.run, leaf)


@pytest.mark.parametrize("function", [staggered, cut_short, fan_out])
async def test_jobs_with_several_waiting_tasks_share_one_slot_to_the_end(
    function: Callable[[ja.Jobs], Awaitable[None]], autojump_clock: MockClock
) -> None:
    """No slot stays with a job whose tasks wait for others that need it."""
    async with ja.open_jobs(max_running=1) as jobs:
        with trio.fail_after(1000):
            for job in [jobs.submit(function, jobs) for _ in range(5)]:
                await job


# -- against a naive model


class Drawn(Struct):
    """A job of a drawn situation."""

    holds: dict[str, int]
    waits: list[tuple[list[str], list[dict[str, int]]]]
    """Ways out of each wait: jobs, and alternatives of units."""


NAMES = [f"j{number}" for number in range(6)]
_units = st.dictionaries(st.sampled_from(["gpu", "disk", "r"]), st.integers(1, 2), min_size=1)
_wait: st.SearchStrategy[tuple[list[str], list[dict[str, int]]]] = st.one_of(
    st.tuples(st.lists(st.sampled_from(NAMES), min_size=1, max_size=2), st.just([])),
    st.tuples(st.just([]), st.lists(_units, min_size=1, max_size=2)),
)
_job = st.builds(
    Drawn,
    holds=st.dictionaries(st.sampled_from(["gpu", "disk", "r"]), st.just(1), max_size=2),
    waits=st.lists(_wait, max_size=2),
)


def _capacity(name: str) -> int:
    return CAPACITIES.get(name, 1)


def _play_out(jobs: Mapping[str, Drawn]) -> set[str]:
    """End job after job, each once its waits are over, and return those that never end."""
    left = dict(jobs)

    def is_over(wait: tuple[list[str], list[dict[str, int]]]) -> bool:
        others, alternatives = wait
        if any(other not in left for other in others):
            return True
        return any(
            all(
                units + sum(job.holds.get(name, 0) for job in left.values()) <= _capacity(name)
                for name, units in needs.items()
            )
            for needs in alternatives
        )

    ended = True
    while ended:
        ended = False
        for name, job in list(left.items()):
            if all(is_over(wait) for wait in job.waits):
                del left[name]
                ended = True
    return set(left)


@settings(max_examples=300, deadline=None)
@given(
    drawn=st.lists(_job, min_size=2, max_size=6),
    queued=st.sets(st.sampled_from(NAMES)),
    asked=_wait,
)
def test_it_refuses_what_the_naive_model_cannot_play_to_its_end(
    drawn: list[Drawn], queued: set[str], asked: tuple[list[str], list[dict[str, int]]]
) -> None:
    """With the wait its job never ends, and if that job just ended, its wait would be over."""
    jobs = dict(zip(NAMES, drawn, strict=False))
    resources = Resources(CAPACITIES)
    for name, job in jobs.items():
        job.holds = {r: n for r, n in job.holds.items() if n <= resources.free(r)}
        resources.take(name, job.holds)
    asking = next(iter(jobs))
    gates: defaultdict[str, list[WaitEdge]] = defaultdict(list)
    graph = WaitGraph(resources, lambda job_id: gates.get(job_id, ()), lambda _: ())
    for name, job in jobs.items():
        waits = [WaitEdge(name, others, tuple(units)) for others, units in job.waits]
        if name in queued:
            gates[name] += waits
        elif name != asking:  # what it waits for besides is no matter
            graph._waits[name] = dict.fromkeys(waits)
    gates.pop(asking, None)
    jobs[asking] = Drawn(jobs[asking].holds, [asked])
    stands = asking in _play_out(jobs)
    if stands:
        unasked = {name: job for name, job in jobs.items() if name != asking}
        witness = Drawn({}, [asked])
        stands = "witness" not in _play_out({**unasked, "witness": witness})
    assert graph.closes_circle(WaitEdge(asking, asked[0], tuple(asked[1]))) is stands


# -- every program comes to its end

_few_units = st.sampled_from([{"gpu": 1}, {"gpu": 1}, {"gpu": 2}, {"r": 1}, {"gpu": 1, "r": 1}])
_SUBMIT = st.tuples(st.just("submit"), st.tuples(st.integers(-1, 1), st.just({}) | _few_units))
_WAIT = st.tuples(
    st.just("wait"),
    st.tuples(st.integers(0, 9), st.lists(st.integers(0, 9), min_size=1, max_size=2)),
)
_OPERATIONS = st.one_of(
    _SUBMIT,
    _SUBMIT,
    _SUBMIT,
    _WAIT,
    _WAIT,
    st.tuples(
        st.just("acquire"),
        st.tuples(st.integers(0, 9), st.lists(_few_units, min_size=1, max_size=2)),
    ),
    st.tuples(st.just("needs"), st.tuples(st.integers(0, 9), _few_units)),
    st.tuples(st.just("priority"), st.tuples(st.integers(0, 9), st.integers(-1, 1))),
    st.tuples(st.just("end"), st.integers(0, 9)),
)


def left_in(queue: JobQueue) -> int:
    """How many places there are in all heaps of a queue, void ones too."""
    heaps = [queue._later, queue._ready._with_slot, queue._ready._without_slot]
    return sum(len(heap._places) for heap in [*heaps, *queue._parked._heaps.values()])


class Program:
    """Plays drawn operations; a job waits for one thing at a time."""

    def __init__(self, max_running: int | None) -> None:
        self.bench = Bench(max_running)
        self.jobs: list[str] = []
        self.count = 0
        self.waiting: dict[str, WaitEdge] = {}

    def idle(self) -> list[str]:
        """The jobs that have a slot and wait for nothing, in the order of their submits."""
        has_slot = self.bench.queue.has_slot
        return [name for name in self.jobs if has_slot(name) and name not in self.waiting]

    def do(self, operation: str, what: object) -> None:
        """Do one operation, if it is possible, and all that follows from it."""
        getattr(self, operation)(what)
        self.settle()

    def settle(self) -> None:
        """Start, serve and wake until nothing changes."""
        while True:
            for name, wait in list(self.waiting.items()):
                if isinstance(wait, ResourceRequest):
                    is_over = wait.taken is not None
                else:
                    is_over = any(other not in self.jobs for other in wait.jobs)
                if is_over:
                    self.bench.waits.end(wait)
                    self.bench.end_loan(name)
                    self.bench.slots.want(name, lambda: None)
                    del self.waiting[name]
            self.bench.requests.serve()
            self.bench.slots.serve()
            if not self.bench.queue.take_ready(0):
                return

    def submit(self, what: tuple[int, dict[str, int]]) -> None:
        """Submit a job."""
        self.count += 1
        name = f"j{self.count}"
        self.jobs.append(name)
        self.bench.queue.add(name, what[0], needs=what[1])

    def wait(self, what: tuple[int, list[int]]) -> None:
        """Let a job wait for one of others."""
        idle = self.idle()
        if idle:
            name = idle[what[0] % len(idle)]
            others = [self.jobs[which % len(self.jobs)] for which in what[1]]
            try:
                self.waiting[name] = self.bench.wait(name, *others)
            except ja.Deadlock:
                return

    def acquire(self, what: tuple[int, list[dict[str, int]]]) -> None:
        """Let a job request resources."""
        idle = self.idle()
        if idle:
            name = idle[what[0] % len(idle)]
            try:
                request = self.bench.acquire(name, *what[1])
            except ja.Deadlock:
                return
            if request.taken is None:
                self.waiting[name] = request

    def needs(self, what: tuple[int, dict[str, int]]) -> None:
        """Change what a queued job needs."""
        queued = list(self.bench.queue)
        if queued:
            name = queued[what[0] % len(queued)]
            try:
                self.bench.queue.check_needs(name, what[1])
            except ja.Deadlock:
                return
            self.bench.queue.change_needs(name, what[1])

    def priority(self, what: tuple[int, int]) -> None:
        """Change the priority of a queued job."""
        queued = list(self.bench.queue)
        if queued:
            self.bench.queue.reprioritise(queued[what[0] % len(queued)], what[1])

    def end(self, which: int) -> None:
        """End a job that waits for nothing."""
        idle = self.idle()
        if idle:
            name = idle[which % len(idle)]
            self.jobs.remove(name)
            self.bench.end(name)


@settings(max_examples=300, deadline=None)
@given(
    max_running=st.none() | st.integers(1, 2),
    operations=st.lists(_OPERATIONS, min_size=10, max_size=40),
)
def test_whatever_is_not_refused_comes_to_its_end(
    max_running: int | None, operations: list[tuple[str, object]]
) -> None:
    """No job stands still once those that can end have ended, and nothing is left behind."""
    program = Program(max_running)
    for operation, what in operations:
        program.do(operation, what)
    while program.idle():
        program.do("end", 0)
    bench = program.bench
    assert (program.jobs, list(bench.queue), program.waiting) == ([], [], {})
    assert not bench.waits
    assert not bench.requests.waiting
    assert not any(vars(bench.queue.lines).values())
    assert not bench.slots.returning
    assert not bench.queue.freed
    assert not bench.queue.running
    assert not bench.waits.several
    assert left_in(bench.queue) == 0
    assert bench.queue.resources.states() == Resources(CAPACITIES).states()
