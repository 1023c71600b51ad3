"""``jobactors run``: any command as a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.hosts.command_line import run_command

if TYPE_CHECKING:
    import argparse


def run(given: argparse.Namespace) -> int:
    """Run a command as a job, and return its status."""
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not command:
        given.parser.error("which command?")
    return run_command(command, name=given.name)
