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
    from . import lowlevel as lowlevel, testing as testing
    from .faces import http as http

    # Open and submit
    from .hosts.trio_block import open_jobs as open_jobs
    from .faces.executor import JobsExecutor as JobsExecutor
    from .faces.job_future import JobFuture as JobFuture
    from .faces.tqdm import tqdm as tqdm
    from .faces.tqdm import trange as trange
    from .hosts.start import start as start, stop as stop
    from .hosts.as_job import command as command, track_as_job as track_as_job
    from .engine.api.jobs import Jobs as Jobs
    from .engine.api.statistics import JobsStatistics as JobsStatistics
    from .engine.api.submitter import Submitter as Submitter
    from .engine.api.job import Job as Job
    from .engine.api.batch import Batch as Batch
    from .engine.api.group import Group as Group
    from .model.batch_snapshot import BatchSnapshot as BatchSnapshot
    from .engine.api.many_waits import as_completed as as_completed, gather as gather, wait as wait
    from .engine.api.selection import Selection as Selection
    from .engine.api.schedule import Schedule as Schedule, ScheduleList as ScheduleList
    from .engine.api.scheduling import ScheduleDraft as ScheduleDraft
    from .engine.api.forever import Forever as Forever
    from .model.schedule_rule import (
        Cron as Cron, Interval as Interval, Moment as Moment, at as at, every as every,
    )
    from .model.schedule_state import ScheduleState as ScheduleState
    from .engine.api.serving import JobsServer as JobsServer
    from .engine.api.store_template import template as template
    from .engine.api.templates import Template as Template, TemplateList as TemplateList
    from .engine.api.dependencies import After as After, after as after, handle as handle
    from .runners.opened import OpenJob as OpenJob, open_job as open_job
    from .runners.block import BlockContext as BlockContext, tracked as tracked
    from .model.job_type import JobType as JobType, job as job, job_types as job_types
    from .model.argument_problem import ArgumentProblem as ArgumentProblem
    from .model.argument_problem import ArgumentsInvalid as ArgumentsInvalid, problem as problem
    from .model.limits import Limits as Limits
    from .model.every import Every as Every
    from .model.options import Options as Options
    from .model.rate import Rate as Rate
    from .model.retention import Retention as Retention
    from .model.retry import Retry as Retry
    from .model.snooze import Snooze as Snooze

    # Inside a job
    from .inside.context.job_context import JobContext as JobContext
    from .inside.context.current_job import (
        bind_context as bind_context, cancelled as cancelled, current_job as current_job, shield as
        shield, succeeded as succeeded,
    )
    from .inside.verbs.save_checkpoint import save_checkpoint as save_checkpoint
    from .inside.verbs.batches import batches as batches
    from .inside.chain.chain import (
        Chain as Chain, chain as chain, phase as phase, result_of as result_of,
    )
    from .inside.verbs.collect_errors import collect_errors as collect_errors
    from .inside.verbs.report_progress import progress as progress
    from .inside.verbs.ranges import Range as Range, merge as merge, ranges as ranges
    from .inside.verbs.stage import stage as stage
    from .inside.verbs.track import track as track
    from .inside.signals.mailbox import Inbox as Inbox, Question as Question, Reply as Reply

    # Watch
    from .engine.records.event_bus import (
        SubscriberLagged as SubscriberLagged, Subscription as Subscription, SubscriptionStatistics
        as SubscriptionStatistics,
    )
    from .engine.api.display import DisplayHook as DisplayHook
    from .model.events import (
        Event as Event, JobCancelling as JobCancelling, JobFinished as JobFinished, JobLogged as
        JobLogged, JobPaused as JobPaused, JobProgressed as JobProgressed, JobQueued as JobQueued,
        JobRead as JobRead, JobRemoved as JobRemoved, JobRequested as JobRequested, JobRequeued as
        JobRequeued, JobRestated as JobRestated, JobResumed as JobResumed, JobRetried as
        JobRetried, JobStarted as JobStarted, JobStopped as JobStopped, JobStuck as JobStuck,
        JobUpdated as JobUpdated, JobWaiting as JobWaiting,
    )
    from .model.chain_result import (
        ChainResult as ChainResult, ItemError as ItemError, PhaseResult as PhaseResult,
    )
    from .model.phases import ChainProblem as ChainProblem, Phase as Phase
    from .model.checkpoint import Checkpoint as Checkpoint
    from .model.error_text import ErrorText as ErrorText
    from .model.outcome import Answer as Answer, NotKept as NotKept, Outcome as Outcome
    from .model.wrong_loop import WrongLoop as WrongLoop
    from .model.progress import Progress as Progress
    from .model.resources import (
        Holding as Holding, ResourceState as ResourceState, ResourceStates as ResourceStates,
    )
    from .model.info import JobInfo as JobInfo
    from .model.spans import Span as Span, StageSpan as StageSpan
    from .model.timeline import Timeline as Timeline
    from .model.job_graph import JobGraph as JobGraph
    from .model.job_node import JobNode as JobNode
    from .model.timeline_bars import Bar as Bar
    from .model.metrics import Durations as Durations, JobMetrics as JobMetrics, Metrics as Metrics
    from .model.snapshot import JobSnapshot as JobSnapshot
    from .model.states import JobState as JobState, Request as Request, Waiting as Waiting

    # Execute
    from .engine.ports.runner import (
        Abandoned as Abandoned, Attempt as Attempt, AttemptLost as AttemptLost, Runner as Runner,
    )
    from .runners.dask_runner import DaskRunner as DaskRunner

    # Store
    from .engine.api.history import StoreState as StoreState
    from .engine.api.resumable import Resumable as Resumable
    from .engine.ports.store import Store as Store, ValueRefused as ValueRefused
    from .model.keep import Keep as Keep
    from .model.stored_rows import EventRow as EventRow, OccurrenceRow as OccurrenceRow
    from .stores.memory import MemoryStore as MemoryStore
    from .stores.sqlite import SqliteStore as SqliteStore

    # Errors
    from .model.errors import (
        AlreadyStarted as AlreadyStarted,
        ChainFailed as ChainFailed, ChainInvalid as ChainInvalid, ClusterLost as ClusterLost,
        Deadlock as Deadlock, DuplicateJob as DuplicateJob,
        EngineFailed as EngineFailed,
        IllegalMove as IllegalMove, IllegalVerb as IllegalVerb, JobactorsError as JobactorsError,
        JobCancelled as JobCancelled, JobFailed as JobFailed, JobInterrupted as JobInterrupted,
        JobsClosed as JobsClosed, JobTimedOut as JobTimedOut, MailboxFull as MailboxFull, NoAnswer
        as NoAnswer, NoJobSystem as NoJobSystem, NoStore as NoStore, NotResumable as NotResumable,
        ResultNotKept as ResultNotKept, ResourceBusy as ResourceBusy, StoreBusy as StoreBusy,
        StoreDamaged as StoreDamaged, StoreError as StoreError, StoreFailed as StoreFailed,
        StoreLost as StoreLost, StoreTooNew as StoreTooNew,
        TooMuch as TooMuch, UnknownJob as UnknownJob, UnknownJobType as UnknownJobType, WorkerDied
        as WorkerDied, WrongProcess as WrongProcess, WrongThread as WrongThread,
    )
    from .model.unknown_names import (
        UnknownSchedule as UnknownSchedule, UnknownTemplate as UnknownTemplate,
    )
    from .model.checkpoint_errors import (
        CheckpointFound as CheckpointFound, RangesUnfinished as RangesUnfinished,
    )
