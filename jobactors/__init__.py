"""Background jobs for Jupyter notebooks and trio scripts.

Each job is an actor on a trio loop with its own cancel scope and mailbox.  In a notebook::

    import jobactors as ja

    jobs = ja.start()
    job = jobs.submit(train, epochs=30)
    job  # the last line of a cell: its live row

In a trio program::

    async with ja.open_jobs() as jobs:
        value = await jobs.run(fn, *args)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

# fmt: off
if TYPE_CHECKING:
    # Open and submit
    from .engine.supervisor import open_jobs as open_jobs
    from .faces.executor import JobFuture as JobFuture
    from .faces.executor import JobsExecutor as JobsExecutor
    from .faces.tqdm import tqdm as tqdm
    from .faces.tqdm import trange as trange
    from .hosts.thread import start as start, stop as stop
    from .engine.jobs import Jobs as Jobs, JobsStatistics as JobsStatistics
    from .engine.submitter import Submitter as Submitter
    from .engine.job import Job as Job
    from .engine.batch import Batch as Batch, Selection as Selection
    from .engine.dependencies import After as After, after as after, handle as handle
    from .runners.block import tracked as tracked
    from .model.jobtype import JobType as JobType, job as job, job_types as job_types
    from .model.limits import Limits as Limits
    from .model.checkpoint import Every as Every
    from .model.options import Options as Options
    from .model.retention import Retention as Retention
    from .model.retry import Retry as Retry, Snooze as Snooze

    # Inside a job
    from .inside.context import (
        JobContext as JobContext, bind_context as bind_context, cancelled as cancelled,
        current_job as current_job, shield as shield,
    )
    from .inside.checkpoint import save_checkpoint as save_checkpoint
    from .inside.batches import batches as batches
    from .inside.chain import (
        Chain as Chain, chain as chain, phase as phase, result_of as result_of,
    )
    from .inside.collect import collect_errors as collect_errors
    from .inside.progress import progress as progress
    from .inside.ranges import Range as Range, merge as merge, ranges as ranges
    from .inside.stage import stage as stage
    from .inside.track import track as track
    from .inside.inbox import Inbox as Inbox, Question as Question, Reply as Reply

    # Watch
    from .engine.bus import (
        SubscriberLagged as SubscriberLagged, Subscription as Subscription,
        SubscriptionStatistics as SubscriptionStatistics,
    )
    from .engine.display import DisplayHook as DisplayHook
    from .model.events import (
        Event as Event, JobCancelling as JobCancelling, JobFinished as JobFinished,
        JobLogged as JobLogged, JobPaused as JobPaused, JobProgressed as JobProgressed,
        JobQueued as JobQueued, JobRead as JobRead, JobRemoved as JobRemoved,
        JobRequested as JobRequested, JobRequeued as JobRequeued, JobRestated as JobRestated,
        JobResumed as JobResumed, JobRetried as JobRetried, JobStarted as JobStarted,
        JobStopped as JobStopped, JobStuck as JobStuck, JobUpdated as JobUpdated,
        JobWaiting as JobWaiting,
    )
    from .model.chain import (
        ChainProblem as ChainProblem, ChainResult as ChainResult, ItemError as ItemError,
        Phase as Phase, PhaseResult as PhaseResult,
    )
    from .model.checkpoint import Checkpoint as Checkpoint
    from .model.outcome import ErrorText as ErrorText, NotKept as NotKept, Outcome as Outcome
    from .model.progress import Progress as Progress
    from .model.resources import Holding as Holding, ResourceState as ResourceState
    from .model.snapshot import JobInfo as JobInfo, JobSnapshot as JobSnapshot
    from .model.states import JobState as JobState, Request as Request, Waiting as Waiting

    # Store
    from .engine.archive import StoreState as StoreState
    from .engine.resumable import Resumable as Resumable
    from .engine.store import Store as Store
    from .model.stored import EventRow as EventRow, Keep as Keep
    from .stores.memory import MemoryStore as MemoryStore
    from .stores.sqlite import SqliteStore as SqliteStore

    # Errors
    from .model.errors import (
        AlreadyStarted as AlreadyStarted, ChainFailed as ChainFailed, ChainInvalid as ChainInvalid,
        CheckpointFound as CheckpointFound, Deadlock as Deadlock, DuplicateJob as DuplicateJob,
        IllegalMove as IllegalMove, IllegalVerb as IllegalVerb, JobactorsError as JobactorsError,
        JobCancelled as JobCancelled, JobFailed as JobFailed, JobInterrupted as JobInterrupted,
        JobsClosed as JobsClosed, JobTimedOut as JobTimedOut, MailboxFull as MailboxFull,
        NoAnswer as NoAnswer, NoJobSystem as NoJobSystem, NoStore as NoStore,
        NotResumable as NotResumable, ResultNotKept as ResultNotKept,
        RangesUnfinished as RangesUnfinished,
        ResourceBusy as ResourceBusy, StoreBusy as StoreBusy, StoreDamaged as StoreDamaged,
        StoreError as StoreError, StoreFailed as StoreFailed, StoreLost as StoreLost,
        StoreTooNew as StoreTooNew,
        TooMuch as TooMuch, UnknownJob as UnknownJob, UnknownJobType as UnknownJobType,
        WorkerDied as WorkerDied, WrongProcess as WrongProcess, WrongThread as WrongThread,
    )
# fmt: on

# The same table for the running program (a test compares them): a name is loaded when first
# used, so that a child process that only tracks loads no engine, and an import costs little.
_HOMES = {
    "engine.supervisor": "open_jobs",
    "hosts.thread": "start stop",
    "engine.jobs": "Jobs JobsStatistics",
    "engine.submitter": "Submitter",
    "engine.job": "Job",
    "engine.batch": "Batch Selection",
    "engine.dependencies": "After after handle",
    "runners.block": "tracked",
    "faces.executor": "JobFuture JobsExecutor",
    "faces.tqdm": "tqdm trange",
    "model.jobtype": "JobType job job_types",
    "model.limits": "Limits",
    "model.chain": "ChainProblem ChainResult ItemError Phase PhaseResult",
    "model.checkpoint": "Checkpoint Every",
    "model.options": "Options",
    "model.retention": "Retention",
    "model.retry": "Retry Snooze",
    "inside.context": "JobContext bind_context cancelled current_job shield",
    "inside.checkpoint": "save_checkpoint",
    "inside.batches": "batches",
    "inside.chain": "Chain chain phase result_of",
    "inside.collect": "collect_errors",
    "inside.progress": "progress",
    "inside.ranges": "Range merge ranges",
    "inside.stage": "stage",
    "inside.track": "track",
    "inside.inbox": "Inbox Question Reply",
    "engine.bus": "SubscriberLagged Subscription SubscriptionStatistics",
    "engine.display": "DisplayHook",
    "model.events": (
        "Event JobCancelling JobFinished JobLogged JobPaused JobProgressed JobQueued JobRead "
        "JobRemoved JobRequested JobRequeued JobRestated JobResumed JobRetried JobStarted "
        "JobStopped JobStuck JobUpdated JobWaiting"
    ),
    "model.outcome": "ErrorText NotKept Outcome",
    "model.progress": "Progress",
    "model.resources": "Holding ResourceState",
    "model.snapshot": "JobInfo JobSnapshot",
    "model.states": "JobState Request Waiting",
    "engine.archive": "StoreState",
    "engine.resumable": "Resumable",
    "engine.store": "Store",
    "model.stored": "EventRow Keep",
    "stores.memory": "MemoryStore",
    "stores.sqlite": "SqliteStore",
    "model.errors": (
        "AlreadyStarted ChainFailed ChainInvalid CheckpointFound Deadlock DuplicateJob "
        "IllegalMove IllegalVerb JobactorsError JobCancelled JobFailed JobInterrupted "
        "JobsClosed JobTimedOut MailboxFull NoAnswer NoJobSystem NoStore ResultNotKept "
        "NotResumable RangesUnfinished ResourceBusy StoreBusy StoreDamaged StoreError "
        "StoreFailed StoreLost StoreTooNew TooMuch UnknownJob UnknownJobType WorkerDied "
        "WrongProcess WrongThread"
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = list(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # costs more than all the rest

        return version(__name__)
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
