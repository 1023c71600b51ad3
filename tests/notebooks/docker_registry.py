"""Find Debian's docker-registry for the tests or, run as a program, get it and print where it is.

`make test` runs this and hands the answer to the tests as JOBACTORS_REGISTRY; the tests themselves
only look, so that a bare `pytest` never fetches anything. It is unpacked into `.tools/` and not
installed: that needs no rights, and starts no service of its own on this machine.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

VARIABLE = "JOBACTORS_REGISTRY"
PROGRAM = "docker-registry"
OWN_PROGRAM = Path(__file__).resolve().parents[2] / ".tools" / PROGRAM

CURE = """\
The tests of the model download need Debian's docker-registry, and none was found. One helps of:
  - on Debian and its like: apt-get install docker-registry, or `make test` with a network;
  - JOBACTORS_REGISTRY=/path/to/docker-registry make test, with the program from elsewhere
    (https://github.com/distribution/distribution; its releases call it `registry`)."""


class NoRegistryError(RuntimeError):
    """There is no docker-registry; the message names the way to get one."""


def find_registry() -> str:
    """Return the path of a docker-registry: the one the environment names, else the system's.

    Raises:
        NoRegistryError: there is none.
    """
    places = (os.environ.get(VARIABLE, ""), PROGRAM, str(OWN_PROGRAM))
    for place in places:
        if found := shutil.which(place):
            return found
    raise NoRegistryError(CURE)


def fetch_registry() -> None:
    """Unpack the program out of Debian's package, if apt-get can be had."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return
    _say("fetching docker-registry with apt-get …")
    with tempfile.TemporaryDirectory() as folder:
        download = ["apt-get", "-qq", "download", PROGRAM]
        if not _succeeds(download, folder) and _succeeds([*_as_root(), "apt-get", "-qq", "update"]):
            _succeeds(download, folder)
        for package in Path(folder).glob(f"{PROGRAM}_*.deb"):
            _succeeds(["dpkg-deb", "-x", str(package), folder])
        unpacked = Path(folder, "usr", "bin", PROGRAM)
        if unpacked.is_file():
            OWN_PROGRAM.parent.mkdir(exist_ok=True)
            partial = OWN_PROGRAM.with_suffix(".part")
            shutil.copy(unpacked, partial)
            partial.replace(OWN_PROGRAM)


def _as_root() -> Sequence[str]:
    return () if os.geteuid() == 0 else ("sudo", "-n")


def _succeeds(command: Sequence[str], folder: str | None = None) -> bool:
    # stdout carries our answer, so the output of the programs goes to stderr.
    try:
        return not subprocess.run(command, cwd=folder, stdout=sys.stderr, check=False).returncode
    except OSError:  # there is no sudo
        return False


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Print where docker-registry is, after getting it if need be; print the cure if it is not."""
    try:
        find_registry()
    except NoRegistryError:
        fetch_registry()
    try:
        print(find_registry())
    except NoRegistryError as none_found:
        _say(str(none_found))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
