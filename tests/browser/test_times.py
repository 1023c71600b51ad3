"""Tests of times in rows and saved tables: they go on without a message of the kernel."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.test_panels import row

if TYPE_CHECKING:
    from tests.browser.conftest import OpenNotebook
    from tests.browser.lab import App

QUIET = """\
import trio
import jobactors as ja
jobs = ja.start()
job = jobs.options(name="wait").submit(trio.sleep_forever)
job
"""


@pytest.mark.parametrize("app", ["lab", "notebook"])
def test_the_time_of_a_quiet_job_goes_on(open_notebook: OpenNotebook, app: App) -> None:
    """In its row and on the board, which say the same, and in what is saved then."""
    notebook = open_notebook([QUIET, "jobs"], app=app)
    notebook.run_and_wait(0)
    notebook.run_and_wait(1)
    times = [row(notebook, cell, "wait").locator(".ja-time") for cell in (0, 1)]
    expect(times[0]).to_have_text(re.compile(r"0:0[3-9]|0:[1-5]\d"))
    shown = times[0].inner_text()
    expect(times[1]).not_to_have_text(re.compile("0:0[0-2]"))
    notebook.save()
    saved = json.loads((notebook.server.root / notebook.path).read_text())
    for cell in saved["cells"]:
        table = "".join(cell["outputs"][0]["data"]["text/plain"])
        found = re.search(r"\d+:\d\d$", table)
        assert found is not None
        assert found[0] >= shown
    notebook.screenshot(f"quiet-{app}")
