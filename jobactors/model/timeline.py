"""``Timeline``: the lives of jobs as bars in lanes, drawn without a drawing library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, overload

from .timeline_bars import Bar, critical_path, lanes_of
from .timeline_page import caption_of, page_of

if TYPE_CHECKING:
    from collections.abc import Iterable


class Timeline(Sequence[Bar]):
    """The lives of jobs as bars in lanes; returned by ``jobs.timeline()``.

    A notebook draws it, and a saved one shows the drawing without a kernel.  Below it, a table has
    the same in words.
    """

    def __init__(self, bars: Iterable[Bar], now: float, left_out: int = 0) -> None:
        self._bars = list(bars)
        self.now: float = now
        """The end of what goes on, in seconds since the epoch."""
        self.left_out: int = left_out
        """Older jobs that are not among the bars."""

    @property
    def lanes(self) -> dict[str, int]:
        """The number of rows in each lane, in the order of the lanes."""
        return lanes_of(self._bars)

    @property
    def caption(self) -> str:
        """Number of jobs, and their span of time, in words."""
        return caption_of(self._bars, self.left_out)

    @property
    def critical_path(self) -> list[str]:
        """The ids of the jobs, one after the other, that were at work longest in sum.

        Empty, if none of them comes after another.
        """
        return critical_path(self._bars)

    def html(self, limit: int | None = None) -> str:
        """Return a drawing (SVG) and a table as HTML, without a script.

        Args:
            limit: The bars that began last, so many of them at most; default: all.
        """
        bars = self._bars
        if limit is not None and len(bars) > limit:
            newest = sorted(bars, key=lambda bar: bar.start)[len(bars) - limit :]
            shown = {id(bar) for bar in newest}
            bars = [bar for bar in bars if id(bar) in shown]
        return page_of(bars, self.now, self.left_out + len(self._bars) - len(bars))

    def to_dict(self) -> list[dict[str, object]]:
        """Return a dictionary of plain values a span, for JSON and data frames."""
        return [
            {
                "job": bar.job_id,
                "name": bar.name,
                "type": bar.type,
                "subject": bar.subject,
                "lane": bar.lane,
                "state": str(span.state),
                "waiting": None if span.waiting is None else str(span.waiting),
                "start": span.start,
                "end": span.end,
            }
            for bar in self._bars
            for span in bar.spans
        ]

    @overload
    def __getitem__(self, index: int) -> Bar: ...
    @overload
    def __getitem__(self, index: slice) -> list[Bar]: ...
    def __getitem__(self, index: int | slice) -> Bar | list[Bar]:
        return self._bars[index]

    def __len__(self) -> int:
        return len(self._bars)

    def __iter__(self) -> Iterator[Bar]:
        return iter(self._bars)

    def __repr__(self) -> str:
        return f"<Timeline: {len(self._bars)} jobs in {len(self.lanes)} lanes>"

    def _repr_html_(self) -> str:
        return self.html()
