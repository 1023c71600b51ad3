"""Starts one job of a registered type for a front end's form: types, check, start.

Messages arrive in a thread of ipykernel's; here the ``validate`` of a type and a submit may block.
Private values are in the message and in the job alone: no answer repeats them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import jobactors as ja

from .builder_check import argument_problems
from .builder_document import as_object
from .template_entries import template_entries
from .type_catalogue import catalogue
from .wire import LONGEST_MESSAGE, safe_text

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS: Final = frozenset({"types", "check_new", "start_new"})


def answer_form(jobs: ja.Jobs, message: Mapping[str, Any]) -> dict[str, object]:
    """Return the answer to one message of a form.  Never raises for its content.

    A job gets its arguments as the annotations of its type have them: a date as a date.  A store
    has them as the form has sent them, so that the job can be resumed after its process.
    """
    by, revision = message.get("by"), message.get("revision")
    match message:
        case {"kind": "types"}:
            return {"kind": "types", "by": by, "types": [*template_entries(jobs), *catalogue()]}
        case {"kind": "check_new", "type": str(name)}:
            found = _check(name, _arguments(message))
            return {"kind": "checked_new", "by": by, "revision": revision, **found}
        case {"kind": "start_new", "type": str(name)}:
            started = _start(jobs, name, message)
            return {"kind": "started_new", "by": by, "revision": revision, **started}
        case _:
            return {"kind": "checked_new", "by": by, "revision": revision, "problems": []}


def _arguments(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a message, those that are private put in."""
    return {**as_object(message.get("arguments")), **as_object(message.get("private"))}


def _check(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    kind = ja.job_types().get(name)
    if kind is None:
        why = safe_text(f"there is no job type {name!r} any more", LONGEST_MESSAGE)
        return {"problems": [], "why": why}
    return {"problems": argument_problems(kind.problems(arguments)), "why": ""}


def _start(jobs: ja.Jobs, name: str, message: Mapping[str, Any]) -> dict[str, Any]:
    arguments = _arguments(message)
    found = _check(name, arguments)
    if found["why"]:
        return found
    if any(one["severity"] == "error" for one in found["problems"]):
        return {**found, "why": "mend the errors first"}
    subject = message.get("subject")
    template = message.get("template")
    options: dict[str, Any] = {}
    try:
        if isinstance(template, str):
            options = jobs.template(template).options
        if isinstance(subject, str) and subject:
            options["subject"] = subject
        job = jobs.options(**options).submit(name, arguments)
    except Exception as error:  # a key that is taken, a busy resource, a store: its user reads why
        why = safe_text(f"{type(error).__name__}: {error}", LONGEST_MESSAGE)
        return {"problems": [], "why": why}
    return {"id": job.id, "problems": []}
