"""The jobs in a terminal: lines and rows, on every kind of screen, and nothing is lost."""

from __future__ import annotations

import io
import os
import re
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pyte
import pytest
import trio
import trio.testing
from msgspec.structs import replace
from rich.console import Console

import jobactors as ja
from jobactors.hosts import terminal_text as text
from jobactors.hosts.terminal import HINT, Display, PlainScreen, open_screen
from jobactors.hosts.terminal_bars import BarScreen, line_text, rows_table
from jobactors.hosts.terminal_view import Board, Line, TerminalRow, finished_line, rows

from .pty_screen import OnTerminal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trio.testing import MockClock

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
HOSTILE = "a\x1b[31mb\x1b]0;t\x07\r\n[red]c[/red]\u202e\u0085"


def snapshot(state: str = "running", **changes: Any) -> ja.JobSnapshot:
    """A job as it may stand."""
    info = ja.JobInfo("index-1-x", "index", "index", 1000.0, **changes.pop("info", {}))
    job = ja.JobSnapshot(info, ja.JobState(state), 1000.0, started_at=1000.0)
    return replace(job, **changes)


def drawn(table_rows: Sequence[TerminalRow], width: int) -> list[str]:
    """The rows as they look on a screen of this width."""
    console = Console(file=io.StringIO(), width=width, force_terminal=False, legacy_windows=False)
    console.print(rows_table(table_rows, width, now=0.0))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


# --- words and numbers ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain – ünïcödé ✓", "plain – ünïcödé ✓"),
        ("a\x1b[31m", r"a\x1b[31m"),
        ("a\nb\tc\x00", r"a\nb\tc\x00"),
        ("\u202eabc\u2028", r"\u202eabc\u2028"),
        ("\x9b31m", r"\x9b31m"),
        ("\ud800", r"\ud800"),
        ("👩\u200d💻", "👩\u200d💻"),
        ("[red]x[/red]", "[red]x[/red]"),
    ],
)
def test_a_text_is_shown_as_text(given: str, shown: str) -> None:
    """Nothing in a name acts on the terminal; what is readable stays as it is."""
    assert text.safe(given) == shown


def test_a_text_is_cut_before_it_costs_anything() -> None:
    """A name of a megabyte is one line like any other."""
    assert len(text.safe("\x1b" * 1_000_000)) == text.LONGEST_LINE


def test_numbers_are_read_at_a_glance() -> None:
    """Few figures, with the unit."""
    assert [text.amount(n) for n in (0, 0.25, 3.456, 340, 9800, 12_345, 2e6)] == [
        "0", "0.25", "3.5", "340", "9800", "12.3k", "2M",
    ]  # fmt: skip
    assert [text.amount(n, "B") for n in (999, 3_400_000)] == ["999 B", "3.4 MB"]
    assert text.amount(1200, "rows") == "1200 rows"
    assert text.amount(float("inf"), "rows") == "inf rows"
    assert [text.rate(n, "rows") for n in (120, 0.05, 0.001)] == ["120/s", "3/min", "3.6/h"]
    clocks = [text.clock(s) for s in (7, 725, 10_800, 187_200)]
    assert clocks == ["0:07", "12:05", "3:00:00", "2 d 4 h"]
    durations = [text.duration(s) for s in (0, 3.21, 59.97, 10_800, 187_200)]
    assert durations == ["0.0 s", "3.2 s", "0:59 min", "3:00:00 h", "2 d 4 h"]
    spans = [text.span(s) for s in (8, 300, 7800, 86_400, 259_200)]
    assert spans == ["8 s", "5 min", "2 h 10 min", "24 h", "3 d"]


# --- lines ------------------------------------------------------------------------------------


def ended(state: str, **outcome: Any) -> str:
    """The line of a job that ended so, three seconds after it began."""
    told = ja.Outcome(ja.JobState(state), **outcome)
    job = snapshot(
        state, finished_at=1003.2, outcome=told, error=told.error, reason=told.reason
    )  # fmt: skip
    return line_text(finished_line(job)).plain


def test_an_end_is_said_in_one_line() -> None:
    """The end, with its duration or reason."""
    error = ja.ErrorText("some.module.BadRow", "row 5\nis broken", "")
    assert ended("succeeded") == "✓ index 3.2 s"
    assert ended("failed", error=error) == "✗ index BadRow: row 5 …"
    assert ended("failed", error=ja.ErrorText("KeyError", "", "")) == "✗ index KeyError"
    assert ended("cancelled", reason="a click") == "⊘ index cancelled: a click"
    assert ended("cancelled") == "⊘ index cancelled"


