"""Metrics: each ended job is counted once, whatever became of its process."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import csv
import io
import sys
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families
from trio.testing import MockClock

import jobactors as ja
from jobactors.model.stored_rows import DocumentRow, PutDocument


@ja.job("metrics_nap")
async def nap(seconds: float) -> None:
    await trio.sleep(seconds)


async def fail() -> None:
    raise ValueError


def registered(name: str) -> Any:
    """Return a job type of its own that takes some seconds."""

    async def rest(seconds: float) -> None:
        await trio.sleep(seconds)

    return ja.job(name)(rest)


async def run_all(*started: ja.Job[Any]) -> None:
    for job in started:
        await job.wait()


def row(jobs: ja.Jobs, of: str) -> ja.JobMetrics:
    return next(row for row in jobs.metrics() if row.of == of)


async def test_jobs_are_counted_by_type_and_end(autojump_clock: object) -> None:
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        cancelled = jobs.submit(nap, 60)
        failed = jobs.options(retry=ja.Retry(max=3, base=5, factor=1, jitter=0)).submit(fail)
        await run_all(*(jobs.submit(nap, second) for second in (1, 2, 4)))
        cancelled.cancel()
        await run_all(cancelled, failed)
        naps, fails = row(jobs, "metrics_nap"), row(jobs, "fail")
        assert (naps.succeeded, naps.failed, naps.cancelled, naps.ended) == (3, 0, 1, 4)
        assert naps.success_rate == 1
        assert (fails.failed, fails.attempts, fails.retries) == (1, 3, 2)
        assert fails.success_rate == 0
        assert fails.waits["retry delay"].total == pytest.approx(10)


async def test_seconds_at_work_and_waiting_are_apart(autojump_clock: object) -> None:
    """Each wait counts for its reason, and a pause is no work."""
    async with ja.open_jobs(max_running=1) as jobs:
        first = jobs.submit(nap, 10)
        second = jobs.submit(nap, 4)
        third = jobs.options(after=[second]).submit(nap, 2)
        await run_all(first, second, third)
        naps = row(jobs, "metrics_nap")
        assert naps.run.total == pytest.approx(16)
        assert naps.run.longest == pytest.approx(10)
        assert naps.waits["slot"].total == pytest.approx(10)
        assert naps.waits["dependency"].total == pytest.approx(14)


async def test_a_job_that_never_started_has_waited_for_its_reason(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        held = jobs.options(hold=True).submit(nap, 1)
        await trio.sleep(30)
        held.cancel()
        await held.wait()
        naps = row(jobs, "metrics_nap")
        assert naps.waits["hold"].total == pytest.approx(30)
        assert (naps.run.count, naps.run.p50) == (0, None)


async def test_pauses_are_no_work(autojump_clock: object) -> None:
    async def steps() -> None:
        async for _ in ja.track(range(4)):
            await trio.sleep(1)

    async with ja.open_jobs() as jobs:
        job = jobs.submit(steps)
        await trio.sleep(1.5)
        job.pause()
        await trio.sleep(20)
        job.resume()
        await job.wait()
        steps_row = row(jobs, "steps")
        assert steps_row.run.total == pytest.approx(4, abs=0.1)
        assert steps_row.paused.total == pytest.approx(19.5, abs=0.1)


async def test_pauses_in_an_earlier_process_are_no_work_either(autojump_clock: object) -> None:
    """Nor is the time at rest until the job went on."""

    async def walk() -> None:
        async for _ in ja.track(range(10)):
            await trio.sleep(1)

    ja.job("metrics_walk")(walk)
    store = ja.MemoryStore()
    async with ja.open_jobs(store=store) as jobs:
        job = jobs.submit(walk)
        await trio.sleep(1.5)
        job.pause()
        await trio.sleep(20)
        job.resume()
        await trio.sleep(2)
        await jobs.close()
    await trio.sleep(1000)
    async with ja.open_jobs(store=store) as jobs:
        jobs.get(job.id).resume()
        await jobs.get(job.id).wait()
        walks = row(jobs, "metrics_walk")
        assert walks.paused.total == pytest.approx(20, abs=1)
        assert walks.run.total == pytest.approx(14, abs=1)


async def test_metrics_outlive_their_process_and_their_jobs(
    autojump_clock: object, tmp_path: Path
) -> None:
    path = tmp_path / "jobs.db"
    async with ja.open_jobs(store=path) as jobs:
        await run_all(*(jobs.submit(nap, second) for second in (1, 2, 4)))
        before = jobs.metrics().to_dict()
    async with ja.open_jobs(store=path) as jobs:
        assert jobs.metrics().to_dict() == before
        await trio.sleep(100)  # past the ends of the jobs: each run begins its own clock
        assert jobs.clear() == 3
        assert jobs.metrics().to_dict() == before
        await jobs.run(nap, 1)
    async with ja.open_jobs(store=path) as jobs:
        assert row(jobs, "metrics_nap").succeeded == 4


KILLED = """
import os, sys
import jobactors as ja

