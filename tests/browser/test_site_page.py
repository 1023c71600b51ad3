"""The search page of the site's commands in a real browser: its task bar, and a cancel from it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.lab import SCREENSHOTS

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


def test_a_cancel_from_the_page_ends_the_command(chromium: Browser, tmp_path: Path) -> None:
    """It runs in a process of its own; the page stands in another one."""
    paths = {"SITE_DB": str(tmp_path / "site.db"), "JOBACTORS_STORE": str(tmp_path / "jobs.db")}
    environ = {**os.environ, **paths}
    programs: list[subprocess.Popen[str]] = []

    def start(*command: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        programs.append(
            subprocess.Popen(
                [sys.executable, *command],
                cwd=NOTEBOOKS, env=environ, stdout=pipe, stderr=pipe, text=True,
            )
        )  # fmt: skip
        return programs[-1]

    def first_line(program: subprocess.Popen[str]) -> str:
        assert program.stdout is not None
        return program.stdout.readline().strip()

    try:
        site = first_line(start("topics_site.py", "--port", "0", "--delay", "1"))
        page = chromium.new_page(viewport={"width": 900, "height": 600})
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.route("**/jobs/bar", lambda route: route.abort(), times=1)  # a server that is away
        page.goto(first_line(start("site_commands.py", "web", "--port", "0")))
        expect(page.get_by_role("heading", name="Search the site")).to_be_visible()
        bar = page.get_by_label("Task bar")
        expect(bar.get_by_role("list", name="Jobs")).to_be_attached()

        command = start("site_commands.py", "scrape", site, "--as-job")
        row = bar.get_by_role("listitem").filter(has_text="scrape")
        expect(row).to_contain_text(re.compile(r"running · \d+ %"), timeout=60_000)
        before = row.inner_text()
        expect(row).not_to_have_text(before, timeout=60_000)
        page.screenshot(path=SCREENSHOTS / "site-page.png")
        row.get_by_role("button", name="Cancel scrape").click()

        told = json.loads(command.communicate(timeout=60)[0])
        assert (told["success"], told["cancelled"], command.returncode) == (False, True, 1)
        expect(row).to_have_count(0, timeout=60_000)
        # A search before anything is embedded, and words that are no HTML.
        page.get_by_label("Search").fill('<b onmouseover="alert(1)">words')
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_text("run embed first")).to_be_visible()
        expect(page.get_by_label("Search")).to_have_value('<b onmouseover="alert(1)">words')
        assert complaints == []
    finally:
        for program in programs:
            program.kill()
            program.communicate()