def test_icon_and_subject_are_shown_with_the_name() -> None:
    """As on a board."""
    job = snapshot("succeeded", finished_at=1001.0, info={"icon": "⚙", "subject": "wiki"})
    assert finished_line(job).text == "⚙ index · wiki 1.0 s"


def lines_of(events: Sequence[ja.Event]) -> list[str]:
    """Return the lines a board makes of these events."""
    board = Board()
    said = [board.note(event) for event in events]
    return [f"{line.kind}: {line.text}" for line in said if line is not None]


def life(*events: ja.Event) -> list[ja.Event]:
    """A job's life, beginning with its submit."""
    return [ja.JobQueued("j", 0, ja.JobInfo("j", "t", "name", 0)), *events]


def outcome(state: str) -> ja.Outcome:
    """An outcome without more."""
    return ja.Outcome(ja.JobState(state))


def test_a_life_is_shown_from_start_to_end() -> None:
    """Starts, retries, a stop without an answer, and the end; reading makes no line."""
    error = ja.ErrorText("OSError", "gone", "")
    events = life(
        ja.JobStarted("j", 0, 1, "thread"),
        ja.JobProgressed("j", 0.5, ja.Progress(1, 2)),
        ja.JobRetried("j", 1, 3, error),
        ja.JobStarted("j", 3, 2, "thread"),
        ja.JobCancelling("j", 4),
        ja.JobStuck("j", 14),
        ja.JobFinished("j", 15, outcome("cancelled")),
        ja.JobRead("j", 16),
        ja.JobRemoved("j", 17, "taken"),
    )
    assert lines_of(events) == [
        "started: name started",
        "retried: name tries again in 2 s: OSError: gone",
        "started: name started again (attempt 2)",
        "stuck: name was asked to stop and does not answer",
        "cancelled: name cancelled",
    ]


def test_what_ended_while_nothing_was_heard_is_said_once() -> None:
    """After a gap the present state comes; lines from before the gap are not repeated."""
    board = Board(since=10.0)
    job = replace(snapshot("failed"), info=ja.JobInfo("before", "t", "before", 0))
    earlier = replace(job, changed_at=9.0)  # in another process
    assert board.note(ja.JobRestated("before", 10, earlier)) is None
    assert board.note(ja.JobRestated("before", 11, replace(job, changed_at=10.0))) is not None
    for event in life(ja.JobStarted("j", 0, 1, "thread")):
        board.note(event)
    board.start_anew()
    old = replace(snapshot("succeeded"), info=ja.JobInfo("old", "t", "old", 0))
    new = replace(snapshot("succeeded"), info=ja.JobInfo("j", "t", "name", 0))
    assert board.note(ja.JobRestated("old", 1, old)) is None
    line = board.note(ja.JobRestated("j", 1, new))
    assert line is not None
    assert line.kind == "succeeded"
    assert board.active == []


def test_the_footer_counts_all_jobs_as_the_displays_do() -> None:
    """As soon as some have no row: they wait, have ended, or there is no room; failures first."""
    board = Board()
    assert board.footer(0) == ""
    for name in "abc":
        board.note(ja.JobQueued(name, 0, ja.JobInfo(name, "t", name, 0)))
    board.note(ja.JobStarted("a", 1, 1, "thread"))
    assert board.footer(0) == "3 jobs: 1 running · 2 queued"
    board.note(ja.JobFinished("a", 2, outcome("failed")))
    board.note(ja.JobStarted("b", 2, 1, "thread"))
    assert board.footer(1) == "… and 1 more · 3 jobs: 1 failed · 1 running · 1 queued"


# --- rows -------------------------------------------------------------------------------------


def test_a_row_says_how_far_how_fast_and_how_long() -> None:
    """All that is known of a running job, and nothing else."""
    progress = ja.Progress(
        900, 2000, 0.45, "rows", "page 9\n", rate=120.0, time_left=9.2, stages=("load", "parse")
    )
    (row,) = rows([snapshot(progress=progress)], now=1007.9)
    assert row == TerminalRow(
        label="index", state="", fraction=0.45, moves=True, percent="45 %", count="900/2000 rows",
        rate="120/s", left="9 s left", elapsed="0:07", message="load / parse · page 9",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"state": "paused"}, "paused"),
        ({"request": ja.Request.PAUSE}, "pausing…"),
        ({"state": "cancelling", "request": ja.Request.CANCEL}, "cancelling…"),
        ({"state": "cancelling", "stuck": True}, "stuck"),
        ({}, ""),
    ],
)
def test_a_row_says_what_is_not_ordinary(changes: dict[str, Any], word: str) -> None:
    """A job that simply runs needs no word."""
    (row,) = rows([snapshot(**changes)], now=1001)
    assert row.state == word
    assert row.moves == (changes.get("state") != "paused")


