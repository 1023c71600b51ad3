"""Graphs of jobs: what comes after what, and what made the whole take so long."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import json
from itertools import combinations, pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

import jobactors as ja
from jobactors.model.graph_layout import layers_of, longest_path


@ja.job("graph_nap")
async def nap(seconds: float) -> None:
    await trio.sleep(seconds)


def diamond(jobs: ja.Jobs, unit: float = 1) -> list[ja.Job[None]]:
    """Submit one job, two after it, and one after both."""
    first = jobs.options(name="first").submit(nap, 1 * unit)
    long = jobs.options(name="long", after=[first]).submit(nap, 9 * unit)
    short = jobs.options(name="short", after=[first]).submit(nap, 2 * unit)
    last = jobs.options(name="last", after=[long, short]).submit(nap, 1 * unit)
    return [first, long, short, last]


async def test_a_diamond_has_three_layers_and_a_critical_path(autojump_clock: object) -> None:
    """Of a job in the middle, the jobs beside it are no part: it is not one of their line."""
    async with ja.open_jobs() as jobs:
        alone = jobs.submit(nap, 1)
        made = diamond(jobs)
        first, long, short, last = (job.id for job in made)
        await trio.sleep(5)
        for job in (made[0], made[3], None):
            graph = jobs.graph(job)
            assert [set(layer) for layer in graph.layers] == [{first}, {long, short}, {last}]
        assert jobs.graph(made[1]).layers == [[first], [long], [last]]
        await made[-1]
        graph = jobs.graph()
        assert graph.critical_path == [first, long, last]
        assert set(graph.edges) == {(first, long), (first, short), (long, last), (short, last)}
        assert [round(node.seconds) for node in graph] == [1, 9, 2, 1]
        assert jobs.graph(alone.id).layers == [[alone.id]]


async def test_jobs_that_were_taken_are_shown_by_their_ids(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        first, long, short, last = diamond(jobs)
        await last
        jobs.registry.take(first.id)
        graph = jobs.graph(last)
        gone = next(node for node in graph if node.job_id == first.id)
        assert (gone.name, gone.state) == (first.id, None)
        assert "not there any more" in graph.html()
        del long, short


async def test_a_stored_graph_is_there_after_a_restart(tmp_path: Path) -> None:
    async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
        made = diamond(jobs, 0)
        await made[-1]
        edges = set(jobs.graph().edges)
    async with ja.open_jobs(store=tmp_path / "jobs.db") as jobs:
        assert set(jobs.graph().edges) == edges


async def test_a_job_that_is_not_there_is_refused(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        with pytest.raises(ja.UnknownJob):
            jobs.graph("nowhere")
        assert "No job comes after another" in jobs.graph().html()
        assert jobs.graph().critical_path == []


async def test_names_are_text_in_the_page(autojump_clock: object) -> None:
    async with ja.open_jobs() as jobs:
        hostile = "<script>alert('x')</script>&\"'"
        first = jobs.options(name=hostile).submit(nap, 1)
        await jobs.options(name=hostile, after=[first]).submit(nap, 1).wait()
        html = jobs.graph().html()
        assert "<script" not in html
        assert "alert(" in html
        ET.fromstring(html[html.index("<svg") : html.index("</svg>") + 6])  # noqa: S314 - our own
        json.dumps(jobs.graph().to_dict())


NODES = [str(n) for n in range(12)]
EDGES = st.sets(st.sampled_from(list(combinations(NODES, 2))), max_size=30)


@given(EDGES)
def test_every_edge_leads_to_a_later_layer(edges: set[tuple[str, str]]) -> None:
    rows = layers_of(NODES, edges)
    layer = {node: n for n, row in enumerate(rows) for node in row}
    assert sorted(layer) == sorted(NODES)
    assert all(layer[one] < layer[other] for one, other in edges)


@given(EDGES, st.lists(st.floats(0, 100), min_size=12, max_size=12))
def test_no_path_is_longer_than_the_critical_one(
    edges: set[tuple[str, str]], lengths: list[float]
) -> None:
    length_of = dict(zip(NODES, lengths, strict=True))
    path = longest_path(NODES, edges, length_of)
    assert all(pair in edges for pair in pairwise(path))
    longest = sum(length_of[node] for node in path)

    def best_from(node: str) -> float:
        later = [best_from(other) for one, other in edges if one == node]
        return length_of[node] + max(later, default=0.0)

    assert longest == pytest.approx(max(map(best_from, NODES)))


def test_a_circle_is_refused() -> None:
    with pytest.raises(ValueError, match="in a circle"):
        layers_of(["a", "b"], [("a", "b"), ("b", "a")])
