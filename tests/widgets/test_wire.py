"""A job as one JSON row."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jobactors_widgets.batch_rows import batch_row
from jobactors_widgets.wire import WireRow, row_of, safe_text
from msgspec.structs import replace

import jobactors as ja

NOW = 1_000_000.0
GOLDEN = json.loads(Path(__file__).with_name("golden_rows.json").read_text(encoding="utf-8"))

LABELS = (
    *("name", "type", "subject", "icon", "tags", "priority", "metadata", "description"),
    *("continues", "from_checkpoint", "batch", "index", "item"),
)


def snapshot(job_id: str, state: str = "running", **fields: Any) -> ja.JobSnapshot:
    """Return a snapshot with what a test cares for; the job began ``elapsed`` seconds ago."""
    labels = {name: fields.pop(name) for name in LABELS if name in fields}
    labels.setdefault("name", job_id.partition("-")[0])
    labels.setdefault("type", labels["name"])
    info = ja.JobInfo(job_id, submitted_at=0, **labels)
    elapsed = fields.pop("elapsed", None)
    started = None if elapsed is None else NOW - elapsed
    fields = {"attempt": 1, "started_at": started, "finished_at": NOW, **fields}
    return ja.JobSnapshot(info, ja.JobState(state), NOW, **fields)


def running(**progress: Any) -> ja.JobSnapshot:
    """Return a running job's snapshot with this progress."""
    return snapshot("job-1", progress=ja.Progress(**progress))


def error(kind: str, message: str) -> ja.ErrorText:
    """Return an error with a traceback that must not be sent."""
    return ja.ErrorText(kind, message, "SECRET")


SNAPSHOTS = {
    "running on a worker of a cluster": snapshot(
        "train-19", elapsed=1, where="tcp://10.0.0.7:4041", progress=ja.Progress(message="epoch 3")
    ),
    "queued on a cluster that has no workers": snapshot(
        "train-21",
        "queued",
        waiting=ja.Waiting.CLUSTER,
        reason="the cluster has no workers yet",
        attempt=0,
    ),
    "stuck on a worker of a cluster": snapshot(
        "train-20", "cancelling", elapsed=95, stuck=True, where="tcp://10.0.0.7:4041"
    ),
    "an item of a batch": snapshot(
        "resize-18", batch="resize-map-17", index=12, item="cat.png", elapsed=1
    ),
    "an item of a batch that was started again": snapshot(
        "resize-21",
        batch="resize-map-17",
        index=12,
        item="cat.png",
        elapsed=1,
        continues="resize-18",
    ),
    "queued, of high priority, for a release by hand": snapshot(
        "embed-14", "queued", priority=10, waiting=ja.Waiting.HOLD, finished_at=None
    ),
    "running, counted in percents": snapshot(
        "burn-15", elapsed=1, progress=ja.Progress(100, 100, 1.0, "%", "verifying")
    ),
    "cancelled, for a reason that repeats it": snapshot(
        "tags-16", "cancelled", reason="cancelled by the night shift", finished_at=NOW - 300
    ),
    "running, everything known": snapshot(
        "download-1",
        subject="llama",
        icon="⬇",
        type="pull",
        tags=("models", "gpu"),
        priority=10,
        elapsed=38.91,
        log_lines=12,
        progress=ja.Progress(
            912345678,
            2e9,
            0.456712,
            "B",
            "pulling layers",
            counters={"retries": 2},
            rate=23456789,
            time_left=47.02,
            pausable=True,
        ),
    ),
    "running, total unknown": snapshot(
        "index-2",
        elapsed=7261,
        progress=ja.Progress(12345, None, None, "rows", stages=("load", "", "batch"), rate=0.5),
    ),
    "pausing, second attempt": snapshot("sync-3", request=ja.Request.PAUSE, attempt=2, elapsed=1),
    "running, from an earlier job's checkpoint": snapshot(
        "index-12",
        continues="index-3",
        from_checkpoint=True,
        elapsed=1,
        progress=ja.Progress(fraction=0.5),
    ),
    "queued, from an earlier job's checkpoint": snapshot(
        "index-13",
        "queued",
        continues="index-3",
        from_checkpoint=True,
        waiting=ja.Waiting.SLOT,
        attempt=0,
    ),
    "queued behind others": snapshot("letters-4", "queued", waiting=ja.Waiting.SLOT, attempt=0),
    "queued after another job": snapshot(
        "unpack-5",
        "queued",
        waiting=ja.Waiting.DEPENDENCY,
        waits_for=("download-1", "x" * 90),
        attempt=0,
    ),
    "running, waits for a resource": snapshot(
        "train-6",
        "running",
        waiting=ja.Waiting.RESOURCE,
        waits_for=("gpu",),
        attempt=1,
        started_at=NOW - 1,
    ),
    "queued for its next attempt": snapshot(
        "fetch-5",
        "queued",
        waiting=ja.Waiting.RETRY,
        due=NOW + 12.5,
        error=error("ConnectionError", "refused"),
        elapsed=3,
    ),
    "stuck": snapshot(
        "import-6",
        "cancelling",
        request=ja.Request.CANCEL,
        stuck=True,
        elapsed=95,
        reason="by hand",
    ),
    "failed": snapshot(
        "clean-7",
        "failed",
        elapsed=0.2,
        progress=ja.Progress(1, 3, 1 / 3, message="row 2"),
        error=error("ValueError", "no date"),
    ),
    "cancelled before it began": snapshot("tags-8", "cancelled", reason="by hand"),
    "interrupted, and its type is not declared yet": replace(
        snapshot(
            "index-10",
            "interrupted",
            subject="wiki",
            elapsed=7300,
            reason="its process ended",
            progress=ja.Progress(fraction=0.45),
        ),
        changed_at=NOW - 7200,
    ),
    "succeeded, an empty list": snapshot(
        "none-9", "succeeded", elapsed=90000, progress=ja.Progress(0, 0, 1.0)
    ),
}