def test_an_unknown_total_has_a_count_and_no_percent() -> None:
    """A bar that only moves, and the number done."""
    (row,) = rows([snapshot(progress=ja.Progress(12, None, None, "files"))], now=1000)
    assert (row.fraction, row.percent, row.count) == (None, "", "12 files")


@pytest.mark.parametrize("width", [20, 39, 40, 50, 60, 70, 85, 100, 200])
def test_a_row_is_one_line_on_every_screen(width: int) -> None:
    """A narrow screen shows less, and never a second line."""
    progress = ja.Progress(900, 2000, 0.45, "rows", "message " * 50, rate=120.0, time_left=9.0)
    many = [snapshot(progress=progress, info={"subject": HOSTILE * 20}), snapshot()]
    lines = drawn(rows(many, now=1000.0), width)
    assert len(lines) == 2
    assert all(len(line) <= width for line in lines)
    assert "45 %" in lines[0]
    assert not CONTROL.search("".join(lines))


def test_markup_in_a_name_is_text() -> None:
    """The library interprets `[red]`; here it is text."""
    (line,) = drawn(rows([snapshot(info={"subject": "[red]x"})], now=1000.0), 100)
    assert "index · [red]x" in line


# --- screens ----------------------------------------------------------------------------------


class Tty(io.StringIO):
    """A stream that claims to be a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        """It is."""
        return True


class AsciiTty(Tty):
    """A terminal of long ago."""

    encoding = "ascii"


def test_a_stream_gets_the_screen_it_can_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bars need a terminal that can move its cursor and write more than ASCII."""
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(open_screen(Tty()), BarScreen)
    assert isinstance(open_screen(AsciiTty()), PlainScreen)
    assert isinstance(open_screen(io.StringIO()), PlainScreen)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(open_screen(Tty()), PlainScreen)


def test_a_program_in_a_pipeline_gets_lines(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its output may come back to the same terminal, by ``tee``; into a file it does not."""
    monkeypatch.setenv("TERM", "xterm")
    reader, writer = os.pipe()
    with os.fdopen(reader), os.fdopen(writer, "w") as piped:
        monkeypatch.setattr(sys, "stdout", piped)
        assert isinstance(open_screen(Tty()), PlainScreen)
        with (tmp_path / "log").open("w") as file:
            monkeypatch.setattr(sys, "stdout", file)
            screen = open_screen(Tty())
            assert isinstance(screen, BarScreen)
            screen.end()


def test_without_rich_there_are_lines_and_one_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint names what to install."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setitem(sys.modules, "jobactors.hosts.terminal_bars", None)
    stream = Tty()
    assert isinstance(open_screen(stream), PlainScreen)
    assert stream.getvalue() == f"{HINT}\n"
    assert "jobactors[terminal]" in HINT


def test_a_stream_of_ascii_gets_ascii_marks() -> None:
    """A mark that cannot be written would end the display."""
    stream = AsciiTty()
    PlainScreen(stream).paint([Line("succeeded", "x"), Line("failed", "y")], (), "", 0)
    assert stream.getvalue() == "+ x\nx y\n"


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor still moves, and nothing is coloured."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Tty()
    screen = BarScreen(stream)
    screen.paint([Line("failed", "x")], rows([snapshot()], 1000), "2 queued", 1000)
    screen.end()
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m|38;", stream.getvalue())


def test_streams_are_put_back_unless_somebody_else_has_taken_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A replacement of `sys.stdout` made meanwhile stays, and can still write through to us."""
    stream, taken = Tty(), Tty()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)
    screen = BarScreen(stream)
    screen.paint([], rows([snapshot()], 1000), "", 1000)
    ours = sys.stdout
    assert ours is not stream
    ours.write("half a li")
    monkeypatch.setattr(sys, "stdout", taken)
    screen.end()
    assert sys.stdout is taken
    assert sys.stderr is stream
    ours.write("after the end\n")
    assert stream.getvalue().endswith("half a liafter the end\n")


