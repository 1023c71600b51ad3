"""The checkpoints of a ``Jobs``: lists and drops them, and joins the files of ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from jobactors.engine.records.checkpoint_key import part_of_row
from jobactors.engine.system.job_system import JobSystem
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
from jobactors.model.checks import as_seconds, check_seconds
from jobactors.model.exact import from_json
from jobactors.model.identity import type_names
from jobactors.model.states import JobState

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from datetime import timedelta
    from pathlib import Path

    from jobactors.engine.records.checkpoint_key import Work
    from jobactors.model.checkpoint import Checkpoint
    from jobactors.model.identity import TypeOrFunction
    from jobactors.model.stored_rows import CheckpointRow


class Checkpoints:
    """The part of :class:`Jobs` that lists and drops checkpoints."""

    _system: JobSystem

    def checkpoints(
        self, type: TypeOrFunction | None = None, subject: str | None = None
    ) -> Sequence[Checkpoint]:
        """Return the checkpoints of work that has not come to its end, the oldest first.

        Each has the errors of single items that were collected so far.

        A job's last checkpoint appears here as soon as it is written, see
        :func:`~jobactors.save_checkpoint`, and disappears when the job succeeds, when it is
        dropped, or after a week.

        Args:
            type: Only of this job type, by its name or its function, also under its aliases;
                default: all.
            subject: Only about this; "" is a subject, too.  Default: all.

        Example::

            for found in jobs.checkpoints("index"):
                print(found.subject, found.in_words(time.time()))
        """
        types = None if type is None else type_names(type)
        return self._system.parts.portal.look(self._checkpoints, types, subject)

    def _checkpoints(
        self, types: frozenset[str] | None, subject: str | None
    ) -> Sequence[Checkpoint]:
        return [
            found
            for found in self._system.parts.checkpoints.all()
            if (types is None or found.type in types) and subject in {None, found.subject}
        ]

    def merge(
        self, type: TypeOrFunction, subject: str = "", *, into: str | os.PathLike[str]
    ) -> Path:
        """Join the files that the parts of some work have written, in order, and drop the parts.

        The parts are jobs that each got one of :func:`~jobactors.ranges`.  ``into`` is there whole,
        or not at all.  It is written in this thread, so that a trio program with large files calls
        ``await trio.to_thread.run_sync(partial(jobs.merge, …))``.  :func:`~jobactors.merge` writes
        it in a job, which may run on a cluster.

        Args:
            type: The job type of the parts, by its name or its function.
            subject: Their subject.
            into: The file to write; an earlier one is replaced.

        Raises:
            RangesUnfinished: if there are no such parts, or one has items left or no file;
                nothing is changed then.
            OSError: if it cannot be written; the parts stay then.

        Example::

            jobs.map(tag, ja.ranges(len(films), 4)).result()
            jobs.merge("tag", into="tags.tsv")
        """
        portal = self._system.parts.portal
        target = join(self.part_files(type, subject), into)
        portal.call(self._drop_parts, type_names(type), subject)
        return target

    def part_files(self, type: TypeOrFunction, subject: str = "") -> list[Path]:
        """Return the files that :meth:`merge` would join, to join them in another way.

        :meth:`drop_checkpoint` then drops the parts.

        Raises:
            RangesUnfinished: if there are no such parts, or one has items left or no file.
        """
        name = type if isinstance(type, str) else min(type_names(type))
        shown = f"{name} about {subject!r}" if subject else name
        types = type_names(type)
        return self._system.parts.portal.move(self._part_files, shown, types, subject)

    def _part_files(self, work: str, types: frozenset[str], subject: str) -> list[Path]:
        where, rows = self._parts(types, subject)
        states = self._states_of_parts(types, subject)
        if not rows and not states:
            raise RangesUnfinished(work, (), _NOTHING_KEPT)
        # The work may have been divided in another way before.
        newest = max(rows, key=lambda part: rows[part].saved_at, default=(0, 0))
        count = newest[1] or max(of for _, of in states)
        wanted = [(number, count) for number in range(1, count + 1)]
        done = {part for part, row in rows.items() if self._is_done(row)}
        without = {
            part
            for part, state in states.items()
            if part not in rows and state is JobState.SUCCEEDED
        }
        _refuse(work, [part for part in wanted if part not in done | without])
        values = {part: from_json(rows[part].value) for part in done}
        without |= {part for part in done if not wrote_file(values[part])}
        _refuse(work, [part for part in wanted if part in without], LEFT_NO_FILE)
        folder = self._system.parts.checkpoints.folder(where)
        files = {part: file_in(part_folder(folder, part_of_row(rows[part]))) for part in wanted}
        gone = [part for part in wanted if not is_whole(files[part], values[part])]
        _refuse(work, gone, _FILE_GONE)
        return [files[part] for part in wanted]

    def _states_of_parts(
        self, types: frozenset[str], subject: str
    ) -> dict[tuple[int, int], JobState]:
        """Return the state of the newest job of each part, among those in the registry."""
        states: dict[tuple[int, int], JobState] = {}
        for record in self._system.parts.registry:
            snapshot = record.snapshot
            found = PART.fullmatch(record.part)
            if found is not None and snapshot.type in types and snapshot.subject == subject:
                states[int(found[1]), int(found[2])] = snapshot.state
        return states

    def _drop_parts(self, types: frozenset[str], subject: str) -> None:
        _, rows = self._parts(types, subject)
        self._system.parts.leases.drop(list(rows.values()))

    def _parts(
        self, types: frozenset[str], subject: str
    ) -> tuple[Work, dict[tuple[int, int], CheckpointRow]]:
        """Return the rows of parts, and their work: of several, the one that was saved last."""
        table = self._system.parts.checkpoints
        found: list[tuple[Work, dict[tuple[int, int], CheckpointRow]]] = []
        for work in table.works_about(types, subject):
            matches = ((PART.fullmatch(part), row) for part, row in table.parts_of(work).items())
            rows = {(int(m[1]), int(m[2])): row for m, row in matches if m is not None}
            if rows:
                found.append((work, rows))
        if not found:
            return ("", subject, ""), {}
        return max(found, key=lambda one: max(row.saved_at for row in one[1].values()))

    def _is_done(self, row: CheckpointRow) -> bool:
        return self._system.parts.leases.worker_at(row) is None and is_done(from_json(row.value))

    def drop_checkpoint(self, type: TypeOrFunction, subject: str = "") -> None:
        """Drop the checkpoints of a (type, subject), with all parts and work files.

        Nothing happens if there are none.

        Raises:
            IllegalVerb: if one belongs to a job that is queued or at work.
            TypeError: for a type that is none.
        """
        self._system.parts.portal.move(self._drop_all, type_names(type), subject)

    def _drop_all(self, types: frozenset[str], subject: str) -> None:
        table = self._system.parts.checkpoints
        works = table.works_about(types, subject)
        rows = [row for work in works for row in table.parts_of(work).values()]
        self._system.parts.leases.drop(rows)

    def drop_checkpoints(
        self,
        type: TypeOrFunction | None = None,
        subject: str | None = None,
        *,
        older_than: float | timedelta = 0.0,
    ) -> int:
        """Drop all checkpoints that match, with their work files; returns their number.

        Those of unfinished jobs stay: queued, at work, or interrupted.

        Args:
            type: Only of this job type, by its name or its function, also under its aliases;
                default: all.
            subject: Only about this; "" is a subject, too.  Default: all.
            older_than: Only those saved at least so long ago, in seconds or as a ``timedelta``;
                default: all.

        Raises:
            TypeError, ValueError: for a time that is none, or negative; for a type that is none.

        Example::

            jobs.drop_checkpoints(older_than=timedelta(days=7))
        """
        seconds = as_seconds(older_than)
        check_seconds("older_than", seconds)
        until = self._system.core.clock.now() - seconds
        types = None if type is None else type_names(type)
        return self._system.parts.portal.move(
            self._system.parts.checkpoints.drop_old, types, subject, until
        )


_NOTHING_KEPT: Final = (
    "nothing is kept of it; look whether type and subject are those of jobs that got one of "
    "ja.ranges, and whether they have been merged already (jobs.checkpoints() lists what is kept)"
)
_FILE_GONE: Final = (
    "the file of {} has been removed or cut; submit the same ranges again, and that begins anew"
)


def _refuse(work: str, numbers: Sequence[tuple[int, int]], *why: str) -> None:
    if numbers:
        raise RangesUnfinished(work, [f"{number}/{of}" for number, of in numbers], *why)
