"""The checkpoints of a ``Jobs``: lists and drops them, and joins the files of ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.engine.system.job_system import JobSystem
from jobactors.model.checks import as_seconds, check_seconds
from jobactors.model.identity import type_names

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from datetime import timedelta
    from pathlib import Path

    from jobactors.model.checkpoint import Checkpoint
    from jobactors.model.identity import TypeOrFunction


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
        from .range_files import join_files

        return join_files(self._system, type, subject, into)

    def part_files(self, type: TypeOrFunction, subject: str = "") -> list[Path]:
        """Return the files that :meth:`merge` would join, to join them in another way.

        :meth:`drop_checkpoint` then drops the parts.

        Raises:
            RangesUnfinished: if there are no such parts, or one has items left or no file.
        """
        from .range_files import files_of

        return files_of(self._system, type, subject)

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
