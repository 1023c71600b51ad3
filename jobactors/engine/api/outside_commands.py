"""Commands that come from outside the process: from a command line, over HTTP, out of a page.

Each is a name and values that JSON has; nothing that arrives is executed.  A job type is submitted
by its registered name, with arguments that its schema has checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec.structs import asdict

from jobactors.model.errors import IllegalVerb
from jobactors.model.job_type import job_type_named
from jobactors.model.retry import Retry
from jobactors.model.schedule_state import by_next

from .template_fit import naming_what_has_changed

if TYPE_CHECKING:
    from jobactors.model.metrics import Metrics
    from jobactors.model.schedule_state import ScheduleState

    from .job import Job
    from .jobs import Jobs

VERBS: Final[Mapping[str, Callable[[Job[Any], str | None], Job[Any] | object]]] = {
    "cancel": lambda job, reason: job.cancel(reason),
    "pause": lambda job, _: job.pause(),
    "resume": lambda job, _: job.resume(),
    "restart": lambda job, _: job.restart(),
    "fresh": lambda job, _: job.restart(from_checkpoint=False),
    "hold": lambda job, _: job.hold(),
    "release": lambda job, _: job.release(),
    "discard": lambda job, _: job.discard(),
    "delete": lambda job, _: job.delete(),
}
"""Every command for one job, and the call that it makes; "fresh" restarts without a checkpoint."""
OPTIONS: Final = frozenset(
    {"name", "description", "subject", "tags", "metadata", "icon", "priority", "key"}
    | {"on_duplicate", "resources", "on_busy", "hold", "start_at", "retry", "timeout"}
    | {"start_deadline", "grace", "on_checkpoint", "log_limit"}
)
"""The options of a submit from outside: those that JSON has, without the runner."""


def perform(jobs: Jobs, verb: str, job_id: str, reason: str | None = None) -> Job[Any]:
    """Run a command on one job, and return its handle; for a restart that of the new job.

    Raises:
        ValueError: for a verb that does not exist; the message lists those that do.
        UnknownJob: if there is no such job.
        IllegalVerb: if its state does not allow it; so does a cancel of an ended job.
    """
    if verb not in VERBS:
        raise ValueError(f"a command is one of {', '.join(VERBS)}, not {verb!r:.100}")
    job = jobs.get(job_id)
    if verb == "cancel" and job.state.is_terminal:
        raise IllegalVerb(job.id, str(job.state), "cancel", "it has ended, and stays as it ended")
    done = VERBS[verb](job, reason)
    return done if isinstance(done, type(job)) else job


def submit_by_name(
    jobs: Jobs, type: object, arguments: object = None, options: object = None
) -> Job[Any]:
    """Submit a registered job type with arguments that its schema takes.

    Args:
        jobs: The job system.
        type: The name of the type.
        arguments: Its arguments by name; default: none.
        options: Options of the job by name, of those in :data:`OPTIONS`; default: none.

    Raises:
        TypeError, ValueError: for what is no mapping of names, or no option.
        UnknownJobType: for a type that is not registered in the process of the jobs.
        ArgumentsInvalid: with all that is wrong with the arguments.
    """
    if not isinstance(type, str):
        raise TypeError(f"a job type is named by a text, not {type!r:.100}")
    checked = job_type_named(type).check(_names("arguments", arguments))
    return jobs.options(**cast("Any", _options(options))).submit(type, checked)


def _options(options: object) -> dict[str, Any]:
    chosen = dict(_names("options", options))
    unknown = sorted(chosen.keys() - OPTIONS)
    if unknown:
        raise TypeError(
            f"unknown option {', '.join(unknown)!r:.200}: those of a submit from outside are "
            f"{', '.join(sorted(OPTIONS))}"
        )
    if isinstance(chosen.get("retry"), Mapping):
        chosen["retry"] = Retry(**_names("retry", chosen["retry"]))
    return chosen


def submit_template(
    jobs: Jobs, name: object, arguments: object = None, options: object = None
) -> Job[Any]:
    """Submit a job of a template, with arguments and options over those that it has.

    Raises:
        TypeError, ValueError, UnknownJobType, ArgumentsInvalid: as :func:`submit_by_name`.
        TypeError: if its job type has changed, and takes its arguments no more.
        UnknownTemplate: if there is none of that name.
    """
    if not isinstance(name, str):
        raise TypeError(f"a template is named by a text, not {name!r:.100}")
    template = jobs.template(name)
    given = _names("arguments", arguments)
    with naming_what_has_changed(template._record()):
        checked = job_type_named(template.type).check({**template.arguments, **given})
    return template.submit(checked, **_options(options))


def metrics_of(jobs: Jobs) -> dict[str, Any]:
    """Return the metrics of a system as plain values, and as Prometheus' text."""
    return metrics_as_plain(jobs.metrics())


def metrics_as_plain(found: Metrics) -> dict[str, Any]:
    """Return metrics as plain values, and as Prometheus' text."""
    return {"metrics": found.to_dict(), "prometheus": found.prometheus()}


def schedules_as_plain(states: Iterable[ScheduleState]) -> dict[str, Any]:
    """Return schedules as plain values, the one that is due next first."""
    return {"schedules": [asdict(one) for one in by_next(states)]}


def schedules_of(jobs: Jobs) -> dict[str, Any]:
    """Return the schedules of a system as plain values."""
    return schedules_as_plain([one.state() for one in jobs.schedules()])


def templates_of(jobs: Jobs) -> dict[str, Any]:
    """Return the templates of a system as plain values."""
    return {"templates": [one.to_dict() for one in jobs.templates()]}


def _names(what: str, given: object) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise TypeError(f"{what} are an object of values by name, not {given!r:.100}")
    return cast("Mapping[str, Any]", given)
