"""Plays a program in the engine and in the model at once, and compares after every step."""

from __future__ import annotations

import inspect
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

import jobactors as ja
from tests.simulation.memory import check_store
from tests.simulation.model import Model
from tests.simulation.moves import Moves
from tests.simulation.rows import CAPACITIES, Row
from tests.simulation.theatre import Planned, Theatre
from tests.simulation.watcher import Watcher

if TYPE_CHECKING:
    from tests.simulation.programs import Program

TOO_CLOSE = 1e-3
"""Seconds: two deadlines as near to each other as this have no order worth promising."""
LITTLE = ja.Retention(jobs=4, read=1)

WAITS_AT_WORK = {"awaiting": "dependency", "acquiring": "resource", "returning": "slot"}
"""The reason for which a job waits that has started, by its place in the model."""


class Play:
    """One run of one program, until its block is left."""

    def __init__(self, moves: Moves, watcher: Watcher, little: bool) -> None:
        self.moves = moves
        self.model = moves.model
        self.theatre = moves.theatre
        self.watcher = watcher
        self.little = little

    async def do(self, step: str, what: Any) -> bool:
        """Do one step in both, and compare; returns False where the order is not promised."""
        if step == "tick":
            return await self._tick(what)
        self._begin_step()
        if step == "pause and reach":
            self.moves.pause(what)
            await self._settle()
            self._begin_step()
            step = "reach"
        done = getattr(self.moves, step)(what)
        if inspect.isawaitable(done):
            await done
        await self._settle()
        return True

    async def _tick(self, seconds: int) -> bool:
        target = float(int(trio.current_time()) + seconds)
        happened: bool | None = True
        while happened:
            self._begin_step()
            happened = self.moves.next_moment(target, TOO_CLOSE)
            await self._settle()
        return happened is False

    def _begin_step(self) -> None:
        self.model.step += 1
        self.model.now = trio.current_time()

    async def _settle(self) -> None:
        """Let the engine do all it has to do, and compare."""
        await wait_all_tasks_blocked()
        for event in self.watcher.news():
            self._hear(event, self.model.rows[event.job_id])
        said, self.theatre.said = self.theatre.said, []
        for job_id, what, answer in said:
            self._listen(self.model.rows[job_id], what, answer)
        self.model.nothing_is_left_to_do()
        self._compare()
        self.moves.reads.clear()
        self.moves.removals.clear()

    # -- what the engine says

    def _hear(self, event: ja.Event, row: Row) -> None:
        match event:
            case ja.JobQueued():
                row.announced = True
            case ja.JobStarted():
                self.model.starts(row, event.attempt)
            case ja.JobFinished():
                self.model.ends_as(row, str(event.outcome.state))
                if event.outcome.state != "failed":
                    assert event.outcome.value == row.value
            case ja.JobRetried():
                self.model.retried(row)
            case ja.JobPaused():
                self.model.paused(row)
            case ja.JobResumed():
                self.model.resumed(row)
            case ja.JobRead():
                assert (row.terminal, row.kept, row.read) == (True, True, False)
                row.read = True
            case ja.JobRemoved():
                assert (row.terminal, row.kept) == (True, True)
                assert self.little or row.id in self.moves.removals
                assert event.unread is not (row.read or event.why == "taken")
                row.kept = False

    def _listen(self, row: Row, what: str, answer: object) -> None:
        if what == "read":
            assert answer == row.reads
            return
        verdict = self.moves.waits.pop(row.id, "")
        assert (what == "refused") is (verdict == "refused"), f"{row.id}: {what}, not {verdict}"
        if what == "refused":
            return
        if not verdict:
            self.model.goes_on(row)
        if what == "acquired":
            return
        other = self.model.rows[what]
        self.moves.reads.add(what)
        expected: dict[str, set[object]] = {
            "succeeded": {other.value},
            "cancelled": {"JobCancelled"},
            "failed": {"Planned", "JobTimedOut", "Deadlock"},
        }
        assert answer in expected[other.state]

    # -- how both stand

    def _compare(self) -> None:
        model, jobs = self.model, self.moves.jobs
        rows = model.rows.values()
        for row in rows:
            self._compare_job(row, self.moves.handles[row.id].snapshot())
        assert not self.moves.waits, "what was said at once has been heard"
        assert all(model.rows[i].read or not model.rows[i].kept for i in self.moves.reads)
        unread = [row for row in rows if row.terminal and row.kept and not row.read]
        ended = sorted(unread, key=lambda row: row.ended)
        assert [s.id for s in jobs.registry.unread()] == [row.id for row in ended]
        assert [s.id for s in jobs.list()] == [row.id for row in rows if row.kept]
        assert [s.id for s in jobs.queue()] == [row.id for row in model.queue()]
        assert jobs.stats().by_state == {
            state: sum(row.state == state and row.kept for row in rows) for state in ja.JobState
        }
        holders = {
            (state.name, holding.job_id): holding.units
            for state in jobs.resources()
            for holding in state.holders
        }
        assert holders == {(name, r.id): n for r in rows for name, n in r.holds.items()}
        if self.little:
            kept = [row for row in rows if row.terminal and row.kept]
            assert len(kept) <= LITTLE.jobs
            assert sum(row.read for row in kept) <= LITTLE.read
        self._compare_replies()

    def _compare_job(self, row: Row, snapshot: ja.JobSnapshot) -> None:
        said = (
            str(snapshot.state),
            snapshot.attempt,
            None if snapshot.request is None else str(snapshot.request),
            snapshot.stuck,
            snapshot.info.priority,
            snapshot.read,
        )
        assert said == (row.state, row.attempt, row.request, row.stuck, row.priority, row.read), (
            f"{row.id} is {said}, and should be {row}"
        )
        if row.state == "queued":
            reasons = self.model.reason(row)
            assert str(snapshot.waiting) in reasons, f"{row.id}: {snapshot.waiting}, not {reasons}"
        else:
            reason = WAITS_AT_WORK.get(row.place)
            assert snapshot.waiting == reason, f"{row.id}: {snapshot.waiting}, not {reason}"
        assert self.watcher.snapshots[row.id] == snapshot, "the events tell all that has happened"
        assert self.watcher.ends[row.id] == row.terminal
        assert self.watcher.starts[row.id] == list(range(1, row.attempt + 1))
        for attempt in range(1, row.attempt + 1):
            assert self.theatre.entered[row.id, attempt] == 1, "an attempt starts once"
        if row.argument and row.attempt:
            assert self.theatre.given[row.id] == self.model.rows[row.argument].value

    def _compare_replies(self) -> None:
        for number, expected in self.model.replies.items():
            reply = self.moves.replies[number]
            assert reply is not None
            try:
                said = "answered" if reply.result(0) == number else "wrong"
            except ja.NoAnswer as exc:
                said = "dropped" if "ended" in str(exc) else "open"
            assert said == expected


