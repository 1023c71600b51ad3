"""The grammar of the command line: its subcommands, their arguments, and who serves each.

``SUBCOMMANDS`` is the one table; a new subcommand has its line there.  Nothing that a subcommand
needs is imported for ``--help``.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import Struct

from . import subcommand_arguments as arguments

if TYPE_CHECKING:
    Parser = argparse.ArgumentParser

STATUSES: Final = """\
exit status:
  0    done
  1    the job has failed, or the command was refused
  2    the command line makes no sense
  3    there is no such job
  4    the store cannot be read or written
  5    another process owns the store, and does not answer
  130  ended by Ctrl-C; of worker and serve, which go on until then: 0
  run  the status of the command itself: 128 + n if signal n ended it, 127 if there is no such
       command"""

STORES: Final = """\
A store is the file of ja.start(store="jobs.db"), or the notebook whose jobs are meant. It is given
as STORE or with --store; default: $JOBACTORS_STORE, else jobs.db in this folder. A job is named by
its id, or by the beginning of one."""


def run_handler(given: argparse.Namespace) -> int:
    """Import the function that serves a parsed command line, and call it."""
    module, _, function = given.handler.partition(".")
    loaded = importlib.import_module(f"jobactors.hosts.shell.{module}")
    return cast("int", getattr(loaded, function)(given))


class Subcommand(Struct, frozen=True):
    """One subcommand of the command line."""

    name: str
    help: str
    """Its effect, in a line."""
    handler: str
    """The module below ``hosts/shell``, and its function: takes the namespace, returns a status."""
    add_arguments: Callable[[Parser], None]
    description: str = ""
    """More than that line, for its own ``--help``."""


SUBCOMMANDS: Final = (
    Subcommand(
        "run",
        "run a command as a job in this terminal",
        "run.run",
        arguments.of_run,
        "Run a command as a job: a bar with its time and its last line, its output above, its exit "
        "status passed through. Ctrl-C interrupts the command; once more ends it. Of this terminal "
        "it reads nothing, unless -i gives it to the command; a pipe or file is passed on.",
    ),
    Subcommand(
        "list",
        "list the jobs of a store",
        "reading.show_list",
        arguments.of_list,
        "List the jobs: the unfinished ones, then the newest that have ended.",
    ),
    Subcommand("show", "show one job", "reading.show_job", arguments.of_show),
    Subcommand(
        "logs",
        "print the log of a job",
        "reading.show_log",
        arguments.of_logs,
        "Print what a job has printed and logged, from the process that runs it. When that has "
        "ended, the job's event log is printed: a store holds that alone.",
    ),
    Subcommand(
        "history", "list ended jobs, newest first", "reading.show_history", arguments.of_history
    ),
    Subcommand(
        "resumable",
        "list the work that can go on",
        "reading.show_resumable",
        arguments.of_resumable,
        "List the jobs that rest interrupted, and those that ended without success and left a "
        "checkpoint, each with its percentage and age.",
    ),
    Subcommand(
        "schedules",
        "list the schedules, and when each runs next",
        "measuring.show_schedules",
        arguments.of_resumable,
    ),
    Subcommand(
        "templates",
        "list the templates: job types with arguments, under a name",
        "measuring.show_templates",
        arguments.of_templates,
        "List the templates. `jobactors submit --template NAME` submits a job of one.",
    ),
    Subcommand(
        "metrics",
        "show how many jobs ended, how, and how long they took",
        "measuring.show_metrics",
        arguments.of_metrics,
    ),
    Subcommand(
        "resume",
        "let interrupted or paused jobs go on",
        "commanding.resume",
        arguments.of_resume,
        "Let jobs go on in the process that owns the store. If none does, they are marked, and "
        "worked through here until they have ended. One that has ended and left a checkpoint goes "
        "on as a new job.",
    ),
    Subcommand("pause", "pause jobs", "commanding.pause", arguments.of_command),
    Subcommand(
        "discard", "end interrupted jobs for good", "commanding.discard", arguments.of_command
    ),
    Subcommand("cancel", "ask jobs to end", "commanding.cancel", arguments.of_cancel),
    Subcommand(
        "submit",
        "submit a job by the name of its type",
        "commanding.submit",
        arguments.of_submit,
        "Submit a job to the process that owns the store. If none does, it is stored, and the next "
        "worker starts it.",
    ),
    Subcommand(
        "worker",
        "open a store and work through what is in it",
        "working.work",
        arguments.of_worker,
        "Own a store and run its jobs, and those that are submitted meanwhile, until Ctrl-C, "
        "SIGTERM or SIGHUP.",
    ),
    Subcommand(
        "serve",
        "serve the jobs of a store over HTTP",
        "serving_store.serve",
        arguments.of_serve,
        "Serve a page with the board, JSON, and a stream of changes, until Ctrl-C. If a process "
        "owns the store, that process serves; otherwise it is opened here, its jobs at rest until "
        "they are resumed.",
    ),
    Subcommand(
        "demo",
        "show six toy jobs in this terminal",
        "demo.show",
        arguments.none,
        "Run six toy jobs. Keys: p pauses or resumes them all, c cancels the one at work longest, "
        "q ends the demo.",
    ),
    Subcommand(
        "tour",
        "copy the notebooks of the tour, and open JupyterLab",
        "tour.open_tour",
        arguments.of_tour,
    ),
    Subcommand(
        "completion",
        "print the completion of a shell",
        "completion.print_script",
        arguments.of_completion,
    ),
)
"""All subcommands, in the order of ``--help``."""


class _ShowVersion(argparse.Action):
    """Prints the version, which costs an import that nothing else needs."""

    def __call__(self, parser: Parser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"jobactors {version('jobactors')}")  # noqa: T201 - what was asked for
        parser.exit()


def make_parser() -> Parser:
    """Return the parser of the whole command line."""
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="jobactors",
        description=f"Jobs on the command line.\n\n{STORES}",
        epilog=STATUSES,
        formatter_class=plain,
    )
    parser.add_argument(
        "--version", action=_ShowVersion, nargs=0, help="print the version and exit"
    )
    family = parser.add_subparsers(
        dest="subcommand", required=True, metavar="COMMAND", title="commands"
    )
    for one in SUBCOMMANDS:
        description = f"{one.description or one.help[:1].upper() + one.help[1:] + '.'}"
        child = family.add_parser(one.name, help=one.help, description=description)
        one.add_arguments(child)
        child.set_defaults(handler=one.handler, parser=child)
    return parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse a command line; ends the program for one that makes no sense, and for ``--help``."""
    return make_parser().parse_args(arguments)
