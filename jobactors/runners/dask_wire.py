"""The frames between an attempt and its run on a Dask cluster, and the names of both.

An *attempt* is the engine's; a *run* is one start of its task on a worker.  Dask starts a task
again when its worker leaves, so one attempt may have several runs, of which one may begin.

The frames are those of a process job (:mod:`~jobactors.runners.process_wire`) and four more, on two
channels of Dask's own, which need no port and pass through TLS and gateways as its tasks do::

    attempt                                     run
    the task: begin, work               ──►     BEGUN
    GRANT, REFUSE                       ──►     calls the function
    CANCEL, PAUSE, RESUME, TELL         ──►     obeys at its next point
                                        ◄──     SAMPLE, SAVED, LOG, REACHED, TAKEN, ANSWER
                                        ◄──     once, as its last word: RETURNED, ANSWERED,
                                                RAISED, STOPPED or HELD

To the run: ``Client.run``, which is served by the worker's event loop while the task holds a
thread.  From the run: ``Worker.log_event``, on the one ordered stream on which the worker also
reports the end of its tasks, so that no result overtakes a line of the log.

A last word holds the result itself if that is short; a longer one is the value of the task, and is
gathered.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

WIRE: Final = 1
"""The version of these frames: both sides must have the same."""
TOPIC: Final = "jobactors-"
"""The beginning of the topic on which a client's runs report."""
INLINE: Final = 1 << 15
"""Bytes of a result that travels with its last word, at most: the scheduler remembers frames."""
BATCH: Final = 1 << 16
"""Bytes of frames that travel in one message, about."""

Frame: TypeAlias = tuple[str, str, int, bytes]
"""Key of the task, id of the run, kind, content."""

_LETTERS: Final = re.compile(r"[a-z]+")


def key_for(job_type: str, job_id: str, attempt: int, epoch: str, part: str = "") -> str:
    """Return the key of an attempt's task, or of one of its parts: a phase of a chain.

    It begins with the job's type, by which Dask's dashboard groups tasks.  It ends with the epoch
    of its maker: to Dask a task with a key that it remembers is done already.
    """
    group = "_".join(_LETTERS.findall(job_type.lower())[:6]) or "job"
    key = f"{group}-{epoch}-{job_id}-{attempt}"
    return f"{key}-{part}" if part else key


def batches(frames: Iterable[Frame]) -> Iterable[list[Frame]]:
    """Divide frames into messages of a bearable size, in their order."""
    batch: list[Frame] = []
    size = 0
    for frame in frames:
        if batch and size + len(frame[3]) > BATCH:
            yield batch
            batch, size = [], 0
        batch.append(frame)
        size += len(frame[3])
    if batch:
        yield batch
