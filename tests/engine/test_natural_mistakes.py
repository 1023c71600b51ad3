"""Slips of the keyboard and of thought: refused where they are written, with the cure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import jobactors as ja
from jobactors.engine.system.commands import Commands

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def work() -> int:
    """Return a number."""
    return 1


@pytest.mark.parametrize(
    ("options", "meant"),
    [
        ({"runner": "proces"}, "process"),
        ({"on_duplicate": "replce"}, "replace"),
        ({"on_busy": "riase"}, "raise"),
        ({"prority": 3}, "priority"),
    ],
)
async def test_an_option_is_refused_at_once_with_the_nearest_word(
    options: dict[str, Any], meant: str
) -> None:
    """Not only at the submit."""
    async with ja.open_jobs() as jobs:
        with pytest.raises((TypeError, ValueError), match=rf'\(did you mean "{meant}"\?\)'):
            jobs.options(**options)


async def test_states_job_types_and_displays_are_named_likewise() -> None:
    """Where there is no near one, the known ones are listed alone."""
    ja.job("index wiki")(work)
    async with ja.open_jobs() as jobs:
        with pytest.raises(ValueError, match='did you mean "running"'):
            jobs.list(state="runing")
        with pytest.raises(ja.UnknownJobType, match='did you mean "index wiki"'):
            jobs.submit("index wki")
        with pytest.raises(ja.UnknownJobType) as raised:
            jobs.submit("zzz")
        assert "did you mean" not in str(raised.value)
    with pytest.raises(ValueError, match='did you mean "terminal"'):
        ja.start(display="termnal")  # type: ignore[arg-type]


async def test_a_question_to_an_ended_job_is_refused_as_a_question() -> None:
    """Not as a ``tell``."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await job
        with pytest.raises(ja.IllegalVerb, match=r"cannot ask job .*its mailbox is closed"):
            job.ask("how far?")
        with pytest.raises(ja.IllegalVerb, match=r"cannot tell job .*its mailbox is closed"):
            job.tell("faster")


async def test_a_job_is_cancelled_by_its_handle_too_and_found_by_its_id_alone() -> None:
    """``jobs.cancel(job)``."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(hold=True).submit(work)
        assert jobs.cancel(job, "enough").state is ja.JobState.CANCELLED
        others: tuple[Any, ...] = (job, 5, [])
        for other in others:
            with pytest.raises(TypeError, match=r"found by its id, which is text.*pass job\.id"):
                jobs.get(other)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda jobs: jobs.map(int, 5), "map takes iterables of arguments, and int is none: 5"),
        (lambda jobs: jobs.map(5, [1]), "submit takes a function or the name of a job type"),
        (lambda jobs: jobs.map(int, [1], intake="x"), "intake is a number of jobs, not 'x'"),
        (lambda jobs: jobs.map(int, [1], intake=True), "intake is a number of jobs, not True"),
        (lambda jobs: jobs.map(int, [1], intake=0), "intake is at least 1"),
        (lambda jobs: jobs.map(int, [1], name=5), "name is a text, or a function of the items"),
        (lambda jobs: jobs.map("no such type", [{}]), "no job type 'no such type'"),
    ],
)
async def test_a_map_that_cannot_work_is_refused_at_the_call(
    call: Callable[[ja.Jobs], object], message: str
) -> None:
    """Not as the error of an input that a reader meets later."""
    async with ja.open_jobs() as jobs:
        with pytest.raises((TypeError, ValueError, ja.UnknownJobType), match=message):
            call(jobs)
        assert len(jobs) == 0


def test_a_block_is_entered_once() -> None:
    """A second time, and one within the other, would lose the first job."""
    jobs = ja.start()
    try:
        block = ja.tracked("import")
        with block, pytest.raises(RuntimeError, match="entered before, and a block is one job"):
            block.__enter__()
        with pytest.raises(RuntimeError, match="entered before"), block:
            pass
        with pytest.raises(RuntimeError, match="entered before it is left"):
            ja.tracked("import").__exit__(None, None, None)
        assert [job.state for job in jobs.list()] == [ja.JobState.SUCCEEDED]
    finally:
        ja.stop()


async def test_an_open_job_is_ended_once_by_its_opener(autojump_clock: object) -> None:
    """One that its system has ended meanwhile takes the opener's end quietly."""
    async with ja.open_jobs() as jobs:
        opened = ja.open_job("scrape")
        opened.complete(1)
        with pytest.raises(ja.IllegalVerb, match=r"complete\(\) has ended it already"):
            opened.complete(2)
        with pytest.raises(ja.IllegalVerb, match=r"complete\(\) has ended it already"):
            opened.fail("no")
        assert await opened.job == 1
        late = ja.open_job("scrape")
        late.job.cancel()
        await jobs.close()
        late.cancelled()
    assert late.job.state is ja.JobState.CANCELLED


async def test_a_command_that_breaks_half_way_ends_the_engine_and_tells_its_caller(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A refusal changes nothing; anything else has left a move half made."""

    def break_half_way(self: Commands, record: object) -> None:
        raise KeyError("a table without its entry")

    async def live() -> None:
        async with ja.open_jobs() as jobs:
            job = jobs.options(hold=True).submit(work)
            with pytest.raises(ja.IllegalVerb):
                job.pause()
            monkeypatch.setattr(Commands, "release", break_half_way)
            with pytest.raises(ja.EngineFailed, match="KeyError"):
                job.release()
            assert job.state is ja.JobState.INTERRUPTED

    with pytest.raises(ja.EngineFailed, match="KeyError"):
        await live()


class Hostile(str):
    """A text whose hash is code of the user."""

    __slots__ = ()

    def __hash__(self) -> int:
        raise ZeroDivisionError


async def test_a_text_of_a_class_of_its_own_costs_its_caller_alone() -> None:
    """As an id, or as the name of a resource, it is the text that it holds."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(work)
        await job.wait()
        assert jobs.registry.take(Hostile(job.id)).id == job.id
        with pytest.raises(ja.UnknownJob):
            jobs.registry.take(Hostile("no such id"))
        with pytest.raises(ja.UnknownJob, match="not by int"):
            jobs.registry.take(5)  # type: ignore[arg-type]
        held = jobs.options(hold=True).submit(work)
        with pytest.raises(ja.IllegalVerb, match="does not hold 'gpu'"):
            held.set_operation(Hostile("gpu"), "train")
        held.release()
        assert await held == 1


async def test_a_function_that_claims_an_odd_module_runs_like_any_other() -> None:
    """Its module is asked for when it is measured."""

    def make(default: int) -> Callable[[], Awaitable[int]]:
        async def made(value: int = default) -> int:
            return value

        return made

    async with ja.open_jobs() as jobs:
        for module in (["x"], None, 5):
            odd = make(3)
            odd.__module__ = module  # type: ignore[assignment]
            assert await jobs.submit(odd) == 3
