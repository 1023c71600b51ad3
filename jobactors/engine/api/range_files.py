"""The files that the parts of ranges have written: finds and joins them, from any thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jobactors.engine.records.checkpoint_key import part_of_row
from jobactors.inside.report.work_files import part_folder
from jobactors.inside.verbs.joined_files import join
from jobactors.inside.verbs.ranges import (
    LEFT_NO_FILE,
    PART,
    file_in,
    is_done,
    is_whole,
    wrote_file,
)
from jobactors.model.checkpoint_errors import RangesUnfinished
from jobactors.model.exact import from_json
from jobactors.model.identity import type_names
from jobactors.model.states import JobState

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from jobactors.engine.records.checkpoint_key import Work
    from jobactors.engine.system.job_system import JobSystem
    from jobactors.model.identity import TypeOrFunction
    from jobactors.model.stored_rows import CheckpointRow

_NOTHING_KEPT: Final = (
    "nothing is kept of it; look whether type and subject are those of jobs that got one of "
    "ja.ranges, and whether they have been merged already (jobs.checkpoints() lists what is kept)"
)
_FILE_GONE: Final = (
    "the file of {} has been removed or cut; submit the same ranges again, and that begins anew"
)


def join_files(
    system: JobSystem, type: TypeOrFunction, subject: str, into: str | os.PathLike[str]
) -> Path:
    """Join the files of all parts of some work, and drop the parts; see :meth:`.Jobs.merge`."""
    target = join(files_of(system, type, subject), into)
    system.parts.portal.call(_drop_parts, system, type_names(type), subject)
    return target


def files_of(system: JobSystem, type: TypeOrFunction, subject: str) -> list[Path]:
    """Return the files of all parts of some work, in order; see :meth:`.Jobs.part_files`.

    Raises:
        RangesUnfinished: if there are no such parts, or one has items left or no file.
    """
    types = type_names(type)
    name = type if isinstance(type, str) else min(types)
    shown = f"{name} about {subject!r}" if subject else name
    return system.parts.portal.move(_part_files, system, shown, types, subject)


def _part_files(system: JobSystem, work: str, types: frozenset[str], subject: str) -> list[Path]:
    where, rows = _parts(system, types, subject)
    states = _states_of_parts(system, types, subject)
    if not rows and not states:
        raise RangesUnfinished(work, (), _NOTHING_KEPT)
    # The work may have been divided in another way before.
    newest = max(rows, key=lambda part: rows[part].saved_at, default=(0, 0))
    count = newest[1] or max(of for _, of in states)
    wanted = [(number, count) for number in range(1, count + 1)]
    done = {part for part, row in rows.items() if _is_done(system, row)}
    without = {
        part for part, state in states.items() if part not in rows and state is JobState.SUCCEEDED
    }
    _refuse(work, [part for part in wanted if part not in done | without])
    values = {part: from_json(rows[part].value) for part in done}
    without |= {part for part in done if not wrote_file(values[part])}
    _refuse(work, [part for part in wanted if part in without], LEFT_NO_FILE)
    folder = system.parts.checkpoints.folder(where)
    files = {part: file_in(part_folder(folder, part_of_row(rows[part]))) for part in wanted}
    gone = [part for part in wanted if not is_whole(files[part], values[part])]
    _refuse(work, gone, _FILE_GONE)
    return [files[part] for part in wanted]


def _states_of_parts(
    system: JobSystem, types: frozenset[str], subject: str
) -> dict[tuple[int, int], JobState]:
    """Return the state of the newest job of each part, among those in the registry."""
    states: dict[tuple[int, int], JobState] = {}
    for record in system.parts.registry:
        snapshot = record.snapshot
        found = PART.fullmatch(record.part)
        if found is not None and snapshot.type in types and snapshot.subject == subject:
            states[int(found[1]), int(found[2])] = snapshot.state
    return states


def _drop_parts(system: JobSystem, types: frozenset[str], subject: str) -> None:
    _, rows = _parts(system, types, subject)
    system.parts.leases.drop(list(rows.values()))


def _parts(
    system: JobSystem, types: frozenset[str], subject: str
) -> tuple[Work, dict[tuple[int, int], CheckpointRow]]:
    """Return the rows of parts, and their work: of several, the one that was saved last."""
    table = system.parts.checkpoints
    found: list[tuple[Work, dict[tuple[int, int], CheckpointRow]]] = []
    for work in table.works_about(types, subject):
        matches = ((PART.fullmatch(part), row) for part, row in table.parts_of(work).items())
        rows = {(int(m[1]), int(m[2])): row for m, row in matches if m is not None}
        if rows:
            found.append((work, rows))
    if not found:
        return ("", subject, ""), {}
    return max(found, key=lambda one: max(row.saved_at for row in one[1].values()))


def _is_done(system: JobSystem, row: CheckpointRow) -> bool:
    return system.parts.leases.worker_at(row) is None and is_done(from_json(row.value))


def _refuse(work: str, numbers: Sequence[tuple[int, int]], *why: str) -> None:
    if numbers:
        raise RangesUnfinished(work, [f"{number}/{of}" for number, of in numbers], *why)
