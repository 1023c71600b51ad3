# ruff: noqa: D103 (the name of a test is its sentence)
"""The page about clusters runs from its first cell to its last, a killed worker included."""

import re

import pytest

from .executed import Executed, assert_is_kept_well, cells_of, execute

NAME = "03_from_this_kernel_to_a_cluster.ipynb"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Executed:
    """Run it, with a cluster of real processes; one cell twice, as on the next day."""
    again = {"cancel": cells_of(NAME)["cancel"]}
    return execute(NAME, tmp_path_factory.mktemp("cluster"), again)


def test_it_runs_to_its_end_without_a_word_of_alarm(page: Executed) -> None:
    assert page.said_on_standard_error == []
    assert page.refused == []


def test_one_function_finds_the_same_in_a_thread_in_a_process_and_on_dask(page: Executed) -> None:
    lines = page.text("same").split("\n")
    assert [line.split()[-1] for line in lines[:2]] == ["machine", "machine"]
    assert re.search(r"on Dask +3 pairs +tcp://127.0.0.1:\d+$", lines[2])
    assert "the same: True" in lines
    assert "The Searchers" in page.text("same")
    for cell in ("thread", "process", "dask"):
        assert "succeeded" in page.text(cell)


def test_the_shares_run_on_all_workers_and_make_the_whole(page: Executed) -> None:
    assert page.text("many").startswith("the same: True\nworkers: 2\n")
    assert "12 of 12" in page.text("many")


def test_the_job_of_the_killed_worker_goes_on_from_its_checkpoint(page: Executed) -> None:
    found = re.search(r"attempt 2 went on from (\d+)", page.text("kill"))
    assert found is not None
    assert 50 <= int(found[1]) < 120


def test_a_result_stays_there_and_a_cancel_arrives(page: Executed) -> None:
    assert re.search(r"<Future: finished, type: bytes, .*50000000", page.text("keep"), re.DOTALL)
    assert re.search(r"endless +cancelled", page.text("cancel"))


def test_a_checkpoint_that_an_earlier_run_has_left_does_not_hinder_the_next(page: Executed) -> None:
    assert re.search(r"endless +cancelled", page.text("after-cancel"))


def test_it_is_kept_without_outputs_and_its_cells_are_short() -> None:
    assert_is_kept_well(NAME)
