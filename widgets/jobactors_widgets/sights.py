"""Note the jobs in sight of a feed's receivers: those alone are sampled ten times a second.

A receiver has views in several places: cells, windows, the sidebar.  Each names the jobs of the
rows that it has in the page, and none once it is out of sight.  A receiver that has never named
any shows all of them, as far as is known: a front end that cannot tell, or not while a cell runs.

All of it is touched by the jobs' own loop only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .frame_message import FrameReceiver

MOST_JOBS: Final = 500
"""Jobs that a place may name; further ones are left out."""
MOST_PLACES: Final = 16
"""Places of a receiver that are remembered: a page that is gone takes no leave."""


class Sights:
    """Notes what is in sight, by receiver and place."""

    def __init__(self) -> None:
        self._seen: dict[FrameReceiver, dict[str, frozenset[str]]] = {}

    def note(self, receiver: FrameReceiver, place: Any, job_ids: Any) -> None:
        """Note which jobs a place has in sight; a message that names none by texts is ignored."""
        match place, job_ids:
            case str(), [*named]:
                places = self._seen.setdefault(receiver, {})
                places.pop(place, None)
                if named:
                    texts = (one for one in named[:MOST_JOBS] if isinstance(one, str))
                    places[place] = frozenset(texts)
                while len(places) > MOST_PLACES:
                    del places[next(iter(places))]
            case _:
                return

    def leave(self, receiver: FrameReceiver) -> None:
        """Forget a receiver."""
        self._seen.pop(receiver, None)

    def of(self, receivers: Iterable[FrameReceiver]) -> frozenset[str] | None:
        """Return the jobs that these have in sight together; None for all."""
        together: set[str] = set()
        for receiver in receivers:
            if receiver.job_id is not None:
                together.add(receiver.job_id)
            elif (places := self._seen.get(receiver)) is None:
                return None
            else:
                together.update(*places.values())
        return frozenset(together)
