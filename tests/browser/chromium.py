"""Find a Chromium for the browser tests or, run as a program, get one and print where it is.

`make test` runs this file and hands the answer to the tests as JOBACTORS_CHROMIUM; the tests
themselves only look, so that a bare `pytest` never installs anything.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VARIABLES = ("JOBACTORS_CHROMIUM", "CHROMIUM")
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_PROGRAM = "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"
OWN_BROWSERS = Path(__file__).resolve().parents[2] / ".chromium"
OWN_PROGRAMS = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
)

CURE = """\
The browser tests need a Chromium, and none was found that runs. One of these helps:
  - install Chromium or Chrome (Debian: apt-get install chromium);
  - CHROMIUM=/path/to/chromium make test;
  - `make test` with a network: it fetches one, by apt-get where it may, else by Playwright."""


class NoChromiumError(RuntimeError):
    """No Chromium that runs was found; the message names the way to get one."""


def find_chromium() -> str:
    """Return the first Chromium that runs: the one named by the environment, else the system's.

    Raises:
        NoChromiumError: there is none, or the one the environment names does not run.
    """
    for variable in VARIABLES:
        if named := os.environ.get(variable):
            if _runs(named):
                return named
            raise NoChromiumError(f"{variable}={named} does not run.\n{CURE}")
    for program in _candidates():
        if _runs(program):
            return program
    raise NoChromiumError(CURE)


def _candidates() -> Iterator[str]:
    for name in PROGRAMS:
        if found := shutil.which(name):
            yield found
    yield MAC_PROGRAM
    for pattern in (
        "chromium-*/chrome-linux*/chrome",
        "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
    ):
        yield from (str(path) for path in sorted(OWN_BROWSERS.glob(pattern), reverse=True))


def _runs(program: str) -> bool:
    # Asking for the version also finds the placeholder that only prints "install the snap",
    # and a browser whose libraries are missing.
    try:
        asked = subprocess.run([program, "--version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def install_chromium() -> None:
    """Get a Chromium: from Debian's packages where that is allowed, else from Playwright."""
    if _apt_install():
        return
    _say("fetching Chromium with Playwright into .chromium/ …")
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    _succeeds(command, PLAYWRIGHT_BROWSERS_PATH=str(OWN_BROWSERS))


def _apt_install() -> bool:
    apt_get = shutil.which("apt-get")
    if apt_get is None:
        return False
    if os.geteuid() == 0:
        as_root: Sequence[str] = ()
    elif shutil.which("sudo") and _succeeds(["sudo", "-n", "true"]):
        as_root = ("sudo", "-n")
    else:
        return False
    _say("installing Chromium with apt-get …")
    quiet = ("env", "DEBIAN_FRONTEND=noninteractive", apt_get, "-qq", "-y")
    _succeeds([*as_root, *quiet, "update"])  # a source that fails need not be the one we want
    installed = _succeeds([*as_root, *quiet, "install", "--no-install-recommends", "chromium"])
    return installed and any(map(_runs, _candidates()))


def _succeeds(command: Sequence[str], **env: str) -> bool:
    # stdout carries our answer, so the output of the installers goes to stderr.
    ran = subprocess.run(command, env=os.environ | env, stdout=sys.stderr, check=False)
    return ran.returncode == 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Print a Chromium's path, after getting one if need be; print the cure if there is none."""
    named = any(os.environ.get(variable) for variable in VARIABLES)
    try:
        if not named and not any(map(_runs, _candidates())):
            install_chromium()
        print(find_chromium())
    except NoChromiumError as none_found:
        _say(str(none_found))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
