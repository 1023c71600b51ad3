"""The templates of one system: named job types with arguments and options, stored with the jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from jobactors.inside.report.guarded_log import LOG
from jobactors.model.stored_rows import TEMPLATES, DropDocument, PutDocument
from jobactors.model.unknown_names import UnknownTemplate

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobactors.engine.storage.template_codec import TemplateRecord
    from jobactors.model.stored_rows import DocumentRow

    from .parts import Parts


class TemplateTable:
    """Holds the templates of one system by name.  In the loop's thread only."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._all: dict[str, TemplateRecord] = {}

    def load(self, rows: Iterable[DocumentRow]) -> None:
        """Add the templates of a store; what cannot be read is named in the log, and left alone."""
        from jobactors.engine.storage.template_codec import template_from  # for a store alone

        for row in rows:
            try:
                self._all[row.name] = template_from(row)
            except (ValueError, TypeError) as exc:
                LOG.warning("the template %.100r in the store cannot be read: %s", row.name, exc)

    def all(self) -> list[TemplateRecord]:
        """Return all of them, in the order in which they came."""
        return list(self._all.values())

    def has(self, name: str) -> bool:
        """Whether there is a template of this name."""
        return name in self._all

    def get(self, name: str) -> TemplateRecord:
        """Return a template.

        Raises:
            UnknownTemplate: if there is none of that name.
        """
        found = self._all.get(name)
        if found is None:
            raise UnknownTemplate(name, tuple(self._all))
        return found

    def put(self, template: TemplateRecord) -> None:
        """Add a template, or replace the one of its name.

        Raises:
            StoreError: if the store cannot be written.
        """
        journal = self._parts.journal
        template = replace(template, changed_at=self._parts.clock.now())
        if journal is not None:
            from jobactors.engine.storage.template_codec import document_of

            journal.check()
            journal.write(PutDocument(document_of(template)))
        self._all[template.name] = template

    def remove(self, name: str) -> None:
        """Forget a template; one that is not there is left alone."""
        if self._all.pop(name, None) is not None and self._parts.journal is not None:
            self._parts.journal.write(DropDocument(TEMPLATES, name))
