"""Tests of what a notebook shows for a job and for a job system."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
import trio
from jobactors_widgets.display_hook import NotebookDisplay

import jobactors as ja

if TYPE_CHECKING:
    from .conftest import RecordingComm

# The package gives the name to the hook itself.
module = import_module("jobactors_widgets.display_hook")
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def in_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make this process look like a notebook's kernel."""
    monkeypatch.setattr(module, "current_kernel", object)


def model_id(bundle: dict[str, Any] | None) -> str:
    """The widget a bundle shows."""
    assert bundle is not None
    found: str = bundle[VIEW]["model_id"]
    return found


async def test_outside_of_a_kernel_the_repr_serves() -> None:
    """A terminal shows no widget, and imports none."""
    async with ja.open_jobs() as jobs:
        assert NotebookDisplay().mimebundle(jobs) is None


async def test_a_panel_and_two_tables(in_kernel: None, comms: list[RecordingComm]) -> None:
    """A front end takes the best it can show."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(trio.sleep, 0)
        bundle = NotebookDisplay().mimebundle(job)
        assert bundle is not None
        assert set(bundle) == {VIEW, "text/html", "text/plain"}


async def test_a_cell_run_again_shows_the_same_panel(
    in_kernel: None, comms: list[RecordingComm]
) -> None:
    """One panel a thing: no dead ones are left behind by cells that run again and again."""
    shown = NotebookDisplay()
    async with ja.open_jobs() as jobs:
        one, two = jobs.submit(trio.sleep, 0), jobs.submit(trio.sleep, 0)
        ids = [model_id(shown.mimebundle(thing)) for thing in (jobs, one, two, jobs, one, two)]
        assert ids[:3] == ids[3:]
        assert len(set(ids)) == 3


async def test_a_panel_that_was_closed_is_replaced(
    in_kernel: None, comms: list[RecordingComm]
) -> None:
    """A closed widget cannot be shown again."""
    shown = NotebookDisplay()
    async with ja.open_jobs() as jobs:
        first = model_id(shown.mimebundle(jobs))
        next(each for each in comms if each.comm_id == first).handle_close({})
        assert model_id(shown.mimebundle(jobs)) != first


async def test_without_anywidget_the_table_is_shown(
    in_kernel: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The extra [notebook] is an extra."""
    for module in ("panel", "live_widget"):
        monkeypatch.delitem(sys.modules, f"jobactors_widgets.{module}", raising=False)
    monkeypatch.setitem(sys.modules, "anywidget", None)
    async with ja.open_jobs() as jobs:
        bundle = NotebookDisplay().mimebundle(jobs)
        assert bundle is not None
        assert set(bundle) == {"text/html", "text/plain"}


async def test_a_feed_that_could_not_start_is_tried_again(
    in_kernel: None, comms: list[RecordingComm], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table stands in once; the next display is live."""
    shown = NotebookDisplay()

    def refuse(*_: object) -> None:
        raise RuntimeError("not now")

    async with ja.open_jobs() as jobs:
        with monkeypatch.context() as patched:
            patched.setattr(ja.lowlevel, "attach", refuse)
            assert VIEW not in (shown.mimebundle(jobs) or {})
        assert VIEW in (shown.mimebundle(jobs) or {})


async def test_after_the_end_what_was_shown_is_shown_again(
    in_kernel: None, comms: list[RecordingComm]
) -> None:
    """The board stays; a job that was never shown is a table."""
    shown = NotebookDisplay()
    async with ja.open_jobs() as jobs:
        job = jobs.submit(trio.sleep, 0)
        board = model_id(shown.mimebundle(jobs))
    assert model_id(shown.mimebundle(jobs)) == board
    bundle = shown.mimebundle(job)
    assert bundle is not None
    assert VIEW not in bundle
    assert "succeeded" in str(bundle["text/plain"])


def test_displaying_is_what_imports_the_widgets() -> None:
    """`import jobactors_widgets` costs no ipywidgets: that takes seconds on a busy machine."""
    code = "import sys, jobactors_widgets; sys.exit('ipywidgets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
