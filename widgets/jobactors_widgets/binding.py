"""Sends what a control shows to a running job: a slider becomes a message in a mailbox."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final, Protocol

import trio

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RETRY_SECONDS: Final = 0.1
"""Pause before a full mailbox is tried again."""


class _ValueWidget(Protocol):
    """An ipywidgets control: what has a ``value`` that can be observed."""

    value: Any

    def observe(self, handler: Callable[..., object], names: str) -> None: ...
    def unobserve(self, handler: Callable[..., object], names: str) -> None: ...


def bind(job: ja.Job[Any], control: _ValueWidget, name: str | None = None) -> Callable[[], None]:
    """Send a control's value to the job whenever it changes, until the job has ended.

    The job finds ``value``, or ``(name, value)``, in its inbox.  The latest value wins: while the
    mailbox is full, values are kept back, and the newest one is sent when there is room.  Nothing
    is ever raised into the user interface.

    Args:
        job: Whose mailbox.
        control: An ipywidgets control, such as a slider.
        name: Sent with each value, to tell several controls of one job apart.

    Returns:
        A function that ends it.

    Example::

        bind(job, rate := FloatSlider(0.1), "rate")
        # in the job: for name, value in ja.current_job().inbox: …
    """
    bound = _Binding(job, control, name)
    control.observe(bound.changed, "value")
    job.call_when_settled(bound.end)
    return bound.end


class _Binding:
    """A control on the wire to a job."""

    def __init__(self, job: ja.Job[Any], control: _ValueWidget, name: str | None) -> None:
        self._job = job
        self._control = control
        self._name = name
        self._kept: list[object] = []  # the newest value that found no room
        self._ended = False

    def changed(self, change: Mapping[str, Any]) -> None:
        """The control has a new value."""
        waits = bool(self._kept)
        self._kept[:] = [change["new"]]
        if not waits and not self._send_kept():
            with contextlib.suppress(ja.JobactorsError):
                self._job.jobs.attach(self._retry)

    async def _retry(self, _jobs: ja.Jobs) -> None:
        while not self._send_kept():  # noqa: ASYNC110 (nobody says when a mailbox has room)
            await trio.sleep(RETRY_SECONDS)

    def _send_kept(self) -> bool:
        """Send what is kept; False while there is no room for it."""
        if not self._kept or self._ended:
            return True
        value = self._kept[0]
        try:
            self._job.tell(value if self._name is None else (self._name, value))
        except ja.MailboxFull:
            return False
        except ja.JobactorsError:  # it has ended
            self.end()
            return True
        if self._kept and self._kept[0] is value:
            self._kept.clear()
            return True
        return False  # a newer one came meanwhile

    def end(self) -> None:
        """Send nothing more."""
        if not self._ended:
            self._ended = True
            with contextlib.suppress(ValueError):  # it was taken away by hand
                self._control.unobserve(self.changed, "value")
