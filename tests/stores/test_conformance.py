"""One suite for every store: contents, their order, and pruning.

A store joins by a line in ``STORES``: its name, and how one is made in a folder.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import jobactors as ja
from jobactors.engine.ports.store import ValueRefused
from jobactors.model.keep import Keep
from jobactors.model.states import JobState
from jobactors.model.stored_rows import (
    AddEvent,
    AddOccurrence,
    DeleteJobs,
    DocumentRow,
    DropCheckpoints,
    DropDocument,
    DropOccurrences,
    EventRow,
    JobRow,
    OccurrenceRow,
    PutCheckpoint,
    PutDocument,
    PutJob,
    Write,
)
from tests.stores.samples import DAY, NOW, checkpoint, event, job, put, status

AnyStore: TypeAlias = ja.Store  # and no more than that: the suite may serve stores of other people
Make: TypeAlias = Callable[[Path, Keep], AnyStore]


def _quick(folder: Path, keep: Keep) -> AnyStore:
    """Make a store that writes at once whatever it can."""
    store = ja.SqliteStore(folder / "q.db", keep=keep)
    apply = store.apply

    def apply_now_or_then(writes: Sequence[Write]) -> None:
        if not store.apply_now(writes):
            apply(writes)

    store.apply = apply_now_or_then  # type: ignore[method-assign]
    return store


STORES: dict[str, Make] = {
    "memory": lambda _folder, keep: ja.MemoryStore(keep=keep),
    "sqlite": lambda folder, keep: ja.SqliteStore(folder / "jobs.db", keep=keep),
    "at once": _quick,
    "power": lambda folder, keep: ja.SqliteStore(folder / "p.db", durability="power", keep=keep),
}

SUCCEEDED, FAILED, CANCELLED = JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED
QUEUED, RUNNING, INTERRUPTED = JobState.QUEUED, JobState.RUNNING, JobState.INTERRUPTED


@pytest.fixture(params=STORES)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., AnyStore]]:
    """Make an open store, with a ``Keep`` if one is given."""
    made: list[AnyStore] = []

    def make(keep: Keep | None = None) -> AnyStore:
        store = STORES[request.param](tmp_path / str(len(made)), keep or Keep())
        store.open()
        made.append(store)
        return store

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(make: Callable[..., AnyStore]) -> AnyStore:
    """An open store that holds nothing yet."""
    return make()


def ids(rows: list[JobRow]) -> list[str]:
    """Return who they are."""
    return [row.id for row in rows]


def _all_of(store: ja.Store) -> list[object]:
    """Return all contents, with the logs of jobs a and b."""
    jobs = [*store.unfinished(), *store.finished(), *store.get(["a"])]
    others = [*store.documents("schedule"), *store.occurrences("a")]
    return [*jobs, *store.events("a"), *store.events("b"), *store.checkpoints(), *others]


# --- opening and closing ----------------------------------------------------------------------


def test_it_is_a_store(store: ja.Store) -> None:
    """The type checker compares both with the protocol; a new one holds nothing."""
    assert _all_of(store) == []


def test_each_opening_has_a_larger_epoch_than_every_one_before(store: AnyStore) -> None:
    """The first is larger than 0, so that 0 can mean "never"."""
    epochs = [1]
    for _ in range(3):
        store.close()
        epochs.append(store.open())
    assert epochs == [1, 2, 3, 4]


def test_closing_twice_does_nothing(store: AnyStore) -> None:
    """Nor does closing what was never open."""
    store.close()
    store.close()


def test_what_was_written_is_there_when_it_is_opened_again(store: AnyStore) -> None:
    """Jobs, logs and checkpoints."""
    store.apply([put("a"), event("a"), PutCheckpoint(checkpoint())])
    store.close()
    store.open()
    assert store.unfinished() == [job("a")]
    assert store.events("a") == [EventRow("a", NOW, "JobStarted")]
    assert store.checkpoints() == [checkpoint()]


def test_a_closed_store_says_that_it_must_be_opened(store: AnyStore) -> None:
    """Before the first opening and after the last close, for everything that needs it."""
    store.close()
    for ask in (
        lambda: store.apply([put("a")]),
        store.unfinished,
        store.finished,
        lambda: store.get(["a"]),
        lambda: store.events("a"),
        store.checkpoints,
        lambda: store.documents("schedule"),
        lambda: store.occurrences("a"),
        lambda: store.prune(NOW),
        store.vacuum,
    ):
        with pytest.raises(ja.StoreFailed, match="open it first"):
            ask()


# --- jobs -------------------------------------------------------------------------------------


def test_every_column_of_a_job_comes_back(store: AnyStore) -> None:
    """As it was, to the last bit of each time."""
    row = JobRow(
        id="train-1-k7m2x9qaef",
        type="train",
        subject="",
        state=FAILED,
        submitted_at=NOW + 0.1,
        changed_at=NOW + 1 / 3,
        finished_at=NOW + 2 / 3,
        read=True,
        spec='{"name": "Größe 東京 🚀"}',
        status="{}",
        result="null",
        after=("b", "c"),
    )
    store.apply([PutJob(row)])
    assert store.get([row.id]) == [row]
    assert store.finished() == [row]


ODD_TEXTS = {
    "a NUL": "before\0after",
    "a lone surrogate": "caf\udce9",
    "half a pair": "\ud83d",
    "quotes": "'\"; DROP TABLE jobs; --",
    "much": "x" * 2_000_000,
    "nothing": "",
}


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_any_text_comes_back_as_it_was(store: AnyStore, text: str) -> None:
    """Whatever Python calls a string, in every place that takes one."""
    row = job(text, type=text, subject=text, spec=text, status=text, result=text, after=(text,))
    ended = replace(row, state=SUCCEEDED, finished_at=NOW)
    mark = checkpoint(text, type=text, subject=text, job_id=text, value=text)
    line = EventRow(text, NOW, text, text)
    store.apply([put("before"), PutJob(row), AddEvent(line), PutCheckpoint(mark)])
    assert store.unfinished() == [job("before"), row]
    assert store.events(text) == [line]
    assert store.checkpoints() == [mark]
    store.apply([status(text, SUCCEEDED, status=text), DropCheckpoints(text, text, text)])
    assert store.get([text]) == [ended]
    assert store.finished(type=text, subject=text) == [ended]
    assert store.checkpoints() == []
    store.apply([DeleteJobs((text,))])
    assert [*store.get([text]), *store.events(text)] == []


def test_a_put_replaces_the_whole_job_in_its_place(store: AnyStore) -> None:
    """Its result as well; and its place stays in the order of submission."""
    store.apply([put("a", result="1"), put("b")])
    store.apply([put("a", subject="news")])
    assert store.unfinished() == [job("a", subject="news"), job("b")]


def test_a_status_changes_how_a_job_stands_and_nothing_else(store: AnyStore) -> None:
    """StoredSubmit, labels and what it comes after stay."""
    store.apply([put("a", after=("b",))])
    store.apply([status("a", SUCCEEDED, end=NOW + 5, read=True, result="7")])
    expected = job(
        "a",
        SUCCEEDED,
        end=NOW + 5,
        after=("b",),
        read=True,
        status='{"attempt": 1}',
        result="7",
    )
    assert store.get(["a"]) == [expected]


def test_a_status_without_a_result_leaves_the_one_that_is_kept(store: AnyStore) -> None:
    """In a later batch, and in the same one."""
    store.apply([put("a"), put("b"), status("a", SUCCEEDED, result="7")])
    store.apply([status("b", SUCCEEDED, result="8"), status("b", SUCCEEDED, read=True)])
    store.apply([status("a", SUCCEEDED, read=True)])
    assert [(row.result, row.read) for row in store.get(["a", "b"])] == [("7", True), ("8", True)]


def test_a_status_of_a_job_that_is_not_kept_does_nothing(store: AnyStore) -> None:
    """Not even if the job is stored later."""
    store.apply([status("a", RUNNING)])
    store.apply([status("b", RUNNING), put("b")])
    assert store.unfinished() == [job("b")]


def test_the_writes_of_a_batch_are_made_in_their_order(store: AnyStore) -> None:
    """A put after a status, a status after a put, a delete between two puts."""
    store.apply([put("a"), status("a", RUNNING), put("a"), put("b"), status("b", RUNNING)])
    store.apply([put("c", result="1"), event("c"), DeleteJobs(("c",)), put("c"), event("c", "X")])
    states = {row.id: row.state for row in store.unfinished()}
    assert states == {"a": QUEUED, "b": RUNNING, "c": QUEUED}
    assert store.get(["c"])[0].result is None
    assert [line.kind for line in store.events("c")] == ["X"]


def test_an_empty_batch_changes_nothing(store: AnyStore) -> None:
    """It may still find out that the store is lost."""
    store.apply([])
    assert store.unfinished() == []


def test_a_job_that_ended_without_a_time_is_refused_with_its_batch(store: AnyStore) -> None:
    """And one that has a time without having ended: nothing of that batch is stored."""
    for write in (
        put("b", SUCCEEDED, finished_at=None),
        put("b", finished_at=NOW),
        status("a", FAILED, finished_at=None),
        status("a", RUNNING, finished_at=NOW),
    ):
        with pytest.raises(ValueError, match="finished_at"):
            store.apply([put("a"), write])
    assert store.unfinished() == []


# --- asking for jobs --------------------------------------------------------------------------


def test_unfinished_jobs_come_in_the_order_of_submission(store: AnyStore) -> None:
    """Whatever their states, and whatever the clock said meanwhile."""
    store.apply([put("c", submitted_at=NOW + 9), put("a", RUNNING), put("b", INTERRUPTED)])
    store.apply([put("d", SUCCEEDED), put("e", JobState.PAUSED), put("f", JobState.CANCELLING)])
    store.apply([status("c", RUNNING)])
    assert ids(store.unfinished()) == ["c", "a", "b", "e", "f"]


def test_finished_jobs_come_with_the_newest_end_first(store: AnyStore) -> None:
    """Of two that ended in the same moment, the one that was submitted later."""
    store.apply([put("a", SUCCEEDED, end=NOW + 2), put("b", FAILED, end=NOW + 1), put("q")])
    store.apply([put("c", CANCELLED, end=NOW + 2), put("d", SUCCEEDED, end=NOW + 3)])
    assert ids(store.finished()) == ["d", "c", "a", "b"]


def test_finished_jobs_match_all_that_was_given(store: AnyStore) -> None:
    """State, type, subject and time; the limit counts those that match."""
    store.apply([put(f"job{n}", SUCCEEDED, end=NOW + n) for n in range(60)])
    store.apply([put("f1", FAILED, end=NOW), put("f2", FAILED, end=NOW - 1)])
    store.apply([put("t", FAILED, end=NOW, type="tag"), put("n", FAILED, end=NOW, subject="news")])
    assert len(store.finished()) == 50
    assert ids(store.finished(2)) == ["job59", "job58"]
    assert ids(store.finished(since=NOW + 58)) == ["job59", "job58"]
    assert ids(store.finished(states=[FAILED])) == ["n", "t", "f1", "f2"]
    assert ids(store.finished(states=iter([FAILED]), type="train")) == ["n", "f1", "f2"]
    assert ids(store.finished(1, states={FAILED}, type="train", subject="wiki")) == ["f1"]
    assert ids(store.finished(states=[FAILED, CANCELLED], since=NOW, subject="news")) == ["n"]


def test_asking_for_nothing_yields_nothing(store: AnyStore) -> None:
    """No states, no jobs; no room, no jobs; states in which nothing ends."""
    store.apply([put("a", SUCCEEDED), put("b")])
    assert store.finished(states=[]) == store.finished(0) == store.finished(-1) == []
    assert store.finished(states=[QUEUED]) == store.finished(type="a") == []
    assert store.get([]) == store.get(["nobody"]) == []


def test_jobs_come_as_they_were_asked_for(store: AnyStore) -> None:
    """Each once; unknown ids are left out."""
    store.apply([put("a"), put("b", SUCCEEDED), put("c")])
    assert ids(store.get(iter(["c", "nobody", "b", "c"]))) == ["c", "b"]


# --- event logs -------------------------------------------------------------------------------


def test_a_log_is_read_in_the_order_it_was_written(store: AnyStore) -> None:
    """Whatever the times say: a clock may be set back."""
    store.apply([put("a"), put("b"), event("a", "1", NOW + 9), event("b", "x")])
    store.apply([event("a", "2", NOW), event("a", "3", NOW + 5)])
    assert [line.kind for line in store.events("a")] == ["1", "2", "3"]
    assert store.events("b") == [EventRow("b", NOW, "x")]


def test_a_log_survives_its_job_being_put_again(store: AnyStore) -> None:
    """An update is no new job."""
    store.apply([put("a"), event("a", "1"), put("a", subject="news"), event("a", "2")])
    assert [line.kind for line in store.events("a")] == ["1", "2"]


def test_there_is_no_log_without_a_job(store: AnyStore) -> None:
    """A line of a job that is not stored goes nowhere, and one of a deleted job goes with it."""
    store.apply([event("a", "early"), put("a"), event("a", "1")])
    assert [line.kind for line in store.events("a")] == ["1"]
    store.apply([DeleteJobs(("a", "nobody")), event("a", "late")])
    store.apply([put("a")])
    assert store.events("a") == []


# --- checkpoints ------------------------------------------------------------------------------


def test_a_checkpoint_takes_the_place_of_the_earlier_one_of_its_part(store: AnyStore) -> None:
    """When the first was saved stays known: in a later batch, and in the same one."""
    first, second, third = (
        checkpoint("x", value=f"{n}", items=float(n), created_at=NOW + n, saved_at=NOW + n)
        for n in range(3)
    )
    store.apply([PutCheckpoint(first), PutCheckpoint(second)])
    assert store.checkpoints() == [replace(second, created_at=NOW)]
    store.apply([PutCheckpoint(replace(third, job_id="b", attempt=2, fraction=None))])
    expected = replace(third, created_at=NOW, job_id="b", attempt=2, fraction=None)
    assert store.checkpoints() == [expected]


def test_checkpoints_come_with_the_one_that_was_saved_first_first(store: AnyStore) -> None:
    """Of two of the same moment, the one that was stored first."""
    for n, part in ((3, "c"), (1, "a"), (2, "b"), (1, "d")):
        store.apply([PutCheckpoint(checkpoint(part, saved_at=NOW + n))])
    assert [row.part for row in store.checkpoints()] == ["a", "d", "b", "c"]


def test_checkpoints_are_dropped_by_part_or_all_at_once(store: AnyStore) -> None:
    """Of that type and subject, and no other; a dropped one begins anew."""
    others = [checkpoint("x", subject="news"), checkpoint("x", type="tag")]
    store.apply([PutCheckpoint(row) for row in (checkpoint(), checkpoint("x"), *others)])
    store.apply([DropCheckpoints("train", "wiki", "")])
    assert store.checkpoints() == [checkpoint("x"), *others]
    later = checkpoint("x", created_at=NOW + 1, saved_at=NOW + 1)
    store.apply([DropCheckpoints("train", "wiki", "x"), PutCheckpoint(later)])
    assert store.checkpoints() == [*others, later]
    store.apply([PutCheckpoint(checkpoint("y")), DropCheckpoints("train", "wiki")])
    assert store.checkpoints() == others


def test_deleting_a_job_leaves_its_checkpoints(store: AnyStore) -> None:
    """They belong to the (type, subject), and a later job goes on from them."""
    store.apply([put("a"), PutCheckpoint(checkpoint()), DeleteJobs(("a",))])
    assert store.checkpoints() == [checkpoint()]


# --- forgetting -------------------------------------------------------------------------------


def test_ended_jobs_go_when_they_are_too_old(make: Callable[..., AnyStore]) -> None:
    """With their logs, and to the second."""
    store = make(Keep(age=DAY))
    store.apply([put("old", SUCCEEDED, end=NOW), put("new", FAILED, end=NOW + 1), event("old")])
    assert store.prune(NOW + DAY - 0.5) == 0
    assert store.prune(NOW + DAY) == 1
    assert ids(store.finished()) == ["new"]
    store.apply([put("old")])
    assert store.events("old") == []


def test_each_way_to_end_may_have_an_age_of_its_own(make: Callable[..., AnyStore]) -> None:
    """Failures may be worth more time than what went well."""
    store = make(Keep(age=DAY, by_state={"succeeded": DAY / 2, "failed": 3 * DAY}))
    store.apply([put("s", SUCCEEDED, end=NOW), put("f", FAILED, end=NOW)])
    store.apply([put("c", JobState.CANCELLED, end=NOW)])
    assert store.prune(NOW + DAY / 2) == 1
    assert ids(store.finished()) == ["c", "f"]
    assert store.prune(NOW + DAY) == 1
    assert store.prune(NOW + 2 * DAY) == 0
    assert store.prune(NOW + 3 * DAY) == 1


def test_an_age_is_for_a_way_to_end() -> None:
    """The error lists those there are."""
    with pytest.raises(ValueError, match="takes cancelled, failed, succeeded, not 'running'"):
        Keep(by_state={"running": 1})
    with pytest.raises(ValueError, match="is a number of at least 0"):
        Keep(by_state={"failed": -1})


def test_of_too_many_ended_jobs_the_newest_stay(make: Callable[..., AnyStore]) -> None:
    """Unfinished ones do not count."""
    store = make(Keep(jobs=2))
    store.apply([put(f"{n}", SUCCEEDED, end=NOW + n) for n in (3, 1, 4, 2)])
    store.apply([put("q"), put("r", RUNNING)])
    assert store.prune(NOW) == 2
    assert ids(store.finished()) == ["4", "3"]
    assert ids(store.unfinished()) == ["q", "r"]


def test_forgetting_goes_in_small_batches(make: Callable[..., AnyStore]) -> None:
    """Never more than asked for, the oldest first, jobs and checkpoints counted together."""
    store = make(Keep(age=DAY))
    store.apply([put(f"{n}", SUCCEEDED, end=NOW + n) for n in range(5)])
    store.apply([PutCheckpoint(checkpoint(f"{n}", saved_at=NOW + n)) for n in range(3)])
    later = NOW + 9 * DAY
    assert store.prune(later, at_most=3) == 3
    assert ids(store.finished()) == ["4", "3"]
    assert store.prune(later, at_most=3) == 3
    assert [row.part for row in store.checkpoints()] == ["1", "2"]
    assert [store.prune(later, at_most=3), store.prune(later)] == [2, 0]


def test_what_is_unfinished_stays_however_old_it_is(make: Callable[..., AnyStore]) -> None:
    """And the checkpoints it has saved, and the jobs it comes after."""
    store = make(Keep(age=0, jobs=0))
    store.apply([put("up", SUCCEEDED), put("other", SUCCEEDED), put("down", after=("up",))])
    store.apply([PutCheckpoint(checkpoint("mine", job_id="down"))])
    store.apply([PutCheckpoint(checkpoint("theirs", job_id="other"))])
    assert store.prune(NOW + 99 * DAY) == 2
    assert ids(store.finished()) == ["up"]
    assert [row.part for row in store.checkpoints()] == ["mine"]
    store.apply([status("down", SUCCEEDED)])
    assert store.prune(NOW + 99 * DAY) == 3
    assert _all_of(store) == []


def test_event_logs_are_cut_to_their_newest_lines(make: Callable[..., AnyStore]) -> None:
    """Those of unfinished jobs, too, and those written before the store was opened."""
    store = make(Keep(events=3))
    store.apply([put("a"), put("b", SUCCEEDED)])
    store.apply([event(name, f"{n}") for n in range(5) for name in "ab"])
    store.close()
    store.open()
    assert store.prune(NOW) == 0
    assert [line.kind for line in store.events("a")] == ["2", "3", "4"]
    store.apply([event("b", "5"), event("a", "5"), event("a", "6")])
    assert store.prune(NOW) == 0
    assert [line.kind for line in store.events("a")] == ["4", "5", "6"]
    assert [line.kind for line in store.events("b")] == ["3", "4", "5"]


def test_the_logs_of_many_jobs_are_cut(make: Callable[..., AnyStore]) -> None:
    """However many of them grew since the last time."""
    store = make(Keep(events=2))
    names = [f"job {n}" for n in range(1_001)]
    store.apply([put(name) for name in names])
    assert store.prune(NOW) == 0
    store.apply([event(name, kind) for name in names for kind in "abc"])
    assert store.prune(NOW) == 0
    logs = {"".join(line.kind for line in store.events(name)) for name in names}
    assert logs == {"bc"}


def test_keeping_nothing_keeps_nothing(make: Callable[..., AnyStore]) -> None:
    """But what is unfinished."""
    store = make(Keep(age=0, jobs=0, events=0))
    store.apply([put("a", SUCCEEDED), put("b"), event("b"), PutCheckpoint(checkpoint())])
    assert store.prune(NOW) == 2
    assert ids(store.unfinished()) == ["b"]
    assert _all_of(store) == [job("b")]


def test_vacuum_leaves_what_is_kept(store: AnyStore) -> None:
    """In the same order."""
    store.apply([put(f"{n}") for n in range(50)])
    store.apply([DeleteJobs(tuple(f"{n}" for n in range(0, 50, 2)))])
    store.vacuum()
    assert ids(store.unfinished()) == [f"{n}" for n in range(1, 50, 2)]
    store.apply([put("new")])
    assert ids(store.unfinished())[-1] == "new"


# --- documents, and occurrences of schedules --------------------------------------------------


def document(name: str, value: str = "{}", kind: str = "schedule") -> DocumentRow:
    """A document that was written now."""
    return DocumentRow(kind, name, value, NOW)


def occurrence(at: float = NOW, schedule: str = "a", **more: Any) -> OccurrenceRow:
    """An occurrence for which a job was submitted."""
    return replace(OccurrenceRow(schedule, at, "submitted", "job-1"), **more)


def test_a_document_replaces_the_one_of_its_kind_and_name(store: AnyStore) -> None:
    """In its place; the others stay, and so does one of the same name and another kind."""
    rows = [document("a"), document("b \ud800"), document("a", kind="template")]
    store.apply([PutDocument(row) for row in rows])
    store.apply([PutDocument(document("a", '{"n": 1}'))])
    assert store.documents("schedule") == [document("a", '{"n": 1}'), rows[1]]
    assert store.documents("template") == [rows[2]]
    store.apply([DropDocument("schedule", "a"), DropDocument("schedule", "nobody")])
    assert store.documents("schedule") == [rows[1]]
    assert store.documents("template") == [rows[2]]


def test_occurrences_come_with_the_newest_first(store: AnyStore) -> None:
    """Those of one schedule, as many as were asked for, with every column as it was."""
    rows = [occurrence(NOW + n, detail="it ran still", count=n) for n in range(3)]
    store.apply([AddOccurrence(row) for row in (*rows, occurrence(schedule="b"))])
    assert store.occurrences("a") == rows[::-1]
    assert store.occurrences("a", 1) == rows[2:]
    assert store.occurrences("a", 0) == store.occurrences("c") == []
    store.apply([DropOccurrences("a"), AddOccurrence(rows[0])])
    assert store.occurrences("a") == rows[:1]
    assert store.occurrences("b") == [occurrence(schedule="b")]


def test_an_occurrence_is_refused_a_second_time_with_its_batch(store: AnyStore) -> None:
    """Whether the first one is stored, or in the same batch; the error names the second one."""
    store.apply([AddOccurrence(occurrence())])
    batches: list[list[Write]] = [
        [put("a"), AddOccurrence(occurrence(job_id="other"))],
        [put("a"), AddOccurrence(occurrence(NOW + 1)), AddOccurrence(occurrence(NOW + 1))],
    ]
    with pytest.raises(ValueRefused) as refused:
        store.apply(batches[0])
    assert refused.value.which == [1]
    with pytest.raises(ja.StoreFailed):
        store.apply(batches[1])
    assert store.occurrences("a") == [occurrence()]
    assert store.unfinished() == []


def test_occurrences_go_when_they_are_as_old_as_jobs_that_go(make: Callable[..., AnyStore]) -> None:
    """Documents stay."""
    store = make(Keep(age=DAY))
    rows = [occurrence(NOW - DAY), occurrence(NOW)]
    store.apply([*(AddOccurrence(row) for row in rows), PutDocument(document("a"))])
    assert store.prune(NOW) == 0
    assert store.occurrences("a") == rows[1:]
    assert store.documents("schedule") == [document("a")]


# --- both are one -----------------------------------------------------------------------------

NAMES = st.sampled_from("abc")
TIMES = st.integers(0, 4).map(lambda n: NOW + n)
RESULTS = st.sampled_from([None, "1", "2"])


@st.composite
def _puts(draw: st.DrawFn) -> Write:
    state, after = draw(st.sampled_from(JobState)), draw(st.lists(NAMES, max_size=2))
    return put(draw(NAMES), state, end=draw(TIMES), result=draw(RESULTS), after=tuple(after))


@st.composite
def _statuses(draw: st.DrawFn) -> Write:
    state: JobState = draw(st.sampled_from(JobState))
    return status(draw(NAMES), state, end=draw(TIMES), result=draw(RESULTS))


@st.composite
def _checkpoints(draw: st.DrawFn) -> Write:
    at, more = draw(TIMES), {"job_id": draw(NAMES), "subject": draw(NAMES)}
    return PutCheckpoint(checkpoint(draw(NAMES), saved_at=at, created_at=at, **more))


@st.composite
def _documents(draw: st.DrawFn) -> Write:
    return PutDocument(document(draw(NAMES), draw(st.sampled_from("12"))))


PARTS = st.none() | NAMES
WRITES: st.SearchStrategy[Write] = st.one_of(
    _puts(),
    _statuses(),
    st.builds(event, NAMES, st.sampled_from("xyz"), TIMES),
    _checkpoints(),
    st.builds(DropCheckpoints, st.just("train"), NAMES, PARTS),
    _documents(),
    st.builds(DropDocument, st.just("schedule"), NAMES),
    st.builds(DeleteJobs, st.lists(NAMES, max_size=2).map(tuple)),
)
STEPS = st.lists(st.lists(WRITES, max_size=12) | TIMES | st.just("reopen"), max_size=6)


@settings(max_examples=150, deadline=None)
@given(
    steps=STEPS,
    keep=st.tuples(
        st.sampled_from([0, 2, 9]), st.integers(0, 3), NAMES.map(ord).map(lambda n: n - 96)
    ).map(lambda limits: Keep(*limits)),
)
def test_the_stores_cannot_be_distinguished(
    tmp_path_factory: pytest.TempPathFactory, steps: list[list[Write] | float | str], keep: Keep
) -> None:
    """Whatever is written, in whatever order: each sees the same afterwards."""
    folder = tmp_path_factory.mktemp("pair")
    pair: list[AnyStore] = [STORES[name](folder, keep) for name in ("memory", "sqlite")]
    for store in pair:
        store.open()
    try:
        for step in steps:
            seen = [_after(store, step) for store in pair]
            assert seen[0] == seen[1]
    finally:
        for store in pair:
            store.close()


def _after(store: AnyStore, step: list[Write] | float | str) -> list[object]:
    forgotten = None
    if isinstance(step, list):
        store.apply(step)
    elif isinstance(step, float):
        forgotten = store.prune(step, at_most=2)
    else:
        store.close()
        store.open()
    logs = [store.events(name) for name in "abc"]
    since = store.finished(2, since=NOW + 1, states=[SUCCEEDED, FAILED])
    kept = [store.unfinished(), store.finished(), store.checkpoints(), store.get("cab")]
    return [forgotten, logs, since, *kept, store.documents("schedule")]


# --- many rows at once ------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3, 4, 17, 64, 150])
def test_many_rows_of_one_commit_are_kept_in_their_order(store: AnyStore, count: int) -> None:
    """However many rows a store writes in one go; a text that is none spoils no other row."""
    names = [f"job {n}" for n in range(count)]
    names[count // 2] = "job \ud800"
    store.apply([*(put(name) for name in names), *(event(name, "JobQueued") for name in names)])
    assert ids(store.unfinished()) == names
    store.apply(
        [
            *(status(name, SUCCEEDED, end=NOW + n) for n, name in enumerate(names)),
            status("nobody", SUCCEEDED),
            *(event(name, kind) for kind in ("JobStarted", "JobFinished") for name in names),
            event("nobody"),
        ]
    )
    assert ids(store.finished(count + 1)) == names[::-1]
    assert store.get([names[-1]]) == [
        job(names[-1], SUCCEEDED, end=NOW + count - 1, status='{"attempt": 1}')
    ]
    for name in names:
        assert [line.kind for line in store.events(name)] == [
            "JobQueued",
            "JobStarted",
            "JobFinished",
        ]


def test_many_jobs_are_forgotten_one_by_one_or_together(store: AnyStore) -> None:
    """With their logs, and only they; what is put again after that is new."""
    names = [f"job {n}" for n in range(100)]
    store.apply([write for name in names for write in (put(name), event(name))])
    store.apply(
        [
            *(DeleteJobs((name,)) for name in names[:30]),
            DeleteJobs((*names[30:90], "nobody")),
            put(names[0]),
            DeleteJobs((names[95],)),
        ]
    )
    assert ids(store.unfinished()) == [*names[90:95], *names[96:], names[0]]
    assert [len(store.events(name)) for name in (names[0], names[50], names[90], names[95])] == [
        *(0, 0, 1, 0)
    ]
