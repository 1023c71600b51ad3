"""Schedules: when they submit, what they leave out, and what survives their process."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import itertools
import json
import logging
import math
import subprocess
import sys
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja
from jobactors.model.stored_rows import AddOccurrence, DocumentRow, OccurrenceRow, PutDocument
from tests.engine.stored_jobs_samples import TroubledStore, registered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from trio.testing import MockClock

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
EVERY_MINUTE = ja.every(minutes=1)


@asynccontextmanager
async def opened(**options: Any) -> AsyncIterator[ja.Jobs]:
    """Open jobs a little after a full minute, so that the next one is nearly a minute away."""
    async with ja.open_jobs(**options) as jobs:
        await until_minute(jobs)
        await trio.sleep(1)
        yield jobs


async def until_minute(jobs: ja.Jobs) -> None:
    now = jobs._system.schedules.table.wall.now()
    await trio.sleep(MINUTE - now % MINUTE)


def wall(jobs: ja.Jobs) -> float:
    return jobs._system.schedules.table.wall.now()


def step_beyond(moment: float, interval: float) -> float:
    """Seconds from a moment to just after a multiple of an interval: the next one is far then."""
    return (1 - moment) % interval


def kinds(schedule: ja.Schedule) -> list[tuple[str, int]]:
    return [(row.kind, row.count) for row in reversed(schedule.history())]


async def work() -> str:
    return "done"


async def stay(seconds: float = 90.0) -> None:
    await trio.sleep(seconds)


async def fail() -> None:
    raise ValueError("no such page")


# --- when it is due -----------------------------------------------------------------------------


async def test_a_schedule_submits_a_job_each_time_it_is_due(autojump_clock: MockClock) -> None:
    """And says so in the job: its name, and the moment."""
    async with opened() as jobs:
        schedule = jobs.schedule("often", EVERY_MINUTE).options(subject="wiki").submit(work)
        begun = wall(jobs)
        await trio.sleep(3 * MINUTE)
        snapshots = jobs.list(type=work)
    assert [snapshot.info.schedule for snapshot in snapshots] == ["often"] * 3
    moments = [snapshot.info.occurrence or 0 for snapshot in snapshots]
    assert [moment - moments[0] for moment in moments] == [0, MINUTE, 2 * MINUTE]
    assert all(moment % MINUTE == 0 for moment in moments)
    assert 0 < moments[0] - begun < MINUTE
    assert {snapshot.subject for snapshot in snapshots} == {"wiki"}
    assert kinds(schedule) == [("submitted", 1)] * 3


async def test_a_cron_text_is_due_on_the_calendar_of_its_zone(autojump_clock: MockClock) -> None:
    async with opened() as jobs:
        schedule = jobs.schedule("nightly", "30 2 * * *", zone="Europe/Berlin").submit(work)
        due = schedule.next()
        assert due is not None
        assert (due.hour, due.minute, str(due.tzinfo)) == (2, 30, "Europe/Berlin")
        assert schedule.preview(3)[0] == due
        await trio.sleep(due.timestamp() - wall(jobs) + 1)
        (snapshot,) = jobs.list(type=work)
        assert snapshot.info.occurrence == due.timestamp()
        assert schedule.preview(1, after=due + timedelta(days=5))[0] > due + timedelta(days=5)
        two_days_ago = due - timedelta(days=2)
        assert schedule.preview(2, after=two_days_ago) == [due - timedelta(days=1), due]


async def test_a_single_moment_runs_once_and_has_ended(autojump_clock: MockClock) -> None:
    async with opened() as jobs:
        moment = datetime.fromtimestamp(wall(jobs) + HOUR, UTC)
        schedule = jobs.schedule("once", ja.at(moment)).submit(work)
        assert schedule.next() == moment
        await trio.sleep(DAY)
        assert len(jobs.list(type=work)) == 1
        assert (schedule.next(), schedule.state().standing) == (None, "ended")
        assert "never due again" in repr(schedule)
        with pytest.raises(ValueError, match=r"lies .* in the past"):
            jobs.schedule("late", ja.at(moment)).submit(work)
        just_now = ja.at(wall(jobs) - 10)
        jobs.schedule("just now", just_now).submit(work)
        await trio.sleep(1)
        assert len(jobs.list(type=work)) == 2


async def test_it_ends_after_its_runs_and_at_its_last_moment(autojump_clock: MockClock) -> None:
    async with opened() as jobs:
        counted = jobs.schedule("two", EVERY_MINUTE, runs=2).submit(work)
        bounded = jobs.schedule("until", EVERY_MINUTE, until=wall(jobs) + 150).submit(work)
        await trio.sleep(10 * MINUTE)
        assert len(counted.history()) == len(bounded.history()) == 2
        assert counted.state().standing == bounded.state().standing == "ended"


async def test_jitter_puts_each_occurrence_off_and_is_shown(autojump_clock: MockClock) -> None:
    async with opened() as jobs:
        schedule = jobs.schedule("spread", ja.every(hours=1), jitter=600).submit(work)
        due = schedule.next()
        assert due is not None
        await trio.sleep(due.timestamp() - wall(jobs) - 0.5)
        assert jobs.list(type=work) == []
        await trio.sleep(1)
        (snapshot,) = jobs.list(type=work)
        assert snapshot.info.occurrence is not None
        assert 0 <= due.timestamp() - snapshot.info.occurrence < 600


# --- the clock ----------------------------------------------------------------------------------


async def test_a_clock_that_is_set_back_makes_nothing_due_twice(autojump_clock: MockClock) -> None:
    async with opened() as jobs:
        schedule = jobs.schedule("often", EVERY_MINUTE).submit(work)
        await trio.sleep(2 * MINUTE)
        ja.testing.step_wall_clock(-HOUR)
        await trio.sleep(HOUR - MINUTE)
        assert len(jobs.list(type=work)) == 2
        await trio.sleep(3 * MINUTE)
        occurrences = [snapshot.info.occurrence for snapshot in jobs.list(type=work)]
        assert len(set(occurrences)) == len(occurrences) > 2
        assert [row.kind for row in schedule.history()] == ["submitted"] * len(occurrences)


@pytest.mark.parametrize("step", [2 * HOUR, 365 * DAY])
async def test_a_clock_that_is_set_on_is_a_downtime(step: float, autojump_clock: MockClock) -> None:
    """The machine may have slept; it is noticed within a minute."""
    async with opened() as jobs:
        schedule = jobs.schedule("hourly", ja.every(hours=1)).submit(work)
        ja.testing.step_wall_clock(step_beyond(wall(jobs) + step, HOUR) + step)
        await trio.sleep(MINUTE)
        assert len(jobs.list(type=work)) == 1
        assert {kind for kind, _ in kinds(schedule)} <= {"missed", "submitted"}
        (missed,) = [row for row in schedule.history() if row.kind == "missed"]
        assert missed.count == (200 if step > DAY else missed.count)


# --- unfinished runs ---------------------------------------------------------------------------


async def test_an_occurrence_is_skipped_while_a_run_is_unfinished(
    autojump_clock: MockClock,
) -> None:
    """Also while that one is paused; the history names it."""
    async with opened() as jobs:
        schedule = jobs.schedule("long", EVERY_MINUTE).submit(stay)
        await trio.sleep(2 * MINUTE)
        assert kinds(schedule) == [("submitted", 1), ("skipped", 1)]
        skipped = schedule.history()[0]
        assert skipped.detail == "the run before is running"
        assert skipped.job_id == jobs.list(type=stay)[0].id
        await trio.sleep(MINUTE)
        assert len(jobs.list(type=stay)) == 2
        assert schedule.state().unfinished == (jobs.list(type=stay)[1].id,)


async def test_one_run_waits_for_the_end_of_the_present_one_if_they_queue(
    autojump_clock: MockClock,
) -> None:
    """A third one is skipped: a queue that grows is no schedule."""
    async with opened() as jobs:
        schedule = jobs.schedule("long", EVERY_MINUTE, overlap="queue").submit(stay, 200)
        await trio.sleep(3 * MINUTE)
        first, second = jobs.list(type=stay)
        assert second.waits_for == (first.id,)
        assert kinds(schedule) == [("submitted", 1), ("submitted", 1), ("skipped", 1)]
        jobs.get(first.id).cancel()
        await trio.sleep(1)
        assert jobs.get(second.id).state == "running"


async def test_the_present_run_is_replaced_and_the_next_waits_for_its_end(
    autojump_clock: MockClock,
) -> None:
    """So that there are never two at once, though it takes its time to be cancelled."""
    at_once: list[int] = []
    running = 0

    async def slow_to_end() -> None:
        nonlocal running
        running += 1
        at_once.append(running)
        try:
            await trio.sleep(10 * MINUTE)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(5)
            running -= 1

    async with opened() as jobs:
        schedule = jobs.schedule("newest", EVERY_MINUTE, overlap="replace").submit(slow_to_end)
        await trio.sleep(3 * MINUTE + 6)
        states = [str(snapshot.state) for snapshot in jobs.list(type=slow_to_end)]
        assert states[:2] == ["cancelled", "cancelled"]
        assert jobs.list(type=slow_to_end)[0].reason == "replaced by the next run of its schedule"
        schedule.remove()
        jobs.select(type=slow_to_end).cancel()
    assert set(at_once) == {1}


async def test_runs_go_on_at_once_beside_each_other_if_that_is_allowed(
    autojump_clock: MockClock,
) -> None:
    async with opened() as jobs:
        jobs.schedule("long", EVERY_MINUTE, overlap="allow").submit(stay)
        await trio.sleep(2 * MINUTE)
        assert [str(one.state) for one in jobs.list(type=stay)] == ["running", "running"]


async def test_failures_in_a_row_pause_a_schedule_and_are_logged(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    """The block around it does not fail for them: they were reported when they came."""
    async with opened() as jobs:
        schedule = jobs.schedule("bad", EVERY_MINUTE, pause_on_failures=2).submit(fail)
        await trio.sleep(10 * MINUTE)
        state = schedule.state()
        assert (state.standing, state.failures, len(jobs.list(type=fail))) == ("paused", 2, 2)
        assert "2 runs in a row have failed" in state.reason
        assert "no such page" in state.reason
        schedule.resume()
        await trio.sleep(10 * MINUTE)
        assert len(jobs.list(type=fail)) == 4
        assert kinds(schedule) == [("submitted", 1)] * 4
    assert caplog.text.count("schedule 'bad': job fail-") == 4
    assert caplog.text.count("is paused") == 2


async def test_a_success_between_failures_begins_the_count_anew(autojump_clock: MockClock) -> None:
    outcomes = iter([False, True, False, True, False])

    async def moody() -> None:
        if not next(outcomes, True):
            raise ValueError("bad")

    async with opened() as jobs:
        schedule = jobs.schedule("moody", EVERY_MINUTE, pause_on_failures=2).submit(moody)
        await trio.sleep(7 * MINUTE)
        assert schedule.state().standing == "active"


# --- commands ------------------------------------------------------------------------------------


async def test_a_paused_schedule_submits_nothing_and_leaves_the_pause_out(
    autojump_clock: MockClock,
) -> None:
    async with opened() as jobs:
        schedule = jobs.schedule("often", EVERY_MINUTE).submit(work)
        schedule.pause("release week")
        await trio.sleep(5 * MINUTE)
        assert (schedule.next(), schedule.history()) == (None, [])
        assert "paused: release week" in repr(schedule)
        assert len(schedule.preview(3)) == 3
        schedule.resume()
        await trio.sleep(2 * MINUTE)
        assert kinds(schedule) == [("submitted", 1)] * 2


async def test_a_run_by_hand_does_not_move_the_rhythm(autojump_clock: MockClock) -> None:
    """Nor is it one of the counted runs; and it runs beside an unfinished one."""
    async with opened() as jobs:
        schedule = jobs.schedule("long", EVERY_MINUTE, runs=2).submit(stay)
        due = schedule.next()
        job = schedule.run_now()
        assert (job.info.schedule, job.info.occurrence) == ("long", None)
        assert schedule.next() == due
        assert schedule.state().runs == 0
        await trio.sleep(MINUTE)
        assert kinds(schedule) == [("manual", 1), ("skipped", 1)]
        schedule.pause()
        other = schedule.run_now()
        await job
        await other


async def test_a_new_rule_counts_from_now_and_a_policy_changes_alone(
    autojump_clock: MockClock,
) -> None:
    async with opened() as jobs:
        schedule = jobs.schedule("often", "*/5 * * * *", zone="Asia/Tokyo").submit(work)
        await trio.sleep(20 * MINUTE)
        ran = len(jobs.list(type=work))
        schedule.update("0 4 * * *", overlap="queue")
        state = schedule.state()
        assert (state.rule, state.zone, state.in_words) == (
            "0 4 * * *",
            "Asia/Tokyo",
            "At 04:00 every day",
        )
        await trio.sleep(20 * MINUTE)
        assert len(jobs.list(type=work)) - ran <= 1
        schedule.update(zone="Europe/Berlin")
        assert schedule.state().zone == "Europe/Berlin"
        schedule.update(ja.every(minutes=1))
        await trio.sleep(MINUTE)
        with pytest.raises(TypeError, match="unknown: ovrlap"):
            schedule.update(ovrlap="skip")
        with pytest.raises(ValueError, match="overlap is one of"):
            schedule.update(overlap="both")


async def test_a_removed_schedule_is_gone_and_its_jobs_stay(autojump_clock: MockClock) -> None:
    async with opened() as jobs:
        schedule = jobs.schedule("long", EVERY_MINUTE).submit(stay)
        await trio.sleep(MINUTE)
        schedule.remove()
        schedule.remove()
        assert repr(schedule) == "<Schedule 'long', removed>"
        for ask in (schedule.state, schedule.next, schedule.run_now, schedule.history):
            with pytest.raises(ja.UnknownSchedule, match="no schedule 'long' here"):
                ask()
        await trio.sleep(5 * MINUTE)
        assert [str(one.state) for one in jobs.list(type=stay)] == ["succeeded"]


async def test_schedules_are_listed_by_what_is_due_next(autojump_clock: MockClock) -> None:
    async with opened() as jobs:
        jobs.schedule("daily", ja.every(days=1)).submit(work)
        jobs.schedule("often", EVERY_MINUTE).submit(work)
        jobs.schedule("<b>never</b>", ja.every(hours=1)).submit(work).pause()
        found = jobs.schedules()
        assert [schedule.name for schedule in found] == ["often", "daily", "<b>never</b>"]
        assert found["daily"] == found[1]
        table = found._repr_html_()
        assert "<b>" not in table
        assert "Every minute" in table
        assert repr(found).count("in memory: there is no store") == 3
        with pytest.raises(ja.UnknownSchedule, match="there are: often, daily"):
            found["weekly"]


async def test_declared_again_with_the_same_rule_it_goes_on_where_it_was(
    autojump_clock: MockClock,
) -> None:
    """With its work and policy as they are now; with another rule it begins now."""
    async with opened() as jobs:
        jobs.schedule("s", EVERY_MINUTE, runs=3).submit(work)
        await trio.sleep(2 * MINUTE)
        again = jobs.schedule("s", EVERY_MINUTE, runs=3).submit(stay, 1)
        await trio.sleep(5 * MINUTE)
        assert (len(jobs.list(type=work)), len(jobs.list(type=stay))) == (2, 1)
        assert again.state().runs == 3
        jobs.schedule("s", ja.every(minutes=2), runs=3).submit(work)
        await trio.sleep(10 * MINUTE)
        assert len(jobs.list(type=work)) == 5


async def test_no_more_jobs_are_submitted_once_the_block_has_come_to_its_end(
    autojump_clock: MockClock,
) -> None:
    """Else it would never end."""
    async with opened() as jobs:
        jobs.schedule("often", EVERY_MINUTE, overlap="allow").submit(stay, 5 * MINUTE)
        await trio.sleep(MINUTE)
    assert len(jobs.list(type=stay)) == 1


async def test_other_threads_declare_and_read_schedules_too() -> None:
    async with ja.open_jobs() as jobs:

        def in_thread() -> datetime | None:
            return jobs.schedule("often", EVERY_MINUTE).submit(work).next()

        due = await trio.to_thread.run_sync(in_thread)
        assert due is not None
        assert due.timestamp() % MINUTE == 0


# --- what is refused ---------------------------------------------------------------------------


async def test_what_cannot_be_a_schedule_is_refused_at_once(autojump_clock: MockClock) -> None:
    async with opened() as jobs:
        other = jobs.submit(work)
        anything: Any = jobs.schedule
        cases: list[tuple[Any, Any, dict[str, Any], type[Exception], str]] = [
            ("", "@daily", {}, ValueError, "from 1 to 200"),
            (3, "@daily", {}, TypeError, "is text"),
            ("s", "61 * * * *", {}, ValueError, "bad minute"),
            ("s", 60, {}, TypeError, r"ja\.every"),
            ("s", "@daily", {"zone": "Berlin"}, ValueError, "IANA key"),
            ("s", EVERY_MINUTE, {"zone": "UTC"}, TypeError, "zone= is for cron texts"),
            ("s", "@daily", {"late": -1}, ValueError, "late"),
            ("s", "@daily", {"overlap": "both"}, ValueError, "overlap is one of"),
        ]
        for name, rule, options, error, reason in cases:
            with pytest.raises(error, match=reason):
                anything(name, rule, **options)
        draft = jobs.schedule("s", EVERY_MINUTE)
        assert "submit(…) begins it" in repr(draft)
        with pytest.raises(TypeError, match="come after no other job"):
            draft.submit(stay, other)
        with pytest.raises(TypeError, match="leave after= out"):
            draft.options(after=[other])
        with pytest.raises(TypeError, match="leave start_at= out"):
            draft.options(start_at=5)
        with pytest.raises(TypeError, match="unknown option"):
            draft.options(prio=5)  # type: ignore[call-arg]
        with pytest.raises(TypeError, match="cannot be called so"):
            draft.submit(work, 1, 2)
        with pytest.raises(ja.UnknownJobType):
            draft.submit("nothing")
        assert list(jobs.schedules()) == []


# --- a store ------------------------------------------------------------------------------------


async def index(folder: str, pages: list[int] | None = None) -> str:
    return folder


def declare(jobs: ja.Jobs, **policy: Any) -> ja.Schedule:
    draft = jobs.schedule("nightly", EVERY_MINUTE, **policy)
    return draft.options(name="Index wiki", subject="wiki", tags="t").submit(index, "wiki/", [1])


async def test_a_schedule_is_there_after_a_restart_and_rests_until_it_is_resumed(
    autojump_clock: MockClock,
) -> None:
    """With its job, rule, zone and policy; what it has missed is counted, and then caught up."""
    store = ja.MemoryStore()
    with registered(index=index):
        async with opened(store=store) as jobs:
            schedule = declare(jobs, jitter=0.5, pause_on_failures=3)
            assert schedule.state().in_memory == ""
            await trio.sleep(2 * MINUTE)
        async with opened(store=store) as jobs:
            await trio.sleep(10 * MINUTE)
            schedule = jobs.schedules()["nightly"]
            state = schedule.state()
            assert (state.standing, state.runs, state.label) == ("resting", 2, "Index wiki")
            assert state.missed >= 10
            assert "rests until resume()" in repr(schedule)
            assert len(schedule.history()) == 2
            schedule.resume()
            await trio.sleep(1)
            assert [kind for kind, _ in kinds(schedule)] == ["submitted"] * 2 + [
                "missed",
                "submitted",
            ]
            latest = jobs.get(schedule.state().last)
            assert await latest == "wiki/"
            assert (latest.info.subject, latest.info.tags) == ("wiki", ("t",))
            await trio.sleep(MINUTE)
            assert schedule.state().runs == 4


async def test_what_a_schedule_has_missed_in_a_year_is_counted_up_to_a_bound(
    autojump_clock: MockClock,
) -> None:
    """And then no more: a board asks often."""
    store = ja.MemoryStore()
    with registered(index=index):
        async with opened(store=store) as jobs:
            declare(jobs)
            autojump_clock.autojump_threshold = math.inf  # the block ends before the next minute
        autojump_clock.autojump_threshold = 0
        ja.testing.step_wall_clock(365 * DAY)
        async with ja.open_jobs(store=store) as jobs:
            schedule = jobs.schedules()["nightly"]
            assert schedule.state().missed == 200
            assert "missed 200 times or more, rests" in repr(schedule)
            schedule.resume()
            await trio.sleep(1)
            assert schedule.state().runs == 1


async def test_declared_again_after_a_restart_it_does_not_rest(autojump_clock: MockClock) -> None:
    store = ja.MemoryStore()
    with registered(index=index):
        async with opened(store=store) as jobs:
            declare(jobs)
            await trio.sleep(MINUTE)
        async with opened(store=store) as jobs:
            schedule = declare(jobs, catch_up="all")
            await trio.sleep(1)
            ran = [one.info.occurrence or 0 for one in jobs.list(type=index)]
            assert ran == [ran[0] + MINUTE * n for n in range(len(ran))]
            assert {kind for kind, _ in kinds(schedule)} == {"submitted"}


async def test_a_program_that_recovers_by_itself_goes_on_with_its_schedules(
    autojump_clock: MockClock,
) -> None:
    store = ja.MemoryStore()
    with registered(index=index):
        async with opened(store=store) as jobs:
            declare(jobs)
            jobs.schedules()["nightly"].pause("holidays")
        async with opened(store=store, recover="auto") as jobs:
            state = jobs.schedules()["nightly"].state()
            assert (state.standing, state.reason) == ("paused", "holidays")
            jobs.schedules()["nightly"].resume()
        async with opened(store=store, recover="auto") as jobs:
            await trio.sleep(MINUTE)
            assert jobs.schedules()["nightly"].state().runs >= 1


async def test_a_schedule_whose_type_is_not_registered_is_paused_with_the_reason(
    autojump_clock: MockClock,
) -> None:
    """Nothing is settled: what is due is missed, until it is registered and resumed."""
    store = ja.MemoryStore()
    with registered(index=index):
        async with opened(store=store) as jobs:
            declare(jobs)
            autojump_clock.autojump_threshold = math.inf  # the block ends before the next minute
    autojump_clock.autojump_threshold = 0
    async with opened(store=store, recover="auto") as jobs:
        schedule = jobs.schedules()["nightly"]
        for _ in range(1_000):  # the clock jumps also while a thread looks for the type
            await trio.sleep(MINUTE)
            if schedule.state().standing == "paused":
                break
        assert "'index' is not registered yet" in schedule.state().reason
        assert jobs.list(type="index") == []
        with pytest.raises(ja.NotResumable, match="index"):
            schedule.resume()
        with pytest.raises(ja.NotResumable, match="index"):
            schedule.run_now()
        with registered(index=index):
            schedule.resume()
            await trio.sleep(1)
            assert [str(one.state) for one in jobs.list(type="index")] == ["succeeded"]


async def test_a_function_without_a_name_is_scheduled_in_memory_and_says_so(
    autojump_clock: MockClock,
) -> None:
    store = ja.MemoryStore()
    async with opened(store=store) as jobs:
        plain = jobs.schedule("plain", EVERY_MINUTE).submit(work)
        assert "work is no registered job type" in plain.state().in_memory
        assert "in memory: work is no registered job type" in repr(plain)
        with registered(index=index):
            framed = jobs.schedule("object", EVERY_MINUTE).submit(index, object())
            assert "JSON" in framed.state().in_memory
        await trio.sleep(MINUTE)
        assert kinds(plain) == [("submitted", 1)]
    async with opened(store=store) as jobs:
        assert list(jobs.schedules()) == []


async def test_each_run_has_arguments_of_its_own(autojump_clock: MockClock) -> None:
    """A run that changes a list in them changes those of no other one."""
    seen: list[list[int]] = []

    async def greedy(folder: str, pages: list[int]) -> None:
        seen.append(list(pages))
        pages.clear()

    with registered(greedy=greedy):
        async with opened(store=ja.MemoryStore()) as jobs:
            jobs.schedule("s", EVERY_MINUTE).submit("greedy", {"folder": "w", "pages": [1, 2]})
            await trio.sleep(2 * MINUTE)
    assert seen == [[1, 2], [1, 2]]


async def test_the_options_of_its_jobs_survive_a_restart(autojump_clock: MockClock) -> None:
    store = ja.MemoryStore()
    with registered(index=index):
        async with opened(store=store) as jobs:
            draft = jobs.schedule("s", EVERY_MINUTE)
            draft.options(
                key=("index", 1),
                priority="high",
                timeout=60,
                retry=ja.Retry(max=2),
                on_checkpoint="fresh",
                metadata={"paper": 7},
            ).submit(index, "w")
        async with opened(store=store, recover="auto") as jobs:
            await trio.sleep(MINUTE)
            job = jobs.get(jobs.schedules()["s"].state().last)
            info, options = job.info, job._record.options
            assert (info.key, info.priority, info.metadata) == (("index", 1), 10, {"paper": 7})
            assert (options.timeout, options.on_checkpoint) == (60, "fresh")
            assert options.retry == ja.Retry(max=2)


async def test_an_occurrence_whose_key_an_unfinished_job_has_is_skipped(
    autojump_clock: MockClock,
) -> None:
    async with opened() as jobs:
        other = jobs.options(key="k").submit(stay, 300)
        schedule = jobs.schedule("s", EVERY_MINUTE).options(key="k").submit(stay, 300)
        await trio.sleep(MINUTE)
        (row,) = schedule.history()
        assert (row.kind, row.job_id, row.detail) == (
            "skipped",
            other.id,
            "an unfinished job has its key",
        )
        assert schedule.state().unfinished == ()


async def test_an_interrupted_run_counts_as_unfinished(autojump_clock: MockClock) -> None:
    store = ja.MemoryStore()
    with registered(stay=stay):
        async with opened(store=store) as jobs:
            jobs.schedule("long", EVERY_MINUTE).submit(stay, HOUR)
            await trio.sleep(MINUTE)
            await jobs.close()
        async with opened(store=store) as jobs:
            schedule = jobs.schedules()["long"]
            schedule.resume()
            await trio.sleep(MINUTE)
            row = schedule.history()[0]
            assert (row.kind, row.detail) == ("skipped", "the run before is interrupted")
            jobs.get(row.job_id).discard()
            await trio.sleep(MINUTE)
            assert schedule.history()[0].kind == "submitted"


async def test_firing_and_settling_are_written_at_once(autojump_clock: MockClock) -> None:
    """One batch has the job, its occurrence and the schedule as it is then."""
    store = TroubledStore()
    with registered(index=index):
        async with opened(store=store) as jobs:
            schedule = declare(jobs)
            await trio.sleep(MINUTE)
            job_id = schedule.state().last
            await jobs.get(job_id).stored()
    (batch,) = [b for b in store.batches if any(isinstance(w, AddOccurrence) for w in b)]
    written = {type(write).__name__ for write in batch}
    assert {"PutJob", "AddOccurrence", "PutDocument"} <= written
    (document,) = [w.row for w in batch if isinstance(w, PutDocument)]
    (occurrence,) = [w.row for w in batch if isinstance(w, AddOccurrence)]
    assert json.loads(document.value)["settled"] == occurrence.at
    assert occurrence.job_id == job_id


async def test_an_occurrence_that_a_full_disk_refused_is_due_again_when_there_is_room(
    autojump_clock: MockClock,
) -> None:
    store = TroubledStore()
    with registered(index=index):
        async with opened(store=store) as jobs:
            schedule = declare(jobs, late=600)
            store.fill_up()
            await trio.sleep(3 * MINUTE)
            assert schedule.state().runs == 0
            assert all(one.state == "failed" for one in jobs.list(type=index))
            store.clear_up()
            await trio.sleep(2 * MINUTE)
            done = [one for one in jobs.list(type=index) if one.state == "succeeded"]
            assert done
            assert schedule.state().runs == len(done)
            assert schedule.state().reason == ""


async def test_a_second_job_for_a_stored_occurrence_is_refused(autojump_clock: MockClock) -> None:
    """Whatever the schedule's own count says: the store has it once."""
    store = ja.MemoryStore()
    with registered(index=index):
        async with opened(store=store) as jobs:
            schedule = declare(jobs)
            due = schedule.next()
            assert due is not None
            store.apply(
                [AddOccurrence(OccurrenceRow("nightly", due.timestamp(), "submitted", "x"))]
            )
            await trio.sleep(MINUTE)
            (refused,) = jobs.list(type=index)
            assert refused.state == "failed"
            assert "an occurrence of a schedule is stored already" in str(refused.error)
            await trio.sleep(MINUTE)
            assert jobs.list(type=index)[-1].state == "succeeded"


