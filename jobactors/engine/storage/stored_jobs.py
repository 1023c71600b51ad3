"""The records of stored jobs, before their functions and arguments are revived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from jobactors.engine.ports.late_binding import runner_named
from jobactors.engine.records.record import Record, unrevived
from jobactors.engine.storage.row_codec import UnreadableJob, read_row
from jobactors.inside.report.guarded_log import LOG
from jobactors.model.job_type import types_known_as
from jobactors.model.options import DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobactors.model.snapshot import JobSnapshot
    from jobactors.model.stored_rows import JobRow


def record_from(row: JobRow) -> Record:
    """Return the record of a stored job; it cannot run before :meth:`Recovery.revive`.

    Raises:
        UnreadableJob: if no job could have such a row.
    """
    odd: list[str] = []
    snapshot, submit = read_row(row, odd)
    snapshot = _with_present_label(snapshot)
    if odd:
        LOG.warning(
            "job %.100r in the store: its %s cannot be read, and is left out",
            row.id,
            ", ".join(odd),
        )
    return Record(
        snapshot,
        unrevived,
        (),
        {},
        DEFAULTS,
        runner_named("thread"),
        context=None,
        submit=submit,
    )


def _with_present_label(snapshot: JobSnapshot) -> JobSnapshot:
    """Return the snapshot with its type's present label, if the job had no name but the type's."""
    info = snapshot.info
    kinds = types_known_as(info.type) if info.name == info.type else ()
    if len(kinds) != 1 or kinds[0].title == info.name:
        return snapshot
    return replace(snapshot, info=replace(info, name=kinds[0].title))


def records_from(rows: Iterable[JobRow]) -> list[Record]:
    """Return the records of the rows that can be read; the others are named in the log."""
    records: list[Record] = []
    for row in rows:
        try:
            records.append(record_from(row))
        except UnreadableJob as exc:
            LOG.warning("job %.100r in the store cannot be read and is left out: %s", row.id, exc)
    return records