# fmt: on

# The same table for the running program (a test compares them): a name is loaded when first
# used, so that a child process that only tracks loads no engine, and an import costs little.
_HOMES = {
    "hosts.trio_block": "open_jobs",
    "hosts.start": "start stop",
    "hosts.as_job": "command track_as_job",
    "engine.api.jobs": "Jobs",
    "engine.api.statistics": "JobsStatistics",
    "engine.api.submitter": "Submitter",
    "engine.api.job": "Job",
    "engine.api.batch": "Batch",
    "engine.api.group": "Group",
    "model.batch_snapshot": "BatchSnapshot",
    "engine.api.many_waits": "as_completed gather wait",
    "engine.api.selection": "Selection",
    "engine.api.schedule": "Schedule ScheduleList",
    "engine.api.scheduling": "ScheduleDraft",
    "engine.api.forever": "Forever",
    "model.schedule_rule": "Cron Interval Moment at every",
    "model.schedule_state": "ScheduleState",
    "engine.api.serving": "JobsServer",
    "engine.api.store_template": "template",
    "engine.api.templates": "Template TemplateList",
    "engine.api.dependencies": "After after handle",
    "runners.opened": "OpenJob open_job",
    "runners.block": "BlockContext tracked",
    "faces": "http",
    "faces.executor": "JobsExecutor",
    "faces.job_future": "JobFuture",
    "faces.tqdm": "tqdm trange",
    "model.job_type": "JobType job job_types",
    "model.argument_problem": "ArgumentProblem ArgumentsInvalid problem",
    "model.limits": "Limits",
    "model.every": "Every",
    "model.chain_result": "ChainResult ItemError PhaseResult",
    "model.phases": "ChainProblem Phase",
    "model.checkpoint": "Checkpoint",
    "model.options": "Options",
    "model.rate": "Rate",
    "model.retention": "Retention",
    "model.retry": "Retry",
    "model.snooze": "Snooze",
    "inside.context.job_context": "JobContext",
    "inside.context.current_job": "bind_context cancelled current_job shield succeeded",
    "inside.verbs.save_checkpoint": "save_checkpoint",
    "inside.verbs.batches": "batches",
    "inside.chain.chain": "Chain chain phase result_of",
    "inside.verbs.collect_errors": "collect_errors",
    "inside.verbs.report_progress": "progress",
    "inside.verbs.ranges": "Range merge ranges",
    "inside.verbs.stage": "stage",
    "inside.verbs.track": "track",
    "inside.signals.mailbox": "Inbox Question Reply",
    "engine.records.event_bus": "SubscriberLagged Subscription SubscriptionStatistics",
    "engine.api.display": "DisplayHook",
    "model.events": (
        "Event JobCancelling JobFinished JobLogged JobPaused JobProgressed JobQueued JobRead "
        "JobRemoved JobRequested JobRequeued JobRestated JobResumed JobRetried JobStarted "
        "JobStopped JobStuck JobUpdated JobWaiting"
    ),
    "model.error_text": "ErrorText",
    "model.outcome": "Answer NotKept Outcome",
    "model.wrong_loop": "WrongLoop",
    "model.progress": "Progress",
    "model.resources": "Holding ResourceState ResourceStates",
    "model.info": "JobInfo",
    "model.spans": "Span StageSpan",
    "model.timeline": "Timeline",
    "model.job_graph": "JobGraph",
    "model.job_node": "JobNode",
    "model.timeline_bars": "Bar",
    "model.metrics": "Durations JobMetrics Metrics",
    "model.snapshot": "JobSnapshot",
    "model.states": "JobState Request Waiting",
    "engine.ports.runner": "Abandoned Attempt AttemptLost Runner",
    "runners.dask_runner": "DaskRunner",
    "engine.api.history": "StoreState",
    "engine.api.resumable": "Resumable",
    "engine.ports.store": "Store ValueRefused",
    "model.keep": "Keep",
    "model.stored_rows": "EventRow OccurrenceRow",
    "stores.memory": "MemoryStore",
    "stores.sqlite": "SqliteStore",
    "model.unknown_names": "UnknownSchedule UnknownTemplate",
    "model.checkpoint_errors": "CheckpointFound RangesUnfinished",
    "model.errors": (
        "AlreadyStarted ChainFailed ChainInvalid ClusterLost Deadlock "
        "DuplicateJob EngineFailed IllegalMove IllegalVerb JobactorsError JobCancelled JobFailed "
        "JobInterrupted JobsClosed JobTimedOut MailboxFull NoAnswer NoJobSystem NoStore "
        "ResultNotKept NotResumable ResourceBusy StoreBusy StoreDamaged "
        "StoreError StoreFailed StoreLost StoreTooNew TooMuch UnknownJob UnknownJobType "
        "WorkerDied WrongProcess WrongThread"
    ),
}
_MODULES = {"http": ".faces.http", "lowlevel": ".lowlevel", "testing": ".testing"}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = list(_HOME_OF)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # costs more than all the rest

        return version(__name__)
    if name in _MODULES:
        return importlib.import_module(_MODULES[name], __name__)
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
