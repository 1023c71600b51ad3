"""Templates of single jobs, as entries of the form of a new job that fill it in."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import jobactors as ja

from .type_catalogue import TypeEntry, type_entry, valid_json
from .wire import LONGEST_MESSAGE, LONGEST_NAME, safe_text

if TYPE_CHECKING:
    from collections.abc import Iterator

CATEGORY: Final = "Templates"
MOST_TEMPLATES: Final = 200
_CHAIN: Final = "chain"

_log = logging.getLogger(__name__)


class TemplateEntry(TypeEntry):
    """A job type with what a template gives it, as `static/builder/new_job.js` reads it."""

    template: str
    """The name of the template."""
    arguments: dict[str, Any]
    """The arguments that the form begins with."""
    subject: str
    """The subject that it begins with."""


def template_entries(jobs: ja.Jobs) -> list[TemplateEntry]:
    """Return the templates of single jobs; those of chains are the builder's.  Never raises."""
    try:
        return list(_entries(jobs))
    except ja.JobactorsError:  # the system is closing, or one was removed meanwhile
        return []
    except Exception:
        _log.exception("the templates cannot be listed")
        return []


def _entries(jobs: ja.Jobs) -> Iterator[TemplateEntry]:
    kinds = ja.job_types()
    for template in jobs.templates()[:MOST_TEMPLATES]:
        if template.type == _CHAIN:
            continue
        kind, problem = kinds.get(template.type), template.problem
        if kind is None:
            known: TypeEntry = {
                "name": template.type,
                "title": "",
                "description": "",
                "icon": "",
                "category": "",
                "schema": {},
                "returns": None,
                "needs": [],
                "obstacle": safe_text(problem, LONGEST_MESSAGE),
            }
        else:
            known = type_entry(kind)
        about = f"{known['title'] or template.type}: {problem}" if problem else known["title"]
        yield {
            **known,
            "description": safe_text(about, LONGEST_MESSAGE),
            "title": safe_text(template.name, LONGEST_NAME),
            "category": CATEGORY,
            "template": template.name,
            "arguments": valid_json(template.arguments),
            "subject": safe_text(str(template.options.get("subject", "")), LONGEST_NAME),
        }
