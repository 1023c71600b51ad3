"""``jobactors run``: any command as a job."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.hosts.command_line import run_command
from jobactors.hosts.interactive_command import refusal_of_terminal, run_interactively

from .interrupts import hear_ctrl_c
from .statuses import NO_SENSE, Complaint, explained

if TYPE_CHECKING:
    import argparse


@explained
def run(given: argparse.Namespace) -> int:
    """Run a command as a job, and return its status."""
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    if not command:
        given.parser.error("which command?")
    hear_ctrl_c()
    if given.interactive:
        if (why := refusal_of_terminal()) is not None:
            raise Complaint(why, NO_SENSE)
        return run_interactively(command, name=given.name)
    return run_command(command, name=given.name)
