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

if TYPE_CHECKING:
    # Open and submit
    # Watch
    from .engine.bus import (
        SubscriberLagged as SubscriberLagged,
    )
    from .engine.bus import (
        Subscription as Subscription,
    )
    from .engine.bus import (
        SubscriptionStatistics as SubscriptionStatistics,
    )
    from .engine.display import DisplayHook as DisplayHook
    from .engine.job import Job as Job
    from .engine.jobs import Jobs as Jobs
    from .engine.jobs import JobsStatistics as JobsStatistics
    from .engine.jobs import Submitter as Submitter
    from .engine.supervisor import open_jobs as open_jobs
    from .hosts.thread import start as start
    from .hosts.thread import stop as stop

    # Inside a job
    from .inside.context import (
        JobContext as JobContext,
    )
    from .inside.context import (
        bind_context as bind_context,
    )
    from .inside.context import (
        cancelled as cancelled,
    )
    from .inside.context import (
        current_job as current_job,
    )
    from .inside.context import (
        progress as progress,
    )
    from .inside.context import (
        shield as shield,
    )
    from .inside.stage import stage as stage
    from .inside.track import track as track

    # Errors
    from .model.errors import (
        AlreadyStarted as AlreadyStarted,
    )
    from .model.errors import (
        DuplicateJob as DuplicateJob,
    )
    from .model.errors import (
        IllegalMove as IllegalMove,
    )
    from .model.errors import (
        IllegalVerb as IllegalVerb,
    )
    from .model.errors import (
        JobactorsError as JobactorsError,
    )
    from .model.errors import (
        JobCancelled as JobCancelled,
    )
    from .model.errors import (
        JobFailed as JobFailed,
    )
    from .model.errors import (
        JobInterrupted as JobInterrupted,
    )
    from .model.errors import (
        JobsClosed as JobsClosed,
    )
    from .model.errors import (
        JobTimedOut as JobTimedOut,
    )
    from .model.errors import (
        NoJobSystem as NoJobSystem,
    )
    from .model.errors import (
        UnknownJob as UnknownJob,
    )
    from .model.errors import (
        UnknownJobType as UnknownJobType,
    )
    from .model.errors import (
        WrongProcess as WrongProcess,
    )
    from .model.errors import (
        WrongThread as WrongThread,
    )
    from .model.events import (
        Event as Event,
    )
    from .model.events import (
        JobCancelling as JobCancelling,
    )
    from .model.events import (
        JobFinished as JobFinished,
    )
    from .model.events import (
        JobPaused as JobPaused,
    )
    from .model.events import (
        JobProgressed as JobProgressed,
    )
    from .model.events import (
        JobQueued as JobQueued,
    )
    from .model.events import (
        JobRead as JobRead,
    )
    from .model.events import (
        JobRemoved as JobRemoved,
    )
    from .model.events import (
        JobRequested as JobRequested,
    )
    from .model.events import (
        JobRequeued as JobRequeued,
    )
    from .model.events import (
        JobRestated as JobRestated,
    )
    from .model.events import (
        JobResumed as JobResumed,
    )
    from .model.events import (
        JobRetried as JobRetried,
    )
    from .model.events import (
        JobStarted as JobStarted,
    )
    from .model.events import (
        JobStopped as JobStopped,
    )
    from .model.events import (
        JobStuck as JobStuck,
    )
    from .model.events import (
        JobUpdated as JobUpdated,
    )
    from .model.events import (
        JobWaiting as JobWaiting,
    )
    from .model.jobtype import JobType as JobType
    from .model.jobtype import job as job
    from .model.jobtype import job_types as job_types
    from .model.options import Options as Options
    from .model.outcome import ErrorText as ErrorText
    from .model.outcome import Outcome as Outcome
    from .model.progress import Progress as Progress
    from .model.retention import Retention as Retention
    from .model.retry import Retry as Retry
    from .model.retry import Snooze as Snooze
    from .model.snapshot import JobInfo as JobInfo
    from .model.snapshot import JobSnapshot as JobSnapshot
    from .model.states import JobState as JobState
    from .model.states import Request as Request
    from .model.states import Waiting as Waiting
    from .runners.block import tracked as tracked

# The same table for the running program: a name is loaded when it is first used, so that a child
# process that only tracks loads no engine, and an import costs next to nothing.
_HOMES = {
    "engine.supervisor": "open_jobs",
    "hosts.thread": "start stop",
    "engine.jobs": "Jobs JobsStatistics Submitter",
    "engine.job": "Job",
    "runners.block": "tracked",
    "model.jobtype": "JobType job job_types",
    "model.options": "Options",
    "model.retention": "Retention",
    "model.retry": "Retry Snooze",
    "inside.context": "JobContext bind_context cancelled current_job progress shield",
    "inside.stage": "stage",
    "inside.track": "track",
    "engine.bus": "SubscriberLagged Subscription SubscriptionStatistics",
    "engine.display": "DisplayHook",
    "model.events": (
        "Event JobCancelling JobFinished JobPaused JobProgressed JobQueued JobRead JobRemoved "
        "JobRequested JobRequeued JobRestated JobResumed JobRetried JobStarted JobStopped JobStuck "
        "JobUpdated JobWaiting"
    ),
    "model.outcome": "ErrorText Outcome",
    "model.progress": "Progress",
    "model.snapshot": "JobInfo JobSnapshot",
    "model.states": "JobState Request Waiting",
    "model.errors": (
        "AlreadyStarted DuplicateJob IllegalMove IllegalVerb JobactorsError JobCancelled JobFailed "
        "JobInterrupted JobsClosed JobTimedOut NoJobSystem UnknownJob UnknownJobType WrongProcess "
        "WrongThread"
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
