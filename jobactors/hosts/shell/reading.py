"""Read a store, with or without an owner: ``list show logs history resumable``."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec.structs import replace

from jobactors.engine.records.filters import as_states, matches
from jobactors.engine.storage.row_codec import UnreadableJob, read_row
from jobactors.hosts.terminal_text import safe, span
from jobactors.model.checkpoint import how_far_and_when
from jobactors.model.states import TERMINAL, JobState
from jobactors.stores.read_only import MOST_MEANT, StoreView

from .owner_call import calling_owner
from .statuses import NO_JOB, NO_SENSE, Complaint, complain, explained
from .store_choice import chosen_store
from .tables import columns, fact_lines, is_for_people, job_lines, put, put_json, wrapped

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Sequence

    from jobactors.model.snapshot import JobSnapshot
    from jobactors.model.stored_rows import CheckpointRow, EventRow, JobRow

LEFT: Final = "its process has ended"
FOLLOW_EVERY: Final = 0.3
"""Seconds between two looks at a log that is followed."""
_DAY: Final = 86400.0
_ALL: Final = 2**31
"""More jobs than a store has."""


def snapshots_of(rows: Iterable[JobRow]) -> list[JobSnapshot]:
    """Return the snapshots of the rows that can be read."""
    found: list[JobSnapshot] = []
    for row in rows:
        with suppress(UnreadableJob):
            found.append(read_row(row, [])[0])
    return found


def unfinished_of(view: StoreView, limit: int | None = None) -> list[JobSnapshot]:
    """Return the unfinished jobs of a store as they are: at rest, if no process works on it."""
    found = snapshots_of(view.unfinished(limit))
    return found if view.owner is not None else [as_left(one) for one in found]


def as_left(snapshot: JobSnapshot) -> JobSnapshot:
    """Return a job of a process that is gone as the next opening of its store makes it."""
    if snapshot.state.is_terminal or snapshot.state is JobState.INTERRUPTED:
        return snapshot
    return replace(snapshot, state=JobState.INTERRUPTED, reason=LEFT, waiting=None)


def resolve(view: StoreView, beginning: str) -> str:
    """Return the id that begins so.

    Raises:
        Complaint: if there is none, or several; the message names these.
    """
    if view.get([beginning]):
        return beginning
    found = view.ids_like(beginning) if beginning else []
    if not found:
        raise Complaint(_no_such_job(view, beginning), NO_JOB)
    if len(found) > 1:
        more = ", …" if len(found) == MOST_MEANT else ""
        raise Complaint(f"several jobs begin with {beginning}: {', '.join(found)}{more}", NO_JOB)
    return found[0]


def _no_such_job(view: StoreView, beginning: str) -> str:
    ids = [one.id for one in unfinished_of_batch(view, beginning)]
    if ids:
        more = ", …" if len(ids) > MOST_MEANT else ""
        return f"{beginning} is a batch; its jobs are {', '.join(ids[:MOST_MEANT])}{more}: name one"
    return (
        f"no job in {view.name} has an id that begins with {beginning!r:.100}, and none that is "
        "unfinished a batch: `jobactors list` and `jobactors history` show what there is"
    )


def unfinished_of_batch(view: StoreView, beginning: str) -> list[JobSnapshot]:
    """Return the unfinished jobs of the batch whose id begins so; none if several begin so."""
    of_batches = [one for one in unfinished_of(view) if one.info.batch]
    found = [one for one in of_batches if beginning and str(one.info.batch).startswith(beginning)]
    return found if len({one.info.batch for one in found}) == 1 else []


def _put_jobs(given: argparse.Namespace, view: StoreView, snapshots: Sequence[JobSnapshot]) -> None:
    if not is_for_people(given):
        for snapshot in snapshots:
            put_json(snapshot.to_dict())
        return
    for line in job_lines(snapshots, time.time(), columns()):
        put(line)
    if not snapshots:
        put("no job matches")
    put_owner(view)


def put_owner(view: StoreView) -> None:
    """Print which process owns the store."""
    owner = view.owner
    put(safe(f"{view.name} belongs to {owner}" if owner else f"no process works on {view.name}"))


@explained
def show_list(given: argparse.Namespace) -> int:
    """List the unfinished jobs, then the newest that have ended."""
    try:
        states = as_states(given.state) if given.state else frozenset(JobState)
    except ValueError as exc:
        raise Complaint(str(exc), NO_SENSE) from None
    wanted = matches(states, None, given.subject, given.tag, None)
    with StoreView(chosen_store(given)) as view, view.one_moment():
        found: list[JobSnapshot] = []
        if states - TERMINAL:
            is_plain = not (given.state or given.type or given.subject or given.tag)
            most = given.limit if is_plain else None
            found = [one for one in unfinished_of(view, most) if _fits(one, given, wanted)]
        found = found[max(0, len(found) - given.limit) :]
        ended = states & TERMINAL
        if ended and len(found) < given.limit:
            rows = view.finished(
                given.limit if given.tag is None else _ALL,  # tags are no column
                states=ended,
                type=given.type,
                subject=given.subject,
            )
            matching = [one for one in snapshots_of(rows) if _fits(one, given, wanted)]
            found += matching[: given.limit - len(found)]
        _put_jobs(given, view, found)
    return 0


def _fits(snapshot: JobSnapshot, given: argparse.Namespace, wanted: Any) -> bool:
    return wanted(snapshot) and given.type in {None, snapshot.type}


@explained
def show_history(given: argparse.Namespace) -> int:
    """List ended jobs, newest end first."""
    since = time.time() - given.days * _DAY
    with StoreView(chosen_store(given)) as view:
        rows = view.finished(given.limit, since=since, type=given.type, subject=given.subject)
        _put_jobs(given, view, snapshots_of(rows))
    return 0


@explained
def show_resumable(given: argparse.Namespace) -> int:
    """List the jobs at rest, and ended ones that left a checkpoint."""
    now = time.time()
    with StoreView(chosen_store(given)) as view, view.one_moment():
        newest: dict[str, CheckpointRow] = {row.job_id: row for row in view.checkpoints()}
        resting = [one for one in unfinished_of(view) if one.state is JobState.INTERRUPTED]
        known = {one.id for one in resting}
        left = snapshots_of(view.get(newest.keys() - known))
        ended = [one for one in left if one.state in {JobState.FAILED, JobState.CANCELLED}]
        work = [(one, newest.get(one.id)) for one in (*resting, *ended)]
        for snapshot, checkpoint in work:
            _put_work(given, snapshot, checkpoint, now)
        if is_for_people(given):
            if not work:
                put("nothing rests: there is no work to go on with")
            put_owner(view)
    return 0


def _put_work(
    given: argparse.Namespace, snapshot: JobSnapshot, checkpoint: CheckpointRow | None, now: float
) -> None:
    fraction = snapshot.progress.fraction
    if checkpoint is not None and checkpoint.fraction is not None:
        fraction = checkpoint.fraction
    items = 0.0 if checkpoint is None else checkpoint.items
    at = snapshot.changed_at if checkpoint is None else checkpoint.saved_at
    if not is_for_people(given):
        saved = {"has_checkpoint": checkpoint is not None, "items": items, "saved_at": at}
        put_json({**snapshot.to_dict(), "fraction": fraction, **saved})
        return
    (line, *more) = job_lines([snapshot], now, columns())
    put(line)
    for other in more:
        put(other)
    told = how_far_and_when(fraction, items, max(0.0, now - at))
    if checkpoint is not None:
        text = f"goes on from its checkpoint: {told}"
    else:
        text = f"begins anew, stopped {told.partition(', ')[2]}"
    for one in wrapped(text, columns() - 2):
        put(f"  {one}")


@explained
def show_job(given: argparse.Namespace) -> int:
    """Show all that is known about one job."""
    with StoreView(chosen_store(given)) as view:
        job_id = resolve(view, given.id)
        snapshots = snapshots_of(view.get([job_id]))
        if not snapshots:
            raise Complaint(f"job {job_id} is stored, and cannot be read", NO_JOB)
        snapshot = snapshots[0] if view.owner is not None else as_left(snapshots[0])
        events = view.events(job_id)
        if not is_for_people(given):
            put_json({**snapshot.to_dict(), "traceback": _traceback(snapshot)})
            return 0
        for line in fact_lines(_facts(snapshot), columns()):
            put(line)
        for event in events:
            put(_event_line(event))
        put_owner(view)
    return 0


def _traceback(snapshot: JobSnapshot) -> str:
    return "" if snapshot.error is None else snapshot.error.traceback


def _facts(snapshot: JobSnapshot) -> list[tuple[str, Any]]:
    info, progress = snapshot.info, snapshot.progress
    done = "" if not progress.done else f"{progress.done:g} of {progress.total or '?'}"
    return [
        ("job", snapshot.id),
        ("name", snapshot.name),
        ("type", snapshot.type if snapshot.type != snapshot.name else ""),
        ("about", snapshot.subject),
        ("says", info.description),
        ("state", f"{snapshot.state}{' (stuck)' if snapshot.stuck else ''}"),
        ("waits", snapshot.waiting),
        ("reason", snapshot.explanation),
        ("progress", "" if progress.percent is None else f"{progress.percent} %"),
        ("done", f"{done} {progress.unit}".strip()),
        ("message", progress.message),
        ("tags", ", ".join(info.tags)),
        ("priority", info.priority or ""),
        ("submitted", _moment(info.submitted_at)),
        ("started", _moment(snapshot.started_at)),
        ("ended", _moment(snapshot.finished_at)),
        ("took", _took(snapshot)),
        ("attempt", snapshot.attempt if snapshot.attempt > 1 else ""),
        ("continues", info.continues),
        ("error", _traceback(snapshot) or snapshot.error),
    ]


def _took(snapshot: JobSnapshot) -> str:
    elapsed = snapshot.elapsed(time.time())
    return "" if elapsed is None else span(elapsed)


def _moment(at: float | None) -> str:
    if at is None:
        return ""
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _event_line(event: EventRow) -> str:
    try:
        read: Any = json.loads(event.detail)
    except (ValueError, RecursionError):
        read = {}
    detail = cast("dict[str, Any]", read if isinstance(read, dict) else {})
    told = " ".join(f"{name}={value}" for name, value in detail.items() if value is not None)
    return f"{_moment(event.at)}  {safe(event.kind)}  {safe(told)}".rstrip()


@explained
def show_log(given: argparse.Namespace) -> int:
    """Print the log of a job: what it printed, from its process, or else its event log."""
    with StoreView(chosen_store(given)) as view:
        job_id, owner = resolve(view, given.id), view.owner
        if owner is not None:
            with calling_owner(view.path, owner) as call:

                def ask(since: int) -> dict[str, Any]:
                    return call.ask({"verb": "log", "id": job_id, "since": since})

                return _pass_on(given, ask)
        complain("the process of this job has ended, and its output with it: its event log")
        for event in view.events(job_id):
            if is_for_people(given):
                put(_event_line(event))
            else:
                put_json({"at": event.at, "kind": event.kind, "detail": event.detail})
    return 0


def _pass_on(given: argparse.Namespace, ask: Callable[[int], dict[str, Any]]) -> int:
    """Print the lines of a log as they come; return 1 if the job has failed."""
    since = 0
    while True:
        answer = ask(since)
        if answer["first"] > since:
            complain(f"{answer['first'] - since} earlier lines are gone")
        for at, source, text in answer["lines"]:
            if is_for_people(given):
                put(safe(text) if source == "out" else f"{safe(source)}: {safe(text)}")
            else:
                put_json({"at": at, "source": source, "text": text})
        is_at_end = answer["next"] >= answer["job"]["log_lines"]
        since = answer["next"]
        if is_at_end and (not given.follow or answer["job"]["finished_at"] is not None):
            return int(answer["job"]["state"] == "failed") if given.follow else 0
        if is_at_end:
            sys.stdout.flush()  # a pipe holds it back otherwise
            time.sleep(FOLLOW_EVERY)