def batch(name: str, state: str, **fields: Any) -> ja.BatchSnapshot:
    """Return a batch's snapshot with what a test cares for."""
    counts = {one: fields.pop(one.value, 0) for one in ja.JobState}
    defaults: dict[str, Any] = {
        "type": name,
        "subject": "",
        "submitted": sum(counts.values()),
        "total": None,
        "is_open": False,
        "is_paused": False,
        "stopped_at": None,
        "error": None,
    }
    return ja.BatchSnapshot(
        name=name, state=ja.JobState(state), by_state=counts, **{**defaults, **fields}
    )


BATCHES = {
    "a batch, under way": batch(
        "resize",
        "running",
        id="resize-map-17",
        queued=8,
        running=3,
        succeeded=64,
        failed=2,
        total=200,
        progress=ja.Progress(66, 200, 0.3375, "jobs", rate=0.74, time_left=178),
        started_at=NOW - 90,
        error=error("OSError", "broken picture"),
        unread=2,
    ),
    "a batch of unknown size": batch(
        "nightly",
        "paused",
        id="nightly",
        type="sync",
        subject="wiki",
        succeeded=66,
        paused=1,
        progress=ja.Progress(66, None, None, "jobs"),
        started_at=NOW - 90,
        stopped_at=NOW - 60,
    ),
    "a batch whose process was killed": batch(
        "resize",
        "interrupted",
        id="resize-map-20",
        succeeded=66,
        interrupted=54,
        total=120,
        lost=80,
        progress=ja.Progress(66, 120, 0.55, "jobs"),
        started_at=NOW - 90,
        stopped_at=NOW - 60,
    ),
}


