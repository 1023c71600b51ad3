"""An anywidget that the browser finds behind its proxy, and whose messages come while a cell runs.

Panels and builders are of this kind.  Messages are handed over in the thread in which ipykernel
reads them; a handler posts to the jobs' loop, and writes no trait.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from .kernel_internals import current_kernel, hear_while_busy, hears_while_busy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class LiveWidget(anywidget.AnyWidget):
    """Opens its comm so that messages of the browser are read at once, where a kernel can do that.

    A subclass has the browser's module, implements :meth:`_hear`, and sets its own traits first.
    """

    hears = traitlets.Bool(read_only=True).tag(sync=True)
    """Whether this kernel handles a message while a cell runs."""
    self_id = traitlets.Unicode(read_only=True).tag(sync=True)
    """Its own model id, by which the browser finds the model behind the proxy it is given."""

    def __init__(self) -> None:
        kernel = current_kernel()
        model_id = uuid.uuid4().hex
        self.set_trait("hears", hears_while_busy(kernel))
        self.set_trait("self_id", model_id)
        super().__init__(model_id=model_id)
        itself: Any = self  # ipywidgets has no types
        if itself.comm is not None and kernel is not None:
            hear_while_busy(itself.comm, kernel)
        itself.on_msg(self._hear)

    @property
    def view(self) -> dict[str, object]:
        """The part of an output that shows it."""
        return {"version_major": 2, "version_minor": 0, "model_id": self.model_id}

    def call_when_closed(self, fn: Callable[[], object]) -> None:
        """Call ``fn`` when the front end has closed the widget; never if it has no comm."""

        def closed(_message: object) -> None:
            fn()

        itself: Any = self
        if itself.comm is not None:
            itself.comm.on_close(closed)

    def post(self, message: Mapping[str, object], buffers: object = None) -> None:
        """Send one message to every page that shows it.  From any thread."""
        itself: Any = self
        itself.send(message, buffers)

    def _hear(self, _widget: object, content: Any, _buffers: object) -> None:
        raise NotImplementedError