async def test_a_stored_schedule_that_makes_no_sense_is_left_out_with_a_warning(
    caplog: pytest.LogCaptureFixture, autojump_clock: MockClock
) -> None:
    store = ja.MemoryStore()
    with registered(index=index):
        async with opened(store=store) as jobs:
            declare(jobs)
            autojump_clock.autojump_threshold = math.inf  # the block ends before the next minute
    autojump_clock.autojump_threshold = 0
    store.open()
    (good,) = store.documents("schedule")
    value = json.loads(good.value)
    bad = [
        "[]",
        "{",
        json.dumps({**value, "rule": {"kind": "moon"}}),
        json.dumps({**value, "rule": {"kind": "cron", "text": "61 * * * *", "zone": "UTC"}}),
        json.dumps({**value, "rule": {"kind": "cron", "text": "@daily", "zone": "Atlantis/Sea"}}),
        json.dumps({**value, "policy": {"overlap": "both"}}),
        json.dumps({**value, "job": "[]"}),
        json.dumps({**value, "job": '{"type": 3}'}),
        json.dumps({**value, "settled": "yesterday"}),
    ]
    store.apply([PutDocument(DocumentRow("schedule", f"bad {n}", v, 0)) for n, v in enumerate(bad)])
    store.close()
    with caplog.at_level(logging.WARNING):
        async with opened(store=store) as jobs:
            assert [schedule.name for schedule in jobs.schedules()] == ["nightly"]
    assert caplog.text.count("in the store cannot be read") == len(bad)