def test_a_line_that_is_half_printed_when_rows_come_is_not_torn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`print` writes its text and its newline apart, and rows may be drawn in between."""
    stream = Tty()
    monkeypatch.setattr(sys, "stdout", stream)
    screen = BarScreen(stream)
    sys.stdout.write("at 450")
    screen.paint([], rows([snapshot()], 1000), "", 1000)
    sys.stdout.write("\n")
    sys.stdout.write("[red]x[/red] :smile:\npart")
    sys.stdout.flush()
    screen.end()
    seen = pyte.Screen(80, 24)
    pyte.Stream(seen).feed(stream.getvalue().replace("\n", "\r\n"))
    lines = [line.rstrip() for line in seen.display if line.strip()]
    assert lines == ["at 450", "[red]x[/red] :smile:", "part"]


# --- the service ------------------------------------------------------------------------------


class FakeScreen:
    """Records its calls; may be slow, or gone."""

    wants_frames = True
    wants_starts = False
    most_rows = 3

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.frames: list[tuple[int, str]] = []
        self.ends = 0
        self.open = threading.Event()
        self.open.set()
        self.error: Exception | None = None

    def paint(
        self, lines: Sequence[Line], rows: Sequence[TerminalRow], footer: str, now: float
    ) -> None:
        """Keep it."""
        del now
        assert self.open.wait(30)
        if self.error:
            raise self.error
        self.lines += [line.text for line in lines]
        self.frames.append((len(rows), footer))

    def end(self) -> None:
        """Count it."""
        self.ends += 1


async def test_every_end_is_said_however_late_it_comes() -> None:
    """The last frame is painted after the last event; the screen is ended once."""
    screen = FakeScreen()
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        ja.lowlevel.attach(jobs, lambda jobs: Display(jobs, screen).serve())
        for n in range(500):
            jobs.options(name=f"job {n}").submit(trio.lowlevel.checkpoint)
    assert sorted(line.rsplit(" ", 2)[0] for line in screen.lines) == sorted(
        f"job {n}" for n in range(500)
    )
    assert screen.frames[-1] == (0, "")
    assert screen.ends == 1


async def test_a_batch_is_one_row_and_one_line_for_its_end() -> None:
    """With its total; what fails has a line of its own, and a job with progress a row."""
    halfway, go_on = trio.Event(), trio.Event()

    async def resize(number: int) -> None:
        if number == 7:
            raise ValueError(number)
        if number == 150:
            ja.progress(1, 2)
            halfway.set()
            await go_on.wait()

    screen = FakeScreen()
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        display = Display(jobs, screen)
        ja.lowlevel.attach(jobs, lambda _: display.serve())
        batch = jobs.map(resize, range(300))
        await halfway.wait()
        while sum(job.state.is_terminal for job in batch.jobs) < 299:
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        row, *others = [*display._board.batch_rows(0), *rows(display._board.active, 0)]
        assert (row.label, row.count, row.percent) == ("resize", "299/300 jobs", "99 %")
        assert row.message == "1 failed"
        assert [other.percent for other in others] == ["50 %"]
        assert {job.info.batch for job in batch.jobs} == {batch.id}
        go_on.set()
    failed, ended = screen.lines
    assert failed == "resize[7] 7 ValueError: 7"
    assert re.match(r"resize: 299 succeeded, 1 failed in \d+\.\d s$", ended)


async def test_a_batch_of_unknown_size_has_a_count_and_its_line_at_the_end() -> None:
    """One that was cancelled says how many were."""
    screen = FakeScreen()
    async with ja.open_jobs() as jobs:
        ja.lowlevel.attach(jobs, lambda jobs: Display(jobs, screen).serve())
        batch = jobs.map(trio.sleep, (100 for _ in range(3)))
        while len(batch) < 3:
            await trio.lowlevel.checkpoint()
        batch.cancel()
    assert re.match(r"sleep: 3 cancelled( in \d+\.\d s)?$", screen.lines[-1])


async def test_an_end_is_said_although_the_block_was_left_by_an_error() -> None:
    """Cancelled jobs end after the body; their ends are printed as well."""
    screen = FakeScreen()

    async def program() -> None:
        async with ja.open_jobs() as jobs:
            ja.lowlevel.attach(jobs, lambda jobs: Display(jobs, screen).serve())
            jobs.submit(trio.sleep_forever)
            await trio.testing.wait_all_tasks_blocked()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await program()
    assert screen.lines == [
        "sleep_forever cancelled: the block that owned it was left by ZeroDivisionError"
    ]
    assert screen.ends == 1


async def test_there_are_ten_frames_a_second_at_most(autojump_clock: MockClock) -> None:
    """However much is reported; and there is a row only for as many jobs as fit."""
    del autojump_clock
    screen = FakeScreen()

    async def busy() -> None:
        for n in range(1000):
            ja.progress(n, 1000)
            await trio.sleep(0.005)

    async with ja.open_jobs(max_running=5) as jobs:
        ja.lowlevel.attach(jobs, lambda jobs: Display(jobs, screen).serve())
        for _ in range(7):
            jobs.submit(busy)
    assert len(screen.frames) <= 10 * 10 + 5  # two rounds of five seconds
    assert (3, "… and 2 more · 7 jobs: 5 running · 2 queued") in screen.frames
    assert max(count for count, _ in screen.frames) == 3


async def test_a_terminal_that_takes_nothing_stops_neither_jobs_nor_their_end(
    autojump_clock: MockClock,
) -> None:
    """Ctrl-S holds the painting thread; the loop leaves it behind."""
    del autojump_clock
    screen = FakeScreen()
    screen.open.clear()
    async with ja.open_jobs() as jobs:
        ja.lowlevel.attach(jobs, lambda jobs: Display(jobs, screen).serve())
        await trio.sleep(1)
        await jobs.run(trio.sleep, 1)
    screen.open.set()


async def test_a_terminal_that_has_gone_ends_the_display_alone() -> None:
    """Its window was closed: jobs go on, nothing is logged over and over."""
    screen = FakeScreen()
    screen.error = OSError(5, "Input/output error")
    async with ja.open_jobs() as jobs:
        ja.lowlevel.attach(jobs, lambda jobs: Display(jobs, screen).serve())
        for _ in range(3):
            await jobs.run(trio.lowlevel.checkpoint)
    assert screen.frames == []


async def test_an_unknown_display_is_refused() -> None:
    """With the ones there are."""
    display: Any = "hologram"
    with pytest.raises(ValueError, match="terminal"):
        async with ja.open_jobs(display=display):
            pass
    with pytest.raises(ValueError, match="terminal"):
        ja.start(display=display)


# --- real programs ----------------------------------------------------------------------------

HEAD = """
import sys, time, trio
import jobactors as ja

