# ruff: noqa: D103 (the name of a test is its sentence)
"""The fifth notebook runs from its first cell to its last, and reaches nothing but this machine."""

from __future__ import annotations

import re

import pytest

from .executed import Executed, assert_is_kept_well, execute

NAME = "05_documents_and_indexes.ipynb"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    """Run it, with all documents."""
    return execute(NAME, tmp_path_factory.mktemp("documents"))


def test_it_runs_to_its_end_without_a_word_of_alarm(page: Executed) -> None:
    assert page.said_on_standard_error == []
    assert page.refused == []


def test_a_second_download_skips_what_is_there(page: Executed) -> None:
    first, second = re.findall(r".+", page.text("download"))  # two prints may be two outputs
    assert "'fetched': 249, 'skipped': 0" in first
    assert "'fetched': 0, 'skipped': 249" in second


def test_a_dry_run_counts_and_a_wrong_order_is_named(page: Executed) -> None:
    text = page.text("combined")
    assert "rebuild  metadata 25 → clear 5 → index 60 → tags 10" in text
    assert "metadata must come before index" in text
    assert "'would_add': 249" in text


def test_a_second_job_about_a_source_is_refused_with_the_cure(page: Executed) -> None:
    assert "'source sotu' is busy: held by chain-" in page.text("conflict")
    assert re.search(r"JobSnapshot chain-\S+ running", page.text("conflict"))


def test_a_cancelled_job_is_listed_with_what_it_held_and_goes_on(page: Executed) -> None:
    stopped = r"cancelled · rebuild sotu: cancelled at (3[5-9]|[4-8]\d) %"
    assert re.search(stopped, page.text("cancel"))
    assert "operation='index sotu'" in page.text("cancel")
    text = page.text("again")
    assert re.search(r"<Checkpoint of 'chain' 'sotu' 'Index' at \d+ %", text)
    assert "an earlier chain about 'sotu' left a checkpoint" in text
    assert "Metadata  completed, from before: True" in text
    assert re.search(r"Index +completed, from before: False .*'indexed': 16952", text)


def test_nine_in_ten_of_the_best_answers_are_good(page: Executed) -> None:
    """Of the hybrid search, in the best five of thirty fixed questions."""
    found = dict(re.findall(r"(\w+) +([\d.]+)", page.text("quality")))
    assert float(found["by_both"]) >= 0.9
    assert "gold" in page.text("search") or "silver" in page.text("search")


def test_the_map_has_a_dot_a_document(page: Executed) -> None:
    svg = page.cells["map"].outputs[-1].data["text/html"]
    assert svg.count("<circle") == 249
    assert "1862-Lincoln-1" in svg


def test_an_empty_document_is_named_and_the_free_store_comes_first(page: Executed) -> None:
    assert "empty: document_catalogue.DocumentError: it is empty" in page.text("upload")
    text = page.text("any")
    assert "waits for vectors 128" in text
    assert "in this order: [64, 128]" in text


def test_processes_and_a_cluster_write_the_same(page: Executed) -> None:
    assert "batches: [42, 43, 42, 43]" in page.text("processes")
    assert "'indexed': 16952" in page.text("processes")
    assert re.findall(r".+", page.text("dask")) == ["batches: [42, 43, 42, 43]", "True"]


def test_a_delete_is_swapped_in_and_back(page: Executed) -> None:
    text = page.text("restore")
    assert "'removed': 16952" in text
    assert re.search(r"current 3 vectors 4\s+restored 2 vectors 16956", text)


def test_a_combined_job_runs_without_a_job_system(page: Executed) -> None:
    assert page.text("alone").startswith("succeeded · 2 phases completed · 100 %")


def test_it_is_kept_without_outputs_and_its_cells_are_short() -> None:
    assert_is_kept_well(NAME)
