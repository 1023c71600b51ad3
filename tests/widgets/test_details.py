"""Tests of what unfolds below a row, sent only on request."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
import trio
from jobactors_widgets import details
from jobactors_widgets.details import ResultTexts, class_name, details_of, log_piece, short_text

import jobactors as ja


async def returning(value: object) -> object:
    """Return it."""
    return value


async def chatter(lines: int) -> None:
    """Print so many lines."""
    for line in range(lines):
        print(f"line {line}")  # noqa: T201


async def text_of(job: ja.Job[Any]) -> dict[str, Any]:
    """Ask for a result in words, and wait for the answer in real time."""
    answered = threading.Event()
    answers: list[dict[str, Any]] = []

    def told(message: dict[str, Any]) -> None:
        answers.append(message)
        answered.set()

    ResultTexts().ask(job, told)
    await trio.to_thread.run_sync(answered.wait, 10)
    return answers[0]


async def test_the_facts_of_a_job() -> None:
    """Labels, times, the type of the result; of metadata only what can be shown without a call."""
    async with ja.open_jobs() as jobs:
        metadata = {"seed": 42, "model": "small", "parts": [1, 2], "odd": object()}
        submitter = jobs.options(description="Learn", tags=("gpu",), metadata=metadata)
        job = submitter.submit(returning, {"a": 1})
        await job
        facts = details_of(job)
        assert (facts["description"], facts["tags"], facts["result"]) == ("Learn", ["gpu"], "dict")
        shown = [["seed", "42"], ["model", "small"], ["parts", "list of 2"], ["odd", "object"]]
        assert facts["metadata"] == shown
        assert facts["runner"] == "trio"
        json.dumps(facts)


async def test_the_facts_of_a_failure() -> None:
    """The traceback, cut in its middle when it is long."""

    async def fail() -> None:
        raise ValueError("x" * 100_000)

    async with ja.open_jobs(unread_failures="ignore") as jobs:
        job = jobs.submit(fail)
        await job.wait()
        traceback = str(details_of(job)["traceback"])
        assert "raise ValueError" in traceback
        assert len(traceback) <= 20_000
        assert "result" not in details_of(job)


async def test_a_log_comes_in_bounded_pieces() -> None:
    """The newest lines first; then what is new; more is announced."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(chatter, 1000)
        await job
        newest = log_piece(job, -1)
        assert (newest["first"], newest["more"]) == (600, False)
        piece: Any = log_piece(job, 100)
        assert (piece["first"], len(piece["lines"]), piece["more"]) == (100, 400, True)
        assert piece["lines"][0] == ["out", "line 100"]
        assert log_piece(job, 1000)["lines"] == []
        assert log_piece(job, "evil")["first"] == 600


async def test_a_log_that_was_cut_begins_where_it_is_kept() -> None:
    """Lines that are gone are not numbered anew; colours are left out."""

    async def shout() -> None:
        for line in range(500):
            print(f"\x1b[31m{line:0100}\x1b[0m")  # noqa: T201

    async with ja.open_jobs() as jobs:
        job = jobs.options(log_limit=5_000).submit(shout)
        await job
        piece: Any = log_piece(job, 0)
        assert piece["first"] == job.snapshot().log_cut
        assert int(piece["lines"][0][1]) == piece["first"]
        assert piece["first"] + len(piece["lines"]) == 500


async def test_a_result_in_words_is_short() -> None:
    """However large it is."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(returning, ["x" * 10_000] * 10_000)
        await job
        answer = await text_of(job)
        assert answer["text"].endswith("…")
        assert len(answer["text"]) <= 2000
        assert len(short_text("y" * 10**7)) <= 2000


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, RecursionError])
async def test_a_repr_that_raises_does_no_harm(error: type[BaseException]) -> None:
    """An exception that is no ordinary one is named."""

    class Bad:
        def __repr__(self) -> str:
            raise error

    async with ja.open_jobs() as jobs:
        job = jobs.submit(returning, Bad())
        await job
        answer = await text_of(job)
        if issubclass(error, Exception):
            assert answer["text"].startswith("<Bad instance at ")
        else:
            assert answer["why"] == f"its repr raised {error.__name__}"


async def test_a_repr_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """And another result is not begun while it hangs."""
    go_on = threading.Event()

    class Slow:
        def __repr__(self) -> str:
            go_on.wait(10)
            return "at last"

    monkeypatch.setattr(details, "PATIENCE", 0.05)
    texts = ResultTexts()
    answers: list[dict[str, Any]] = []
    async with ja.open_jobs() as jobs:
        job = jobs.submit(returning, Slow())
        await job
        texts.ask(job, answers.append)
        texts.ask(job, answers.append)
        while len(answers) < 2:
            await trio.to_thread.run_sync(time.sleep, 0.01)
        go_on.set()
        assert [answer["why"] for answer in answers] == [
            "another result is still being put into words",
            "its repr takes too long",
        ]


def test_a_class_has_its_own_name_whatever_its_metaclass_returns() -> None:
    """No code of a job runs for it."""

    class Meta(type):
        def __getattribute__(cls, name: str) -> Any:
            raise RuntimeError(name)

    assert class_name(Meta("Evil", (), {})()) == "Evil"
