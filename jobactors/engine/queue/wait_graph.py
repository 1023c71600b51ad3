"""Answers one question: would this wait close a circle of jobs that can never go on?

Pure and synchronous.  The job queue owns the one graph of a system; ``Slots`` and
``ResourceRequests`` ask it before a job waits.

**What is an edge.**  A job goes on once *every* wait of it is over; a wait is over once *one* of
its ways out is there: the end of a job, or units that can all be taken together.

==========================  =============================================================
a job that is               waits for
==========================  =============================================================
running, awaits a job       the end of that job; several tasks are several waits
running, reads a batch      the end of any job of the batch that is under way
running, acquires           the units of one of its alternatives, from the jobs that hold them
running a tracked block     the block, for as long as the block's code waits
queued, needs resources     all of them, from the jobs that hold them
queued, comes after others  the end of each
==========================  =============================================================

Slots are no edges, since a job that waits lends its own.  Nor are a hold, a pause, a start time or
a retry delay: a person or the clock ends them.  But what the same job waits for besides counts
while it is held, since no release frees a resource.  A job stands still as soon as one of its tasks
waits, though another might give units back: only the job itself knows which task holds what.

**Who writes what.**  ``begin`` and ``end`` write ``_waits``, for running jobs, in the loop's
thread.  Nothing else is stored: who holds what is read from ``Resources``, and what queued jobs
wait for from the job queue, when the question is asked.  So units that change hands, a job that
starts and one that ends need no bookkeeping here, and leave nothing behind.

**How it is decided.**  All jobs that can be reached are taken to stand still; then one after the
other is found to go on, until nothing changes.  The opposite, growing a set of lost jobs from the
asking one, was tried before, and misses circles with a choice in them: a job that waits for ``a``
or ``b`` may be lost because the holder of ``b`` waits for that very job, and neither comes first.
A wait is refused if the asking job then stands still, *and* would not if it could go on: a knot
elsewhere is not its doing.

**No circle closes later.**  Whatever else adds an edge is asked about as well: a change of what a
queued job needs, and the next attempt of a job that is awaited.  A job that starts or gets units
adds none, as the task that got them waits no more.  The order of the job queue would: a job that
comes in first in line stands before those that wait already, and may need what a job holds that
awaits one of them.  No wait could be refused for that but one that was right when it began; so
there the order yields.  :meth:`WaitGraph.standstill` counts it in, and the queue lets those jobs
overtake that stand still for nothing else.

**Cost.**  A wait for a job that waits for nothing, or for units that such jobs hold, is decided
without a search: O(1), or O(holders).  Otherwise the part that can be reached is gone through once,
and each job of it again for every job it waits for that is found to go on.
"""

from __future__ import annotations

from collections import defaultdict, deque
from itertools import chain
from typing import TYPE_CHECKING

from msgspec import Struct

from jobactors.model.errors import Deadlock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from jobactors.model.resources import Resources

    Stuck = Callable[[str], bool]


class WaitEdge(Struct, eq=False):
    """One thing a job waits for; over once one of ``jobs`` has ended or one of ``units`` is free.

    With neither it is over already.
    """

    job_id: str
    """The job that waits."""
    jobs: Collection[str] = ()
    """Jobs of which one has to end; it may change while the wait lasts."""
    units: tuple[Mapping[str, int], ...] = ()
    """Alternatives; the units of one are taken together."""
    words: str = "waits for"
    """The verb in an error: "b *is queued for* 'r'"."""


