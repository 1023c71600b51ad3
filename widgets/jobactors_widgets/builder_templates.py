"""Templates of chains, in the store of the jobs: ``jobs.templates()`` whose type is "chain"."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypedDict

import jobactors as ja

if TYPE_CHECKING:
    from .builder_document import Document

CHAIN: Final = "chain"


class WireTemplate(TypedDict):
    """One template, as `static/builder/session.js` reads it."""

    name: str
    document: Document


def known_templates(jobs: ja.Jobs) -> list[WireTemplate]:
    """Return the templates of chains; those of single jobs are left out."""
    found: list[WireTemplate] = []
    with suppress(ja.JobsClosed):
        for template in jobs.templates():
            with suppress(ja.JobactorsError, TypeError, ValueError):  # removed, or no chain
                if template.type == CHAIN:
                    found.append({"name": template.name, "document": _document_of(template)})
    return found


def _document_of(template: ja.Template) -> Document:
    """Return the document of a template; types that are not registered any more stay in it."""
    arguments: dict[str, Any] = template.arguments
    document = {"phases": arguments["phases"], "name": arguments.get("name", "")}
    return ja.chain.from_json({**document, "options": template.options}).to_json()


def save_template(jobs: ja.Jobs, name: str, chain: ja.Chain) -> None:
    """Store a chain as a template, without its private arguments; it replaces one of that name.

    Raises:
        ValueError: if the name is that of a template of another type.
    """
    with suppress(ja.UnknownTemplate):
        other = jobs.template(name).type
        if other != CHAIN:
            raise ValueError(f"{name!r} is a template of {other!r}: choose another name")
    jobs.add_template(name, chain)


def drop_template(jobs: ja.Jobs, name: str) -> None:
    """Remove a template."""
    jobs.template(name).remove()