async def test_removing_a_stored_schedule_removes_its_history(autojump_clock: MockClock) -> None:
    store = ja.MemoryStore()
    with registered(index=index):
        async with opened(store=store) as jobs:
            schedule = declare(jobs)
            await trio.sleep(MINUTE)
            schedule.remove()
        async with opened(store=store) as jobs:
            assert list(jobs.schedules()) == []
            schedule = declare(jobs)
            assert schedule.history() == []


async def test_a_file_has_it_too(tmp_path: Path) -> None:
    with registered(index=index):
        async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
            jobs.schedule("nightly", "30 2 * * *", zone="Europe/Berlin").submit(index, "w")
            assert await jobs.schedules()["nightly"].run_now() == "w"
        async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
            schedule = jobs.schedules()["nightly"]
            assert schedule.state().in_words == "At 02:30 every day"
            assert [row.kind for row in schedule.history()] == ["manual"]


# --- very many ------------------------------------------------------------------------------------


async def test_a_thousand_schedules_that_are_due_at_once_all_run(autojump_clock: MockClock) -> None:
    """And one timer is enough for those that are not."""
    async with opened(max_running=50) as jobs:
        for number in range(1_000):
            jobs.schedule(f"s {number}", EVERY_MINUTE, runs=1).submit(work)
        await trio.sleep(2 * MINUTE)
        assert len(jobs.list(type=work)) == 1_000
        assert {one.state for one in jobs.list(type=work)} == {"succeeded"}