class WaitGraph:
    """Holds the waits of running jobs, and finds circles."""

    def __init__(
        self,
        resources: Resources,
        gates: Callable[[str], Iterable[WaitEdge]],
        line: Callable[[str], Iterable[WaitEdge]],
    ) -> None:
        """Make a graph.

        Args:
            resources: Who holds what.
            gates: Returns what a queued job waits for; nothing for any other job.
            line: Returns the jobs that a queued job must not overtake, as waits.
        """
        self._resources = resources
        self._gates = gates
        self._line = line
        self._waits: dict[str, dict[WaitEdge, None]] = {}
        """The waits of running jobs, by job, in the order in which they began."""
        self.several: dict[str, None] = {}
        """The running jobs with more than one wait.  Written here."""

    def __len__(self) -> int:
        """Return how many running jobs wait."""
        return len(self._waits)

    def of(self, job_id: str) -> list[WaitEdge]:
        """Return the waits of a running job."""
        return list(self._waits.get(job_id, ()))

    # -- waits of running jobs

    def begin(self, wait: WaitEdge) -> None:
        """Let a running job wait.

        Raises:
            Deadlock: if that closes a circle; then it does not wait.
        """
        self.check(wait)
        waits = self._waits.setdefault(wait.job_id, {})
        waits[wait] = None
        if len(waits) > 1:
            self.several[wait.job_id] = None

    def end(self, wait: WaitEdge) -> None:
        """End a wait; one that has ended, or was refused, is left alone."""
        waits = self._waits.get(wait.job_id)
        if waits is not None and wait in waits:
            del waits[wait]
            if len(waits) == 1:
                del self.several[wait.job_id]
            elif not waits:
                del self._waits[wait.job_id]

    def forget(self, job_id: str) -> None:
        """End all waits of a job, whose attempt has ended."""
        self._waits.pop(job_id, None)
        self.several.pop(job_id, None)

    # -- questions

    def check(self, wait: WaitEdge) -> None:
        """Raise if a wait would close a circle.

        Raises:
            Deadlock: it names the circle.
        """
        reach = _Reach(self, wait.job_id, [wait], in_line=False)
        if self.is_over(wait, reach.may_stand):
            return
        reach.explore()
        stuck = reach.stuck()
        if wait.job_id not in stuck:
            return
        others = reach.stuck(but=wait.job_id)
        if self.is_over(wait, others.__contains__):
            raise _deadlock(reach.circle(stuck))

    def closes_circle(self, wait: WaitEdge) -> bool:
        """Return whether a wait would close a circle."""
        try:
            self.check(wait)
        except Deadlock:
            return True
        return False

    def standstill(self, job_id: str) -> list[str]:
        """Return the jobs that ``job_id`` depends on and that stand still for good.

        The order of the job queue counts in.  Empty unless that order makes them stand still, since
        every other circle is refused.
        """
        reach = _Reach(self, job_id, list(self.waits_of(job_id, in_line=True)), in_line=True)
        if all(self.is_over(wait, reach.may_stand) for wait in reach.waits[job_id]):
            return []
        reach.explore()
        stuck = reach.stuck()
        return [job for job in reach.waits if job in stuck]

    # -- looking, for the search

    def waits_of(self, job_id: str, *, in_line: bool) -> Iterator[WaitEdge]:
        """Go through everything a job waits for, running or queued."""
        queued = chain(self._gates(job_id), self._line(job_id) if in_line else ())
        return chain(self._waits.get(job_id, ()), queued)

    def is_over(self, wait: WaitEdge, is_stuck: Stuck) -> bool:
        """Return whether a wait has a way out if all jobs go on that are not stuck."""
        if not wait.jobs and not wait.units:
            return True
        return any(not is_stuck(job) for job in wait.jobs) or any(
            not any(self._short(needs, is_stuck)) for needs in wait.units
        )

    def blockers(self, wait: WaitEdge, is_stuck: Stuck) -> Iterator[tuple[str, str]]:
        """Go through the stuck jobs in a wait's way, each with the resource it holds, or ""."""
        for job in wait.jobs:
            if is_stuck(job):
                yield "", job
        for needs in wait.units:
            for name in self._short(needs, is_stuck):
                for holding in self._resources.holdings(name):
                    if is_stuck(holding.job_id):
                        yield name, holding.job_id

    def _short(self, needs: Mapping[str, int], is_stuck: Stuck) -> Iterator[str]:
        """Go through the resources of which stuck jobs hold too much."""
        for name, units in needs.items():
            lost = sum(h.units for h in self._resources.holdings(name) if is_stuck(h.job_id))
            if units > self._resources.capacity(name) - lost:
                yield name


