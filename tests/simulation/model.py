"""What the engine has to do, as a table of rows that is looked through from end to end each time.

Written from the design, not from the engine.  A step changes the table at once where the design
says "at once", and notes in ``ending`` who has to end because of it; the events that the engine
then tells are checked one by one: may this job start now, was this one to end, and so.  When they
have been told, nothing may be left to do: nobody to end, no free slot with somebody to fill it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from tests.simulation.rows import CAPACITIES, Row

if TYPE_CHECKING:
    from collections.abc import Iterator


class Model:
    """The table, and the rules."""

    def __init__(self, max_running: int | None) -> None:
        self.rows: dict[str, Row] = {}
        self.max_running = max_running
        self.dispatch_held = False
        self.now = 0.0
        self.step = 0
        self.started_in = 0
        """The last step in which a job has started."""
        self.orders = 0
        self.ends = 0
        self.ending: dict[str, tuple[str, object]] = {}
        """Who has to end in this step, as what, and with which value."""
        self.retrying: dict[str, tuple[float, bool]] = {}
        """Who has to be queued again in this step: after which delay, and whether it failed."""
        self.pausing: set[str] = set()
        """Who has to stand still in this step."""
        self.replies: dict[int, str] = {}
        """How each question stands: open, answered, dropped."""

    # -- looking

    def unfinished(self) -> list[Row]:
        """The rows that have not ended."""
        return [row for row in self.rows.values() if not row.terminal]

    def free_slots(self) -> float:
        """How many more may run."""
        if self.max_running is None:
            return math.inf
        return max(0, self.max_running - sum(row.slot for row in self.rows.values()))

    def free(self, name: str) -> int:
        """Units that nobody holds."""
        return CAPACITIES.get(name, 1) - sum(row.holds.get(name, 0) for row in self.rows.values())

    def queue(self) -> list[Row]:
        """The waiting rows in the order in which they would start."""
        waiting = [row for row in self.rows.values() if row.state == "queued" and row.announced]
        return sorted(waiting, key=lambda row: (-row.priority, row.order))

    def upstream_open(self, row: Row) -> bool:
        """Whether a job it comes after has not ended."""
        return any(not self.rows[other].terminal for other in row.edges)

    def is_broken(self, row: Row) -> bool:
        """Whether it comes after a job that did not end as it has to."""
        return any(
            when == "succeeded" and self.rows[other].state in {"failed", "cancelled"}
            for other, when in row.edges.items()
        )

    def has_turn(self, row: Row) -> bool:
        """Whether nothing but a slot and resources keeps it from starting."""
        return not (self.dispatch_held or row.held or self.upstream_open(row) or row.due > self.now)

    def requested(self) -> set[str]:
        """The resources that running jobs have asked for, and wait for."""
        return {name for row in self.rows.values() for needs in row.wants for name in needs}

    def prospects(self) -> Iterator[tuple[Row, str]]:
        """Say of each row that has its turn whether it "must" start, "may", or "waits".

        Nobody overtakes a job that waits for the same resource, and no running job that has asked
        for it, unless all of them would stand still for ever.  One that lacks two resources waits
        for one of them, and the engine may choose which: then those behind it may start or not.
        """
        surely = self.requested()
        perhaps = set(surely)
        still = self.standstill(in_line=True)
        for row in filter(self.has_turn, self.queue()):
            lacks = {name for name, units in row.needs.items() if units > self.free(name)}
            behind = row.needs.keys() & perhaps
            if lacks or (row.needs.keys() & surely and row.id not in still):
                waits_for = lacks | behind
                perhaps |= waits_for
                surely |= waits_for if len(waits_for) == 1 else set()
                yield row, "waits"
            else:
                perhaps |= behind
                yield row, "may" if behind else "must"

    def standstill(self, *, in_line: bool = False) -> set[str]:
        """Return who can never go on; with ``in_line`` if nobody ever overtook anybody."""
        still = {row.id for row in self.unfinished()}
        before: set[str] | None = None
        while still != before:
            before = set(still)
            still = {i for i in still if self._is_stopped(self.rows[i], before, in_line=in_line)}
        return still

    def _is_stopped(self, row: Row, still: set[str], *, in_line: bool) -> bool:
        if row.awaits in still or (
            row.wants and not any(self._can_be_had(needs, still) for needs in row.wants)
        ):
            return True
        if row.state != "queued":
            return False
        if not row.edges.keys().isdisjoint(still) or not self._can_be_had(row.needs, still):
            return True
        return in_line and any(other.id in still for other in self._before(row))

    def _can_be_had(self, needs: dict[str, int], still: set[str]) -> bool:
        lost = {name: sum(self.rows[i].holds.get(name, 0) for i in still) for name in needs}
        return all(units <= CAPACITIES.get(name, 1) - lost[name] for name, units in needs.items())

    def _before(self, row: Row) -> Iterator[Row]:
        """Who must not be overtaken by a row."""
        for other in self.rows.values():
            if any(row.needs.keys() & needs.keys() for needs in other.wants):
                yield other
        for other in filter(self.has_turn, self.queue()):
            rank = (-other.priority, other.order)
            if rank < (-row.priority, row.order) and row.needs.keys() & other.needs.keys():
                yield other

    def closes_circle(self, row: Row, **changes: Any) -> bool:
        """Whether a row with these changes could never go on."""
        before = {name: getattr(row, name) for name in changes}
        for name, value in changes.items():
            setattr(row, name, value)
        closes = row.id in self.standstill()
        for name, value in before.items():
            setattr(row, name, value)
        return closes

    def moments(self) -> list[tuple[float, str, Row]]:
        """Everything that will happen by itself, in order."""
        found = [
            moment
            for row in self.unfinished()
            for moment in (
                (row.due, "due", row),
                (self._deadline(row), "deadline", row),
                (row.timeout_at if not row.stopping else math.inf, "timeout", row),
                (row.stuck_at if not row.stuck else math.inf, "stuck", row),
            )
            if self.now < moment[0] < math.inf
        ]
        return sorted(found, key=lambda moment: moment[0])

    def _deadline(self, row: Row) -> float:
        if row.start_deadline is None or row.state != "queued" or row.attempt:
            return math.inf
        return row.submitted + row.start_deadline

    # -- what a step changes at once

    def add(self, row: Row) -> None:
        """A job was accepted."""
        self.orders += 1
        row.order = self.orders
        self.rows[row.id] = row
        if self.is_broken(row):
            self.ending[row.id] = ("cancelled", None)

    def holder_of(self, key: str | None) -> Row | None:
        """Return the unfinished job that has this key."""
        for row in self.unfinished():
            if row.key == key and key is not None and row.owns_key:
                return row
        return None

    def cancel(self, row: Row) -> None:
        """Somebody wants it to end."""
        if row.state == "queued":
            self.ending[row.id] = ("cancelled", None)
        elif row.active and not row.stopping:
            row.state = "cancelling"
            self._stop(row, "cancel")

    def _stop(self, row: Row, request: str) -> None:
        row.request = request
        row.stuck_at = self.now + row.grace
        if row.place in {"paused", "returning"}:
            # It unwinds, and waits for nothing: it goes on, slot or no slot.
            row.place, row.slot = ("listening" if row.place == "paused" else "going on"), True
        if not row.shielded:
            self._unwind(row)

    def _leave(self, row: Row) -> None:
        """It waits for nothing any more, and gives back what it has got meanwhile."""
        row.place = "unwinding"
        row.wants, row.awaits = [], None
        for name, units in row.got.items():
            row.holds[name] -= units
        row.holds = {name: units for name, units in row.holds.items() if units}
        row.got = {}
        self._serve()

    def _unwind(self, row: Row) -> None:
        self._leave(row)
        row.told = True
        match row.on_cancel:
            case "return":
                self.ending[row.id] = self._return(row, "kept")
            case "finish":
                self.ending[row.id] = ("succeeded", "kept")
            case _:
                self.ending[row.id] = ("cancelled" if row.request == "cancel" else "failed", None)

    def _return(self, row: Row, value: object) -> tuple[str, object]:
        """It returns: it has done its work, unless it was told to end before."""
        if not row.told:
            return "succeeded", value
        return ("cancelled", value) if row.request == "cancel" else ("failed", None)

    def pause(self, row: Row) -> None:
        """Somebody wants it to stand still."""
        if row.state == "paused":
            row.request = None
        elif row.request is None:
            row.request = "pause"

    def resume(self, row: Row) -> None:
        """Somebody wants it to go on."""
        if row.state == "paused" and row.request is None:
            row.request, row.since = "resume", self.step
        elif row.state == "running" and row.request == "pause":
            row.request = None

    def line(self, row: Row, line: str, what: Any) -> None:
        """The job's code does something."""
        match line:
            case "return" | "finish" | "partial":
                self._end(row, line, what)
            case "poll":
                row.told = row.told or row.stopping
            case "fail" | "snooze":
                self._fail(row, None if line == "fail" else what)
            case "check":
                if row.request == "pause":
                    self.pausing.add(row.id)
            case "shield":
                row.shielded = what
                if row.stopping and not row.shielded:
                    self._unwind(row)
            case "on_cancel":
                row.on_cancel = what
            case "release":
                row.holds = {}
                self._serve()

    def die(self, row: Row) -> None:
        """Another task of the job raises, and its main one leaves where it waits."""
        self._leave(row)
        self._fail(row, None)

    def _end(self, row: Row, how: str, value: object) -> None:
        states = {"finish": "succeeded", "partial": "cancelled"}
        outright = states.get(how)
        self.ending[row.id] = (outright, value) if outright else self._return(row, value)

    def _fail(self, row: Row, snooze: float | None) -> None:
        if row.stopping:
            self.ending[row.id] = ("cancelled" if row.request == "cancel" else "failed", None)
        elif self.closes_circle(row, state="queued", holds={}, place="queue"):
            self.ending[row.id] = ("failed", None)
        elif snooze is not None:
            self.retrying[row.id] = (snooze, False)
        elif row.failures + 1 < row.attempts:
            self.retrying[row.id] = (row.delay, True)
        else:
            self.ending[row.id] = ("failed", None)

    def wait_for(self, row: Row, other: Row) -> str:
        """The job's code waits for another job; returns "refused", "at once" or "waits"."""
        if other.terminal:
            return "at once"
        if self.closes_circle(row, awaits=other.id):
            return "refused"
        row.place, row.awaits, row.slot = "awaiting", other.id, False
        return "waits"

    def acquire(self, row: Row, alternatives: list[dict[str, int]]) -> str:
        """The job's code asks for resources; returns "refused", "at once" or "waits"."""
        if self._take(row, alternatives):
            return "at once"
        if self.closes_circle(row, wants=alternatives):
            return "refused"
        self.orders += 1
        row.place, row.wants, row.asked, row.slot = "acquiring", alternatives, self.orders, False
        return "waits"

    def _take(self, row: Row, alternatives: list[dict[str, int]]) -> dict[str, int] | None:
        for needs in alternatives:
            if all(units <= self.free(name) for name, units in needs.items()):
                for name, units in needs.items():
                    row.holds[name] = row.holds.get(name, 0) + units
                return needs
        return None

    def _serve(self) -> None:
        """Units may have come back: first come, first served."""
        for row in sorted(self.rows.values(), key=lambda row: row.asked):
            taken = self._take(row, row.wants)
            if taken is not None:
                row.got, row.wants, row.since = taken, [], self.step
                row.place = "going on" if row.stopping else "returning"

    def pass_moment(self, kind: str, row: Row) -> None:
        """Something happens by itself."""
        match kind:
            case "deadline":
                self.ending[row.id] = ("failed", None)
            case "timeout":
                self._stop(row, "time out")
            case "stuck":
                row.stuck = True

    # -- what the engine tells, checked

    def starts(self, row: Row, attempt: int) -> None:
        """An attempt begins: was it allowed to?"""
        assert row.state == "queued", f"{row.id} starts while {row.state}"
        assert attempt == row.attempt + 1, f"{row.id} starts attempt {attempt} after {row.attempt}"
        assert self.free_slots() > 0, f"{row.id} starts without a slot"
        prospects = [(other, word) for other, word in self.prospects() if other is not row]
        mine = [word for other, word in self.prospects() if other is row]
        assert mine in (["must"], ["may"]), f"{row.id} starts, and should wait: {mine}"
        rank = (-row.priority, row.order)
        overtaken = [
            other.id
            for other, word in prospects
            if word == "must" and (-other.priority, other.order) < rank
        ]
        assert not overtaken, f"{row.id} overtakes {overtaken}"
        broken = [other for other in self.ending if self.rows[other].state == "queued"]
        assert row.id not in broken, f"{row.id} starts, and has been cancelled"
        self.started_in = self.step
        row.state, row.attempt, row.request = "running", attempt, None
        row.place, row.slot, row.holds = "listening", True, dict(row.needs)
        row.shielded, row.on_cancel, row.due = False, "raise", -math.inf
        row.told = False
        row.timeout_at = math.inf if row.timeout is None else self.now + row.timeout

    def _wants_slot_of_old(self, row: Row) -> bool:
        wants = row.place == "returning" or (row.place == "paused" and row.request == "resume")
        return wants and row.since < self.step

    def ends_as(self, row: Row, state: str) -> None:
        """A job has ended: was it to?"""
        assert row.id in self.ending, f"{row.id} ended as {state}, and nobody had asked for that"
        expected, row.value = self.ending.pop(row.id)
        assert state == expected, f"{row.id} ended as {state}, not as {expected}"
        self.ends += 1
        row.state, row.ended = state, self.ends
        row.request, row.stuck = None, False
        self._let_go(row)
        row.place = "gone"
        for kind, number in row.inbox:
            if kind == "ask":
                self.replies[number] = "dropped"
        for other in self.rows.values():
            if other.state == "queued" and other.id not in self.ending and self.is_broken(other):
                self.ending[other.id] = ("cancelled", None)
            if other.place == "awaiting" and other.awaits == row.id:
                other.awaits, other.since = None, self.step
                other.place = "going on" if other.stopping else "returning"

    def retried(self, row: Row) -> None:
        """An attempt has ended, and another one is to come."""
        assert row.id in self.retrying, f"{row.id} tries again, and should not"
        delay, failed = self.retrying.pop(row.id)
        # A retry does not undo a pause.
        is_paused = row.state == "paused" and row.request != "resume"
        row.held = row.held or is_paused or row.request == "pause"
        self._let_go(row)
        self.orders += 1
        row.order, row.state, row.place, row.request = self.orders, "queued", "queue", None
        row.due, row.why_due = self.now + delay, "retry delay"
        row.failures += failed

    def _let_go(self, row: Row) -> None:
        row.slot, row.holds = False, {}
        row.awaits, row.wants, row.got = None, [], {}
        row.timeout_at = row.stuck_at = math.inf
        row.time_left = None
        self._serve()

    def paused(self, row: Row) -> None:
        """A job stands still."""
        assert row.id in self.pausing, f"{row.id} pauses, and nobody had asked for that"
        self.pausing.discard(row.id)
        row.state, row.place, row.request, row.slot = "paused", "paused", None, False
        row.time_left = None if row.timeout is None else row.timeout_at - self.now
        row.timeout_at = math.inf

    def resumed(self, row: Row) -> None:
        """A job goes on after a pause."""
        asked = (row.state, row.request) == ("paused", "resume")
        assert asked, f"{row.id} resumes unasked"
        assert self.free_slots() > 0, f"{row.id} resumes without a slot"
        row.state, row.place, row.request, row.slot = "running", "listening", None, True
        row.timeout_at = math.inf if row.time_left is None else self.now + row.time_left

    def goes_on(self, row: Row) -> None:
        """A job goes on after it has waited for another one."""
        assert row.place in {"returning", "going on"}, f"{row.id} goes on while {row.place}"
        # One that unwinds takes its slot even if there is none.
        assert row.stopping or self.free_slots() > 0, f"{row.id} goes on without a slot"
        row.place, row.slot, row.got = "listening", True, {}

    # -- the end of a step

    def nothing_is_left_to_do(self) -> None:
        """Whatever could happen has happened."""
        assert not self.ending, f"should have ended: {self.ending}"
        assert not self.retrying, f"should have been queued again: {self.retrying}"
        assert not self.pausing, f"should have paused: {self.pausing}"
        going = [row.id for row in self.rows.values() if row.place == "going on"]
        assert not going, f"should have gone on: {going}"
        if self.started_in == self.step:
            early = [row.id for row in self.rows.values() if self._wants_slot_of_old(row)]
            assert not early, f"jobs start before {early} have their slots back"
            taken = sum(row.slot and not row.stopping for row in self.rows.values())
            assert taken <= (self.max_running or math.inf), "more run than there are slots"
        if self.free_slots() > 0:
            idle = [row.id for row, word in self.prospects() if word == "must"]
            assert not idle, f"a slot is free, and {idle} have not started"
            wanting = [
                row.id
                for row in self.rows.values()
                if row.place == "returning" or (row.place == "paused" and row.request == "resume")
            ]
            assert not wanting, f"a slot is free, and {wanting} have not got theirs back"
        met = [row.id for row in self.rows.values() if self._could_take(row)]
        assert not met, f"what {met} have asked for is free"
        assert not self.standstill(), f"{self.standstill()} wait in a circle"
        for name in {name for row in self.rows.values() for name in row.holds}:
            assert self.free(name) >= 0, f"more of {name} is held than there is"

    def _could_take(self, row: Row) -> bool:
        return any(
            all(units <= self.free(name) for name, units in needs.items()) for needs in row.wants
        )

    def reason(self, row: Row) -> set[str]:
        """What a queued job may say that it waits for."""
        if row.held or self.dispatch_held:
            return {"hold"}
        if self.upstream_open(row):
            return {"dependency"}
        if row.due > self.now:
            return {row.why_due}
        words = {other.id: word for other, word in self.prospects()}
        rank = (-row.priority, row.order)
        behind = any(
            row.needs.keys() & other.needs.keys() and (-other.priority, other.order) < rank
            for other in filter(self.has_turn, self.queue())
        )
        resource = {"resource"} if behind or words[row.id] != "must" else set[str]()
        return resource if self.free_slots() > 0 else resource | {"slot"}
