"""``python -m jobactors run command …``: any command as a job in this terminal."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line's subcommand; return the exit status."""
    parser = argparse.ArgumentParser(prog="jobactors", description="Jobs on the command line.")
    subcommands = parser.add_subparsers(dest="subcommand", required=True)
    run = subcommands.add_parser(
        "run",
        help="run a command as a job in this terminal",
        description="Run a command as a job: a bar with its time and its last line, its output "
        "above, its exit status passed through. Ctrl-C interrupts the command; once more ends it.",
        usage="%(prog)s [-h] [--name NAME] [--] command [argument ...]",
    )
    run.add_argument("--name", default="", help="what the job is called (default: the command)")
    run.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not command:
        run.error("which command?")
    from jobactors.hosts.command_line import run_command  # --help needs no event loop

    return run_command(command, name=given.name)


if __name__ == "__main__":
    sys.exit(main())
