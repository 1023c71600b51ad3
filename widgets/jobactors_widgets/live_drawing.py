"""A live timeline or graph: one anywidget that follows its job system while a page shows it.

Its trait is the first state: it is read at the moment it is sent.  Later ones travel as messages:

* kernel → browser ``picture``: the drawing anew, at most twice a second; a large one less often, so
  that it takes neither a fifth of a core nor the output that Jupyter lets pass; ``still``: the same
  without a script, for a saved notebook;
* browser → kernel ``look``: a page can see it.  Nothing is made for one that has not said so for a
  minute.

Drawings are made in a worker thread, as they may read the store.
"""

from __future__ import annotations

import json
import logging
import time
from typing import TYPE_CHECKING, Any, Final

import traitlets
import trio

import jobactors as ja

from .drawing_content import content_of
from .live_widget import LiveWidget
from .static_files import drawings_module, drawings_style

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from .drawing_content import Drawing

    _T = TypeVar("_T")

SOON: Final = 0.5
"""Seconds between two pictures, at least."""
SHARE: Final = 4.0
"""A picture that took a second to make is followed by so many seconds without one."""
BYTES_A_SECOND: Final = 150_000
"""Of pictures.  A Jupyter server drops the output of a kernel from a million a second on."""
STILL_AFTER: Final = 0.5
"""Seconds without a change after which the drawing for a saved notebook is made."""
STILL_EVERY: Final = 10.0
"""Seconds between two of these while there are changes."""
MOST_STILL: Final = 500
"""The bars of a drawing in a saved notebook."""
SEEN_FOR: Final = 60.0
"""Seconds for which a page that has looked counts as looking."""

_log = logging.getLogger(__name__)


def _picture_now(_value: object, widget: LiveDrawing) -> dict[str, Any]:
    return widget.picture_now


def still(drawing: Drawing) -> str:
    """Return a drawing without a script, of a size that a notebook can hold."""
    return drawing.html(limit=MOST_STILL) if isinstance(drawing, ja.Timeline) else drawing.html()


def _content_and_size(drawing: Drawing) -> tuple[dict[str, Any], int]:
    content = content_of(drawing, time.time())
    return content, len(json.dumps(content))


class LiveDrawing(LiveWidget):
    """Shows a timeline or a graph, live.  Made by :mod:`.display_hook`.

    Args:
        drawing: The drawing as it is now.
        jobs: Its job system.
        again: Makes it anew.

    Raises:
        JobsClosed: for a system that has ended.
    """

    _esm = drawings_module()
    _css = drawings_style()

    picture = traitlets.Any().tag(sync=True, to_json=_picture_now)
    """The drawing, as :mod:`.drawing_content` has it."""

    def __init__(self, drawing: Drawing, jobs: ja.Jobs, again: Callable[[], Drawing]) -> None:
        self.picture_now = content_of(drawing, time.time())
        """The last picture."""
        self.has_left = False
        """Whether its front end has closed it."""
        self._size = 0
        self._again = again
        self._changed = trio.Event()  # in the jobs' loop only, as are:
        self._stages: dict[str, tuple[str, ...]] = {}
        self._looked_at = trio.Event()
        self._seen_until = time.monotonic() + SEEN_FOR
        self._jobs = jobs
        super().__init__()
        self.call_when_closed(self._on_closed)
        ja.lowlevel.attach(jobs, self._follow)

    # -- in the jobs' loop

    async def _follow(self, jobs: ja.Jobs) -> None:
        async with jobs.subscribe() as batches, trio.open_nursery() as nursery:
            nursery.start_soon(self._draw_changes)
            async for batch in batches:
                if self.has_left:
                    break
                for event in batch:
                    if self._is_news(event):
                        self._changed.set()
            nursery.cancel_scope.cancel()
        if not self.has_left:
            with trio.CancelScope(shield=True), trio.move_on_after(STILL_EVERY):
                await self._draw()
                await self._draw_still()

    def _is_news(self, event: ja.Event) -> bool:
        """Return whether an event changes the drawing; remember the stages of jobs."""
        if isinstance(event, (ja.JobLogged, ja.JobRead)):
            return False
        if not isinstance(event, ja.JobProgressed):
            self._stages.pop(event.job_id, None)
            return True
        before = self._stages.get(event.job_id, ())
        self._stages[event.job_id] = event.progress.stages
        return before != event.progress.stages

    async def _draw_changes(self) -> None:
        made_still = -STILL_EVERY
        has_still = False
        while True:
            with trio.move_on_after(STILL_AFTER if not has_still else SEEN_FOR * 60) as limit:
                await self._changed.wait()
            if limit.cancelled_caught:
                if not has_still:
                    await self._draw_still()
                    has_still, made_still = True, trio.current_time()
                continue
            while time.monotonic() > self._seen_until:
                self._looked_at = trio.Event()
                await self._looked_at.wait()
            self._changed, has_still = trio.Event(), False
            begun = trio.current_time()
            await self._draw()
            if trio.current_time() - made_still > STILL_EVERY:
                await self._draw_still()
                made_still = trio.current_time()
            took = trio.current_time() - begun
            await trio.sleep(max(SOON, SHARE * took, self._size / BYTES_A_SECOND))

    async def _draw(self) -> None:
        made = await trio.to_thread.run_sync(self._made, _content_and_size)
        if made is not None:
            self.picture_now, self._size = made
            self._tell({"kind": "picture", "picture": self.picture_now})

    async def _draw_still(self) -> None:
        html = await trio.to_thread.run_sync(self._made, still)
        if html is not None:
            self._tell({"kind": "still", "html": html})

    def _made(self, make: Callable[[Drawing], _T]) -> _T | None:
        try:
            return make(self._again())
        except ja.JobactorsError:  # the system, or the job of a graph, has gone
            return None
        except Exception:
            _log.exception("a drawing could not be made anew")
            return None

    def _tell(self, content: dict[str, Any]) -> None:
        if not self.has_left:
            self.post(content)

    def _look(self) -> None:
        self._seen_until = time.monotonic() + SEEN_FOR
        self._looked_at.set()

    # -- messages; in any thread

    def _hear(self, _widget: object, content: Any, _buffers: object) -> None:
        match content:
            case {"kind": "look"}:
                self._call_in_loop(self._look)
            case _:
                _log.warning("a drawing's page sent a message of a kind that is not known here")

    def _on_closed(self) -> None:
        self.has_left = True
        self._call_in_loop(self._changed.set)

    def _call_in_loop(self, call: Callable[[], object]) -> None:
        try:
            ja.lowlevel.post(self._jobs, call)
        except ja.JobactorsError:  # it has ended: the drawing stays as it is
            _log.debug("a message to a drawing whose job system has ended")
