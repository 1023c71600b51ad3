"""Whether a template still fits its job type, which may have changed since it was written."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jobactors.engine.storage.submit_codec import source_of
from jobactors.model.argument_problem import ArgumentsInvalid
from jobactors.model.errors import UnknownJobType
from jobactors.model.job_type import job_type_named

if TYPE_CHECKING:
    from jobactors.engine.storage.template_codec import TemplateRecord
    from jobactors.model.job_type import JobType


def problem_of(record: TemplateRecord) -> str:
    """Return what has changed since a template was written; empty if nothing has."""
    try:
        kind = job_type_named(record.type)
    except UnknownJobType:
        return (
            f"its job type {record.type!r} is not registered yet: run the cell, or import the "
            "module, that declares it"
        )
    misfit = _misfit_of(record)
    if misfit:
        return misfit
    source = source_of(kind)
    if record.source and source and source != record.source:
        return "the source of its job type has changed; update() takes note of that"
    return ""


def _misfit_of(record: TemplateRecord) -> str:
    """Return which arguments of a template its job type does not take any more."""
    wrong = wrong_arguments(job_type_named(record.type), record.arguments)
    return f"its job type has changed: {wrong}" if wrong else ""


def wrong_arguments(kind: JobType, arguments: Mapping[str, Any]) -> str:
    """Return what is wrong with arguments, those left out that are only missing."""
    try:
        kind.check(dict(arguments))
    except ArgumentsInvalid as exc:
        found = [problem for problem in exc.problems if _top(problem.path) in arguments]
        return "; ".join(map(str, found))
    return ""


def _top(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


@contextmanager
def naming_what_has_changed(record: TemplateRecord) -> Generator[None]:
    """Say of arguments that are refused inside that the template's own do not fit any more.

    Raises:
        TypeError: for a refusal, if the job type takes the template's arguments no more; the
            message has the cure.
    """
    try:
        yield
    except (TypeError, ValueError) as exc:
        problem = _misfit_of(record)
        if not problem:
            raise
        cure = "update(arguments=…) it, or remove() it"
        raise TypeError(f"template {record.name!r}: {problem}; {cure}") from exc
