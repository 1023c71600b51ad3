"""The seam between the engine and the runners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from msgspec import Struct

from jobactors.model.options import DEFAULTS

if TYPE_CHECKING:
    from collections.abc import Callable

    import trio

    from jobactors.inside.context.job_context import JobContext
    from jobactors.model.options import Options


class Attempt(Struct, frozen=True):
    """One run of a job's function, as a runner gets it."""

    context: JobContext
    """The job as the function's code sees it."""
    function: Callable[..., Any]
    """The function of the job."""
    args: tuple[Any, ...]
    """Its positional arguments."""
    kwargs: dict[str, Any]
    """Its keyword arguments."""
    abandon: Callable[[], trio.CancelScope]
    """Makes the scope that is cancelled when the system can no longer wait for a stuck attempt."""
    options: Options = DEFAULTS
    """The options of the job: a runner reads its ``grace`` and ``limits``."""


class Abandoned(BaseException):
    """Raised by a runner that did not wait for its attempt to end by itself.

    Without a text: it left the attempt behind, because that scope was cancelled.  With one: it
    ended the attempt by force, in the way that the text describes; it is shown with the reason of
    the cancel.
    """


class Runner(Protocol):
    """Executes attempts.  Stateless: one runner serves all jobs of its kind.

    ``run`` is called inside the job's own cancel scope and context, returns what the function
    returns, and raises what it raises.  When the scope is cancelled it ends as soon as its kind of
    work can be ended: a trio task at its next cancel point, a thread at its next check.
    """

    name: ClassVar[str]
    """Its value of ``runner=``."""
    takes_slot: ClassVar[bool]
    """Whether it counts for ``max_running``; False for code that is running anyway."""
    can_abandon: ClassVar[bool]
    """Whether a stuck attempt can be left behind when the system closes."""

    async def run(self, attempt: Attempt) -> Any:
        """Execute one attempt."""
        ...
