"""Waiting: for the end of a job without reading it, and until the store holds it.

A job that waits for another one of the same system lends its slot meanwhile, by any of the calls.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from jobactors.engine.attempt.slot_loan import slot_loan_for
from jobactors.model.checks import Seconds, as_timeout
from jobactors.model.errors import NoStore, WrongThread
from jobactors.model.snapshot import JobSnapshot

if TYPE_CHECKING:
    from collections.abc import Generator

    from jobactors.engine.records.record import Record
    from jobactors.engine.system.job_system import JobSystem


async def wait_settled(system: JobSystem, record: Record) -> None:
    """Wait until a job has ended or rests interrupted."""
    settled = record.settled
    if not settled.is_set:
        system.parts.portal.check("end a job")
    loan = None if settled.is_set else slot_loan_for(system.core, (record.id,))
    if loan is None:
        await settled
    else:
        async with loan:
            await settled


def block_until_read(
    system: JobSystem, record: Record, timeout: Seconds | None, call: str, instead: str
) -> None:
    """Block this thread until a job has ended, of which it then reads the outcome.

    Arguments and errors are those of :func:`block_until_settled`.  A job that succeeds meanwhile is
    read in the very step in which it ends: to note that afterwards would wake the loop once more.
    """
    record.is_awaited = True
    try:
        block_until_settled(system, record, timeout, call, instead)
    finally:
        record.is_awaited = False


def block_until_settled(
    system: JobSystem, record: Record, timeout: Seconds | None, call: str, instead: str
) -> None:
    """Block this thread until a job has ended or rests interrupted.

    Args:
        system: The job's system.
        record: The job.
        timeout: Seconds to wait; None for as long as it takes.
        call: The call that the user made, for errors.
        instead: The call to make in the loop's own thread.

    Raises:
        TimeoutError: if it has not ended in time; the job goes on.
        WrongThread: in the jobs' own loop, which has to run for the job to end.
    """
    settled, portal = record.settled, system.parts.portal
    timeout = None if timeout is None else as_timeout(timeout)
    if settled.is_set:
        return
    portal.check("end a job")
    if portal.is_home:
        raise WrongThread(call, instead)
    loan = slot_loan_for(system.core, (record.id,))
    if loan is None:
        in_time = settled.wait_in_thread(timeout)
    else:
        with loan:
            in_time = loan.control.wait_in_thread(settled, timeout)
    if not in_time and not settled.is_set:
        snapshot = record.snapshot
        why = f": {snapshot._why_none_begins}" if snapshot._why_none_begins else ""
        raise TimeoutError(
            f"job {record.id} is {snapshot.state} after {timeout:g} s of waiting; it goes on{why}"
        )


class Wait(Coroutine[Any, Any, JobSnapshot]):
    """The end of a job, as its snapshot: awaited, or waited for by ``result(timeout)``.

    It may be awaited often, or never.  It can also be given to what runs a coroutine:
    ``nursery.start_soon(job.wait)``, ``asyncio.create_task(job.wait())``.
    """

    __slots__ = ("_record", "_running", "_system")

    def __init__(self, system: JobSystem, record: Record) -> None:
        self._system = system
        self._record = record
        # Made when it is first driven: one that is never driven would warn that it was not awaited.
        self._running: Coroutine[Any, Any, JobSnapshot] | None = None

    def __await__(self) -> Generator[Any, Any, JobSnapshot]:
        return self._wait().__await__()

    async def _wait(self) -> JobSnapshot:
        await wait_settled(self._system, self._record)
        return self._record.snapshot

    def result(self, timeout: Seconds | None = None) -> JobSnapshot:
        """Block this thread until the job has ended or rests interrupted; return its snapshot.

        Args:
            timeout: Seconds to wait; default: as long as it takes.

        Raises:
            TimeoutError: if it has not ended in time; the job goes on.
            WrongThread: in the jobs' own loop, which has to run for the job to end.
        """
        call, instead = "job.wait().result()", "'await job.wait()'"
        block_until_settled(self._system, self._record, timeout, call, instead)
        return self._record.snapshot

    def send(self, value: Any) -> Any:
        """Go on; for event loops."""
        return self._driven().send(value)

    def throw(self, *error: Any) -> Any:
        """Go on with an exception; for event loops."""
        return self._driven().throw(*error)

    def close(self) -> None:
        """Give the waiting up; for event loops."""
        if self._running is not None:
            self._running.close()

    def _driven(self) -> Coroutine[Any, Any, JobSnapshot]:
        if self._running is None:
            self._running = self._wait()
        return self._running

    def __repr__(self) -> str:
        return f"<Wait for {self._record.id}, {self._record.snapshot.state}>"


class Stored:
    """A job on its way into the store: awaited, or waited for by ``result(timeout)``.

    Raises:
        NoStore: if there is none.
        StoreError: when waited for, if it could not be stored.
    """

    __slots__ = ("_durable", "_journal", "_portal", "_record")

    def __init__(self, system: JobSystem, record: Record) -> None:
        journal = system.parts.journal
        if journal is None:
            raise NoStore("job.stored()")
        self._journal = journal
        self._portal = system.parts.portal
        self._record = record
        self._durable = self._portal.look(journal.latch_for, record)

    def __await__(self) -> Generator[Any, Any, None]:
        return self._wait().__await__()

    async def _wait(self) -> None:
        if self._durable is not None:
            await self._durable
        self._raise_if_refused()

    def result(self, timeout: Seconds | None = None) -> None:
        """Block this thread until the store holds the job.

        Raises:
            StoreError: if it could not be stored.
            TimeoutError: if ``timeout`` seconds pass before; caused by the store's trouble, if it
                has one, such as a full disk or a removed file.
            WrongThread: in the jobs' own loop, which has to run for that.
        """
        timeout = as_timeout(timeout)
        if self._durable is not None and not self._durable.is_set:
            if self._portal.is_home:
                raise WrongThread("job.stored().result()", "'await job.stored()'")
            if not self._durable.wait_in_thread(timeout):
                trouble = self._journal.trouble
                why = "" if trouble is None else f": {trouble}"
                late = f"job {self._record.id} is not stored after {timeout:g} s{why}"
                raise TimeoutError(late) from trouble
        self._raise_if_refused()

    def _raise_if_refused(self) -> None:
        why = self._record.refused or (self._durable and self._durable.trouble)
        if why:
            raise why

    def __repr__(self) -> str:
        is_stored = self._durable is None or self._durable.is_set
        return f"<Stored {self._record.id} {'stored' if is_stored else 'on its way'}>"
