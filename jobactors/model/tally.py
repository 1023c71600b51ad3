"""``Tally``: what the ended jobs of one type have taken, in one hour or in many."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from .duration_sketch import DurationSketch
from .states import JobState, Waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .snapshot import JobSnapshot
    from .spans import Span

_SLOT: Final = str(Waiting.SLOT)


class Tally:
    """Counts ended jobs, and how long they ran, waited and paused.  Two tallies can be merged."""

    __slots__ = ("attempts", "ends", "is_stored", "items", "paused", "run", "waits")

    def __init__(self) -> None:
        self.ends: dict[str, int] = {}
        """The number of jobs in each terminal state."""
        self.attempts: int = 0
        """Their attempts."""
        self.items: float = 0
        """The units of progress that they have done."""
        self.run: DurationSketch = DurationSketch()
        """Seconds at work, of each that has started."""
        self.paused: DurationSketch = DurationSketch()
        """Seconds paused, of each that was."""
        self.waits: dict[str, DurationSketch] = {}
        """By reason, the seconds that each has waited for it."""
        self.is_stored: bool = True
        """Whether a store holds it as it is now; set by its owner."""

    def add(self, snapshot: JobSnapshot, spans: Sequence[Span] | None) -> None:
        """Count an ended job.

        Args:
            snapshot: The job's last snapshot.
            spans: The spans of its life; None if it waited for a slot, ran, and ended.
        """
        ends, state, done = self.ends, snapshot.state, snapshot.progress.done
        ends[state] = ends.get(state, 0) + 1
        self.attempts += snapshot.attempt
        if 0 < done < inf:
            self.items += done
        if spans is not None:
            self._add_spans(spans, has_started=snapshot.started_at is not None)
            return
        end, started = snapshot.finished_at or snapshot.changed_at, snapshot.started_at
        waits = self.waits.get(_SLOT)
        if waits is None:
            waits = self.waits[_SLOT] = DurationSketch()
        waits.add((end if started is None else started) - snapshot.info.submitted_at)
        if started is not None:
            self.run.add(end - started - snapshot.paused_for)
            if snapshot.paused_for:
                self.paused.add(snapshot.paused_for)

    def _add_spans(self, spans: Sequence[Span], *, has_started: bool) -> None:
        run = paused = 0.0
        waits: dict[str, float] = {}
        for span in spans:
            if span.state is JobState.PAUSED:
                paused += span.seconds
            elif span.waiting is not None:
                waits[span.waiting] = waits.get(span.waiting, 0.0) + span.seconds
            elif span.state.is_active:
                run += span.seconds
        for reason, seconds in waits.items():
            self.waits.setdefault(str(reason), DurationSketch()).add(seconds)
        if has_started:
            self.run.add(run)
        if paused:
            self.paused.add(paused)

    def merge(self, other: Tally) -> None:
        """Count all that another tally has counted."""
        ends = self.ends
        for state, count in other.ends.items():
            ends[state] = ends.get(state, 0) + count
        self.attempts += other.attempts
        self.items += other.items
        if other.run.buckets:
            self.run.merge(other.run)
        if other.paused.buckets:
            self.paused.merge(other.paused)
        waits = self.waits
        for reason, sketch in other.waits.items():
            mine = waits.get(reason)
            if mine is None:
                mine = waits[reason] = DurationSketch()
            mine.merge(sketch)

    def copy(self) -> Tally:
        """Return another tally that has counted the same."""
        same = Tally()
        same.merge(self)
        return same

    def to_json(self) -> str:
        """Return it as a JSON text; see :meth:`from_json`."""
        import json  # for a store alone

        waits = {reason: sketch.as_plain() for reason, sketch in self.waits.items()}
        return json.dumps(
            {
                "ends": self.ends,
                "attempts": self.attempts,
                "items": self.items,
                "run": self.run.as_plain(),
                "paused": self.paused.as_plain(),
                "waits": waits,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> Tally:
        """Return the tally of a JSON text.

        Raises:
            ValueError: if it is none.
        """
        plain = msgspec.json.decode(text.encode(), type=_TallyJson)
        tally = cls()
        tally.ends = {str(JobState(state)): count for state, count in plain.ends.items()}
        tally.attempts, tally.items = plain.attempts, plain.items
        tally.run = DurationSketch.from_plain(*plain.run)
        tally.paused = DurationSketch.from_plain(*plain.paused)
        tally.waits = {
            str(Waiting(reason)): DurationSketch.from_plain(*sketch)
            for reason, sketch in plain.waits.items()
        }
        return tally


_SketchJson = tuple[float, float, list[tuple[int, int]]]


class _TallyJson(Struct):
    ends: dict[str, int]
    attempts: int
    items: float
    run: _SketchJson
    paused: _SketchJson
    waits: dict[str, _SketchJson]
