"""JupyterLab and Notebook 7 for tests: a server of their own, and a notebook as a page object.

Nothing here sleeps: what takes time is waited for by a condition, with a bound. Cells are run
through the application's own command, because a click and Ctrl-Enter is lost when the notebook
has just moved the focus (seen in 2 of 8 runs; the command in 0 of 8).
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, ViewportSize, expect

from tests.browser.older_kernels import install_older_kernels
from tests.isolation import isolated_environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from playwright.sync_api import Playwright

App = Literal["lab", "notebook"]

CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
VIEWPORT = ViewportSize(width=1280, height=800)
ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / ".screenshots"

START_SECONDS = 90
STOP_SECONDS = 15
READY_MS = 90_000
UNHEARD_MS = 20_000
"""How long a cell that does not end may have been asked for in vain."""

# The one notebook that is in front: Lab hides the others in the page.
FRONT = ".jp-NotebookPanel:not(.lm-mod-hidden)"
KERNEL_IDLE = f"{FRONT} .jp-Notebook-ExecutionIndicator[data-status='idle']"

# "Idle" may be shown while the notebook still looks for its kernel: a cell run then opens a dialog.
KERNEL_FOUND = """() => {
    const context = window.jupyterapp?.shell.currentWidget?.sessionContext;
    return Boolean(context?.isReady && context.session?.kernel);
}"""

# A message before the kernel's first answer waits in the page, and a reload loses it.
# (Playwright waits for no promise in `wait_for_function`, hence the limit in here.)
KERNEL_ANSWERED = """limit => Promise.race([
    window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.info.then(() => null),
    new Promise((_, fail) => setTimeout(() => fail(new Error('the kernel is silent')), limit)),
])"""

# ipykernel before 7.4 may not notice a request until another client connects to it.
CONNECT_AGAIN = """() => new Promise(done => {
    const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
    const where = `${kernel.serverSettings.wsUrl}api/kernels/${kernel.id}/channels`;
    const socket = new WebSocket(where);
    socket.onopen = socket.onerror = () => { socket.close(); done(); };
})"""

# Without `_noref` Notebook 7 opens another window; the address is what a reload goes to.
OPEN_IN_PAGE = """([path, address]) => {
    const options = address ? { ref: '_noref' } : {};
    if (address) history.replaceState(null, '', address);
    return window.jupyterapp.commands.execute('docmanager:open', { path, options })
        .then(() => null);
}"""

# A cell's number is cleared first: then a prompt that is not empty means *this* run was accepted,
# and a number means that it ended. The command's promise lasts as long as the cell: not awaited.
RUN_CELL = """index => {
    const panel = window.jupyterapp.shell.currentWidget;
    panel.content.activeCellIndex = index;
    panel.content.deselectAll();
    panel.content.activeCell.model.sharedModel.execution_count = null;
    void window.jupyterapp.commands.execute('notebook:run-cell');
}"""

# Raised by Notebook 7 itself while it loads its settings, whatever they are; and by the core of
# JupyterLab, now and then, in the first page of a server.
NOT_OURS = (
    "Cannot read properties of undefined (reading 'schema')",
    "Failed to execute 'removeChild' on 'Node'",
)

SETTINGS: Mapping[str, object] = {
    # Otherwise a question about Jupyter's news covers the page.
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    # Every cell is in the page, also those below the fold.
    "notebook-extension/tracker": {"windowingMode": "none"},
}


def launch_chromium(playwright: Playwright, program: str, home: Path) -> Browser:
    """Launch a headless Chromium that writes only below `home`."""
    return playwright.chromium.launch(
        executable_path=program,
        args=list(CHROMIUM_FLAGS),
        env=dict(isolated_environment(home)),
        ignore_default_args=["--hide-scrollbars"],  # users have them, and they take room
    )


@dataclass(frozen=True)
class LabServer:
    """A running Jupyter server with directories of its own."""

    app: App
    url: str
    root: Path
    """The folder of its notebooks; the kernels' working directory."""
    log: Path

    def write_notebook(self, path: str, cells: Sequence[str], kernel: str = "python3") -> Path:
        """Write a notebook of code cells below `root`, and return where."""
        where = self.root / path
        where.parent.mkdir(parents=True, exist_ok=True)
        return write_notebook(where, cells, kernel)

    def request(self, method: str, path: str, body: object = None) -> Any:
        """Call the server's REST interface (`"/api/kernels"`) and return its JSON, if any."""
        data = json.dumps(body).encode() if body else b"" if method == "POST" else None
        asked = urllib.request.Request(self.url + path, method=method, data=data)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def start_session(self, path: str, kernel: str = "python3") -> None:
        """Start the kernel of a notebook, as opening it does."""
        body = {"path": path, "name": Path(path).name, "type": "notebook"}
        self.request("POST", "/api/sessions", body | {"kernel": {"name": kernel}})

    def end_session(self, path: str) -> None:
        """Shut the kernel of one notebook down, if it has one."""
        for session in self.request("GET", "/api/sessions"):
            if session["path"] == path:
                self.request("DELETE", f"/api/sessions/{session['id']}")