def bad():
    raise ValueError("a [red]b[/red]\\nc")

def counting(stop):
    for n in ja.track(range(1000), unit="rows"):
        if n == 450:
            print("at 450")
            stop.wait_in_thread()

"""

PIPED = f"""{HEAD}
async def main():
    async with ja.open_jobs(1, display="terminal", unread_failures="ignore") as jobs:
        await jobs.options(name={HOSTILE!r}).run(time.sleep, 0)
        await jobs.submit(bad).wait()
        jobs.options(name="later", hold=True).submit(bad).cancel("no need")
        print("data")
trio.run(main)
assert "rich" not in sys.modules
"""

LIVE = f"""{HEAD}
from jobactors.inside.signals.latch import Latch
async def program():
    stop = Latch()
    async with ja.open_jobs(max_running=30, display="terminal", unread_failures="ignore") as jobs:
        main = jobs.options(name="main", subject="wiki", icon="⚙").submit(counting, stop)
        await jobs.submit(bad).wait()
        for n in range(int(sys.argv[1])):
            jobs.options(name=f"extra {{n}}").submit(trio.sleep_forever)
        jobs.options(name="held", hold=True).submit(bad)
        await trio.to_thread.run_sync(sys.stdin.readline)
        stop.set()
        for job in jobs.list(state="running"):
            if job.name != "main":
                jobs.get(job.id).cancel("no more")
    print("its log:", main.logs().split())