async def test_schedules_that_have_missed_a_year_catch_up_one_by_one(
    autojump_clock: MockClock,
) -> None:
    """A few milliseconds each: commands and events have their turn between two of them."""
    async with opened() as jobs:
        schedules = [
            jobs.schedule(f"s {number}", "*/5 * * * *", zone="UTC").submit(work)
            for number in range(10)
        ]
        begun = [0]
        ja.lowlevel.watch_schedules(
            jobs, lambda: begun.append(sum(one.state().runs for one in schedules))
        )
        year = 365 * DAY
        ja.testing.step_wall_clock(step_beyond(wall(jobs) + year, 5 * MINUTE) + year)
        await trio.sleep(MINUTE + 1)
        assert begun[-1] == len(schedules)
        assert max(after - before for before, after in itertools.pairwise(begun)) <= 2


def test_a_program_without_schedules_loads_and_runs_nothing_of_them(tmp_path: Path) -> None:
    program = (
        "import sys, jobactors as ja, trio\n"
        "jobs = ja.start()\n"
        "assert jobs.submit(abs, -1).result() == 1\n"
        "names = {name for name in sys.modules if name.startswith('jobactors')}\n"
        "assert not [name for name in names if '.schedule_' in name]\n"
        "schedule = jobs.schedule('soon', ja.every(seconds=0.1), runs=1).submit(abs, -2)\n"
        "while not schedule.history(): trio.run(trio.sleep, 0.01)\n"
        "assert schedule.history()[0].kind == 'submitted'\n"
        "assert 'zoneinfo' not in sys.modules\n"
        "ja.stop()\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


def test_schedules_first_asked_for_after_the_end_are_refused() -> None:
    jobs = ja.start()
    ja.stop()
    with pytest.raises(ja.JobsClosed):
        jobs.schedule("late", EVERY_MINUTE).submit(work)
    assert list(jobs.schedules()) == []


async def test_no_name_of_a_schedule_reorders_the_table_around_it(
    autojump_clock: MockClock,
) -> None:
    async with opened() as jobs:
        jobs.schedule("mirrored \u202e name", EVERY_MINUTE).submit(work)
        with registered(mirrored=work):
            jobs.add_template("mirrored \u202e template", work)
        assert "\u202e" not in jobs.schedules()._repr_html_()
        assert "\u202e" not in jobs.templates()._repr_html_()


async def test_a_schedule_that_is_declared_while_the_block_ends_submits_nothing(
    autojump_clock: MockClock,
) -> None:
    """The first of its system: nothing of schedules was there when the end began."""
    ran: list[float] = []

    async def note() -> None:
        ran.append(trio.current_time())

    async def declare_late(jobs: ja.Jobs) -> None:
        await trio.sleep(1)
        jobs.schedule("late", ja.every(seconds=10)).submit(note)
        await trio.sleep(100)

    async with ja.open_jobs() as jobs:
        jobs.submit(declare_late, jobs)
    assert ran == []
