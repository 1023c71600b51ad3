"""The board as a page of its own, in a real browser: a login, live rows, commands, two tabs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Page, expect

import jobactors as ja
from tests.browser.lab import SCREENSHOTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage

EVIL = "<img src=x onerror=alert(1)><b>bold</b>"


@pytest.fixture
def jobs() -> Iterator[ja.Jobs]:
    """A job system of this process."""
    yield ja.start(max_running=6, display=None, unread_failures="ignore")
    ja.stop(0)


class Talking:
    """A job that reports its progress whenever a test lets it."""

    def __init__(self, jobs: ja.Jobs, name: str) -> None:
        self._steps = threading.Semaphore(0)
        self.job = jobs.options(name=name, subject="wiki").submit(self._work)

    def _work(self) -> None:
        for done in range(1, 11):
            ja.progress(done, 10, unit="pages", message=f"page {done}")
            ja.current_job().write_log(f"read page {done}\n", "out")
            while not self._steps.acquire(timeout=0.02):
                ja.current_job().check()

    def step(self) -> None:
        """Let it report once more."""
        self._steps.release()


def watched(page: Page) -> list[str]:
    """Collect what the browser complains about: errors, and content that the policy has blocked."""
    complaints: list[str] = []

    def hear(said: ConsoleMessage) -> None:
        if said.type == "error":
            complaints.append(said.text)

    page.on("console", hear)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def row(page: Page, job: ja.Job[Any]) -> Any:
    """The row of a job."""
    return page.locator(f'.ja-row[data-job="{job.id}"]')


def opened(context: BrowserContext, server: ja.JobsServer) -> tuple[Page, list[str]]:
    """Follow a login link as a person does."""
    page = context.new_page()
    complaints = watched(page)
    page.goto(server.login_url)
    expect(page.locator(".ja-row").first).to_be_visible()
    assert "code=" not in page.url
    return page, complaints


def test_the_page_is_live_takes_commands_and_trusts_no_text(
    jobs: ja.Jobs, chromium: Browser
) -> None:
    """Rows move, a click cancels, a row unfolds its log, and a name is only text.

    A batch is one row, which unfolds its items.
    """
    work, evil = Talking(jobs, "index"), jobs.options(hold=True, name=EVIL).submit(len, "x")
    batch = jobs.options(name="resize").map(len, ["a", "bc", "def"])
    batch.result(60)
    with jobs.serve() as server:
        context = chromium.new_context(viewport={"width": 1000, "height": 600})
        page, complaints = opened(context, server)
        expect(row(page, work.job)).to_contain_text("page 1")
        work.step()
        expect(row(page, work.job)).to_contain_text("page 2")
        expect(row(page, evil)).to_contain_text("<b>bold</b>")
        # The server is a row among them; its address is a link.
        link = row(page, server.job).get_by_role("link")
        expect(link).to_have_attribute("href", server.url)
        expect(link).to_have_attribute("rel", "noopener noreferrer")

        together = page.locator(f'.ja-row[data-job="{batch.id}"]')
        expect(together).to_contain_text("3 of 3")
        expect(page.get_by_text("resize[1]")).to_have_count(0)
        expect(page.locator(".ja-head .ja-counts")).to_contain_text("6 jobs: ")
        together.get_by_role("button", name="Items of").click()
        expect(page.get_by_text("resize[1]")).to_be_visible()

        row(page, work.job).get_by_role("button", name="Details of").click()
        expect(page.locator(".ja-details").first).to_contain_text("read page 1")
        page.screenshot(path=SCREENSHOTS / "web-page-light.png")
        page.emulate_media(color_scheme="dark")
        page.screenshot(path=SCREENSHOTS / "web-page-dark.png")
        page.set_viewport_size({"width": 390, "height": 700})
        page.screenshot(path=SCREENSHOTS / "web-page-narrow.png")
        page.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
        page.set_viewport_size({"width": 1000, "height": 600})

        row(page, work.job).get_by_role("button", name="Cancel ").click()
        expect(row(page, work.job)).to_contain_text("by hand")
        assert work.job.wait().result(60).state is ja.JobState.CANCELLED
        assert complaints == []

        # A second tab of the same browser shares the stream of the first.
        feed = server.job._record.args[0]._board
        second, _ = opened(context, server)
        expect(row(second, evil)).to_be_visible()
        assert feed.clients == 1
        page.close()
        later = jobs.options(name="later").submit(len, "abc")
        expect(row(second, later)).to_contain_text("succeeded")
        context.close()
    evil.cancel()


def test_without_the_cookie_there_is_a_form_and_after_the_end_the_last_state(
    jobs: ja.Jobs, chromium: Browser
) -> None:
    """The token is typed in once; when the server ends, the page says so."""
    job = jobs.submit(len, "abc")
    job.result(60)
    server = jobs.serve()
    context = chromium.new_context()
    page = context.new_page()
    page.goto(server.url)
    page.get_by_label("Token").fill("wrong" * 5)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("not the token")
    page.get_by_label("Token").fill(server.token or "")
    page.get_by_role("button", name="Log in").click()
    expect(row(page, job)).to_contain_text("succeeded")
    server.close()
    expect(page.locator(".ja-notice")).to_contain_text("this is how the jobs stood")
    context.close()