jobs = ja.start(store=sys.argv[1])
for n in range(5):
    jobs.options(name=f"job {n}").submit(abs, n).result()
    jobs.latest("abs").stored().result()
os.kill(os.getpid(), 9)
"""


async def test_jobs_that_ended_just_before_a_kill_are_counted_once(tmp_path: Path) -> None:
    """Their rows are on disk, their tally was not."""
    path = tmp_path / "jobs.db"
    for killed in (1, 2):
        ran = await trio.run_process([sys.executable, "-c", KILLED, path], check=False)
        assert ran.returncode == -9
        async with ja.open_jobs(store=path) as jobs:
            assert row(jobs, "abs").ended == 5 * killed
    async with ja.open_jobs(store=path) as jobs:
        assert row(jobs, "abs").ended == 10


@pytest.mark.parametrize(
    "document", [("x y", "{}"), ("12 nap", "no JSON"), ("counted until", '["late", 7]')]
)
async def test_what_cannot_be_read_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, document: tuple[str, str]
) -> None:
    path = tmp_path / "jobs.db"
    store = ja.SqliteStore(path)
    store.open()
    store.apply([PutDocument(DocumentRow("metrics", *document, 1.0))])
    store.close()
    async with ja.open_jobs(store=path) as jobs:
        assert len(jobs.metrics()) == 0
    assert "cannot be read" in caplog.text


async def test_a_row_for_each_day_and_only_the_recent_ones(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        await jobs.run(nap, 1)
        await trio.sleep(3 * 86400)
        await jobs.run(nap, 1)
        assert len(jobs.metrics(by="day")) == 2
        assert [row.of for row in jobs.metrics(by="all")] == ["all"]
        assert jobs.metrics()[0].ended == 2
        recent = jobs.metrics(since=timedelta(hours=2))
        assert recent[0].ended == 1
        assert len(jobs.metrics(since=datetime.now(UTC) + timedelta(days=30))) == 0


async def test_a_wrong_question_has_an_answer_that_helps(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        with pytest.raises(ValueError, match="'type', 'hour', 'day', 'all', not 'name'"):
            jobs.metrics(by="name")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="since is a datetime"):
            jobs.metrics(since="yesterday")  # type: ignore[arg-type]


async def test_tables_have_the_same_columns_in_every_row(autojump_clock: object) -> None:
    async with ja.open_jobs(unread_failures="ignore") as jobs:
        await run_all(jobs.submit(nap, 1), jobs.submit(fail))
        metrics = jobs.metrics()
        rows = list(csv.DictReader(io.StringIO(metrics.to_csv())))
        assert [row["of"] for row in rows] == ["fail", "metrics_nap"]
        assert {len(row) for row in metrics.to_dict()} == {len(rows[0])}
        assert "metrics_nap" in repr(metrics)


async def test_names_are_text_in_a_page(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        odd = registered("<script>alert(1)</script>")
        await jobs.run(odd, 1)
        html = jobs.metrics()._repr_html_()
        assert "<script>" not in html
        assert "&lt;script&gt;" in html


async def test_prometheus_reads_the_text(autojump_clock: object) -> None:
    """Read by its own parser; a hostile name stays one label."""
    hostile = 'x"\\\n{}é\ud800'
    odd = registered(hostile)
    async with ja.open_jobs(max_running=1, resources={"gpu": 2}) as jobs:
        await jobs.run(odd, 3)
        running = jobs.options(resources={"gpu": 2}).submit(nap, 10)
        jobs.submit(nap, 1)
        await trio.sleep(1)
        families = {
            family.name: family
            for family in text_string_to_metric_families(jobs.metrics().prometheus())
        }
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in families.values()
            for sample in family.samples
        }
        label = 'x"\\\n{}é?'
        assert samples["jobactors_jobs_total", label, "succeeded"] == 1
        assert samples["jobactors_run_seconds_bucket", label, "1.0"] == 0
        assert samples["jobactors_run_seconds_bucket", label, "10.0"] == 1
        assert samples["jobactors_run_seconds_count", label] == 1
        assert samples[("jobactors_running",)] == 1
        assert samples["jobactors_queued", "slot"] == 1
        assert samples["jobactors_resource_held", "gpu"] == 2
        assert families["jobactors_run_seconds"].type == "histogram"
        running.cancel()


async def test_an_hour_is_no_label(autojump_clock: object) -> None:
    """Monitoring reads types and their totals, whatever the rows are."""
    async with ja.open_jobs() as jobs:
        for _ in range(4):
            await jobs.run(nap, 1)
            await trio.sleep(3600)
        hourly = jobs.metrics("hour", since=timedelta(hours=2))
        assert sum(row.ended for row in hourly) < 4
        assert counted(hourly.prometheus()) == counted(jobs.metrics().prometheus())
        assert 'jobs_total{type="metrics_nap",state="succeeded"} 4' in hourly.prometheus()


def counted(text: str) -> list[str]:
    """Return the lines of an exposition that count; the loop's lag is another one each time."""
    return [line for line in text.splitlines() if "loop_lag" not in line]


