"""What is kept of unfinished work, as its users see it: the checkpoints of a ``Jobs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.inside.ranges import join

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from jobactors.model.checkpoint import Checkpoint

    from .system import System


class KeptWork:
    """The part of :class:`Jobs` that lists and drops checkpoints."""

    _system: System

    def checkpoints(
        self, type: str | None = None, subject: str | None = None
    ) -> Sequence[Checkpoint]:
        """Return what is kept of work that has not come to its end, the oldest first.

        A job's last checkpoint appears here as soon as it is written, see
        :func:`~jobactors.save_checkpoint`, and goes when the job succeeds, when it is dropped, or
        after a week.

        Args:
            type: Only of this job type; default: all.
            subject: Only about this; "" is a subject, too.  Default: all.

        Example::

            for kept in jobs.checkpoints("index"):
                print(kept.subject, kept.in_words(time.time()))
        """
        return self._system.door.look(self._checkpoints, type, subject)

    def _checkpoints(self, type: str | None, subject: str | None) -> Sequence[Checkpoint]:
        return [
            kept
            for kept in self._system.shelf.all()
            if type in {None, kept.type} and subject in {None, kept.subject}
        ]

    def merge(self, type: str, subject: str = "", *, into: str | os.PathLike[str]) -> Path:
        """Join the files that the parts of some work have written, in order, and drop the parts.

        The parts are jobs that each got one of :func:`~jobactors.ranges`.  ``into`` is there whole,
        or not at all.  It is written in this thread, so that a trio program with large files calls
        ``await trio.to_thread.run_sync(partial(jobs.merge, …))``.

        Args:
            type: The job type of the parts, or their function's name.
            subject: What they were about.
            into: Where to write; what was there is replaced.

        Raises:
            RangesUnfinished: if a part is missing or has items left; nothing is changed then.
            OSError: if it cannot be written; the parts are kept then.

        Example::

            jobs.map(tag, ja.ranges(len(films), 4)).result()
            jobs.merge("tag", into="tags.tsv")
        """
        target = join(self.part_files(type, subject), into)
        self._system.door.call(self._system.shelf.drop_parts, type, subject)
        return target

    def part_files(self, type: str, subject: str = "") -> list[Path]:
        """Return what :meth:`merge` would join, to do that in another way.

        :meth:`drop_checkpoint` then drops the parts.

        Raises:
            RangesUnfinished: if a part is missing or has items left.
        """
        return self._system.door.call(self._system.shelf.part_files, type, subject)

    def drop_checkpoint(self, type: str, subject: str = "") -> None:
        """Forget what is kept of a (type, subject), with all its parts and work files.

        Nothing happens if nothing is kept.

        Raises:
            IllegalVerb: if it belongs to a job that is queued or at work.
        """
        self._system.door.call(self._system.shelf.drop, type, subject)
