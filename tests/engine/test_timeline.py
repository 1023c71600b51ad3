"""Timelines: each job's life as a bar, in rows in which none overlaps another."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import itertools
import json
import threading
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

import jobactors as ja
from jobactors.model.spans import Span
from jobactors.model.states import JobState
from jobactors.model.timeline_bars import Bar, lay_out

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@ja.job("timeline_nap")
async def nap(seconds: float) -> None:
    await trio.sleep(seconds)


async def test_each_slot_is_a_lane_in_which_jobs_follow_each_other(autojump_clock: object) -> None:
    async with ja.open_jobs(max_running=2) as jobs:
        for job in [jobs.submit(nap, seconds) for seconds in (4, 2, 3, 1)]:
            await job.wait()
        timeline = jobs.timeline()
        assert timeline.lanes == {"1": 1, "2": 1}
        lanes = {lane: [bar for bar in timeline if bar.lane == lane] for lane in timeline.lanes}
        for bars in lanes.values():
            assert all(one.end <= other.start for one, other in pairwise(bars))
        assert [span.state for bar in timeline for span in bar.spans] == [JobState.RUNNING] * 4


async def test_the_time_in_the_queue_is_shown_in_lanes_by_type(autojump_clock: object) -> None:
    async with ja.open_jobs(max_running=1) as jobs:
        first, second = jobs.submit(nap, 4), jobs.options(subject="wiki").submit(nap, 2)
        await first.wait()
        await second.wait()
        timeline = jobs.timeline("type")
        assert timeline.lanes == {"timeline_nap": 2}
        waits = [(span.state, round(span.seconds)) for span in timeline[1].spans]
        assert waits == [(JobState.QUEUED, 4), (JobState.RUNNING, 2)]
        assert list(jobs.timeline("subject").lanes) == ["", "wiki"]


async def test_a_lane_for_each_resource_that_a_job_needs(autojump_clock: object) -> None:
    async with ja.open_jobs(resources={"gpu": 1, "disk": 1}) as jobs:
        await jobs.options(resources={"gpu": 1, "disk": 1}).submit(nap, 1).wait()
        await jobs.submit(nap, 1).wait()
        assert list(jobs.timeline("resource").lanes) == ["disk", "gpu"]


async def test_what_goes_on_ends_now(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        job = jobs.submit(nap, 60)
        await trio.sleep(10)
        (bar,) = jobs.timeline()
        assert bar.end - bar.start == pytest.approx(10)
        assert bar.state is JobState.RUNNING
        job.cancel()


async def test_only_recent_jobs_and_the_newest_of_them(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        await jobs.run(nap, 1)
        await trio.sleep(7200)
        for _ in range(3):
            await jobs.run(nap, 1)
        assert len(jobs.timeline()) == 4
        assert len(jobs.timeline(since=timedelta(hours=1))) == 3
        newest = jobs.timeline(limit=2)
        assert (len(newest), newest.left_out) == (2, 2)
        assert "2 older ones are left out" in newest.html()
        assert len(jobs.timeline(type="another")) == 0
        assert "No job was at work" in jobs.timeline(type="another").html()


@pytest.mark.parametrize("retention", [ja.Retention(), ja.Retention(read=0)])
def test_jobs_of_earlier_processes_are_shown_with_their_pauses_and_stages(
    tmp_path: Path, retention: ja.Retention
) -> None:
    """Their event logs have them, whether the registry took the jobs over or not."""
    may_end = threading.Event()

    async def steps() -> None:
        with ja.stage("read"), ja.stage("pages"):
            async for _ in ja.track(itertools.count()):
                if may_end.is_set():
                    break
                await trio.sleep(0.01)

    async def main() -> None:
        async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
            job = jobs.submit(steps)
            await until(lambda: job.snapshot().progress.stages == ("read", "pages"))
            job.pause()
            await until(lambda: job.state is JobState.PAUSED)
            job.resume()
            await until(lambda: job.state is JobState.RUNNING)
            may_end.set()
            await job
            before = jobs.timeline("type").to_dict()
            (as_it_was,) = jobs.timeline("type")
        async with ja.open_jobs(store=tmp_path / "jobs.db", retention=retention) as jobs:
            assert len(jobs) == (1 if retention.read else 0)
            timeline = jobs.timeline("type")
            assert JobState.PAUSED in [span.state for span in timeline[0].spans]
            assert "read / pages" in [stage.label for stage in timeline[0].stages]
            assert (timeline[0], timeline.to_dict()) == (as_it_was, before)

    trio.run(main)


def test_a_job_that_goes_on_in_another_process_has_its_stages_and_pauses_of_both(
    tmp_path: Path,
) -> None:
    """And its time at rest between them."""

    async def work() -> None:
        label = "first" if ja.current_job().attempt == 1 else "second"
        with ja.stage(label):
            async for _ in ja.track(itertools.count()):
                await trio.sleep(0.01)

    async def main() -> None:
        ja.job("timeline_work")(work)
        async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
            job = jobs.submit("timeline_work")
            await until(lambda: job.snapshot().progress.stages == ("first",))
            job.pause()
            await until(lambda: job.state is JobState.PAUSED)
            await jobs.close()
        async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
            job = jobs.get(job.id)
            job.resume()
            await until(lambda: job.snapshot().progress.stages == ("second",))
            (bar,) = jobs.timeline("type")
            states = [span.state for span in bar.spans if span.state is not JobState.QUEUED]
            at_work = [JobState.RUNNING, JobState.PAUSED, JobState.INTERRUPTED, JobState.RUNNING]
            assert [state for state in states if state is not JobState.CANCELLING] == at_work
            assert dict.fromkeys(stage.label for stage in bar.stages) == {
                "first": None,
                "second": None,
            }
            job.cancel()

    trio.run(main)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so about jobs."""
    with trio.fail_after(60):
        while not condition():  # noqa: ASYNC110 - of a snapshot, not of an event
            await trio.sleep(0.01)


