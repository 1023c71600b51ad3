"""The steps of a simulation: each tells the engine and the model the same thing."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja
from tests.simulation.rows import Row, options_of
from tests.simulation.theatre import Planned, Theatre

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock

    from tests.simulation.model import Model

GOLDEN = 0.6180339887
WAITING = {"paused", "awaiting", "acquiring", "returning"}
"""The places of a job whose main task waits, inside of the engine."""


class Moves:
    """The moves of one run."""

    def __init__(self, jobs: ja.Jobs, model: Model, theatre: Theatre, clock: MockClock) -> None:
        self.jobs = jobs
        self.model = model
        self.theatre = theatre
        self.clock = clock
        self.handles: dict[str, ja.Job[Any]] = {}
        self.replies: list[ja.Reply | None] = []
        self.waits: dict[str, str] = {}
        """What the model says of waits that end at once."""
        self.reads: set[str] = set()
        """Which jobs are read in this step."""
        self.deleted: set[str] = set()
        """Which jobs are deleted, from the store as well."""
        self.removals: set[str] = set()
        """Which jobs are taken out of the registry in this step."""
        self._odd = itertools.count(1)
        # The engine's clock shows wall time; a job that nobody will miss tells how far it is off.
        probe = jobs.options(hold=True).submit(theatre.act, 0)
        self.epoch = probe.info.submitted_at - trio.current_time()
        probe.cancel()
        jobs.registry.take(probe.id)

    # -- choosing

    def _pick(self, which: int) -> Row | None:
        rows = self.model.unfinished() if which < 8 else list(self.model.rows.values())
        return rows[which % len(rows)] if rows else None

    def _pick_ended(self, which: int) -> Row | None:
        rows = [row for row in self.model.rows.values() if row.terminal]
        return rows[which % len(rows)] if rows and which < 8 else self._pick(which)

    def _odd_time(self, seconds: float) -> float:
        """Make a length of time that no other one shares, so that deadlines have an order."""
        return seconds + 0.9 * (next(self._odd) * GOLDEN % 1)

    # -- submit

    def submit(self, given: dict[str, Any]) -> None:
        """Submit a job with the given options."""
        rows = list(self.model.rows.values())
        row = Row("", 0, given.get("flavour", 0), self.model.now)
        row.priority = given.get("priority", 0)
        row.needs = dict(given.get("needs", {}))
        row.key = given.get("key")
        row.held = given.get("held", False)
        row.attempts, row.delay = given.get("attempts", 1), self._odd_time(given.get("delay", 1))
        for name in ("timeout", "start_deadline", "grace"):
            if name in given:
                setattr(row, name, self._odd_time(given[name]))
        if "start_in" in given:
            row.due = self.model.now + self._odd_time(given["start_in"])
        if rows:
            for which, when in given.get("after", []):
                row.edges[rows[which % len(rows)].id] = when
            if "argument" in given:
                row.argument = rows[given["argument"] % len(rows)].id
        options = options_of(row, self.epoch)
        options["on_duplicate"] = given.get("on_duplicate", "return")
        options["on_busy"] = given.get("on_busy", "wait")
        options["after"] = [ja.after(self.handles[i], w) for i, w in row.edges.items()]  # type: ignore[arg-type]
        args = [row.flavour] + ([self.handles[row.argument]] if row.argument else [])
        if row.argument:
            row.edges[row.argument] = "succeeded"
        submitter = self.jobs.options(**options)
        if given.get("too_much"):
            submitter = submitter.options(resources={"gpu": 3}, on_duplicate="replace")
            with pytest.raises(ja.TooMuch):
                submitter.submit(self.theatre.act, *args)  # type: ignore[arg-type]
            return
        self._take_in(row, lambda: submitter.submit(self.theatre.act, *args), options)  # type: ignore[arg-type]

    def restart(self, which: int) -> None:
        """Submit an ended job again."""
        row = self._pick_ended(which)
        if row is None:
            return
        handle = self.handles[row.id]
        if not row.terminal:
            with pytest.raises(ja.IllegalVerb):
                handle.restart()
            return
        again = Row("", 0, row.flavour, self.model.now, row.priority, dict(row.needs), row.key)
        again.argument = row.argument
        again.edges = {row.argument: "succeeded"} if row.argument else {}
        again.attempts, again.delay = row.attempts, row.delay
        again.timeout, again.grace = row.timeout, row.grace
        again.start_deadline = row.start_deadline
        again.rules = row.rules
        self._take_in(again, handle.restart, row.rules)

    def _take_in(
        self, row: Row, submit: Callable[[], ja.Job[Any]], options: dict[str, Any]
    ) -> None:
        model = self.model
        row.rules = {name: options[name] for name in ("on_duplicate", "on_busy")}
        twin = model.holder_of(row.key)
        if twin is not None and options["on_duplicate"] != "replace":
            same = (twin.flavour, twin.argument) == (row.flavour, row.argument)
            if same and options["on_duplicate"] == "return":
                assert submit().id == twin.id
            else:
                with pytest.raises(ja.DuplicateJob):
                    submit()
            return
        short = any(units > model.free(name) for name, units in row.needs.items())
        wanted = any(row.needs.keys() & other.needs.keys() for other in model.queue())
        short = short or not model.requested().isdisjoint(row.needs)
        try:
            job = submit()
        except ja.ResourceBusy:
            assert options["on_busy"] == "raise", "it wanted to wait"
            assert short or wanted, "nothing is busy"
            return
        assert not (short and options["on_busy"] == "raise"), "taken, although it is busy"
        if twin is not None:
            model.cancel(twin)
            twin.owns_key = False
        assert job.id not in self.handles, "a new job has an id of its own"
        self.handles[job.id] = job
        row.id = job.id
        model.add(row)

    # -- what a job's code does

    def line(self, given: Any) -> None:
        """Let the code of a job do something."""
        which, (line, what) = given
        listening = [row for row in self.model.rows.values() if row.listens]
        if not listening:
            return
        row = listening[which % len(listening)]
        if line == "snooze":
            what = self._odd_time(what)
        if line == "await":
            others = list(self.model.rows.values())
            other = others[what % len(others)]
            verdict = self.model.wait_for(row, other)
            if verdict != "waits":
                self.waits[row.id] = verdict
            what = self.handles[other.id]
        elif line == "acquire":
            verdict = self.model.acquire(row, [dict(needs) for needs in what])
            if verdict != "waits":
                self.waits[row.id] = verdict
        elif line == "read":
            self._read_inbox(row)
        else:
            self.model.line(row, line, what)
        self.theatre.stages[row.id].send.send_nowait((line, what))

    def _read_inbox(self, row: Row) -> None:
        kind, number = row.inbox.pop(0) if row.inbox else ("", None)
        row.reads = number
        if kind == "ask" and number is not None:
            self.model.replies[number] = "answered"

    def die(self, which: int) -> None:
        """Let another task of a job raise while its main one waits, or stands still."""
        waiting = [row for row in self.model.rows.values() if row.place in WAITING]
        waiting = [row for row in waiting if not (row.shielded or row.stopping)]
        if waiting:
            row = waiting[which % len(waiting)]
            self.model.die(row)
            self.theatre.stages[row.id].die()

    # -- verbs

    def cancel(self, which: int) -> None:
        """Cancel any job."""
        row = self._pick(which)
        if row is not None:
            self.model.cancel(row)
            self.handles[row.id].cancel("as planned")

    def pause(self, which: int) -> None:
        """Pause any job."""
        row = self._pick(which)
        if row is not None and self._told(row, "pause", row.state in {"running", "paused"}):
            self.model.pause(row)

    def reach(self, which: int) -> None:
        """Let a job that was asked to pause come to a point where it can."""
        asked = [row for row in self.model.rows.values() if row.listens and row.request == "pause"]
        if asked:
            row = asked[which % len(asked)]
            self.model.line(row, "check", None)
            self.theatre.stages[row.id].send.send_nowait(("check", None))

    def resume(self, which: int) -> None:
        """Resume any job, most often a paused one."""
        paused = [row for row in self.model.rows.values() if row.state == "paused"]
        row = paused[which % len(paused)] if paused and which < 7 else self._pick(which)
        if row is not None and self._told(row, "resume", row.state in {"running", "paused"}):
            self.model.resume(row)

    def hold(self, which: int) -> None:
        """Hold any job."""
        row = self._pick(which)
        if row is not None and self._told(row, "hold", row.state == "queued"):
            row.held = True

    def release(self, which: int) -> None:
        """Release any job."""
        row = self._pick(which)
        if row is not None and self._told(row, "release", row.state == "queued"):
            row.held = False

    def priority(self, given: tuple[int, int]) -> None:
        """Change a job's priority."""
        row = self._pick(given[0])
        if row is not None and self._told(row, "update", not row.terminal, priority=given[1]):
            row.priority = given[1]

    def needs(self, given: tuple[int, dict[str, int]]) -> None:
        """Change what a job needs: what it holds already stays as it is."""
        row, needs = self._pick(given[0]), dict(given[1])
        if row is None:
            return
        if row.state == "queued" and self.model.closes_circle(row, needs=needs):
            with pytest.raises(ja.Deadlock):
                self.handles[row.id].update(resources=needs)
        elif self._told(row, "update", not row.terminal, resources=needs):
            row.needs = needs

    def start_in(self, given: tuple[int, float]) -> None:
        """Change when a job may start for the first time."""
        row = self._pick(given[0])
        if row is None:
            return
        at = self.model.now + self._odd_time(given[1])
        told = self._told(row, "update", not row.terminal, start_at=self.epoch + at)
        if told and row.state == "queued" and not row.attempt:
            row.due = at

    def _told(self, row: Row, verb: str, legal: bool, **changes: Any) -> bool:
        call = getattr(self.handles[row.id], verb)
        if legal:
            call(**changes)
        else:
            with pytest.raises(ja.IllegalVerb):
                call(**changes)
        return legal

    def tell(self, which: int) -> None:
        """Tell any job something."""
        self._message(which, "tell")

    def ask(self, which: int) -> None:
        """Ask any job something."""
        self._message(which, "ask")

    def _message(self, which: int, kind: str) -> None:
        row = self._pick(which)
        if row is None:
            return
        number = len(self.replies)
        call = getattr(self.handles[row.id], kind)
        if row.terminal or len(row.inbox) == 2:
            with pytest.raises(ja.IllegalVerb if row.terminal else ja.MailboxFull):
                call(number)
            return
        self.replies.append(call(number))
        row.inbox.append((kind, number))
        if kind == "ask":
            self.model.replies[number] = "open"

    # -- the system

    def scale(self, max_running: int | None) -> None:
        """Change the number of slots."""
        self.model.max_running = max_running
        self.jobs.scale(max_running)

    def dispatch(self, held: bool) -> None:
        """Start nothing, or start again."""
        self.model.dispatch_held = held
        (self.jobs.hold_dispatch if held else self.jobs.release_dispatch)()

    async def wait(self, which: int) -> None:
        """Read a job that has ended, by waiting for it."""
        row = self._pick_ended(which)
        if row is None or not row.terminal:
            return
        self.reads.add(row.id)
        if row.state == "succeeded":
            assert await self.handles[row.id] == row.value
            return
        with pytest.raises((Planned, ja.JobCancelled, ja.JobTimedOut, ja.Deadlock)) as raised:
            await self.handles[row.id]
        assert isinstance(raised.value, ja.JobCancelled) is (row.state == "cancelled")

    def take(self, which: int) -> None:
        """Take a job out of the registry."""
        row = self._pick_ended(which)
        if row is None:
            return
        if row.kept and row.terminal:
            self.removals.add(row.id)
            self.jobs.registry.take(row.id)
            return
        with pytest.raises(ja.IllegalVerb if row.kept else ja.UnknownJob):
            self.jobs.registry.take(row.id)

    def delete(self, which: int) -> None:
        """Delete a job, here and in the store, unless somebody still needs it."""
        row = self._pick_ended(which)
        if row is None:
            return
        delete = self.handles[row.id].delete
        stored = self.jobs.store is not None and row.id not in self.deleted
        if any(row.id in other.edges for other in self.model.unfinished()) or (
            row.kept and not row.terminal
        ):
            with pytest.raises(ja.IllegalVerb):
                delete()
        elif row.kept or stored:
            if row.kept:
                self.removals.add(row.id)
            self.deleted.add(row.id)
            delete()
        else:
            with pytest.raises(ja.UnknownJob):
                delete()

    def next_moment(self, target: float, too_close: float) -> bool | None:
        """Move both clocks to the next thing that happens by itself, at most to ``target``.

        Returns whether there was one; None if two things would happen at the same time.
        """
        model = self.model
        moments = [moment for moment in model.moments() if moment[0] <= target]
        if len(moments) > 1 and moments[1][0] - moments[0][0] < too_close:
            return None
        at = moments[0][0] + too_close / 10 if moments else target
        self.clock.jump(max(0.0, at - trio.current_time()))
        model.now = trio.current_time()
        if moments:
            model.pass_moment(*moments[0][1:])
        return bool(moments)
