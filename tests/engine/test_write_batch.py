"""The contents of one commit, its waiters, and the texts of its rows."""

from __future__ import annotations

import json
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from msgspec.structs import replace

import jobactors as ja
from jobactors.engine.records.stored_submit import StoredSubmit
from jobactors.engine.storage.event_lines import event_row
from jobactors.engine.storage.row_codec import UnreadableJob, read_row, row_of, status_of
from jobactors.model.error_text import ErrorText
from jobactors.model.events import JobCancelling, JobFinished, JobRetried, JobStarted
from jobactors.model.info import JobInfo
from jobactors.model.outcome import Outcome
from jobactors.model.progress import Progress
from jobactors.model.snapshot import JobSnapshot
from jobactors.model.states import JobState, Waiting
from jobactors.model.stored_rows import AddEvent, JobRow, PutJob, Write

from .stored_jobs_samples import CURE, TroubledStore, add
from .test_journal import GatedStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trio.testing import MockClock

NOW = 1_700_000_000.25
SNAPSHOT = JobSnapshot(JobInfo("add-1-k7m2x9qaef", "add", "add", NOW), JobState.RUNNING, NOW + 1)
SUBMIT = StoredSubmit('{"args":[1],"kwargs":{},"jobs":[]}', "{}")


class FailingOnce(GatedStore):
    """A slow disk that refuses its next batch."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: ja.StoreError | None = None

    def apply(self, writes: Sequence[Write]) -> None:
        """Wait for the disk, which may be full by then."""
        assert self.gate.wait(60)
        trouble, self.trouble = self.trouble, None
        if trouble is not None:
            raise trouble
        super().apply(writes)


def shut(store: GatedStore) -> None:
    """Let the disk be slow from now on."""
    store.gate.clear()


# --- waiters


async def test_that_a_result_was_read_goes_along_with_what_else_there_is(
    mock_clock: MockClock,
) -> None:
    """It has no waiter: there is no commit for it alone, unless there is none for long.

    The clock stands still, so that "for long" is not now.
    """
    store = GatedStore()
    store.gate.set()
    async with ja.open_jobs(store=store) as jobs:
        made = [jobs.submit(add, n) for n in range(10)]
        for job in made:
            await job.wait()
            await job.stored()
        before = len(store.batches)
        for job in made[1:]:
            await job
        assert len(store.batches) == before
        await made[-1].stored()
        assert len(store.batches) == before + 1
        assert [row.read for row in store.get([job.id for job in made])] == [False] + [True] * 9
        await made[0]
        mock_clock.jump(1)
        while len(store.batches) == before + 1:
            await trio.testing.wait_all_tasks_blocked()
        assert all(row.read for row in store.finished())


async def test_the_end_of_a_job_goes_along_with_the_next_submit(mock_clock: MockClock) -> None:
    """One job after another costs one commit each, and the last end is soon written by itself."""
    store = GatedStore()
    store.gate.set()
    async with ja.open_jobs(store=store) as jobs:
        for n in range(10):
            assert await jobs.submit(add, n) == n
        assert len(store.batches) == 10
        assert len(store.finished()) == 9
        mock_clock.jump(0.02)
        while len(store.batches) == 10:
            await trio.testing.wait_all_tasks_blocked()
        assert len(store.finished()) == 10


@pytest.mark.parametrize("runner", ["trio", "thread"])
async def test_a_job_that_is_cancelled_while_its_start_is_written_never_begins(
    runner: str,
) -> None:
    """Its cancel does not wait for the disk."""
    store = GatedStore()
    store.gate.set()
    begun = False

    async def work() -> None:
        nonlocal begun
        begun = True

    def blocking_work() -> None:
        nonlocal begun
        begun = True

    async with ja.open_jobs(store=store) as jobs:
        shut(store)
        job = jobs.submit(work if runner == "trio" else blocking_work)
        await trio.testing.wait_all_tasks_blocked(0.05)
        job.cancel()
        assert (await job.wait()).state == "cancelled"
        store.gate.set()
    assert not begun
    store.open()
    assert [row.state for row in store.finished()] == ["cancelled"]


@pytest.mark.parametrize("runner", ["trio", "thread"])
async def test_a_cancel_in_the_moment_in_which_its_start_is_stored_is_not_too_late(
    runner: str,
) -> None:
    """The function is not called although the disk answers before the attempt has ended."""
    store = GatedStore()
    store.gate.set()
    begun = False

    async def work() -> None:
        nonlocal begun
        begun = True

    def blocking_work() -> None:
        nonlocal begun
        begun = True

    async with ja.open_jobs(store=store) as jobs:
        shut(store)
        job = jobs.submit(work if runner == "trio" else blocking_work)
        await trio.testing.wait_all_tasks_blocked(0.05)
        batches = len(store.batches)
        store.gate.set()
        while len(store.batches) == batches:
            pass  # the loop hears of it only after the cancel
        job.cancel()
        assert (await job.wait()).state == "cancelled"
    assert not begun


async def test_jobs_wait_for_the_disk_without_a_task() -> None:
    """There are as many tasks as before, however many wait."""
    store = GatedStore()
    store.gate.set()
    async with ja.open_jobs(store=store) as jobs:
        await jobs.submit(add, 0)
        before = trio.lowlevel.current_statistics().tasks_living
        shut(store)
        made = [jobs.submit(trio.sleep_forever) for _ in range(20)]
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert {job.state for job in made} == {"running"}
        assert trio.lowlevel.current_statistics().tasks_living == before
        for job in made:
            job.cancel()
        store.gate.set()


async def test_many_may_wait_for_the_same_job_to_be_kept() -> None:
    """Tasks of the loop, a task that gives up, and other threads."""
    store = GatedStore()
    store.gate.set()
    done: list[str] = []
    async with ja.open_jobs(store=store) as jobs:
        shut(store)
        stored = jobs.submit(add, 1).stored()

        async def in_the_loop(name: str) -> None:
            await stored
            done.append(name)

        def in_a_thread() -> None:
            stored.result(60)
            done.append("thread")

        async with trio.open_nursery() as nursery:
            with trio.move_on_after(0.01):
                await stored
            nursery.start_soon(in_the_loop, "first")
            nursery.start_soon(in_the_loop, "second")
            nursery.start_soon(trio.to_thread.run_sync, in_a_thread)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert done == []
            store.gate.set()
        assert sorted(done) == ["first", "second", "thread"]


async def test_a_waiter_for_a_job_that_is_deleted_meanwhile_goes_on() -> None:
    """There is nothing left to be written."""
    store = GatedStore()
    store.gate.set()
    async with ja.open_jobs(store=store) as jobs:
        job = jobs.submit(add, 1)
        await job.wait()
        await job.stored()
        shut(store)
        other = jobs.submit(add, 2)  # the disk is busy with this one
        await trio.testing.wait_all_tasks_blocked(0.05)
        await job
        stored = job.stored()
        job.delete()
        with trio.fail_after(60):
            await stored
        store.gate.set()
        assert await other == 2


async def test_a_waiter_gets_the_error_when_the_system_ends_on_a_full_disk() -> None:
    """Instead of waiting for ever, or of taking it for stored."""
    store = TroubledStore()
    async with ja.open_jobs(store=store) as jobs:
        go_on = trio.Event()
        job = jobs.submit(go_on.wait)
        await trio.testing.wait_all_tasks_blocked()
        store.fill_up()
        go_on.set()
        await job
        stored = job.stored()
    with trio.fail_after(60), pytest.raises(ja.StoreFailed, match=CURE):
        await stored


async def test_what_waits_for_a_batch_that_fails_waits_for_the_next(mock_clock: MockClock) -> None:
    """A job that is kept already is not refused: its new state is written later."""
    store = FailingOnce()
    store.gate.set()
    async with ja.open_jobs(store=store) as jobs:
        job = jobs.options(hold=True).submit(add, 1)
        await job.stored()
        shut(store)
        store.trouble = ja.StoreFailed(store.name, "disk full", CURE)
        job.update(tags=["first"])
        first = job.stored()
        await trio.testing.wait_all_tasks_blocked(0.05)
        job.update(tags=["second"])
        second = job.stored()
        store.gate.set()
        while jobs.store is None or jobs.store.trouble is None:
            await trio.testing.wait_all_tasks_blocked()
        assert [repr(one)[-11:-1] for one in (first, second)] == ["on its way"] * 2
        mock_clock.jump(60)
        await first
        await second
        (row,) = store.unfinished()
        assert json.loads(row.spec)["tags"] == ["second"]
        job.cancel()


async def test_no_batch_is_written_before_one_ahead_of_it_that_failed(
    mock_clock: MockClock,
) -> None:
    """A question makes a second batch fly behind the first; a job must not go back in time."""
    store = FailingOnce()
    store.gate.set()
    async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
        job = jobs.options(hold=True).submit(add, 1)
        await job.stored()
        shut(store)
        store.trouble = ja.StoreFailed(store.name, "disk full", CURE)
        refused = jobs.options(hold=True).submit(add, 2)
        job.update(tags=["first"])
        await trio.testing.wait_all_tasks_blocked(0.05)
        job.update(tags=["second"])
        refused.update(tags=["second"])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, partial(jobs.history, 50))
            await trio.testing.wait_all_tasks_blocked(0.05)
            kept = job.stored()
            store.gate.set()
        with pytest.raises(ja.StoreFailed, match=CURE):
            await refused
        mock_clock.jump(60)
        await kept
        (row,) = store.unfinished()
        assert json.loads(row.spec)["tags"] == ["second"]
        kinds = [line.kind for line in store.events(job.id)]
        assert kinds == ["JobQueued", "JobUpdated", "JobUpdated"]
        job.cancel()


async def test_of_many_refused_jobs_nothing_is_written_and_of_the_others_everything() -> None:
    """Each waiter gets the error; the events of a stored job of that moment are in its log."""
    store = FailingOnce()
    store.gate.set()
    async with ja.open_jobs(store=store, unread_failures="ignore") as jobs:
        kept = jobs.options(hold=True).submit(add, 1)
        await kept.stored()
        store.trouble = ja.StoreFailed(store.name, "disk full", CURE)
        refused = [jobs.submit(add, n) for n in range(500)]
        kept.update(tags=["late"])
        for job in refused:
            with pytest.raises(ja.StoreFailed, match=CURE):
                await job
        kept.release()
    store.open()
    assert [row.id for row in store.finished()] == [kept.id]
    kinds = [line.kind for line in store.events(kept.id)]
    assert kinds == ["JobQueued", "JobUpdated", "JobStarted", "JobFinished"]
    lines = [write for batch in store.batches for write in batch if isinstance(write, AddEvent)]
    assert {line.row.job_id for line in lines} == {kept.id}


async def test_a_submit_with_odd_labels_spoils_no_commit() -> None:
    """A value without JSON is named by its type, and takes no other job with it."""

    class Word(str):
        __slots__ = ()

    class Colour(StrEnum):
        RED = "red"

    store = TroubledStore()
    metadata: dict[Any, object] = {(1, 2): 3, Colour.RED: 4, Word("x"): Word("y"), 5: {6}}
    async with ja.open_jobs(store=store) as jobs:
        odd = jobs.options(name=Word("name"), metadata=metadata).submit(add, 1)
        assert await jobs.submit(add, 2) == 2
        assert await odd == 1
    (spec,) = [
        json.loads(write.row.spec)
        for batch in store.batches
        for write in batch
        if isinstance(write, PutJob) and write.row.id == odd.id
    ]
    assert spec["name"] == "name"
    assert spec["metadata"] == {
        "tuple": 3,
        "red": 4,
        "x": f"{Word.__module__}.{Word.__qualname__}",
        "5": "set",
    }


# --- the texts of rows


def test_a_row_says_of_a_job_what_the_first_version_said() -> None:
    """The same keys and values, so that either reads what the other has written."""
    error = ErrorText("ValueError", "no", "Traceback …")
    snapshot = replace(
        SNAPSHOT,
        info=replace(SNAPSHOT.info, subject="wiki", tags=("a",), priority=3, key=("k", 1)),
        state=JobState.CANCELLED,
        attempt=2,
        runner="thread",
        started_at=NOW + 0.5,
        finished_at=NOW + 1,
        waiting=Waiting.RETRY,
        due=NOW + 2,
        reason="enough",
        progress=Progress(1, 2.5, 0.4, "rows", "on", {"broken": 1}, ("Load",), 3.0, 4.0, True),
        error=error,
        outcome=Outcome(JobState.CANCELLED, [1, 2.0], error=error, reason="enough"),
        stuck=True,
        log_lines=7,
        log_cut=1,
        paused_for=1.5,
    )
    row = row_of(snapshot, replace(SUBMIT, after=(("a", "succeeded"),), source="f00", lost="why"))
    assert json.loads(row.spec) == {
        "name": "add",
        "type": "add",
        "subject": "wiki",
        "priority": 3,
        "tags": ["a"],
        "key": {"tuple": ["k", 1]},
        "arguments": SUBMIT.arguments,
        "options": "{}",
        "after": [["a", "succeeded"]],
        "source": "f00",
        "lost": "why",
    }
    assert json.loads(row.status) == {
        "attempt": 2,
        "runner": "thread",
        "started_at": NOW + 0.5,
        "waiting": "retry delay",
        "due": NOW + 2,
        "reason": "enough",
        "stuck": True,
        "paused_for": 1.5,
        "log": [7, 1],
        "progress": {
            "done": 1,
            "total": 2.5,
            "fraction": 0.4,
            "unit": "rows",
            "message": "on",
            "pausable": True,
            "counters": {"broken": 1},
            "stages": ["Load"],
        },
        "error": ["ValueError", "no", "Traceback …"],
        "outcome": {"reason": "enough", "failed": True, "type": "list"},
    }
    assert (json.loads(row.result or ""), row.after) == ([1, 2.0], ("a",))


def test_what_a_job_does_not_have_is_not_said() -> None:
    """A no-op job's texts are short."""
    running = replace(SNAPSHOT, attempt=1, runner="trio", started_at=NOW)
    ended = replace(running, outcome=Outcome(JobState.SUCCEEDED))
    assert status_of(SNAPSHOT) == ("{}", None)
    assert status_of(running) == ('{"attempt":1,"runner":"trio","started_at":1700000000.25}', None)
    assert json.loads(status_of(ended)[0])["outcome"] == {}


