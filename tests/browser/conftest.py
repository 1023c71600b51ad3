"""Fixtures for the browser tests: one Chromium and one server of a kind for the whole run.

A test asks for `open_notebook` and gets pages; a test that fails leaves a picture of each of its
pages in `.screenshots/`.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Protocol

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.browser.chromium import NoChromiumError, find_chromium
from tests.browser.lab import App, LabServer, Notebook, launch_chromium, run_server
from tests.browser.resting_pages import RestingPages

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

FAILED = pytest.StashKey[bool]()
PATIENT_MS = 60_000
"""The bound of every `expect`: it delays a failure alone, and a busy machine may need it."""


class StartServer(Protocol):
    """The type of the fixture `lab_server`."""

    def __call__(self, app: App = "lab") -> LabServer:
        """Return a running server; the same one for the same application."""


class OpenNotebook(Protocol):
    """The type of the fixture `open_notebook`."""

    def __call__(
        self,
        cells: Sequence[str] | None,
        *,
        path: str | None = None,
        app: App = "lab",
        kernel: str = "python3",
        wait_idle: bool = True,
    ) -> Notebook:
        """Open a notebook in a browser window of its own, which other tests may have had before.

        Args:
            cells: the sources of its code cells; None opens the `path` that is there.
            path: where it is below the server's root; by default named after the test.
            app: `"lab"` or `"notebook"`.
            kernel: the name of its kernel: the newest ipykernel, or an `older_kernel`.
            wait_idle: come back only when the kernel is idle; not for a busy one.
        """


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium; without one the tests fail and name the cure."""
    try:
        program = find_chromium()
    except NoChromiumError as none_found:
        pytest.fail(str(none_found), pytrace=False)
    expect.set_options(timeout=PATIENT_MS)
    with sync_playwright() as playwright:
        browser = launch_chromium(playwright, program, tmp_path_factory.mktemp("chromium"))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """Start Jupyter servers on demand; they live until the last test has run."""
    servers: dict[App, LabServer] = {}
    with contextlib.ExitStack() as running:

        def start(app: App = "lab") -> LabServer:
            if app not in servers:
                folder = tmp_path_factory.mktemp(app)
                servers[app] = running.enter_context(run_server(folder, app))
            return servers[app]

        yield start


@pytest.fixture(scope="session")
def resting_pages(chromium: Browser) -> RestingPages:
    """The pages that passed tests have left; they close with the browser."""
    return RestingPages(chromium)


@pytest.fixture
def open_notebook(
    request: pytest.FixtureRequest, lab_server: StartServer, resting_pages: RestingPages
) -> Iterator[OpenNotebook]:
    """Open notebooks; afterwards their windows are left and their kernels shut down."""
    opened: list[Notebook] = []
    own_name = re.sub(r"\W+", "-", request.node.name).strip("-")

    def open_one(
        cells: Sequence[str] | None,
        *,
        path: str | None = None,
        app: App = "lab",
        kernel: str = "python3",
        wait_idle: bool = True,
    ) -> Notebook:
        server = lab_server(app)
        where = path or f"{own_name}.ipynb"
        if cells is not None:
            server.write_notebook(where, cells, kernel)
            server.start_session(where, kernel)  # the kernel starts while the page is loaded
        page, is_loaded = resting_pages.take(server)
        notebook = Notebook(server, where, page)
        opened.append(notebook)
        notebook.open(wait_idle=wait_idle, is_loaded=is_loaded)
        return notebook

    yield open_one
    has_failed = request.node.stash.get(FAILED, False)
    if has_failed:
        for number, notebook in enumerate(opened):
            notebook.screenshot(f"failed-{own_name}-{number}")
    for notebook in opened:
        resting_pages.give_back(notebook, may_rest=not has_failed)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember a failure, for the pictures that `open_notebook` takes."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report
