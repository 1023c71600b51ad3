"""Pages that rest between tests: a loaded application costs three seconds of processor time.

A test gets a page that has opened and closed other notebooks before.  In JupyterLab that is the
page of a user; a user's Notebook 7 has a page for each notebook, as the tests have that load it
again.  What a page may have left is taken back: its notebooks, what it has stored, its size and
colours.  One that has more than that, such as a dialog or an open sidebar, goes to an empty page of
the same site: the next test loads the application anew, but the browser has its scripts, compiled.
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
    await app.serviceManager.sessions.refreshRunning();
    return true;
}"""
FORGET = "() => { sessionStorage.clear(); localStorage.clear(); }"


class RestingPages:
    """The pages that no test uses at the moment, by their server.

    One of each server has the application: two would both listen to the kernels of a test.
    """

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._loaded: dict[str, Page] = {}
        self._empty: dict[str, Page] = {}

    def take(self, server: LabServer) -> tuple[Page, bool]:
        """Return a page for notebooks of a server, and whether its application is loaded."""
        if page := self._loaded.pop(server.url, None):
            return page, True
        if page := self._empty.pop(server.url, None):
            return page, False
        return self._browser.new_context(viewport=VIEWPORT).new_page(), False

    def give_back(self, notebook: Notebook, *, may_rest: bool) -> None:
        """End the notebook's kernel, and let its page rest or close it."""
        page, url = notebook.page, notebook.server.url
        notebook.leave()
        notebook.server.end_session(notebook.path)
        try:
            if may_rest and self._rest(page, url):
                return
        except Error:  # such as a page that has crashed
            pass
        page.context.close()

    def _rest(self, page: Page, url: str) -> bool:
        if len(page.context.pages) > 1:
            return False
        is_loaded = url not in self._loaded and page.evaluate(CLOSE_NOTEBOOKS)
        if not is_loaded:
            if url in self._empty:
                return False
            page.goto(f"{url}/api")  # the same site: the same process
        page.evaluate(FORGET)
        page.set_viewport_size(VIEWPORT)
        page.emulate_media(color_scheme="null", media="null", reduced_motion="null")
        (self._loaded if is_loaded else self._empty)[url] = page
        return True