class _Reach:
    """The part of the graph on which one job depends.  Made for one question."""

    def __init__(
        self, graph: WaitGraph, root: str, waits: list[WaitEdge], *, in_line: bool
    ) -> None:
        self._graph = graph
        self._root = root
        self._in_line = in_line
        self._may_stand: dict[str, bool] = {root: True}
        self.waits: dict[str, list[WaitEdge]] = {root: waits}
        """The waits of each job, without those that surely come to an end."""

    def may_stand(self, job_id: str) -> bool:
        """Return whether a job waits for anything at all."""
        known = self._may_stand.get(job_id)
        if known is None:
            waits = self._graph.waits_of(job_id, in_line=self._in_line)
            known = self._may_stand[job_id] = next(waits, None) is not None
        return known

    def explore(self) -> None:
        """Find all jobs that can be reached."""
        to_visit = [self._root]
        while to_visit:
            for wait in self.waits[to_visit.pop()]:
                for _, job in self._graph.blockers(wait, self.may_stand):
                    if job not in self.waits:
                        self.waits[job] = self._doubtful(job)
                        to_visit.append(job)

    def _doubtful(self, job_id: str) -> list[WaitEdge]:
        waits = self._graph.waits_of(job_id, in_line=self._in_line)
        return [wait for wait in waits if not self._graph.is_over(wait, self.may_stand)]

    def stuck(self, but: str | None = None) -> set[str]:
        """Return the jobs that can never go on, if ``but`` can."""
        stuck = {job for job, waits in self.waits.items() if waits and job != but}
        waiters = self._waiters()
        to_visit = list(stuck)
        while to_visit:
            job = to_visit.pop()
            if job in stuck and self._goes_on(job, stuck):
                stuck.discard(job)
                to_visit += waiters[job]
        return stuck

    def _goes_on(self, job_id: str, stuck: set[str]) -> bool:
        return all(self._graph.is_over(wait, stuck.__contains__) for wait in self.waits[job_id])

    def _waiters(self) -> defaultdict[str, list[str]]:
        waiters: defaultdict[str, list[str]] = defaultdict(list)
        for job, waits in self.waits.items():
            for wait in waits:
                for _, other in self._graph.blockers(wait, self.may_stand):
                    waiters[other].append(job)
        return waiters

    def circle(self, stuck: set[str]) -> list[_GraphStep]:
        """Return the shortest way from the asking job through stuck ones back to itself."""
        before: dict[str, _GraphStep] = {}
        to_visit = deque([self._root])
        while to_visit:
            job = to_visit.popleft()
            for step in self._steps(job, stuck):
                if step.to == self._root:
                    return _path(before, step, self._root)
                if step.to not in before:
                    before[step.to] = step
                    to_visit.append(step.to)
        raise AssertionError(f"{self._root} stands still, and not in a circle")

    def _steps(self, job_id: str, stuck: set[str]) -> Iterator[_GraphStep]:
        for wait in self.waits[job_id]:
            if not self._graph.is_over(wait, stuck.__contains__):
                for name, other in self._graph.blockers(wait, stuck.__contains__):
                    yield _GraphStep(job_id, wait.words, name, other)


class _GraphStep(Struct, frozen=True):
    """One edge of a circle: ``job_id`` waits for ``to``, or for a resource that it holds."""

    job_id: str
    words: str
    name: str
    to: str

    def phrase(self, held: str) -> str:
        """Return the edge in words, with what the job holds that the one before waits for."""
        holds = f"holds {held!r} and " if held else ""
        return f"{self.job_id} {holds}{self.words} {repr(self.name) if self.name else self.to}"


def _path(before: Mapping[str, _GraphStep], last: _GraphStep, root: str) -> list[_GraphStep]:
    path = [last]
    while path[-1].job_id != root:
        path.append(before[path[-1].job_id])
    return path[::-1]


def _deadlock(circle: list[_GraphStep]) -> Deadlock:
    held = [circle[-1].name, *(step.name for step in circle[:-1])]
    phrases = tuple(step.phrase(name) for step, name in zip(circle, held, strict=True))
    first = circle[0]
    return Deadlock(first.job_id, first.name or first.to, phrases)
