"""Sends the values of a control, such as a slider, to the mailbox of a running job.

A binding is shown as the row of its job with the control below it.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, Protocol, final

import trio

import jobactors as ja

from .display_hook import display_hook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RETRY_SECONDS: Final = 0.1
"""Pause before a full mailbox is tried again."""


class _ValueWidget(Protocol):
    """An ipywidgets control: an object with a ``value`` that can be observed."""

    value: Any

    def observe(self, handler: Callable[..., object], names: str) -> None: ...
    def unobserve(self, handler: Callable[..., object], names: str) -> None: ...


def bind(job: ja.Job[Any], control: _ValueWidget, name: str | None = None) -> Binding:
    """Send a control's value to the job whenever it changes, until the job has ended.

    The job receives ``value``, or ``(name, value)``, in its inbox.  The latest value wins: while
    the mailbox is full, only the newest value waits, and is sent when there is room.  Nothing is
    ever raised into the user interface.

    Args:
        job: The job that receives the values.
        control: An ipywidgets control, such as a slider.
        name: Sent with each value, to distinguish several controls of one job.

    Returns:
        The binding.  Called, it ends.  As the last line of a cell it is shown as the row of the
        job, with Cancel and the time left, and the control below it.

    Example::

        bind(job, FloatSlider(0.1), "rate")  # the last line of a cell
        # in the job: for name, value in ja.current_job().inbox: …
    """
    bound = Binding(job, control, name)
    control.observe(bound.changed, "value")
    ja.lowlevel.call_when_settled(job, bound)
    return bound


@final
class Binding:
    """Sends the values of one control to one job.  Made by :func:`bind`.

    It ends with the job, or when it is called; nothing is sent after that.
    """

    def __init__(self, job: ja.Job[Any], control: _ValueWidget, name: str | None) -> None:
        self._job = job
        self._control = control
        self._name = name
        self._unsent: list[object] = []  # the newest value, while there was no room for it
        self._ended = False
        self._box: Any = None

    def changed(self, change: Mapping[str, Any]) -> None:
        """Send the new value of the control, now or when there is room."""
        waits = bool(self._unsent)
        self._unsent[:] = [change["new"]]
        if not waits and not self._send_newest():
            with contextlib.suppress(ja.JobactorsError):
                ja.lowlevel.attach(self._job.jobs, self._retry)

    async def _retry(self, _jobs: ja.Jobs) -> None:
        while not self._send_newest():  # noqa: ASYNC110 (a mailbox does not report that it has room)
            await trio.sleep(RETRY_SECONDS)

    def _send_newest(self) -> bool:
        """Send the newest value; return False while there is no room for it."""
        if not self._unsent or self._ended:
            return True
        value = self._unsent[0]
        try:
            self._job.tell(value if self._name is None else (self._name, value))
        except ja.MailboxFull:
            return False
        except ja.JobactorsError:  # it has ended
            self()
            return True
        if self._unsent and self._unsent[0] is value:
            self._unsent.clear()
            return True
        return False  # a newer one arrived meanwhile

    def __call__(self) -> None:
        """Send nothing more."""
        if not self._ended:
            self._ended = True
            with contextlib.suppress(ValueError):  # the user has called `unobserve`
                self._control.unobserve(self.changed, "value")

    def __repr__(self) -> str:
        name = "" if self._name is None else f" as {self._name!r}"
        return f"<Binding of {self._job!r}{name}{', ended' if self._ended else ''}>"

    def _repr_mimebundle_(self, **options: object) -> object:
        import ipywidgets  # pyright: ignore[reportMissingTypeStubs]

        widgets: Any = ipywidgets  # it has no types
        if self._box is None:
            shown = isinstance(self._control, widgets.Widget)
            try:
                row = display_hook.panel_of(self._job)
            except (ja.JobactorsError, ImportError):  # its job system has ended; no live panels
                return {"text/plain": repr(self)}
            self._box = widgets.VBox([row, self._control] if shown else [row])
            self._box.add_class("ja-controls")  # plain keys are kept from the notebook
        return self._box._repr_mimebundle_(**options)
