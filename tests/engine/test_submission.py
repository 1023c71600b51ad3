"""Submit: what can be checked is checked at once, and the error names the cure."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio.testing import MockClock


@ja.job("test index", label=lambda folder, **_: f"Index {folder}", priority="high")
def index(folder: str, deep: bool = False) -> str:
    """Be a job type."""
    return f"{folder} {deep}"


@ja.job("test unique", unique=True)
async def unique(text: str) -> str:
    """Be a job type of which one a subject is enough."""
    await trio.sleep(1)
    return text


def keyword(*, x: int) -> int:
    """Take a keyword only."""
    return x


async def call_it() -> None:
    """Be called too early."""


async def test_a_called_coroutine_is_refused_with_the_cure() -> None:
    """And leaves no "never awaited" warning."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match=r"submit\(call_it, …\) instead of submit\(call_it\(…"):
            jobs.submit(call_it())  # type: ignore[call-overload]


async def test_a_submitter_shows_its_options() -> None:
    """Shortly, in the order in which they were given."""
    async with ja.open_jobs() as jobs:
        submitter = jobs.options(name="x", tags="nightly").options(metadata={"text": "a" * 999})
        assert repr(submitter).startswith("<Submitter with name='x', tags='nightly', metadata={'te")
        assert len(repr(submitter)) < 150
        assert repr(jobs.options()) == "<Submitter with no options>"


@pytest.mark.parametrize("work", [None, 7, {"a": 1}])
async def test_what_is_no_function_is_refused(work: Any) -> None:
    """It says what it takes."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match="takes a function or the name of a job type"):
            jobs.submit(work)


@pytest.mark.parametrize(
    ("work", "args", "kwargs"),
    [
        (index, (), {}),
        (index, ("a", True, "b"), {}),
        (index, ("a",), {"depth": 1}),
        (keyword, (), {}),
        (keyword, (1,), {}),
        (call_it, ("x",), {}),
        (functools.partial(index, "a"), (True, "b"), {}),
    ],
)
async def test_wrong_arguments_are_refused_at_once(
    work: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Rather than as a failed job later."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match="cannot be called so"):
            jobs.submit(work, *args, **kwargs)
        assert jobs.stats().total == 0


async def test_the_function_chooses_the_runner() -> None:
    """``async def`` runs in trio, anything else in a thread, also behind a partial."""

    class Asynchronous:
        async def __call__(self) -> None:
            """Do nothing."""

    async with ja.open_jobs() as jobs:
        runners = [
            jobs.submit(work) for work in (call_it, functools.partial(call_it), Asynchronous(), int)
        ]
        for job in runners:
            await job
        assert [job.snapshot().runner for job in runners] == ["trio", "trio", "trio", "thread"]
        with pytest.raises(ValueError, match='"thread"'):
            jobs.options(runner="warp").submit(int)  # type: ignore[arg-type]


async def test_a_type_is_submitted_by_name() -> None:
    """With one dictionary of arguments; label and options are the type's."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit("test index", {"folder": "wiki", "deep": True})
        assert await job == "wiki True"
        info = job.info
        assert (info.type, info.name, info.priority) == ("test index", "Index wiki", 10)
        assert job.id.startswith("test_index-")
        other = jobs.options(name="mine", priority="low").submit(index, "x")
        assert (other.name, other.info.type, other.info.priority) == ("mine", "test index", -10)
        assert await other == "x False"


async def test_wrong_submits_by_name_say_what_is_right() -> None:
    """An unknown name lists the known ones."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.UnknownJobType, match="test index"):
            jobs.submit("no such type", {})
        for args, kwargs in [(("wiki",), {}), ((), {"folder": "wiki"}), (({}, {}), {})]:
            with pytest.raises(TypeError, match="as one dictionary"):
                jobs.submit("test index", *args, **kwargs)  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="names are text"):
            jobs.submit("test index", {1: "wiki"})  # type: ignore[dict-item]
        with pytest.raises(TypeError, match="cannot be called so"):
            jobs.submit("test index", {"files": "wiki"})


async def test_options_are_checked_where_they_are_given() -> None:
    """An unknown one names the known ones; later ones win."""
    async with ja.open_jobs() as jobs:
        with pytest.raises(TypeError, match=r"unknown option nmae \(did .*\); options are"):
            jobs.options(nmae="x")  # type: ignore[call-arg]
        with pytest.raises(ValueError, match="timeout"):
            jobs.options(timeout=-1)
        with pytest.raises(TypeError, match="key must be hashable"):
            jobs.options(key=[])
        submitter = jobs.options(name="a", subject="s", tags="t").options(name="b")
        job = submitter.submit(int)
        assert (job.name, job.info.subject, job.info.tags) == ("b", "s", ("t",))


async def test_a_second_submit_with_the_key_returns_the_first_job(
    autojump_clock: MockClock,
) -> None:
    """While it is unfinished, and if function and arguments agree."""
    async with ja.open_jobs(max_running=1) as jobs:
        keyed = jobs.options(key="k")
        first = keyed.submit(unique, "a")
        again = keyed.submit(unique, "a")
        assert again == first
        assert (first.is_new, again.is_new) == (True, False)
        assert await first == "a"
        second = keyed.submit(unique, "a")
        assert second != first
        assert second.is_new
        second.cancel()


@pytest.mark.parametrize("store", [None, ja.MemoryStore], ids=["without a store", "with one"])
async def test_a_handle_tells_whether_its_call_made_the_job(
    store: Callable[[], ja.MemoryStore] | None, autojump_clock: MockClock
) -> None:
    """By a submit, a restart, a batch or an executor; and not by calls that find a job."""
    async with ja.open_jobs(store=store and store()) as jobs:
        keyed = jobs.options(key="k")
        plain, first = jobs.submit(unique, "a"), keyed.submit(unique, "b")
        assert plain.is_new
        assert first.is_new
        assert [job.is_new for job in (jobs.get(first.id), *jobs)] == [False] * 3
        assert not keyed.submit(unique, "b").is_new
        batch = keyed.map(unique, ["b"])
        await batch
        assert [job.is_new for job in batch.jobs] == [False]
        restarted = first.restart()
        assert restarted.is_new
        assert not first.restart().is_new  # the restarted one has the key
        replaced = keyed.options(on_duplicate="replace").submit(unique, "c")
        assert replaced.is_new


async def test_a_duplicate_says_what_differs() -> None:
    """Another function, other arguments, or that no second one was wanted."""
    async with ja.open_jobs() as jobs:
        keyed = jobs.options(key="k")
        first = keyed.submit(unique, "a")
        cases: list[tuple[Any, tuple[Any, ...], str, str]] = [
            (int, ("7",), "return", "another function"),
            (unique, ("b",), "return", "other arguments"),
            (unique, ("a",), "raise", "wants no second one"),
        ]
        for work, args, on_duplicate, says in cases:
            with pytest.raises(ja.DuplicateJob, match=says) as caught:
                keyed.options(on_duplicate=on_duplicate).submit(work, *args)  # type: ignore[arg-type]
            assert (caught.value.key, caught.value.job_id) == ("k", first.id)
        first.cancel()


async def test_a_duplicate_can_replace_the_first_job() -> None:
    """The first is cancelled with that reason; the key belongs to the second."""
    async with ja.open_jobs() as jobs:
        keyed = jobs.options(key="k")
        first = keyed.submit(unique, "a")
        second = keyed.options(on_duplicate="replace").submit(unique, "b")
        with pytest.raises(ja.JobCancelled, match="replaced by a later submit"):
            await first
        assert keyed.submit(unique, "b") == second
        second.cancel()


async def test_a_unique_type_has_one_job_a_subject() -> None:
    """Other subjects and other types run."""
    async with ja.open_jobs() as jobs:
        wiki = jobs.options(subject="wiki")
        first = wiki.submit(unique, "a")
        other = jobs.options(subject="letter").submit(unique, "a")
        assert other != first
        assert wiki.submit(unique, "a") == first
        for job in (first, other):
            job.cancel()


async def test_the_job_can_be_asked_for_its_arguments() -> None:
    """As they were given."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(index, "a", deep=True)
        assert job.arguments == (("a",), {"deep": True})
        await job


async def test_what_a_submitter_changes_later_changes_no_metadata() -> None:
    """Nor what the job's own snapshot is given out with: lists and dictionaries are copied."""
    given: dict[str, Any] = {"a": 1, "rows": [1, {"n": 2}]}
    async with ja.open_jobs() as jobs:
        job = jobs.options(metadata=given).submit(int)
        given["a"] = 2
        given["rows"][1]["n"] = 3
        given["rows"].append(4)
        assert job.info.metadata == {"a": 1, "rows": [1, {"n": 2}]}
        await job
