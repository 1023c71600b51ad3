"""A button that starts a job, and the row of that job beside it.

There is one unfinished job a (type, subject): a button pressed in two windows, or shown by two
cells, starts one job, and a launcher that is made again (its cell was run again, the page was
reloaded) finds it.  Where an earlier job can be resumed, it asks: Resume, Start fresh, or Cancel.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import ipywidgets  # pyright: ignore[reportMissingTypeStubs]
import trio

import jobactors as ja

from .details import ResultTexts
from .display_hook import display_hook
from .kernel_internals import current_kernel, hear_while_busy
from .wire import safe_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

widgets: Any = ipywidgets  # it has no types
LONGEST: Final = 300
FRAME_SECONDS: Final = 0.1
QUESTION_SECONDS: Final = 15.0
"""Between two drawings of an open question."""


def launcher(
    work: Callable[..., object] | str,
    /,
    *,
    label: str = "",
    subject: str = "",
    args: Mapping[str, object] | Callable[[], Mapping[str, object]] | None = None,
    result_text: Callable[[Any], object] | None = None,
    jobs: ja.Jobs | None = None,
    **options: Any,
) -> Launcher:
    """Return a button that starts ``work`` as a job, and the row of that job beside it.

    The row is that of a board: it moves, tells the time left, can be paused and cancelled, and its
    name leads to the job's row on a board or in the sidebar.  The button is disabled meanwhile.
    After the job the row shows how it has ended, a line below it a short text of the result, and
    the button can be pressed again.  All buttons together start at most one unfinished job for the
    same work and subject.  If an earlier job was interrupted or left a checkpoint, the press asks
    how to go on, unless the option ``on_checkpoint`` decides it.

    Args:
        work: A function, or the name of a job type.
        label: The text of the button; default: the type's name.
        subject: The subject of the job; part of its key.
        args: The work's keyword arguments, or a function that returns them at the press, so that
            other controls can be read then.
        result_text: A function that puts a result into a few words, such as ``lambda letter:
            "written"``; it is called in a thread of its own.  Default: a short ``repr``.
        jobs: The job system; default: ``ja.start()``.
        **options: Any job option, such as ``priority`` or ``tags``.

    Raises:
        TypeError, ValueError: at once, for an unknown option or a wrong value.

    Example::

        launcher(write_letter, subject="letter 42", args=lambda: {"tone": tone.value})
    """
    results = ResultTexts(result_text)
    return _LaunchButton(work, label, subject, args, results, jobs or ja.start(), options).box


class Launcher(widgets.VBox):  # type: ignore[misc] # pyright: ignore[reportUntypedBaseClass]
    """A launcher as a widget.  Made by :func:`launcher`; its parts may be styled, or read.

    Args:
        button: Starts the job.
        row: Holds the panel of the job, once there is one.
        line: A text below them: a result, a refusal, or what is asked.
        question: The choices where it asks how to go on.
    """

    def __init__(self, button: Any, row: Any, line: Any, question: Any) -> None:
        self.button = button
        self.row = row
        self.line = line
        self.question = question
        above = widgets.HBox(
            [button, row], layout={"align_items": "center", "flex_flow": "row wrap"}
        )
        self.below = widgets.HBox([line, question], layout={"display": "none"})
        super().__init__([above, self.below])  # pyright: ignore[reportUnknownMemberType]
        self.add_class("ja-controls")  # the labextension keeps plain keys from the notebook


class _LaunchButton:
    """Holds one button, the row beside it and the line below.

    A press is handled in a thread of ipykernel's, which disables the button.  While a job is
    followed, every other change is written by the jobs' loop.
    """

    def __init__(
        self,
        work: Callable[..., object] | str,
        label: str,
        subject: str,
        args: Mapping[str, object] | Callable[[], Mapping[str, object]] | None,
        results: ResultTexts,
        jobs: ja.Jobs,
        options: dict[str, Any],
    ) -> None:
        self._work = work
        self._args = args
        self._jobs = jobs
        self._subject = subject
        type_name = work if isinstance(work, str) else _type_of(work)
        self._type = type_name
        key = (type_name, subject)  # the key of @ja.job(unique=True): both mean the same job
        given: dict[str, Any] = {"subject": subject, "key": key, "on_checkpoint": "ask", **options}
        self._submitter = jobs.options(**given)
        self._arguments: dict[str, object] = {}  # those of the last press
        self._followed = ""  # the job that is shown
        self._results = results
        self._asked = ""  # the job whose result was requested as text
        self._questions = 0  # that were opened
        text = safe_text(label or type_name, LONGEST)
        self.button = widgets.Button(description=text, tooltip=safe_text(subject, LONGEST))
        self.row = widgets.Box([], layout={"flex": "1 1 40em", "min_width": "0"})
        self.line = widgets.Label(layout={"max_width": "60em"})
        self.question = widgets.HBox(
            [self._choice("Resume"), self._choice("Start fresh"), self._choice("Cancel")],
            layout={"display": "none"},
        )
        self.box = Launcher(self.button, self.row, self.line, self.question)
        self.button.on_click(self._press)
        kernel = current_kernel()
        for button in (self.button, *self.question.children):
            if button.comm is not None and kernel is not None:
                hear_while_busy(button.comm, kernel)
        latest = jobs.latest(type_name, subject)
        if latest is not None:
            self._show(latest)

    def _press(self, _button: object) -> None:
        self.button.disabled = True  # at once; what follows may take a moment
        self._try(self._start)

    def _try(self, fn: Callable[[], object]) -> None:
        try:
            fn()
        except Exception as error:
            self._say(f"{type(error).__name__}: {error}")
            self.button.disabled = False

    def _start(self) -> None:
        given = self._args() if callable(self._args) else self._args
        self._arguments = dict(given or {})
        latest = self._jobs.latest(self._type, self._subject)
        if latest is not None and latest.state is ja.JobState.INTERRUPTED:
            self._ask()
            return
        try:
            self._show(self._submit())
        except ja.CheckpointFound:
            self._ask()

    def _choice(self, label: str) -> Any:
        button = widgets.Button(description=label, layout={"width": "auto"})

        def answer(_: object) -> None:
            self._try(lambda: self._answer(label))

        button.on_click(answer)
        return button

    def _ask(self) -> None:
        """Ask how to go on with the work of an earlier job."""
        self.button.disabled = True
        was_hidden = self.question.layout.display
        self._draw_question()
        if was_hidden:
            self._questions += 1
            number = self._questions
            ja.lowlevel.attach(self._jobs, lambda _: self._redraw_question(number))

    def _draw_question(self) -> None:
        work = self._resumable()
        found = "an earlier one left a checkpoint" if work is None else work.in_words()
        why = f" · {work.obstacle}" if work is not None and work.obstacle else ""
        self.question.children[0].disabled = bool(why)
        self._say(found + why, asks=True)

    def _say(self, text: str, *, asks: bool = False) -> None:
        """Write the line below the row, with the choices if it asks for one."""
        self.line.value = safe_text(text, LONGEST)
        self.question.layout.display = None if asks else "none"
        self.box.below.layout.display = None if text else "none"

    def _answer(self, label: str) -> None:
        self._say("")
        if label == "Cancel":
            self.button.disabled = False
            return
        work, fresh = self._resumable(), label == "Start fresh"
        if work is not None and work.state is ja.JobState.INTERRUPTED:
            self._show(work.start_fresh() if fresh else work.resume())
        else:
            self._show(self._submit(on_checkpoint="fresh" if fresh else "resume"))

    def _resumable(self) -> ja.Resumable | None:
        kind = ja.job_types().get(self._type)
        names = {self._type, *(() if kind is None else kind.aliases)}
        found = (work for work in self._jobs.resumable() if work.subject == self._subject)
        return next((work for work in found if work.type in names), None)

    def _submit(self, **options: Any) -> ja.Job[Any]:
        submitter = self._submitter.options(**options) if options else self._submitter
        try:
            if isinstance(self._work, str):
                return submitter.submit(self._work, self._arguments)
            return submitter.submit(self._work, **self._arguments)
        except ja.DuplicateJob:
            running = self._jobs.latest(self._type, self._subject)
            if running is None or running.state.is_terminal:
                raise
            return running  # started elsewhere, with other arguments: show that one

    def _show(self, job: ja.Job[Any]) -> None:
        self.button.disabled = not job.state.is_terminal
        if self._followed != job.id:
            self._followed = job.id
            self._say("")
            self.row.children = [display_hook.panel_of(job)]
            ja.lowlevel.attach(self._jobs, lambda jobs: self._follow(jobs, job))

    # On the jobs' loop.

    async def _redraw_question(self, number: int) -> None:
        """Draw the question again while it is open: it names an age, which grows."""
        with contextlib.suppress(ja.JobactorsError):  # the system is closing
            while True:
                await trio.sleep(QUESTION_SECONDS)
                if self.question.layout.display is not None or self._questions != number:
                    return
                self._draw_question()

    async def _follow(self, jobs: ja.Jobs, job: ja.Job[Any]) -> None:
        try:
            async with jobs.subscribe() as batches:
                batches.focus([job.id])
                async for batch in batches:
                    if any(event.job_id == job.id for event in batch):
                        self._draw(job)
                        if job.state.is_terminal:
                            return
                        await trio.sleep(FRAME_SECONDS)  # meanwhile, changes gather
        finally:
            self._draw(job)  # also when the system ends, and with it the job

    def _draw(self, job: ja.Job[Any]) -> None:
        if job.id != self._followed:
            return  # a newer one is shown
        snapshot = job.snapshot()
        if snapshot.state is ja.JobState.INTERRUPTED:
            with contextlib.suppress(ja.JobactorsError):  # the system is closing
                self._ask()
            return
        if self.question.layout.display is None:
            self._say("")  # it goes on: resumed on a board
        self.button.disabled = not snapshot.state.is_terminal
        outcome = snapshot.outcome
        has_result = snapshot.state is ja.JobState.SUCCEEDED and outcome is not None
        if has_result and outcome and outcome.value is not None and self._asked != job.id:
            self._asked = job.id
            self._results.ask(job, self._take_text)

    def _take_text(self, message: dict[str, object]) -> None:
        """Take the text of the result, in the thread that made it: ``repr`` is the job's code."""
        text = str(message["text"] or message["why"])
        with contextlib.suppress(ja.JobactorsError):  # the system has ended: "done" remains
            ja.lowlevel.post(self._jobs, self._show_text, message["id"], safe_text(text, LONGEST))

    def _show_text(self, job_id: object, text: str) -> None:
        if self._asked == job_id == self._followed:
            self._say(text)


def _type_of(work: Callable[..., object]) -> str:
    known = [name for name, kind in ja.job_types().items() if kind.function is work]
    name: object = known[0] if known else getattr(work, "__name__", type(work).__name__)
    return str(name)
