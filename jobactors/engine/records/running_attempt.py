"""The running attempt of a job, as the rest of the engine sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from jobactors.inside.context.job_context import JobContext
    from jobactors.model.snapshot import JobSnapshot
    from jobactors.model.states import Request

    from .running_phase import RunningPhase


class NewestReports(Protocol):
    """What an attempt has reported, sampled yet or not."""

    def newest(self, snapshot: JobSnapshot) -> JobSnapshot:
        """Return a snapshot of the attempt's job with all its reports; from any thread."""
        ...


class RunningAttempt(Protocol):
    """The running attempt of a job, as the engine commands it.  In the loop's thread only."""

    request: Request | None
    """Its open request."""
    reason: str | None
    """The reason given for a request to end."""
    asked_at: float | None
    """When it was asked to end, in seconds since the epoch."""
    context: JobContext
    """The job as its own code sees it."""
    phase: RunningPhase | None
    """The phase that a chain waits for."""

    @property
    def is_stopping(self) -> bool:
        """Whether it was asked to end, for any reason."""
        ...

    @property
    def toolbox(self) -> NewestReports:
        """Its meter and its log, as far as others read them."""
        ...

    def cancel(self, reason: str | None, request: Request = ...) -> None:
        """Ask the attempt to end."""
        ...

    def abandon(self, why: str = ...) -> None:
        """Leave the attempt behind, where its runner can do that."""
        ...

    def pause(self) -> None:
        """Ask the attempt to stand still at its next point that can wait."""
        ...

    def resume(self) -> None:
        """Take back a pause that was not reached, or let the attempt go on."""
        ...

    def stop_timeout(self) -> None:
        """Let its timeout stand still."""
        ...

    def run_timeout(self) -> None:
        """Let the rest of its timeout pass from now on."""
        ...
