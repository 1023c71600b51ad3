"""The tables that a notebook shows of lists of jobs, statistics, resources and problems."""

from __future__ import annotations

import re

import trio

import jobactors as ja
from jobactors.model.html_table import html_table


def cells(table: str) -> list[str]:
    """The texts of a table's cells."""
    return re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", table)


async def test_histories_lists_and_statistics_are_tables() -> None:
    """They stay what they were: lists and structs."""

    async def fail(password: str) -> None:
        raise ValueError(password)

    async with ja.open_jobs(unread_failures="ignore") as jobs:
        await jobs.options(name="sum", subject="a & b").submit(sum, [1, 2])
        await jobs.submit(fail, "SECRET").wait()
        await jobs.map(fail, ["SECRET"]).jobs[0].wait()
        found = jobs.history()
        assert found == jobs.list()[::-1]
        assert isinstance(found, list)
        table = found._repr_html_()  # type: ignore[attr-defined]
        assert "<caption>3 jobs: 2 failed · 1 succeeded</caption>" in table
        assert {"sum · a &amp; b", "failed (ValueError)"} <= set(cells(table))
        assert any(text.endswith("fail[0]") for text in cells(table))
        assert "SECRET" not in table
        counts = cells(jobs.stats()._repr_html_())
        assert counts == ["state", "jobs", "succeeded", "1", "failed", "2", "unread", "2"]
    async with ja.open_jobs() as jobs:
        assert "No jobs" in jobs.history()._repr_html_()  # type: ignore[attr-defined]


async def test_resources_are_a_table_of_their_holders() -> None:
    """With what each does with its units."""
    async with ja.open_jobs(resources={"gpu": 4}) as jobs:
        assert "0 of them held" in jobs.resources()._repr_html_()
        job = jobs.options(resources={"gpu": 3}).submit(trio.sleep_forever)
        await trio.testing.wait_all_tasks_blocked()
        job.set_operation("gpu", "train")
        assert cells(jobs.resources()._repr_html_())[4:] == [
            "gpu",
            "1",
            "4",
            f"{job.id} × 3 (train)",
        ]
        job.cancel()


def test_problems_of_a_chain_are_a_table() -> None:
    """An empty one is good news."""

    def add(items: list[int]) -> int:
        return sum(items)

    well = ja.chain(ja.phase("One", add, {"items": [1]})).check()
    assert "No problems" in well._repr_html_()  # type: ignore[attr-defined]
    broken = ja.chain(ja.phase("One", add, {"items": ja.result_of("None")})).check()
    assert "1 error, 0 warnings" in broken._repr_html_()  # type: ignore[attr-defined]
    assert "One" in cells(broken._repr_html_())  # type: ignore[attr-defined]


def test_no_text_of_a_job_is_a_part_of_the_page() -> None:
    """Nor does it turn the text around it, or make the file unreadable."""

    class Raises:
        def __str__(self) -> str:
            raise ValueError

    table = html_table("<b>", ["<i>"], [["<script>", "\u202eright", "\ud800", Raises(), "x" * 999]])
    assert "<script>" not in table
    assert cells(table)[1:] == ["&lt;script&gt;", "\ufffdright", "\ufffd", "?", "x" * 199 + "…"]
    table.encode()
    assert "the first 100 shown" in html_table("Jobs", [], [[]] * 101)