async def test_stages_lie_inside_the_bars_and_the_longest_path_is_marked(
    autojump_clock: object,
) -> None:
    """In the drawing and in its words; only some of the bars, if that is asked for."""

    async def work() -> None:
        for label in ("read", "<write>"):
            with ja.stage(label, weight=50):
                await trio.sleep(2)

    async with ja.open_jobs() as jobs:
        first = jobs.options(name="first").submit(work)
        short = jobs.options(name="short").submit(nap, 1)
        last = jobs.options(name="last", after=[first, short]).submit(nap, 1)
        await last.wait()
        timeline = jobs.timeline("type")
        (bar,) = [bar for bar in timeline if bar.job_id == first.id]
        assert [(one.label, round(one.end - one.start)) for one in bar.stages] == [
            ("read", 2),
            ("<write>", 2),
        ]
        assert timeline.critical_path == [first.id, last.id]
        html = timeline.html()
        assert html.count("class='ja-stage") == 2
        assert "stages: read 2 s, &lt;write&gt; 2 s" in html
        assert html.count("ja-critical'") == 2
        assert "; 2 older ones are left out" in timeline.html(limit=1)
        assert jobs.timeline(type=work).critical_path == []


async def test_each_stage_of_jobs_that_nobody_watches_has_its_own_time(
    autojump_clock: object,
) -> None:
    """Numbers are sampled once a second then, but no stage is missed, or shown for another."""

    async def work(_item: int) -> None:
        for label in ("read", "sort", "write"):
            with ja.stage(label, weight=30):
                for i in range(3):
                    ja.progress(i, 3)
                    await trio.sleep(0.15)

    async with ja.open_jobs() as jobs:
        jobs.map(work, range(30))
        await trio.sleep(2)
        for bar in jobs.timeline("type"):
            assert [one.label for one in bar.stages] == ["read", "sort", "write"]
            for stage in bar.stages:
                assert stage.end - stage.start == pytest.approx(0.45, abs=0.11)


async def test_a_wrong_question_has_an_answer_that_helps(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        with pytest.raises(ValueError, match="'slot', 'type', 'subject', 'resource', not 'user'"):
            jobs.timeline("user")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="limit is a whole number"):
            jobs.timeline(limit=1.5)  # type: ignore[arg-type]


async def test_names_are_text_in_the_page(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        hostile = "<script>alert('x')</script>&\"'"
        await jobs.options(name=hostile, subject=hostile).submit(nap, 1).wait()
        for by in ("slot", "type", "subject"):
            html = jobs.timeline(by).html()
            assert "<script" not in html
            assert "alert(" in html
            ET.fromstring(html[html.index("<svg") : html.index("</svg>") + len("</svg>")])  # noqa: S314 - our own text
        json.dumps(jobs.timeline().to_dict())


LIVES = st.lists(
    st.tuples(st.floats(0, 100), st.floats(0.1, 50), st.sampled_from("abc")), max_size=30
)


@given(LIVES, st.booleans())
def test_no_two_bars_of_a_row_overlap(lives: list[tuple[float, float, str]], by_slot: bool) -> None:
    bars = [
        Bar(str(n), "", kind, "", JobState.SUCCEEDED, (Span(at, at + long, JobState.RUNNING),))
        for n, (at, long, kind) in enumerate(lives)
    ]
    placed = lay_out(bars, None if by_slot else lambda bar: bar.type)
    assert sorted(bar.job_id for bar in placed) == sorted(bar.job_id for bar in bars)
    for one, other in pairwise(placed):
        if (one.lane, one.row) == (other.lane, other.row):
            assert one.end <= other.start