def test_the_texts_of_rows_are_these_to_the_letter() -> None:
    """A file holds them for years: a change here needs a migration."""
    odd = replace(
        SNAPSHOT,
        info=replace(SNAPSHOT.info, name="ä\ud800", tags=("a",), metadata={"n": {3}}, key=("k", 1)),
        state=JobState.QUEUED,
        attempt=1,
        waiting=Waiting.RETRY,
        due=NOW + 2,
        progress=Progress(1, float("inf"), 0.5, "rows", "", {"loss": float("nan")}),
    )
    failed = replace(
        SNAPSHOT,
        state=JobState.FAILED,
        attempt=1,
        runner="trio",
        error=ErrorText("ValueError", "no", ""),
        outcome=Outcome(JobState.FAILED, error=ErrorText("ValueError", "no", "")),
    )
    assert row_of(SNAPSHOT, SUBMIT).spec == (
        '{"name":"add","type":"add","subject":"",'
        '"arguments":"{\\"args\\":[1],\\"kwargs\\":{},\\"jobs\\":[]}","options":"{}",'
        '"after":[],"source":"","lost":""}'
    )
    assert row_of(odd, replace(SUBMIT, arguments="", after=(("b", "finished"),))).spec == (
        '{"name": "\\u00e4\\ud800", "type": "add", "subject": "", "arguments": "", '
        '"options": "{}", "after": [["b", "finished"]], "source": "", "lost": "", '
        '"tags": ["a"], "metadata": {"n": "set"}, "key": {"tuple": ["k", 1]}}'
    )
    assert status_of(odd)[0] == (
        '{"attempt":1,"waiting":"retry delay","due":1700000002.25,"progress":{"done":1,'
        '"total":null,"fraction":0.5,"unit":"rows","message":"","counters":{"loss":null},'
        '"stages":[],"pausable":false}}'
    )
    assert status_of(failed)[0] == (
        '{"attempt":1,"runner":"trio","error":["ValueError","no",""],"outcome":{"failed":true}}'
    )
    queued = replace(SNAPSHOT, state=JobState.QUEUED, waiting=Waiting.SLOT)
    assert status_of(queued)[0] == '{"waiting":"slot"}'


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ("[]", "{}"),
        ('{"arguments": 3}', "{}"),
        ('{"after": [["a", "started"]]}', "{}"),
        ("{}", "null"),
        ("{}", '{"attempt": "1"}'),
        ("{}", '{"due": true}'),
        ("{}", '{"waiting": "for Godot"}'),
        ("{}", '{"outcome": {}}'),
        ("{}", "[" * 100_000),
    ],
)
def test_a_row_that_no_job_could_have_is_refused(spec: str, status: str) -> None:
    """With one error for all of it, whichever field is wrong."""
    row = replace(row_of(SNAPSHOT, SUBMIT), spec=spec, status=status)
    with pytest.raises(UnreadableJob):
        read_row(row)


