"""Two hundred strings through every field that a job can set: valid, short, and text."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pytest
from jobactors_widgets.details import details_of, log_piece
from jobactors_widgets.static_table import html_table, text_table
from jobactors_widgets.wire import row_of
from msgspec.structs import replace

import jobactors as ja

from .test_wire import NOW, error, snapshot

STRINGS: list[str] = json.loads(
    Path(__file__).with_name("hostile.json").read_text(encoding="utf-8")
)
STATES = ["running", "queued", "failed", "succeeded", "cancelled"]


class Tags(HTMLParser):
    """Collects what a browser would see as elements."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and its attributes."""
        self.seen |= {tag, *(f"{tag}.{name}" for name, _ in attrs)}


def everywhere(text: str, state: str = "running") -> ja.JobSnapshot:
    """Put ``text`` wherever a job can put one."""
    progress = ja.Progress(
        1, 3, 0.3, text, text, counters={text: 5}, stages=(text, text), rate=1, time_left=2
    )
    job = snapshot(
        "job-1",
        state,
        name=text,
        type=text,
        subject=text,
        icon=text,
        tags=(text,) * 20,
        metadata={text: text},
        description=text,
        progress=progress,
        error=error(text, text),
        reason=text,
        elapsed=5,
    )
    return replace(job, outcome=ja.Outcome(job.state, value=text))


class FakeJob:
    """Stands in for a handle: the state of its job, and what it logged."""

    def __init__(self, snapshot: ja.JobSnapshot, lines: list[tuple[str, str]]) -> None:
        self.id = snapshot.id
        self._snapshot = replace(snapshot, log_lines=len(lines))
        self._lines = [SimpleNamespace(source=line[0], text=line[1]) for line in lines]

    def snapshot(self) -> ja.JobSnapshot:
        """The state of the job."""
        return self._snapshot

    def log_lines(self, since: int = 0) -> list[object]:
        """The lines of its log."""
        return list(self._lines[since:])


@pytest.mark.parametrize("state", STATES)
def test_every_row_is_valid_and_short(state: str) -> None:
    """The message with all the other rows must be readable, and small."""
    for text in STRINGS:
        sent = json.dumps(row_of(everywhere(text, state), NOW), ensure_ascii=False).encode()
        assert len(sent) < 40_000
        assert b"\0" not in sent


def test_details_and_log_are_valid_and_short() -> None:
    """Also where they are asked for."""
    for text in STRINGS:
        job = FakeJob(everywhere(text, "failed"), [(text, text)] * 3)
        for message in (details_of(job), log_piece(job, -1)):  # type: ignore[arg-type]
            sent = json.dumps(message, ensure_ascii=False).encode()
            assert len(sent) < 400_000


def test_the_saved_table_holds_no_element_of_a_job() -> None:
    """Whatever it is called, it is text in a cell."""
    for text in STRINGS:
        found = Tags()
        table = html_table([everywhere(text, state) for state in STATES], NOW)
        found.feed(table)
        assert found.seen <= {"table", "caption", "tr", "th", "td", "bdi", "th.style", "td.style"}
        table.encode()
        text_table([everywhere(text)], NOW).encode()


def test_ten_megabytes_are_cut_with_a_mark() -> None:
    """In a row, in details, in a log, in the table."""
    huge = "x" * 10_000_000
    job = everywhere(huge, "failed")
    row = row_of(job, NOW)
    assert row["name"].endswith("…")
    assert len(json.dumps(row)) < 5_000
    handle = FakeJob(job, [("out", huge)] * 50)
    assert len(json.dumps(details_of(handle))) < 60_000  # type: ignore[arg-type]
    assert len(json.dumps(log_piece(handle, 0))) < 120_000  # type: ignore[arg-type]
    assert len(html_table([job] * 50, NOW)) < 100_000


def test_a_text_with_a_mind_of_its_own_costs_only_its_row() -> None:
    """A subclass of str may raise whenever it is looked at."""

    class Mine(str):  # noqa: SLOT000 (it is as careless as a user may be)
        def __len__(self) -> int:
            raise RuntimeError("boo")

    row = row_of(everywhere(Mine("x")), NOW)
    assert (row["id"], row["name"], row["state"]) == ("job-1", "?", "running")
