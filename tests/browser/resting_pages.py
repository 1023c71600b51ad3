"""Pages that rest between tests: a loaded application costs four seconds of processor time.

A test gets a page of JupyterLab that has opened and closed other notebooks before, as that of a
user has, and one of Notebook 7 whose browser has the scripts compiled.  What a page may have left
is taken back: its notebooks, what it has stored, its size and colours.  One that has more than
that, such as a dialog or an open sidebar, is closed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import Error

from tests.browser.lab import VIEWPORT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.lab import LabServer, Notebook

# Asked for in the page of a test that has passed; true if it may be that of another.
CLOSE_NOTEBOOKS = """async () => {
    const app = window.jupyterapp;
    const isInUse = document.querySelector('.jp-Dialog, .lm-Menu, .Toastify__toast');
    if (!app?.shell || isInUse) return false;
    if (document.querySelector('#jobactors-sidebar')?.checkVisibility()) return false;
    if (Object.hasOwn(document, 'hidden')) return false;   // overridden by a test
    for (const widget of [...app.shell.widgets('main')]) {
        if (!widget.context) continue;
        widget.context.model.dirty = false;   // otherwise a question is asked
        widget.dispose();
    }
    // The server remembers it, for all later pages.
    const isDark = () => document.body.dataset.jpThemeLight !== 'true';
    const light = { theme: 'JupyterLab Light' };
    if (isDark()) await app.commands.execute('apputils:change-theme', light);
    for (let turn = 0; isDark() && turn < 100; turn++) {
        await new Promise(done => setTimeout(done, 50));
    }
    if (isDark() || document.querySelector('.jp-Dialog')) return false;
    sessionStorage.clear();
    localStorage.clear();
    await app.serviceManager.sessions.refreshRunning();
    return true;
}"""


class RestingPages:
    """The pages that no test uses at the moment, by their server."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._pages: dict[str, Page] = {}

    def take(self, server: LabServer) -> tuple[Page, bool]:
        """Return a page for notebooks of a server, and whether its application is loaded."""
        page = self._pages.pop(server.url, None)
        if page is None:
            return self._browser.new_context(viewport=VIEWPORT).new_page(), False
        return page, server.app == "lab"

    def give_back(self, notebook: Notebook, *, may_rest: bool) -> None:
        """End the notebook's kernel, and let its page rest or close it."""
        page, server = notebook.page, notebook.server
        notebook.leave()
        server.end_session(notebook.path)
        if may_rest and server.url not in self._pages and self._is_clean(notebook):
            self._pages[server.url] = page
        else:
            page.context.close()

    @staticmethod
    def _is_clean(notebook: Notebook) -> bool:
        page = notebook.page
        try:
            if len(page.context.pages) > 1 or not page.evaluate(CLOSE_NOTEBOOKS):
                return False
            page.set_viewport_size(VIEWPORT)
            page.emulate_media(color_scheme="null", media="null", reduced_motion="null")
            if notebook.server.app == "notebook":
                page.goto(f"{notebook.server.url}/api")  # the same site: the same process
        except Error:
            return False
        return True
