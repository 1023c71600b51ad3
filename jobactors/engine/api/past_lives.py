"""The lives of jobs for a timeline: from the registry, and from the event logs of a store."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from jobactors.engine.storage.past_turns import stages_from, turns_from
from jobactors.engine.storage.stored_jobs import records_from
from jobactors.model.identity import type_names
from jobactors.model.spans import StageTurn, Turn, spans_of, stage_spans_of, with_past
from jobactors.model.timeline_bars import Bar, lay_out

from .job_graphs import earlier_jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from jobactors.engine.ports.store import Store
    from jobactors.engine.records.record import Record
    from jobactors.engine.storage.journal import Journal
    from jobactors.engine.system.job_system import JobSystem
    from jobactors.model.identity import TypeOrFunction
    from jobactors.model.stored_rows import EventRow, JobRow
    from jobactors.model.timeline_bars import LanesBy


class Life(NamedTuple):
    """A job, and the moments of its life that were noted."""

    record: Record
    turns: tuple[Turn, ...] | None
    stages: tuple[StageTurn, ...] | None


def lives_in(
    system: JobSystem,
    by: LanesBy,
    since: float,
    now: float,
    kind: TypeOrFunction | None,
    limit: int,
) -> tuple[list[Bar], int]:
    """Return the bars of a system's jobs, and how many older ones there are; from any thread."""
    types = None if kind is None else type_names(kind)

    def is_wanted(record: Record) -> bool:
        snapshot = record.snapshot
        ended = snapshot.finished_at
        return (types is None or snapshot.info.type in types) and (ended is None or ended >= since)

    lives = system.parts.portal.look(partial(_lives_here, system, is_wanted))
    journal = system.parts.journal
    is_readable = journal is not None and not system.parts.portal.is_closed
    if journal is not None and is_readable:
        here = {life.record.id for life in lives}
        rows = journal.read(partial(_ended_rows, since=since, limit=limit, known=here))
        lives += [Life(record, None, None) for record in filter(is_wanted, records_from(rows))]
    lives.sort(key=lambda life: life.record.snapshot.info.submitted_at)
    shown = lives[max(0, len(lives) - limit) :]
    if journal is not None and is_readable:
        shown = _with_past(shown, journal, system.recovery.restored_at)
    bars = [bar for life in shown for bar in _bars_of(life, by, now)]
    return lay_out(bars, _LANES[by]), len(lives) - len(shown)


def _lives_here(system: JobSystem, is_wanted: Callable[[Record], bool]) -> list[Life]:
    return [
        Life(record, record.turns, record.stages)
        for record in system.parts.registry
        if is_wanted(record)
    ]


def _ended_rows(store: Store, since: float, limit: int, known: set[str]) -> list[JobRow]:
    return [row for row in store.finished(limit, since=since) if row.id not in known]


def _with_past(lives: list[Life], journal: Journal, opened: float) -> list[Life]:
    """Return lives with what the event logs have of those that began in an earlier process."""
    earlier = {life.record.id for life in lives if life.record.snapshot.info.submitted_at < opened}
    if not earlier:
        return lives
    logs = journal.read(lambda store: {job_id: store.events(job_id) for job_id in earlier})
    return [_life_from(life, logs.get(life.record.id), opened) for life in lives]


def _life_from(life: Life, log: list[EventRow] | None, opened: float) -> Life:
    if not log:  # none is kept in the memory, and a file may have lost it
        return life
    turns = with_past(turns_from(log), life.turns, opened)
    return Life(life.record, turns, with_past(stages_from(log), life.stages, opened))


def _bars_of(life: Life, by: LanesBy, now: float) -> Iterable[Bar]:
    record, snapshot = life.record, life.record.snapshot
    info, spans = snapshot.info, tuple(spans_of(snapshot, life.turns, now))
    if not spans:
        return
    lanes = tuple(record.options.resources) if by == "resource" else ("",)
    for lane in lanes:
        yield Bar(
            info.id,
            info.name,
            info.type,
            info.subject,
            snapshot.state,
            spans,
            tuple(stage_spans_of(life.stages, spans)),
            earlier_jobs(record),
            lane,
        )


_LANES: Final[dict[str, Callable[[Bar], str] | None]] = {
    "slot": None,
    "type": lambda bar: bar.type,
    "subject": lambda bar: bar.subject,
    "resource": lambda bar: bar.lane,
}
