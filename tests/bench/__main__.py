"""``python -m tests.bench [program …]``: run programs, print one table, keep it in `.bench/`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys

from tests.bench import report
from tests.bench.harness import ROOT, Program, Results, load, run_in_turns

PROGRAMS = (
    "track_sequences",
    "track_iterables",
    "track_noticed",
    "progress",
    "hot_loop",
    "submit_result",
    "thread_jobs",
    "process_jobs",
    "durable_jobs",
    "durable_rows",
    "latency",
    "fan_out",
    "cancel",
    "memory_running",
    "memory_records",
    "import_time",
    "idle",
    "schedules",
    "measured_jobs",
    "growth",
    "corners",
    "reopen",
    "store_list",
    "http_streams",
    "board",
    "frames",
    "document_delete",
    "dask_jobs",
    "dask_hub",
)
"""In the order of design.md §7; what takes long comes last."""

LEGEND = """\
Medians, in brackets the least and the most of all rounds. Less is better. A ratio is taken within a
round; peers are ratios as well, or values where there is no floor."""


def measure(name: str, program: Program, *, smoke: bool, rounds: int | None) -> Results:
    """Run all variants of a program whose packages are installed."""
    print(f"{name}: {report.load_now()}", file=sys.stderr)
    present = [variant for variant in program.variants if variant.version is not None]
    size = program.smoke_size if smoke else program.size
    return run_in_turns(name, present, size, rounds or (1 if smoke else program.rounds))


def main() -> None:
    """Measure, print, keep."""
    os.environ.pop(
        "PYTHONDONTWRITEBYTECODE", None
    )  # an import would be measured with its compilation
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("programs", nargs="*", metavar="program", help=", ".join(PROGRAMS))
    parser.add_argument("--smoke", action="store_true", help="the smallest sizes, once")
    parser.add_argument("--rounds", type=int, help="how often; default: as each program says")
    given = parser.parse_args()
    names = given.programs or PROGRAMS
    before = report.conditions(load(name) for name in names)
    text, measured, failed = "", dict[str, Results](), list[str]()
    for name in names:
        try:
            results = measure(name, load(name), smoke=given.smoke, rounds=given.rounds)
        except (RuntimeError, subprocess.TimeoutExpired) as exc:
            print(f"{name} failed: {exc}", file=sys.stderr)  # those after it are measured as well
            failed.append(name)
            continue
        measured[name] = results
        text = document(before, measured)
        keep(text, measured)  # each time: what comes later may take too long
    print(text)
    if failed:
        sys.exit(f"could not be measured: {', '.join(failed)}")


def document(before: str, measured: dict[str, Results]) -> str:
    """Everything that was measured so far, in Markdown."""
    pairs = [(load(name), results) for name, results in measured.items()]
    header = f"{before}; afterwards {report.load_now()}"
    return "\n\n".join([report.title(), header, report.table(pairs), LEGEND])


def keep(text: str, measured: dict[str, Results]) -> None:
    """Write the table and the numbers it was made of."""
    folder = ROOT / ".bench"
    folder.mkdir(exist_ok=True)
    (folder / "table.md").write_text(text + "\n", encoding="utf-8")
    (folder / "results.json").write_text(json.dumps(measured, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