# -- the whole


def play(program: Program) -> Counter[str]:
    """Play one program to its end; returns how often its steps were done."""
    return trio.run(partial(_play, program, clock := MockClock()), clock=clock)


async def _play(program: Program, clock: MockClock) -> Counter[str]:
    tasks = trio.lowlevel.current_statistics().tasks_living
    stand = Stand(program, clock)
    async with trio.open_nursery() as nursery:
        await stand.perform(nursery)
    assert trio.lowlevel.current_statistics().tasks_living == tasks, "no task is left"
    return stand.done


class Stand:
    """Opens the block, plays the program in it, and looks at how the block ends."""

    def __init__(self, program: Program, clock: MockClock) -> None:
        self.program = program
        self.clock = clock
        self.watcher = Watcher()
        self.late = Watcher()
        self.theatre = Theatre()
        self.handles: dict[str, ja.Job[Any]] = {}
        self.deleted: set[str] = set()
        self.done: Counter[str] = Counter()
        self.has_ended = False
        self.store = ja.MemoryStore() if program.get("store") else None

    async def perform(self, nursery: trio.Nursery) -> None:
        """Play the program, leave the block as it says, and look around."""
        left_by: BaseException | None = None
        with trio.CancelScope() as outside:
            try:
                await self._in_block(nursery, outside)
            except (Planned, ExceptionGroup) as exc:
                left_by = exc
            finally:
                self.has_ended = True
        await wait_all_tasks_blocked()
        how = self.program["end"]
        assert outside.cancelled_caught is (how == "by a cancel")
        self._look_around(left_by)

    async def _in_block(self, nursery: trio.Nursery, outside: trio.CancelScope) -> None:
        little = self.program["retention"] == "little"
        async with ja.open_jobs(
            self.program["max_running"],
            resources=CAPACITIES,
            retention=LITTLE if little else None,
            store=self.store,
        ) as jobs:
            model = Model(self.program["max_running"])
            moves = Moves(jobs, model, self.theatre, self.clock)
            self.handles, self.deleted = moves.handles, moves.deleted
            await nursery.start(self.watcher.watch, jobs)
            performance = Play(moves, self.watcher, little)
            try:
                await self._perform_all(performance, nursery, jobs)
            finally:
                self.theatre.close()  # whatever was found, no job may keep it from being said
            await wait_all_tasks_blocked()
            self.watcher.news()
            match self.program["end"]:
                case "by an error":
                    raise Planned("in the body")
                case "by a cancel":
                    outside.cancel()
                    await trio.lowlevel.checkpoint()
                case _:
                    nursery.start_soon(self._finish)

    async def _perform_all(self, performance: Play, nursery: trio.Nursery, jobs: ja.Jobs) -> None:
        for step, what in self.program["steps"]:
            if step == "look":
                if not self.late.is_watching:
                    await nursery.start(self.late.watch, jobs)
                continue
            if not await performance.do(step, what):
                return
            self.done[step] += 1

    # -- a normal end, with somebody who brings all work to its end

    async def _finish(self) -> None:
        idle = 0
        while True:
            await wait_all_tasks_blocked()
            if self.has_ended:
                return
            listening = [
                stage
                for stage in self.theatre.stages.values()
                if stage.send.statistics().tasks_waiting_receive
            ]
            for stage in listening:
                stage.send.send_nowait(("return", 0))
            idle = 0 if listening else idle + 1
            self.clock.jump(100)
            if idle > 5:
                self._complain()

    def _complain(self) -> NoReturn:
        """Say what is left when nothing moves any more."""
        left = {i: job.snapshot() for i, job in self.handles.items() if not job.state.is_terminal}
        resting = [
            i
            for i, snapshot in left.items()
            if (snapshot.state == "paused" and snapshot.request is None)
            or snapshot.waiting == "hold"
        ]
        assert not resting, f"the block hangs, because nobody cancels {resting}"
        raise AssertionError(f"the block hangs, and {self.theatre.waiting} wait: {left}")

    # -- afterwards

    def _look_around(self, left_by: BaseException | None) -> None:
        watcher = self.watcher
        snapshots = {job_id: job.snapshot() for job_id, job in self.handles.items()}
        for job_id, snapshot in snapshots.items():
            rests = self.store is not None and snapshot.state == "interrupted"
            assert snapshot.state.is_terminal or rests, f"{snapshot} outlives its block"
            ends = watcher.ends[job_id]
            assert ends == (not rests), f"{snapshot} ended {ends} times"
            assert watcher.snapshots[job_id] == snapshot
            if job_id in self.late.snapshots:
                assert self.late.snapshots[job_id] == snapshot
        assert watcher.has_ended, "a subscription ends with its system"
        assert self.theatre.left == self.theatre.entered.total(), "no function is left running"
        self._check_how_it_was_left(left_by, snapshots)
        if self.store is not None:
            check_store(self.store, snapshots, watcher, self.deleted)

    def _check_how_it_was_left(
        self, left_by: BaseException | None, snapshots: dict[str, ja.JobSnapshot]
    ) -> None:
        how = self.program["end"]
        if how != "normally":
            assert all(snapshot.state.is_terminal for snapshot in snapshots.values())
            started = [event for event in self.watcher.news() if isinstance(event, ja.JobStarted)]
            assert not started, f"started while everything was being cancelled: {started}"
            assert isinstance(left_by, Planned) is (how == "by an error")
            return
        unread = {i for i, s in snapshots.items() if s.state == "failed" and not s.read}
        lost = unread & self.watcher.lost
        kept = unread - self.watcher.removed
        errors = left_by.exceptions if isinstance(left_by, ExceptionGroup) else ()
        assert len(errors) == (len(kept) or bool(lost)), f"{left_by!r} for {kept} and {lost}"
        assert (f"{len(lost)} of them" in str(left_by)) is bool(lost)
