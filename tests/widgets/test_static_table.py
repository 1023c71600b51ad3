"""The table for where no widget runs."""

from __future__ import annotations

from jobactors_widgets.static_table import html_table, text_table
from msgspec.structs import replace

import jobactors as ja

from .test_wire import NOW, SNAPSHOTS, error, snapshot


def test_a_table_in_plain_text() -> None:
    """Aligned, one line a job."""
    jobs = [SNAPSHOTS["running, everything known"], SNAPSHOTS["failed"]]
    caption, *lines = text_table(jobs, NOW).splitlines()
    assert caption.startswith("2 jobs: 1 failed · 1 running, at 1970-01-1")
    assert lines == [
        "job               state                progress  elapsed  message",
        "download · llama  running              45 %      0:38     pulling layers",
        "clean             failed (ValueError)  33 %      0:00     row 2",
    ]


def test_a_job_that_waits_for_a_rate_waits_for_its_turn() -> None:
    """Each for itself: a rate is no resource that others hold."""
    job = snapshot("j-1", ja.JobState.QUEUED, waiting=ja.Waiting.RATE, waits_for=("api",))
    assert "queued (waits for its turn at api)" in text_table([job], NOW)


def test_everything_in_the_html_is_escaped() -> None:
    """A name, a message, an error type: all text."""
    evil = "<script>alert('x')</script>&"
    job = snapshot(
        "j-1", name=evil, subject=evil, progress=ja.Progress(message=evil), error=error(evil, "")
    )
    table = html_table([job], NOW)
    assert "<script" not in table
    assert table.count("&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;") == 4


def test_what_is_saved_with_a_notebook_holds_no_secrets() -> None:
    """Of an error only the type, of a result nothing."""
    job = replace(
        SNAPSHOTS["failed"],
        error=error("ValueError", "SECRET"),
        outcome=ja.Outcome(ja.JobState.FAILED, value="SECRET"),
        reason="SECRET",
    )
    for table in (html_table([job], NOW), text_table([job], NOW)):
        assert "SECRET" not in table
        assert "ValueError" in table


def test_the_part_that_a_job_does_is_saved_and_the_arguments_in_a_batch_are_not() -> None:
    """A part is two numbers; an argument may be anything."""
    jobs = [
        snapshot("tag-1", item="part 2/4", subject="films"),
        snapshot("call-1", batch="call-1", index=3, item="SECRET"),
        snapshot("call-2", batch="nightly", item="SECRET"),
    ]
    table = text_table(jobs, NOW)
    assert "tag part 2/4 · films" in table
    assert "call[3] " in table
    assert "SECRET" not in table


def test_only_the_newest_fifty_are_shown_and_that_is_said() -> None:
    """A saved notebook does not grow with the number of jobs."""
    jobs = [snapshot(f"j{n}-1") for n in range(120)]
    text = text_table(jobs, NOW)
    assert text.startswith("120 jobs running, at ")
    assert "the newest 50 shown" in text.splitlines()[0]
    assert len(text.splitlines()) == 52
    assert html_table(jobs, NOW).count("<tr>") == 51


def test_a_name_of_several_lines_is_one_line() -> None:
    """Else the columns would break."""
    assert text_table([snapshot("j-1", name="a\nb\tc")], NOW).splitlines()[2].startswith("a b c")


def test_a_name_from_right_to_left_leaves_the_others_in_their_order() -> None:
    """It is isolated, and cannot end that by itself; nor can a mark reorder what stands around."""
    arabic, steered = "\u0641\u0647\u0631\u0633\u0629", "a\u202eb\u2069\u2066"
    jobs = [snapshot("j-1", name=f"{arabic}\u2069", subject="wiki"), snapshot("j-2", name=steered)]
    for table in (html_table(jobs, NOW), text_table(jobs, NOW)):
        assert f"\u2068{arabic}\N{REPLACEMENT CHARACTER}\u2069 · wiki" in table
        assert "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}" in table
    _, _, isolated, plain = text_table(jobs, NOW).splitlines()
    seen = isolated.replace("\u2068", "").replace("\u2069", "")
    assert seen.index("running") == plain.index("running")
