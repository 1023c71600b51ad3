"""A builder: one anywidget in which a chain is put together out of job types, and run.

Its only state is a JSON document, :attr:`ChainBuilder.value`.  As in :mod:`.panel`, traits carry
the first state alone, and are read when they are sent; what follows travels as messages:

* browser → kernel ``edit``: the document, and the private values for this one check; answered by
  ``checked``, with the problems.  ``run``, ``plan``, ``python``, ``cancel``, and those about
  templates name themselves;
* kernel → browser ``document``: it was set in Python; ``types``: a type was declared; ``job``: how
  the run goes.

``by`` names the page that has asked: answers reach all windows.  Messages arrive in threads of
ipykernel's, also while a cell runs.  Private values are in messages and in the job alone.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import traitlets

import jobactors as ja

from .builder_check import problems_of
from .builder_document import (
    KnownValues,
    as_object,
    empty_document,
    html_list,
    text_list,
    with_private,
    without_private,
)
from .builder_run import EarlierRun, follow, start, steps_of
from .builder_templates import drop_template, known_templates, save_template
from .button_commands import BY_HAND
from .kernel_internals import current_kernel
from .live_widget import LiveWidget
from .static_files import builder_module, builder_style
from .type_catalogue import catalogue, fingerprint, valid_json
from .wire import LONGEST_MESSAGE, LONGEST_NAME, safe_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from .builder_document import Document
    from .builder_run import How, RunState

VIEW_TYPE: Final = "application/vnd.jupyter.widget-view+json"
LARGEST: Final = 10_000_000
"""Characters of a document that a browser may send."""

_log = logging.getLogger(__name__)


def builder(
    jobs: ja.Jobs | None = None,
    *,
    categories: Collection[str] | None = None,
    template: str = "",
    document: Mapping[str, Any] | ja.Chain | None = None,
    name: str = "",
) -> ChainBuilder:
    """Return a builder: job types by category on the left, the phases of a chain on the right.

    A click or Enter adds a type, arguments have controls made of their annotations, phases are
    dragged by mouse, finger or keys, and problems stand on their cards.  ``builder.value`` is the
    chain as a JSON document, ``builder.chain`` the chain.  Private arguments are password fields:
    their values are in no document, template, or saved notebook.

    Args:
        jobs: The job system that runs the chain, and whose store has the templates; default:
            ``ja.start()``.
        categories: Only the types of these categories, in this order; default: all types.
        template: The name of a template to begin with; default: none.
        document: A document or a chain to begin with; default: no phases.
        name: Distinguishes several builders of one notebook where edits are found again that no
            kernel has; default: the template's name.

    Raises:
        TypeError, ValueError: for a document that is none, or both a document and a template.

    Example::

        build = jobactors_widgets.builder(jobs)
        build  # the last line of a cell
        build.run()
        ja.chain.from_json(build.value).run_sync()  # the same, without a notebook
    """
    if template and document is not None:
        raise ValueError("a builder begins with a template or with a document, not with both")
    system = jobs or ja.start()
    if template:
        known = {one["name"]: one["document"] for one in known_templates(system)}
        if template not in known:
            listed = ", ".join(known) or "none"
            raise ValueError(f"there is no template {template!r} of a chain; there are: {listed}")
        first = known[template]
    elif isinstance(document, ja.Chain):
        first = document.to_json()
    else:
        first = empty_document() if document is None else ja.chain.from_json(document).to_json()
    return ChainBuilder(system, first, categories, name or template)


def _document_now(_value: object, widget: ChainBuilder) -> Document:
    return cast("Document", valid_json(widget.value))


def _types_now(_value: object, widget: ChainBuilder) -> object:
    return widget.present_types()


def _templates_now(_value: object, widget: ChainBuilder) -> object:
    return widget.present_templates()


def _is_new_now(_value: object, widget: ChainBuilder) -> bool:
    return widget.is_untouched


class ChainBuilder(LiveWidget):
    """Puts a chain together and runs it.  Made by :func:`builder`."""

    _esm = builder_module()
    _css = builder_style()

    document = traitlets.Any().tag(sync=True, to_json=_document_now)
    """The document as it is now."""
    types = traitlets.Any().tag(sync=True, to_json=_types_now)
    """The job types as they are now."""
    templates = traitlets.Any().tag(sync=True, to_json=_templates_now)
    """The templates as they are now."""
    is_new = traitlets.Any().tag(sync=True, to_json=_is_new_now)
    """Whether nothing was changed yet: then a page may offer earlier edits."""
    draft_key = traitlets.Unicode(read_only=True).tag(sync=True)
    """Distinguishes the builders of one notebook."""

    def __init__(
        self,
        jobs: ja.Jobs,
        document: Document,
        categories: Collection[str] | None = None,
        name: str = "",
    ) -> None:
        self.jobs = jobs
        self.is_untouched = True
        self._categories = categories
        self._lock = threading.Lock()  # of the fields below: messages come in several threads
        self._document = without_private(document)
        self._known = KnownValues()
        self._known.note(self._document)
        self._job: ja.Job[Any] | None = None
        self._run_state: RunState | None = None
        self._seen_types: object = None
        self.set_trait("draft_key", safe_text(name, LONGEST_NAME))
        super().__init__()
        events = getattr(getattr(current_kernel(), "shell", None), "events", None)
        if events is not None:
            events.register("post_run_cell", self._cell_ended)
            self.call_when_closed(partial(events.unregister, "post_run_cell", self._cell_ended))

    # -- for users

    @property
    def value(self) -> Document:
        """The chain as a JSON document, without private arguments; may be set."""
        with self._lock:
            return self._document

    @value.setter
    def value(self, document: Mapping[str, Any] | ja.Chain) -> None:
        chain = document if isinstance(document, ja.Chain) else ja.chain.from_json(document)
        with self._lock:
            self._document = chain.to_json()
            self._known.note(self._document)
            self.is_untouched = False
        self.post({"kind": "document", "document": valid_json(self.value)})

    @property
    def chain(self) -> ja.Chain:
        """The chain.

        Raises:
            TypeError, ValueError: while it is not complete, such as with a weight of 0.
        """
        return ja.chain.from_json(self.value)

    def check(self) -> list[ja.ChainProblem]:
        """Return the problems of the chain, as :meth:`ja.Chain.check`."""
        return self.chain.check()

    def run(
        self,
        private: Mapping[str, Mapping[str, object]] | None = None,
        *,
        on_checkpoint: How = "resume",
    ) -> ja.Job[Any]:
        """Start the chain as a job, and return it; the cards are locked until it has ended.

        Args:
            private: The private arguments, by the name of their phase; default: none.
            on_checkpoint: "resume" goes on from what an earlier run has left, "fresh" drops it.

        Raises:
            ChainInvalid: if it has errors.
        """
        document = self.value
        ids = {str(one["name"]): str(one["id"]) for one in document["phases"]}
        given = {ids.get(name, name): dict(values) for name, values in (private or {}).items()}
        chain = ja.chain.from_json(with_private(document, given))
        job = start(self.jobs, chain, on_checkpoint)
        self._follow(job, document)
        return job

    @property
    def job(self) -> ja.Job[Any] | None:
        """The job of the last run; None before the first."""
        return self._job

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, Any], dict[str, Any]]:
        document = self.value
        saved = {"text/html": html_list(document), "text/plain": text_list(document)}
        return {VIEW_TYPE: self.view, **saved}, {}

    # -- the first state

    def present_types(self) -> object:
        """Return the job types as they are now."""
        self._seen_types = fingerprint()
        return catalogue(self._categories)

    def present_templates(self) -> object:
        """Return the templates as they are now."""
        return valid_json(known_templates(self.jobs))

    # -- messages; in any thread

    def _hear(self, _widget: object, content: Any, _buffers: object) -> None:
        try:
            self._answer(content)
        except ja.JobactorsError as error:
            self._say(content, str(error))
        except Exception as error:
            _log.debug("a message to a builder failed", exc_info=True)
            self._say(content, f"{type(error).__name__}: {error}")

    def _answer(self, content: Any) -> None:
        match content:
            case {"kind": "hello"}:
                self._send_types_if_changed()
                if self._run_state is not None:
                    self.post({"kind": "job", "job": self._run_state})
            case {"kind": "edit", "document": document, "revision": revision, "by": by}:
                self._edit(as_object(document), content.get("private"), revision, by)
            case {"kind": "run", "document": document, "how": how, "by": by}:
                self._run(as_object(document), content.get("private"), how, by)
            case {"kind": "plan", "document": document, "by": by}:
                self._plan(as_object(document), content.get("private"), by)
            case {"kind": "python", "document": document, "by": by}:
                text = ja.chain.from_json(self._taken(as_object(document))).to_python()
                self.post({"kind": "python", "by": by, "text": valid_json(text)})
            case {"kind": "cancel"}:
                if self._job is not None:
                    self._job.cancel(reason=BY_HAND)
            case _:
                self._answer_about_templates(content)

    def _answer_about_templates(self, content: Any) -> None:
        match content:
            case {"kind": "save_template", "document": document, "name": str(name)}:
                taken = ja.chain.from_json(self._taken(as_object(document)))
                save_template(self.jobs, name, taken)
                self._send_templates(content, f"Saved as {name}.")
            case {"kind": "drop_template", "name": str(name)}:
                drop_template(self.jobs, name)
                self._send_templates(content, f"{name} is deleted.")
            case _:
                _log.warning("a builder's page sent a message of a kind that is not known here")

    def _taken(self, document: Document) -> Document:
        """Take a document of a browser as the present one; return it with its exact values."""
        if len(repr(document)) > LARGEST:
            raise ValueError("this chain is too large for a builder: make it in Python")
        with self._lock:
            exact = self._known.exact(without_private(document))
            self._known.note(exact)
            self._document = exact
            self.is_untouched = False
        return exact

    def _edit(self, document: Document, private: object, revision: object, by: object) -> None:
        self._send_types_if_changed()
        exact = self._taken(document)
        _, problems = problems_of(with_private(exact, private))
        self.post(
            {
                "kind": "checked",
                "by": by,
                "revision": revision,
                "problems": problems,
                "document": valid_json(exact),
            }
        )

    def _run(self, document: Document, private: object, how: object, by: object) -> None:
        exact = self._taken(document)
        if self._run_state is not None and not self._run_state["ended"]:
            self.post({"kind": "ran", "by": by, "why": "it is running already"})
            return
        wanted: How = how if how in ("resume", "fresh") else "ask"
        try:
            chain = ja.chain.from_json(with_private(exact, private))
            job = start(self.jobs, chain, wanted)
        except EarlierRun as earlier:
            self.post({"kind": "ran", "by": by, "question": earlier.question})
            return
        except Exception as error:  # the chain cannot start: its user reads why
            text = f"{type(error).__name__}: {error}"
            self.post({"kind": "ran", "by": by, "why": safe_text(text, LONGEST_MESSAGE)})
            return
        self.post({"kind": "ran", "by": by})
        self._follow(job, exact)

    def _plan(self, document: Document, private: object, by: object) -> None:
        exact = self._taken(document)
        chain, problems = problems_of(with_private(exact, private))
        steps = [] if chain is None else steps_of(self.jobs, chain, exact, problems)
        self.post({"kind": "plan", "by": by, "steps": steps, "problems": problems})

    def _follow(self, job: ja.Job[Any], document: Document) -> None:
        self._job = job

        async def service(_: ja.Jobs) -> None:
            await follow(job, document, partial(self._show_run, job))

        ja.lowlevel.attach(self.jobs, service)

    def _show_run(self, job: ja.Job[Any], state: RunState) -> None:
        if job is not self._job or state == self._run_state:
            return
        self._run_state = state
        self.post({"kind": "job", "job": state})

    def _say(self, content: Any, text: str, *, bad: bool = True) -> None:
        said = {"text": safe_text(text, LONGEST_MESSAGE), "bad": bad}
        self.post({"kind": "said", "by": as_object(content).get("by"), **said})

    def _send_templates(self, content: Any, text: str) -> None:
        self.post({"kind": "templates", "templates": self.present_templates()})
        self._say(content, text, bad=False)

    def _send_types_if_changed(self) -> None:
        if self._seen_types != fingerprint():
            self.post({"kind": "types", "types": self.present_types()})

    def _cell_ended(self, _result: object = None) -> None:
        with suppress(Exception):  # no cell fails because of a builder
            self._send_types_if_changed()