@pytest.mark.parametrize(
    ("spec", "status", "odd"),
    [
        ('{"name": 3}', "{}", ["name"]),
        ('{"priority": true, "icon": 5}', "{}", ["icon", "priority"]),
        ('{"tags": ["a", 1]}', "{}", ["tags"]),
        ('{"metadata": []}', "{}", ["metadata"]),
        ("{}", '{"error": ["ValueError"]}', ["error"]),
        ("{}", '{"reason": 5, "paused_for": "long"}', ["paused_for", "reason"]),
        ("{}", '{"progress": {"done": "much", "unit": 5}}', ["done", "unit"]),
        ("{}", '{"progress": [1, 2]}', ["progress"]),
        ("{}", '{"progress": {"stages": [5], "message": null}}', ["message", "stages"]),
    ],
)
def test_what_is_only_shown_hides_no_job(spec: str, status: str, odd: list[str]) -> None:
    """A part that makes no sense is left out and named, and the job is there."""
    row = replace(row_of(SNAPSHOT, SUBMIT), spec=spec, status=status)
    named: list[str] = []
    snapshot, _ = read_row(row, named)
    assert (snapshot.id, snapshot.state, named) == (SNAPSHOT.id, JobState.RUNNING, odd)


def test_numbers_that_json_does_not_know_are_left_out_when_a_row_is_read() -> None:
    """A job's counters are its own objects; they must not hide the job."""
    progress = Progress(3, 10, 0.3, "rows", "", {"loss": float("nan"), "odd": "many", "n": 2})  # type: ignore[dict-item]
    snapshot = replace(SNAPSHOT, attempt=1, progress=progress)
    again, _ = read_row(row_of(snapshot, SUBMIT))
    assert (again.progress.done, again.progress.counters) == (3, {"n": 2})


