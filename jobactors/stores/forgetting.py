"""The pruning of a file by its ``Keep``: a few rows a transaction, so that writes never wait long.

A job goes when it is too old or one too many, unless an unfinished job comes after it.  The ended
jobs are read oldest first and the scan stops at the first that may stay, so a pruning that finds
nothing reads one row; which jobs are still needed is read only when something would go.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from .rows import BadRow, bindable, read_ids

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from jobactors.model.keep import Keep

LINES_AT_MOST: Final = 20
"""Lines of event logs that may go for each job that may go."""

_AT_ONCE: Final = 500
"""Jobs a question; a question a job took as long as writing the job's end."""

_WAITED_FOR: Final = "SELECT after FROM jobs WHERE finished_at IS NULL AND after <> '[]'"
_COUNT_ENDED: Final = "SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL"
_OLDEST: Final = (
    "SELECT seq, id, finished_at, state, type FROM jobs WHERE finished_at IS NOT NULL "
    "ORDER BY finished_at, seq"
)
_OLD_CHECKPOINTS: Final = (
    "SELECT seq, saved_at, type FROM checkpoints AS c WHERE saved_at <= ? "
    "AND NOT EXISTS (SELECT 1 FROM jobs WHERE id = c.job_id AND finished_at IS NULL) "
    "ORDER BY saved_at"
)
_LONG_LOGS: Final = "SELECT job FROM events GROUP BY job HAVING count(*) > ?"
_LONG_ONES: Final = (
    "SELECT job, count(*) FROM events WHERE job IN (SELECT seq FROM jobs WHERE id IN ({})) "
    "GROUP BY job HAVING count(*) > ?"
)
_OLDEST_LINES: Final = (
    "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE job = ? ORDER BY seq LIMIT ?)"
)


def forget_jobs(connection: sqlite3.Connection, keep: Keep, now: float, at_most: int) -> int:
    """Delete up to ``at_most`` ended jobs and their logs, oldest first; return their number."""
    gone = [(seq,) for seq in _outlived(connection, keep, now, at_most)]
    connection.executemany("DELETE FROM events WHERE job = ?", gone)
    connection.executemany("DELETE FROM jobs WHERE seq = ?", gone)
    return len(gone)


def _outlived(connection: sqlite3.Connection, keep: Keep, now: float, at_most: int) -> list[int]:
    too_many = connection.execute(_COUNT_ENDED).fetchone()[0] - keep.jobs
    needed: frozenset[bytes] | None = None  # read only if there is something to forget
    gone: list[int] = []
    for place, (seq, job_id, end, state, kind) in enumerate(connection.execute(_OLDEST)):
        if len(gone) >= at_most or not (place < too_many or _is_past(end, now - keep._shortest)):
            break
        age = keep._age_of(_text(state), _text(kind))
        if place >= too_many and not _is_past(end, now - age):
            continue
        if needed is None:
            needed = _needed(connection)
        if job_id not in needed:
            gone.append(seq)
    return gone


def _text(state: Any) -> str:
    return state.decode("utf-8", "replace") if isinstance(state, bytes) else str(state)


def _is_past(end: Any, edge: float) -> bool:
    return isinstance(end, float | int) and end <= edge


def _needed(connection: sqlite3.Connection) -> frozenset[bytes]:
    """Return the ids of all jobs that an unfinished one comes after, in the file's form."""
    return frozenset(
        bound if isinstance(bound := bindable(job_id), bytes) else bound.encode()
        for job_id in _ids(connection.execute(_WAITED_FOR))
    )


def _ids(found: Iterable[tuple[Any]]) -> Iterator[str]:
    for (after,) in found:
        try:
            yield from read_ids(after)
        except BadRow:
            continue  # a job that cannot be read waits for nothing


def forget_checkpoints(connection: sqlite3.Connection, keep: Keep, now: float, at_most: int) -> int:
    """Delete up to ``at_most`` checkpoints that no unfinished job saved; return their number."""
    old = connection.execute(_OLD_CHECKPOINTS, (now - keep._shortest,)).fetchall()
    gone = [
        (seq,)
        for seq, saved_at, kind in old
        if _is_past(saved_at, now - keep._age_of_checkpoint(_text(kind)))
    ][: max(0, at_most)]
    connection.executemany("DELETE FROM checkpoints WHERE seq = ?", gone)
    return len(gone)


def forget_occurrences(connection: sqlite3.Connection, keep: Keep, now: float) -> None:
    """Delete the occurrences of schedules that are as old as jobs that go."""
    connection.execute("DELETE FROM occurrences WHERE at <= ?", (now - keep.age,))


def cut_logs(
    connection: sqlite3.Connection, keep: Keep, logged: set[str] | None, at_most: int
) -> set[str] | None:
    """Cut event logs to the newest ``keep.events`` lines; return the jobs left to do, None for all.

    Args:
        connection: Inside a transaction.
        keep: The limits.
        logged: The jobs whose logs may have become too long; None: all there are.
        at_most: The number of lines that may go this time.
    """
    allowed = int(keep.events)
    if logged is None:
        long = [job for (job,) in connection.execute(_LONG_LOGS, (allowed,)).fetchall()]
        counts = [(job, _count(connection, job)) for job in long]
    else:
        counts = _long_ones(connection, [*map(bindable, logged)], allowed)
    left = at_most
    for job, count in counts:
        left -= connection.execute(_OLDEST_LINES, (job, min(count - allowed, left))).rowcount
        if left <= 0:
            return logged  # the rest next time
    return set()


def _long_ones(
    connection: sqlite3.Connection, job_ids: list[str | bytes], allowed: int
) -> list[tuple[int, int]]:
    """Return the jobs among these whose logs are too long, and how long they are."""
    counts: list[tuple[int, int]] = []
    for start in range(0, len(job_ids), _AT_ONCE):
        some = job_ids[start : start + _AT_ONCE]
        ask = _LONG_ONES.format(
            ", ".join("?" * len(some))
        )  # a job a question took ten times as long
        counts += connection.execute(ask, (*some, allowed)).fetchall()
    return counts


def _count(connection: sqlite3.Connection, job: int) -> int:
    found = connection.execute("SELECT count(*) FROM events WHERE job = ?", (job,))
    count: int = found.fetchone()[0]
    return count
