"""``Group``: a batch by a name of your own, to which jobs are submitted one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from jobactors.engine.records.batch_place import BatchPlace
from jobactors.model.errors import UnknownJob

from .batch import Batch
from .submitter import Submitter

if TYPE_CHECKING:
    from jobactors.engine.records.batch_tally import BatchTally
    from jobactors.engine.system.job_system import JobSystem


@final
class Group(Submitter, Batch[Any]):
    """The jobs of one name, ``jobs.group("nightly")``: submitted one by one, handled as one.

    It is a :class:`Submitter`, whose jobs belong to the group, also those of its ``map`` and of its
    ``options(…)``, and a :class:`Batch`: it is shown as one row, waited for and commanded as one.
    Its total is the number of jobs submitted so far, so its progress falls when more are.

    Example::

        nightly = jobs.group("nightly")
        nightly.submit(fetch, "wiki")
        nightly.options(runner="process").submit(index, "wiki")
        nightly.results(return_exceptions=True)
    """

    _kind = "Group"

    def __init__(self, system: JobSystem, tally: BatchTally) -> None:
        Submitter.__init__(self, system, {}, group=BatchPlace(tally.id))
        super(Submitter, self).__init__(system, tally)

    def __repr__(self) -> str:
        return super(Submitter, self).__repr__()


def find_batch(system: JobSystem, batch_id: str) -> Batch[Any]:
    """Return the handle of a batch: the one that takes its input in, or a new one.

    In the loop's thread.

    Raises:
        UnknownJob: if no job of it is here.
    """
    tallies = system.parts.registry.batches
    tally = tallies.get(batch_id) if isinstance(batch_id, str) else None
    if tally is None:
        raise UnknownJob(batch_id)
    for known in list(tally.followers):
        if isinstance(known, Batch) and known.id == batch_id:
            return known  # pyright: ignore[reportUnknownVariableType] - of whatever results
    handle = Batch[Any](system, tally)
    handle._follow()
    return handle


def open_group(system: JobSystem, name: str) -> Group:
    """Return the handle of a group.  In the loop's thread."""
    tally = system.parts.registry.batches.open(name, name)
    for handle in list(tally.followers):
        if isinstance(handle, Group):
            return handle
    group = Group(system, tally)
    group._follow()
    return group