def test_rows_of_the_first_version_are_read() -> None:
    """Its texts had spaces, only ASCII, and numbers that JSON does not know."""
    row = JobRow(
        "add-1-k7m2x9qaef",
        "add",
        "",
        JobState.RUNNING,
        NOW,
        NOW + 1,
        None,
        False,
        '{"name": "\\u00e4\\ud800", "type": "add", "subject": "", "key": null, "arguments": '
        '"{\\"args\\": [1], \\"kwargs\\": {}, \\"jobs\\": []}", "options": "{}", "after": [], '
        '"source": "", "lost": ""}',
        '{"attempt": 1, "runner": "trio", "progress": {"done": 1, "total": Infinity, "fraction": '
        'null, "unit": "", "message": "", "pausable": false, "counters": {}, "stages": []}}',
    )
    snapshot, submit = read_row(row)
    assert (snapshot.name, snapshot.progress.total) == ("ä\ud800", float("inf"))
    assert json.loads(submit.arguments) == {"args": [1], "kwargs": {}, "jobs": []}


@pytest.mark.parametrize("text", ["ä", "\ud800", "\x00", "\u2028", "</script>", '"\\'])
def test_every_text_comes_back(text: str) -> None:
    """Whatever JSON has to do about it."""
    info = replace(SNAPSHOT.info, name=text, metadata={text: [text]})
    snapshot = replace(SNAPSHOT, info=info, attempt=1, reason=text)
    again, _ = read_row(row_of(snapshot, SUBMIT))
    assert (again.name, again.info.metadata, again.reason) == (text, {text: [text]}, text)


def test_a_line_of_an_event_log_says_the_rest_in_short() -> None:
    """Errors are cut: all of one is in the job's status."""
    error = ErrorText("ValueError", "x" * 2_000, "")
    lines = [
        event_row(JobStarted("a", NOW, 2, "thread")),
        event_row(JobCancelling("a", NOW, "enough")),
        event_row(JobRetried("a", NOW, NOW + 1, error)),
        event_row(JobFinished("a", NOW, Outcome(JobState.SUCCEEDED, 3))),
        event_row(JobFinished("a", NOW, Outcome(JobState.FAILED, error=error, reason="late"))),
    ]
    short = f"ValueError: {'x' * 2_000}"[:500]
    assert [(line.kind, json.loads(line.detail)) for line in lines] == [
        ("JobStarted", {"attempt": 2, "runner": "thread"}),
        ("JobCancelling", {"reason": "enough"}),
        ("JobRetried", {"due": NOW + 1, "error": short}),
        ("JobFinished", {"state": "succeeded"}),
        ("JobFinished", {"state": "failed", "reason": "late", "error": short}),
    ]