print("ready", flush=True)
trio.run(program)
print("after")
"""

STARTED = f"""{HEAD}
from jobactors.inside.signals.latch import Latch
stop = Latch()
jobs = ja.start()
job = jobs.options(name="main").submit(counting, stop)
sys.stdin.readline()
stop.set()
"""


def test_a_piped_program_gets_plain_lines_and_its_output_is_its_own() -> None:
    """No control character, a line an event, nothing in stdout, and rich is not even loaded."""
    run = subprocess.run(
        [sys.executable, "-c", PIPED], capture_output=True, text=True, timeout=60, check=True
    )
    name = r"a\x1b[31mb\x1b]0;t\x07\r\n[red]c[/red]\u202e\x85"
    said = [re.sub(r"\d+\.\d s$", "0.0 s", line) for line in run.stderr.splitlines()]
    assert said == [
        f"▸ {name} started",
        f"✓ {name} 0.0 s",
        "▸ bad started",
        "✗ bad ValueError: a [red]b[/red] …",
        "⊘ later cancelled: no need",
    ]
    assert run.stdout == "data\n"
    assert not CONTROL.search(run.stderr)


def test_a_terminal_shows_rows_below_and_what_is_said_above() -> None:
    """While it runs one row; afterwards what was printed and how it ended, and a cursor."""
    with OnTerminal(LIVE, ["0"]) as terminal:
        screen = terminal.wait_for(lambda lines: any("450/1000" in line for line in lines))
        assert screen[0] == "ready"
        assert {"at 450", "✗ bad ValueError: a [red]b[/red] …"} == set(screen[1:3])
        assert screen[3].startswith("⚙ main · wiki ━━")
        assert " 45 % " in screen[3]
        terminal.wait_for(lambda lines: lines[-1:] == ["3 jobs: 1 failed · 1 running · 1 queued"])
        terminal.press(b"\n")
        assert terminal.end() == 0
        assert any(re.match(r"✓ ⚙ main · wiki \d+\.\d s$", line) for line in terminal.lines)
        assert terminal.lines[-2:] == ["its log: ['at', '450']", "after"]
        assert not any("━" in line for line in terminal.lines)
        assert not terminal.cursor_hidden


def test_more_jobs_than_lines_are_counted_and_a_smaller_window_shows_fewer() -> None:
    """One line stays for the count, and a resize leaves a screen in order."""
    count = "15 jobs: 1 failed · 13 running · 1 queued"
    with OnTerminal(LIVE, ["12"], rows=10) as terminal:
        terminal.wait_for(lambda lines: lines[-1:] == [f"… and 5 more · {count}"])
        terminal.resize(60, 7)
        screen = terminal.wait_for(lambda lines: lines[-1:] == [f"… and 8 more · {count}"])
        assert len(screen) <= 7
        terminal.resize(100, 24)
        screen = terminal.wait_for(lambda lines: lines[-1:] == [count])
        assert sum("extra" in line for line in screen) >= 12
        terminal.press(b"\n")
        assert terminal.end() == 0
        assert terminal.lines[-1] == "after"


def test_ctrl_c_leaves_a_clean_terminal() -> None:
    """The rows are gone, the ends are printed, the cursor is there, the exception is Python's."""
    with OnTerminal(LIVE, ["1"], rows=80) as terminal:
        terminal.wait_for(lambda lines: any("extra" in line for line in lines))
        terminal.press(b"\x03\n")
        assert terminal.end() == -signal.SIGINT
        screen = terminal.lines
        assert any(line.startswith("⊘ extra 0 cancelled") for line in screen)
        assert not any("━" in line for line in screen)
        assert not terminal.cursor_hidden
        assert screen[-1] == "KeyboardInterrupt"


def test_a_killed_program_leaves_a_cursor() -> None:
    """Nothing would bring it back, so it is never hidden for longer than a moment."""
    with OnTerminal(LIVE, ["1"]) as terminal:
        terminal.wait_for(lambda lines: any("extra" in line for line in lines))
        terminal.process.kill()
        terminal.end()
        assert not terminal.cursor_hidden


def test_started_jobs_of_a_script_are_shown_on_its_terminal() -> None:
    """`ja.start` needs no word for it; the script's end waits for the job and its last line."""
    with OnTerminal(STARTED) as terminal:
        terminal.wait_for(lambda lines: any("450/1000" in line for line in lines))
        terminal.press(b"\n")
        assert terminal.end() == 0
        assert re.match(r"✓ main \d+\.\d s$", terminal.lines[-1])


def test_a_dumb_terminal_gets_lines() -> None:
    """No cursor is moved where none can be."""
    with OnTerminal(STARTED, env={"TERM": "dumb"}) as terminal:
        terminal.wait_for(lambda lines: any("▸ main started" in line for line in lines))
        terminal.press(b"\n")
        assert terminal.end() == 0
        assert b"\x1b" not in terminal.raw
