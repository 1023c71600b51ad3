"""Tests of the third scene: a kernel died under its work, and its user clicks Resume."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.browser.conftest import OpenNotebook

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"

BEGIN = f"""\
import sys
from pathlib import Path
sys.path.insert(0, {str(NOTEBOOKS)!r})
import jobactors as ja
from film_index import build, search
from sample_tables import movies_db
work = Path(".films")
work.mkdir(exist_ok=True)
index_file = work / "index.db"
jobs = ja.start()
"""
SUBMIT = """\
import os, signal, time
job = jobs.options(subject="films", name="index films").submit(build(movies_db(), index_file))
while "Index" not in job.snapshot().progress.stages or job.snapshot().progress.fraction < 0.3:
    time.sleep(0.01)
job.stored().result(60)
os.kill(os.getpid(), signal.SIGKILL)
"""
RESULT = """\
result = jobs.latest("chain", "films").result()
print([phase.name for phase in result.phases if phase.kept_from_before])
print(search(index_file, "godfather coppola", 1))
"""
GENEROUS = 120_000


def test_work_whose_kernel_died_is_resumed_with_a_click(open_notebook: OpenNotebook) -> None:
    """A real chain over real films: the phases that had ended are not run again."""
    notebook = open_notebook([BEGIN, SUBMIT, "jobs", RESULT], path="films.ipynb")
    notebook.run_and_wait(0)
    notebook.run_cell(1)
    dialog = notebook.page.get_by_text("The kernel for films.ipynb appears to have died")
    expect(dialog).to_be_visible(timeout=GENEROUS)
    notebook.page.get_by_role("button", name=re.compile("^Ok$", re.IGNORECASE)).click()
    notebook.wait_idle()
    notebook.run_and_wait(0)
    notebook.run_and_wait(2)
    row = notebook.cell(2).locator(".ja-row").filter(has_text="index films")
    expect(row).to_have_attribute("data-state", "interrupted", timeout=GENEROUS)
    notebook.screenshot("interrupted")
    row.get_by_role("button", name=re.compile("^Resume")).click()
    expect(row).to_have_attribute("data-state", "running", timeout=GENEROUS)
    expect(row).to_have_attribute("data-state", "succeeded", timeout=GENEROUS)
    notebook.screenshot("resumed")
    said = notebook.run_and_wait(3)
    assert said == "['Metadata', 'Clear']\n[('The Godfather', 1972)]"
