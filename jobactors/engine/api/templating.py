"""The part of ``Jobs`` that stores templates; :mod:`.templates` is loaded with the first one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from jobactors.engine.system.job_system import JobSystem
from jobactors.model.checks import shown

if TYPE_CHECKING:
    from jobactors.inside.chain.chain import Chain
    from jobactors.model.identity import TypeOrFunction

    from .templates import Template, TemplateList

LONGEST_NAME: Final = 200
"""Characters of the name of a template or schedule."""
_NO_VALUES: Final[Mapping[str, Any]] = {}


class HasTemplates:
    """The part of :class:`~jobactors.Jobs` that stores templates."""

    _system: JobSystem

    def add_template(
        self,
        name: str,
        type: TypeOrFunction | Chain,
        *,
        arguments: Mapping[str, Any] = _NO_VALUES,
        options: Mapping[str, Any] = _NO_VALUES,
    ) -> Template:
        """Store a job type with arguments and options under a name; it replaces one of that name.

        Args:
            name: Its name, 200 characters at most.
            type: A registered job type, by its name or its function, or a chain of such.
            arguments: Arguments by name that JSON holds exactly; those that are missing are given
                at the submit.  Default: none.
            options: Job options that JSON holds, see :class:`~jobactors.Options`; a runner by its
                name.  Default: those of the type.

        Raises:
            TypeError, ValueError: for a function that is not registered, for arguments that do not
                fit or are private, for an unknown option, and for what cannot be stored.
            UnknownJobType: for a name that is not registered.
            JobsClosed: when the system has ended.
            StoreError: if the store cannot be written.

        Example::

            jobs.add_template("nightly wiki", "index", arguments={"folder": "wiki/"})
            jobs.template("nightly wiki").submit()
        """
        from .templates import add_template  # for templates alone

        check_name(name, "template")
        return add_template(self._system, name, type, arguments, options)

    def template(self, name: str) -> Template:
        """Return a template by its name.

        Raises:
            UnknownTemplate: if there is none; the message lists those there are.
        """
        from .templates import find_template

        return find_template(self._system, name)

    def templates(self) -> TemplateList:
        """Return all templates, in the order in which they came."""
        from .templates import list_templates

        return list_templates(self._system)


def check_name(value: object, what: str) -> str:
    """Return a name that a person gives.

    Raises:
        TypeError, ValueError: if it is no text, empty, or too long.
    """
    if not isinstance(value, str):
        raise TypeError(f"the name of a {what} is text, not {shown(value)}")
    if not value.strip() or len(value) > LONGEST_NAME:
        raise ValueError(
            f"the name of a {what} has from 1 to {LONGEST_NAME} characters, not {shown(value)}"
        )
    return value