async def test_an_ended_block_says_why_it_cannot_start_again() -> None:
    """Its code is elsewhere; a job whose function is here can."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(len, "a")
        assert await job == 1
        with ja.tracked("import films") as context:
            pass
        block = await jobs.get(context.id).wait()
    assert row_of(block, 0)["obstacle"].endswith("run that again")
    assert "obstacle" not in row_of(job.snapshot(), 0)


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["case"])
def test_a_row_is_what_the_browser_reads(golden: dict[str, Any]) -> None:
    """Both halves are held to one file: this test writes its rows, format.test.mjs reads them."""
    row = golden["row"]
    resting: Any = SimpleNamespace(
        obstacle=row.get("obstacle", ""), changed=row.get("changed", False)
    )
    if "counts" in row:
        assert batch_row(BATCHES[golden["case"]], NOW, row["number"]) == row
    else:
        assert row_of(SNAPSHOTS[golden["case"]], NOW, row.get("number"), resting) == row


def test_the_golden_rows_use_every_key() -> None:
    """A key without an example is a key without an agreement."""
    used = {key for golden in GOLDEN for key in golden["row"]}
    assert used == WireRow.__required_keys__ | WireRow.__optional_keys__


def test_a_row_says_nothing_of_results_arguments_and_tracebacks() -> None:
    """Arguments, logs and results may hold secrets, and stay in the kernel."""
    secret = replace(
        SNAPSHOTS["failed"],
        outcome=ja.Outcome(ja.JobState.FAILED, value="SECRET", exception=ValueError("SECRET")),
        info=replace(SNAPSHOTS["failed"].info, metadata={"token": "SECRET"}, key="SECRET"),
    )
    assert "SECRET" not in json.dumps(row_of(secret, NOW))


def test_a_row_has_the_part_of_a_job_that_is_in_no_batch() -> None:
    """By it one of several rows is told from the others."""
    row = row_of(snapshot("tag-1", item="part 2/4"), NOW)
    assert (row["item"], "batch" in row) == ("part 2/4", False)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 10**400, "5"])
def test_a_number_json_cannot_carry_is_left_out(number: Any) -> None:
    """One job's NaN must not make the message with all the others unreadable."""
    row = row_of(running(done=number, total=number, fraction=number, rate=number), NOW)
    assert set(row) == {"id", "name", "state"}


def test_numbers_are_rounded() -> None:
    """Sixteen digits of which three are seen would be a third of the traffic."""
    row = row_of(running(done=2.0, fraction=1 / 3, rate=1e-5, time_left=0.123), NOW)
    assert (row["done"], row["fraction"], row["rate"], row["eta"]) == (2, 0.3333, 0, NOW + 0.1)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain", "plain"),
        ("a\0b", "a�b"),
        ("lone \ud800 surrogate", "lone � surrogate"),
        ("ünïcode 🎉", "ünïcode 🎉"),
        ("é\0", "é�"),
        ("x" * 11, "x" * 9 + "…"),
    ],
)
def test_text_is_made_safe_and_short(text: str, safe: str) -> None:
    """Any string at all becomes valid Unicode within its bound."""
    assert safe_text(text, 10 if text.startswith("x") else 100) == safe
    safe_text(text, 100).encode()


def test_pauses_are_left_out_of_the_time_at_work() -> None:
    """It begins later by as much, and stands still while the job is paused."""
    job = snapshot("train-1", "paused", elapsed=100, paused_for=30.0)
    row = row_of(replace(job, changed_at=NOW - 20), NOW)
    assert (row["began"], row["stopped"]) == (NOW - 70, NOW - 20)
    assert row["stopped"] - row["began"] == replace(job, changed_at=NOW - 20).elapsed(NOW)


def test_long_texts_are_cut() -> None:
    """A name of a megabyte is shown by its beginning."""
    long = "n" * 1_000_000
    row = row_of(snapshot("j-1", name=long, subject=long, progress=ja.Progress(message=long)), NOW)
    assert (len(row["name"]), len(row["subject"]), len(row["message"])) == (200, 200, 500)
