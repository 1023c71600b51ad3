"""Another office, in a process of its own: its jobs are reports, and it serves them over HTTP.

It is a program of jobactors like any other, and its door is ``jobs.serve()``.  It ends when its
standard input does: with the program that has started it, whatever becomes of that.
"""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import jobactors as ja

REPORTS = 45
_PATIENCE = 200


def report(number: int) -> str:
    """Write a report."""
    return f"report {number}: nothing unusual"


@dataclass(frozen=True)
class Office:
    """An office at work: where it answers, and to whom."""

    process: "subprocess.Popen[str]"
    address: str
    token: str

    def close(self) -> None:
        """Let it end."""
        self.process.communicate()


_open: dict[Path, Office] = {}
"""The offices of this program, by their folders."""


def open_office(folder: str | Path) -> Office:
    """Start an office, and return when it answers; opened again it has the same address.

    One that this program has opened before, in the same folder, is closed first.

    Args:
        folder: For its jobs, and for ``address.json``, its address and token; made if need be.

    Raises:
        RuntimeError: It did not start: another program has it open.
    """
    folder = Path(folder).resolve()
    if earlier := _open.pop(folder, None):
        earlier.close()
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, __file__, str(folder)],
        stdin=pipe,
        stdout=pipe,
        text=True,
        start_new_session=True,  # a kernel's Interrupt is not meant for it
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    try:
        office = Office(process, **json.loads(said))
    except ValueError:
        raise RuntimeError(f"The office did not start: {said}") from None
    _open[folder] = office
    return office


def _start(store: Path) -> ja.Jobs:
    """Open the jobs, once an earlier office, whose program was killed, has let go of them."""
    for _ in range(_PATIENCE):
        try:
            return ja.start(display=None, store=store, recover="auto")
        except ja.StoreBusy:
            time.sleep(0.1)
    return ja.start(display=None, store=store, recover="auto")


def main() -> None:
    """Write the first reports, and serve all until the standard input ends."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    known = folder / "address.json"
    before = json.loads(known.read_text()) if known.exists() else {"address": "", "token": None}
    ja.job("report")(report)  # here alone: a program that starts an office writes no reports
    try:
        jobs = _start(folder / "jobs.db")
    except ja.StoreBusy as busy:
        print(busy)
        return
    for number in range(REPORTS):
        if jobs.latest("report", f"report {number}") is None:
            jobs.options(subject=f"report {number}").submit(report, number).wait().result()
    server = jobs.serve(f"127.0.0.1:{urlsplit(before['address']).port or 0}", before["token"])
    there = json.dumps({"address": server.url, "token": server.token})
    known.touch(mode=0o600)
    known.write_text(there)
    print(there, flush=True)
    sys.stdin.read()
    ja.stop(0)


if __name__ == "__main__":
    main()