def test_jobs_are_counted_once_after_the_clock_was_set_back(tmp_path: Path) -> None:
    """Each in the hour of its end, also in one that was over."""

    async def naps(*, until_later: bool) -> ja.Metrics:
        async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
            await jobs.run(nap, 1)
            if until_later:
                await trio.sleep(5 * 3600)
            await jobs.run(nap, 1)
            return jobs.metrics("hour")

    def run(*, until_later: bool) -> ja.Metrics:
        """With a clock of its own, which begins at the present."""
        clock = MockClock(autojump_threshold=0)
        return trio.run(partial(naps, until_later=until_later), clock=clock)

    run(until_later=True)
    found = run(until_later=False)
    assert sum(row.ended for row in found) == 4
    assert len(found) <= 3  # an hour may turn in between
    assert 'jobs_total{type="metrics_nap",state="succeeded"} 4' in found.prometheus()


async def test_the_hundred_and_first_type_has_no_label_of_its_own(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        for n in range(120):
            await jobs.run(registered(f"metrics_type_{n}"), 0)
        assert sum(row.ended for row in jobs.metrics()) == 120
        assert row(jobs, "other").ended == 20
        text = jobs.metrics().prometheus()
        assert text.count("jobactors_attempts_total{") <= 101


async def test_counters_do_not_sink_when_old_hours_go(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        await jobs.run(nap, 1)
        await trio.sleep(100 * 86400)
        await jobs.run(nap, 1)
        assert row(jobs, "metrics_nap").ended == 1
        assert 'jobs_total{type="metrics_nap",state="succeeded"} 2' in jobs.metrics().prometheus()