@contextlib.contextmanager
def run_server(
    folder: Path, app: App = "lab", env: Mapping[str, str] | None = None
) -> Iterator[LabServer]:
    """Run a Jupyter server that reads and writes only below `folder`, until the block ends.

    Args:
        folder: an empty folder; notebooks go to `notebooks/` in it.
        app: `"lab"` for JupyterLab, `"notebook"` for Notebook 7.
        env: more environment variables for the server and its kernels, such as PYTHONPATH.
    """
    root, log = folder / "notebooks", folder / "server.log"
    root.mkdir(parents=True)
    environ = _environment(folder / "home") | dict(env or {})
    # First of all places: an editable install holds copies, as old as the last `pip install`.
    share = install_labextension(folder / "share")
    install_older_kernels(share)
    environ["JUPYTER_PATH"] = str(share)
    url = f"http://127.0.0.1:{free_port()}"
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(app, url, root),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environ,
            cwd=root,
            start_new_session=True,
        )
    try:
        _wait_until_up(process, url, log)
        yield LabServer(app, url, root, log)
    finally:
        _stop(process)


def install_labextension(share: Path) -> Path:
    """Copy the labextension of this checkout below `share`, as a wheel would; return `share`."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    for source, target in build["targets"]["wheel"]["shared-data"].items():
        where = share / Path(target).relative_to("share/jupyter")
        where.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, where)
        else:
            shutil.copy(ROOT / source, where)
    return share


def _command(app: App, url: str, root: Path) -> list[str]:
    program = "JupyterNotebookApp" if app == "notebook" else "LabApp"
    command = [
        *(sys.executable, "-m", "jupyter", app, "--no-browser"),
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={url.rpartition(':')[2]}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}",
        "--ServerApp.disable_check_xsrf=True",
        "--IdentityProvider.token=",
        f"--{program}.expose_app_in_browser=True",  # gives the page window.jupyterapp
    ]
    return [*command, "--allow-root"] if os.geteuid() == 0 else command


def _environment(home: Path) -> dict[str, str]:
    for name, settings in SETTINGS.items():
        path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))
    return isolated_environment(home) | {
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }


def free_port() -> int:
    """Return a port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_up(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    # The process is waited for in short turns: its end is noticed, and the turns pace the asking.
    for _turn in range(START_SECONDS * 10):
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(f"{url}/api", timeout=5).close()
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = process.wait(0.1)
            raise RuntimeError(f"Jupyter ended with {code} before it was up:\n{log.read_text()}")
    raise RuntimeError(f"Jupyter was not up within {START_SECONDS} s:\n{log.read_text()}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.terminate()  # the server ends its kernels itself
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def write_notebook(path: Path, cells: Sequence[str], kernel: str = "python3") -> Path:
    """Write a notebook of code cells, with the kernel named so that no dialog asks for one."""
    code_cells: list[dict[str, object]] = [
        {
            "cell_type": "code",
            "id": f"cell-{index}",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": source,
        }
        for index, source in enumerate(cells)
    ]
    kernelspec = {"name": kernel, "display_name": kernel, "language": "python"}
    document = {
        "cells": code_cells,
        "metadata": {"kernelspec": kernelspec, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.write_text(json.dumps(document))
    return path


@dataclass
class Notebook:
    """One notebook open in one page: what a user does with it and sees of it."""

    server: LabServer
    path: str
    page: Page
    console_errors: list[str] = field(default_factory=list)
    """The errors of the page since it was opened, uncaught exceptions included."""
    _is_left: bool = False

    def __post_init__(self) -> None:
        self.page.on("console", self._heard_console)
        self.page.on("pageerror", lambda error: self._heard(f"uncaught: {error.stack or error}"))

    def _heard_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self._heard(f"{message.text} ({message.location.get('url', '')})")

    def _heard(self, error: str) -> None:
        if not self._is_left and not any(known in error for known in NOT_OURS):
            self.console_errors.append(error)

    def leave(self) -> None:
        """Hear no more of the page: it is another notebook's."""
        self._is_left = True

    def open(self, *, wait_idle: bool = True, is_loaded: bool = False) -> None:
        """Go to the notebook; come back when it is shown and, by default, its kernel is idle.

        Args:
            wait_idle: not for a kernel that is busy.
            is_loaded: the application is there already, with no notebook.
        """
        lab = self.server.app == "lab"
        if is_loaded:
            address = None if lab else f"{self.server.url}/notebooks/{self.path}"
            self.page.evaluate(OPEN_IN_PAGE, [self.path, address])
            self._wait_ready(wait_idle=wait_idle)
            return
        # Lab remembers its tabs from page to page; `reset` begins with this one alone.
        tail = f"/lab/tree/{self.path}?reset" if lab else f"/notebooks/{self.path}"
        self.page.goto(self.server.url + tail)
        self._wait_ready(wait_idle=wait_idle)

    def reload(self, *, wait_idle: bool = True) -> None:
        """Load the page again; with `wait_idle=False` also in the middle of a busy cell."""
        self.page.reload()
        self._wait_ready(wait_idle=wait_idle)

    def _wait_ready(self, *, wait_idle: bool) -> None:
        if self.server.app == "lab":
            self.page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=READY_MS)
        self.page.wait_for_selector(f"{FRONT} .jp-Cell", timeout=READY_MS)
        if wait_idle:
            self.wait_idle()

    def wait_idle(self, timeout_ms: float = READY_MS) -> None:
        """Wait until the kernel is connected and idle."""
        self.page.wait_for_selector(KERNEL_IDLE, timeout=timeout_ms)

    def cell(self, index: int) -> Locator:
        """Return a cell, counted from 0."""
        return self.page.locator(f"{FRONT} .jp-Notebook .jp-Cell").nth(index)

    def prompt(self, index: int) -> Locator:
        """Return a cell's prompt: `[ ]:`, `[*]:` while it waits or runs, `[3]:` when it has run."""
        return self.cell(index).locator(".jp-InputPrompt")

    def run_cell(self, index: int) -> None:
        """Run a cell; come back when the kernel has been asked to, not when the cell has ended.

        Right after a reload in the middle of a busy cell that is when that cell has ended.
        """
        self.page.wait_for_function(KERNEL_FOUND, timeout=READY_MS)
        self.page.evaluate(KERNEL_ANSWERED, READY_MS)
        begun = re.compile(r"\[(\*|\d+)\]:")
        with contextlib.suppress(AssertionError):
            self.page.evaluate(RUN_CELL, index)
            expect(self.prompt(index)).to_have_text(begun)
            return
        # A command is lost now and then while a page connects again: once more, as a person would.
        self.page.evaluate(RUN_CELL, index)
        expect(self.prompt(index)).to_have_text(begun)

    def wait_running(self, index: int, timeout_ms: float = READY_MS) -> None:
        """Wait until a cell waits for its turn or runs."""
        expect(self.prompt(index)).to_have_text("[*]:", timeout=timeout_ms)

    def wait_done(self, index: int, timeout_ms: float = READY_MS) -> None:
        """Wait until a cell has ended, well or badly."""
        ended, prompt = re.compile(r"\[\d+\]:"), expect(self.prompt(index))
        with contextlib.suppress(AssertionError):
            prompt.to_have_text(ended, timeout=min(timeout_ms, UNHEARD_MS))
            return
        self.page.evaluate(CONNECT_AGAIN)
        prompt.to_have_text(ended, timeout=timeout_ms)

    def run_and_wait(self, index: int, timeout_ms: float = READY_MS) -> str:
        """Run a cell to its end and return the text below it."""
        self.run_cell(index)
        self.wait_done(index, timeout_ms)
        return self.output(index)

    def outputs(self, index: int) -> Locator:
        """Return the outputs below a cell."""
        return self.cell(index).locator(".jp-OutputArea-output")

    def output(self, index: int) -> str:
        """Return the text below a cell as it is shown, without the space around each output."""
        return "\n".join(text.strip() for text in self.outputs(index).all_inner_texts())

    def save(self) -> None:
        """Save the notebook; come back when it is on disk."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")

    def kernel_id(self) -> str:
        """Return the id under which the server knows this notebook's kernel."""
        sessions = self.server.request("GET", "/api/sessions")
        return next(str(s["kernel"]["id"]) for s in sessions if s["path"] == self.path)

    def screenshot(self, name: str) -> Path:
        """Take a picture of the page into `.screenshots/`, and return where it is."""
        SCREENSHOTS.mkdir(exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path)
        return path
