"""Templates: job types with arguments and options, under a name, to submit again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from jobactors.engine.storage.submit_codec import source_of
from jobactors.engine.storage.template_codec import (
    TemplateRecord,
    arguments_as_json,
    options_as_json,
    options_from_json,
)
from jobactors.engine.system.job_system import JobSystem
from jobactors.inside.chain.chain import Chain, chain
from jobactors.model.checks import is_mapping, shown
from jobactors.model.job_type import CHAIN_TYPE, job_type_named, job_type_of
from jobactors.model.unknown_names import UnknownTemplate

from .named_list import NamedList
from .offer import offer
from .template_fit import naming_what_has_changed, problem_of, wrong_arguments

if TYPE_CHECKING:
    from jobactors.model.identity import TypeOrFunction
    from jobactors.model.job_type import JobType

    from .job import Job

NO_VALUES: Final[Mapping[str, Any]] = {}


class Template:
    """A job type with arguments and options, under a name.  Made by ``jobs.add_template``.

    It is stored with the jobs, if these are stored; without a store it goes with its process.
    Usable from any thread; it shows the template as it is now, wherever that was changed.
    """

    def __init__(self, system: JobSystem, name: str) -> None:
        self._system = system
        self._name = name

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    @property
    def type(self) -> str:
        """The name of its job type; "chain" for a chain."""
        return self._record().type

    @property
    def arguments(self) -> dict[str, Any]:
        """Its arguments, by name; a copy."""
        return arguments_as_json(self._record().arguments)

    @property
    def options(self) -> dict[str, Any]:
        """Its options, by name, as ``jobs.options`` takes them."""
        return options_from_json(self._record().options)

    @property
    def changed_at(self) -> float:
        """When it was written, in seconds since the epoch."""
        return self._record().changed_at

    @property
    def problem(self) -> str:
        """Changes since it was written: its type is gone, or is another one; empty without any.

        Arguments that are missing are none: they may be given at the submit.
        """
        return problem_of(self._record())

    def submit(
        self,
        arguments: Mapping[str, Any] = NO_VALUES,
        /,
        **options: Any,
    ) -> Job[Any]:
        """Submit a job of it, and return its handle at once.

        Args:
            arguments: Arguments over those of the template.
            **options: Job options over those of the template, see :class:`~jobactors.Options`.

        Raises:
            UnknownTemplate: if it was removed.
            UnknownJobType: if its job type is not registered (yet).
            TypeError: if its job type has changed, and takes its arguments no more.
            TypeError, ValueError, DuplicateJob, JobsClosed: as ``jobs.submit``.

        Example::

            jobs.template("nightly wiki").submit({"folder": "drafts/"}, priority="high")
        """
        record = self._record()
        if not is_mapping(arguments):
            raise TypeError(f"arguments are a dictionary by name, not {shown(arguments)}")
        together = {**arguments_as_json(record.arguments), **arguments}
        changes = {**options_from_json(record.options), **options}
        with naming_what_has_changed(record):
            return offer(self._system, record.type, (together,), {}, changes)

    def update(
        self,
        *,
        arguments: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        """Replace its arguments, or its options; the others stay, and so do jobs of it.

        The template counts as written for the present version of its type.

        Args:
            arguments: All arguments, by name; default: as they are.
            options: All options; default: as they are.

        Raises:
            UnknownTemplate: if it was removed.
            UnknownJobType: if its job type is not registered.
            TypeError, ValueError: as :meth:`Jobs.add_template`.
        """
        record = self._record()
        _put(
            self._system,
            record.name,
            job_type_named(record.type),
            record.arguments if arguments is None else arguments,
            options_from_json(record.options) if options is None else options,
        )

    def remove(self) -> None:
        """Forget it; its jobs stay.  A second time does nothing."""
        system = self._system
        system.parts.portal.command(system.templates.remove, self._name)

    def to_dict(self) -> dict[str, Any]:
        """Return it as values that JSON holds."""
        record = self._record()
        return {**plain(record), "problem": problem_of(record)}

    def _record(self) -> TemplateRecord:
        system = self._system
        record: TemplateRecord = system.parts.portal.look(system.templates.get, self._name)
        return record

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._name)

    def _key(self) -> tuple[object, str]:
        return self._system, self._name

    def __repr__(self) -> str:
        try:
            record = self._record()
        except UnknownTemplate:
            return f"<Template {self._name!r}, removed>"
        given = ", ".join(f"{name}={shown(value)}" for name, value in record.arguments.items())
        where = "" if self._system.parts.journal is not None else ", in memory"
        problem = problem_of(record)
        return (
            f"<Template {self._name!r}: {record.type}({given:.300}){where}"
            f"{f'; {problem}' if problem else ''}>"
        )


def plain(record: TemplateRecord) -> dict[str, Any]:
    """Return a template as values that JSON holds."""
    return {
        "name": record.name,
        "type": record.type,
        "arguments": arguments_as_json(record.arguments),
        "options": dict(record.options),
        "changed_at": record.changed_at,
    }


class TemplateList(NamedList[Template]):
    """The templates of one system, in the order in which they came; a table in a notebook."""

    def __init__(self, templates: Sequence[Template]) -> None:
        super().__init__(templates, "<no templates>", UnknownTemplate)

    def _repr_html_(self) -> str:
        from jobactors.model.html_table import counted, html_table  # for a notebook alone

        rows = [
            (
                one["name"],
                one["type"],
                ", ".join(f"{k}={v!r:.100}" for k, v in one["arguments"].items()),
                one["problem"],
            )
            for one in (template.to_dict() for template in self)
        ]
        caption = counted(len(rows), "template")
        return html_table(caption, ("template", "type", "arguments", ""), rows)


def add_template(
    system: JobSystem,
    name: str,
    type: TypeOrFunction | Chain,
    arguments: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Template:
    """Store a template; see :meth:`.HasTemplates.add_template`."""
    if isinstance(type, Chain):
        if arguments:
            raise TypeError("a chain has the arguments of its phases")
        options = {**type.options, **options}
        arguments, kind = _arguments_of(type), job_type_named(CHAIN_TYPE)
    else:
        kind = _kind_of(type)
    _put(system, name, kind, arguments, options)
    return Template(system, name)


def find_template(system: JobSystem, name: str) -> Template:
    """Return a template by its name.

    Raises:
        UnknownTemplate: if there is none.
    """
    system.parts.portal.look(system.templates.get, name)
    return Template(system, name)


def list_templates(system: JobSystem) -> TemplateList:
    """Return all templates, in the order in which they came."""
    found = system.parts.portal.look(system.templates.all)
    return TemplateList([Template(system, record.name) for record in found])


def _kind_of(type: TypeOrFunction) -> JobType:
    if isinstance(type, str):
        return job_type_named(type)
    kind = type if not callable(type) else job_type_of(type)
    if kind is None:
        name = getattr(type, "__name__", "this function")
        raise TypeError(
            f"a template finds its function by name, and {name!s:.100} is no registered job type: "
            "@ja.job(…) makes it one"
        )
    return kind


def _arguments_of(chain: Chain) -> dict[str, Any]:
    """Return the arguments of a chain's job, as its document has them: without what is private."""
    document = chain.to_json()
    named = {"name": document["name"]} if document["name"] else {}
    return {"phases": document["phases"], **named}


def _put(
    system: JobSystem,
    name: str,
    kind: JobType,
    arguments: Mapping[str, Any],
    options: Mapping[str, Any],
) -> None:
    if not is_mapping(arguments):
        raise TypeError(f"arguments are a dictionary by name, not {shown(arguments)}")
    if not is_mapping(options):
        raise TypeError(
            f'options are a dictionary, such as {{"timeout": 60}}, not {shown(options)}'
        )
    if kind.name == CHAIN_TYPE and "phases" in arguments:
        arguments = _arguments_of(chain.from_json(dict(arguments)))
    record = TemplateRecord(name, kind.name, arguments_as_json(arguments), {}, source_of(kind))
    private = sorted({*kind.options.private, *options.get("private", ())} & set(arguments))
    if private:
        raise ValueError(f"{', '.join(private)} is private, and not stored: give it at the submit")
    wrong = wrong_arguments(kind, record.arguments)
    if wrong:
        raise ValueError(f"arguments of {kind.name}: {wrong}")
    record = replace(record, options=options_as_json(options))
    system.parts.portal.move(system.templates.put, record)
