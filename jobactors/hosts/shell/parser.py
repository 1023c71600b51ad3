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
  130  ended by Ctrl-C
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


def _arguments_of_run(parser: Parser) -> None:
    parser.usage = "%(prog)s [-h] [--name NAME] [-i] [--] command [argument ...]"
    parser.add_argument("--name", default="", help="the job's name (default: the command)")
    parser.add_argument(
        "-i",
        "--interactive",
        action="store_true",
        help="give the command this terminal: what is typed, Ctrl-C, and the screen, without bars",
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def _store(parser: Parser, *, positional: bool = False) -> None:
    if positional:
        parser.add_argument("store", nargs="?", metavar="STORE", help="the store, or a notebook")
    parser.add_argument(
        "-s", "--store", dest="store_option", metavar="STORE", help="the store, or a notebook"
    )


def _output(parser: Parser) -> None:
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--json",
        dest="form",
        action="store_const",
        const="json",
        help="print a JSON object a line (default unless the output is a terminal)",
    )
    form.add_argument(
        "--table", dest="form", action="store_const", const="table", help="print a table"
    )


def _filters(parser: Parser) -> None:
    parser.add_argument("--type", metavar="TYPE", help="only jobs of this type")
    parser.add_argument("--subject", metavar="TEXT", help="only jobs about this")
    parser.add_argument("-n", "--limit", type=_count, default=50, metavar="N", help="at most (50)")


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def _arguments_of_list(parser: Parser) -> None:
    _store(parser, positional=True)
    parser.add_argument(
        "--state",
        action="append",
        metavar="STATE",
        help='only jobs in this state, or "finished" or "unfinished"; may be given again',
    )
    parser.add_argument("--tag", metavar="TAG", help="only jobs with this tag")
    _filters(parser)
    _output(parser)


def _arguments_of_history(parser: Parser) -> None:
    _store(parser, positional=True)
    parser.add_argument(
        "--days", type=float, default=7.0, metavar="D", help="ended in the last so many days (7)"
    )
    _filters(parser)
    _output(parser)


def _arguments_of_resumable(parser: Parser) -> None:
    _store(parser, positional=True)
    _output(parser)


def _arguments_of_metrics(parser: Parser) -> None:
    _arguments_of_resumable(parser)
    parser.add_argument("--prometheus", action="store_true", help="print Prometheus' text format")


def _arguments_of_show(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="the job's id, or its beginning")
    _store(parser)
    _output(parser)


def _arguments_of_logs(parser: Parser) -> None:
    _arguments_of_show(parser)
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the job has ended")


def _modules(parser: Parser) -> None:
    parser.add_argument(
        "-m",
        "--module",
        action="append",
        default=[],
        metavar="MODULE",
        help="import this module or .py file first: it declares job types; may be given again",
    )


def _arguments_of_command(parser: Parser) -> None:
    parser.add_argument("id", nargs="+", metavar="ID", help="the jobs' ids, or their beginnings")
    _store(parser)
    _output(parser)


def _arguments_of_cancel(parser: Parser) -> None:
    _arguments_of_command(parser)
    parser.add_argument("--reason", default="cancelled on the command line", help="shown with it")


def _arguments_of_resume(parser: Parser) -> None:
    _arguments_of_command(parser)
    _modules(parser)


def _arguments_of_submit(parser: Parser) -> None:
    parser.add_argument("type", metavar="TYPE", help="the name of a job type")
    parser.add_argument(
        "arguments",
        nargs="?",
        default="{}",
        metavar="JSON",
        help="an object; - reads it from stdin",
    )
    parser.add_argument(
        "-o",
        "--option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of the job, such as priority=high; the value is JSON, or else a text",
    )
    _modules(parser)
    _store(parser)
    _output(parser)


def _arguments_of_worker(parser: Parser) -> None:
    _store(parser, positional=True)
    _modules(parser)
    parser.add_argument(
        "--max-running", type=int, default=4, metavar="N", help="jobs at the same time (4)"
    )
    parser.add_argument(
        "--until-idle", action="store_true", help="end when there is nothing left to do"
    )


def _arguments_of_serve(parser: Parser) -> None:
    _store(parser, positional=True)
    _modules(parser)
    parser.add_argument(
        "--max-running", type=int, default=4, metavar="N", help="jobs at the same time (4)"
    )
    parser.add_argument(
        "--bind",
        default="127.0.0.1:0",
        metavar="HOST:PORT",
        help="the address (127.0.0.1, a free port)",
    )
    parser.add_argument("--uds", metavar="PATH", help="a Unix socket instead, for this user alone")
    parser.add_argument("--base-url", default="", metavar="PATH", help="the prefix behind a proxy")
    parser.add_argument("--read-only", action="store_true", help="show the jobs, take no commands")
    parser.add_argument(
        "--token-file", metavar="PATH", help="a file with the token (default: a new one each time)"
    )
    parser.add_argument(
        "--insecure", action="store_true", help="allow an address that is not this machine's own"
    )


def _arguments_of_tour(parser: Parser) -> None:
    parser.add_argument(
        "folder", nargs="?", default="jobactors-tour", metavar="FOLDER", help="where it is copied"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="copy, and do not open JupyterLab"
    )


def _arguments_of_completion(parser: Parser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")
    parser.epilog = (
        "bash: jobactors completion bash > ~/.local/share/bash-completion/completions/jobactors. "
        "zsh: … > _jobactors in a folder of $fpath. "
        "fish: … > ~/.config/fish/completions/jobactors.fish"
    )


def _no_arguments(parser: Parser) -> None:
    del parser


class Subcommand(Struct, frozen=True):
    """One subcommand of the command line."""

    name: str
    help: str
    """What it does, in a line."""
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
        _arguments_of_run,
        "Run a command as a job: a bar with its time and its last line, its output above, its exit "
        "status passed through. Ctrl-C interrupts the command; once more ends it. Of this terminal "
        "it reads nothing, unless -i gives it to the command; a pipe or file is passed on.",
    ),
    Subcommand(
        "list",
        "list the jobs of a store",
        "reading.show_list",
        _arguments_of_list,
        "List the jobs: the unfinished ones, then the newest that have ended.",
    ),
    Subcommand("show", "show one job", "reading.show_job", _arguments_of_show),
    Subcommand(
        "logs",
        "print the log of a job",
        "reading.show_log",
        _arguments_of_logs,
        "Print what a job has printed and logged, from the process that runs it. When that has "
        "ended, the job's event log is printed: a store holds that alone.",
    ),
    Subcommand(
        "history", "list ended jobs, newest first", "reading.show_history", _arguments_of_history
    ),
    Subcommand(
        "resumable",
        "list the work that can go on",
        "reading.show_resumable",
        _arguments_of_resumable,
        "List the jobs that rest interrupted, with the percentage and the age of their checkpoint.",
    ),
    Subcommand(
        "schedules",
        "list the schedules, and when each runs next",
        "measuring.show_schedules",
        _arguments_of_resumable,
    ),
    Subcommand(
        "metrics",
        "show how many jobs ended, how, and how long they took",
        "measuring.show_metrics",
        _arguments_of_metrics,
    ),
    Subcommand(
        "resume",
        "let interrupted or paused jobs go on",
        "commanding.resume",
        _arguments_of_resume,
        "Let jobs go on in the process that owns the store. If none does, they are marked, and "
        "worked through here until they have ended.",
    ),
    Subcommand("pause", "pause jobs", "commanding.pause", _arguments_of_command),
    Subcommand(
        "discard", "end interrupted jobs for good", "commanding.discard", _arguments_of_command
    ),
    Subcommand("cancel", "ask jobs to end", "commanding.cancel", _arguments_of_cancel),
    Subcommand(
        "submit",
        "submit a job by the name of its type",
        "commanding.submit",
        _arguments_of_submit,
        "Submit a job to the process that owns the store. If none does, it is stored, and the next "
        "worker starts it.",
    ),
    Subcommand(
        "worker",
        "open a store and work through what is in it",
        "working.work",
        _arguments_of_worker,
        "Own a store and run its jobs, and those that are submitted meanwhile, until Ctrl-C, "
        "SIGTERM or SIGHUP.",
    ),
    Subcommand(
        "serve",
        "serve the jobs of a store over HTTP",
        "serving_store.serve",
        _arguments_of_serve,
        "Serve a page with the board, JSON, and a stream of changes, until Ctrl-C. If a process "
        "owns the store, that process serves; otherwise it is opened here, its jobs at rest until "
        "they are resumed.",
    ),
    Subcommand(
        "demo",
        "show six toy jobs in this terminal",
        "demo.show",
        _no_arguments,
        "Run six toy jobs. Keys: p pauses or resumes them all, c cancels the one at work longest, "
        "q ends the demo.",
    ),
    Subcommand(
        "tour",
        "copy the notebooks of the tour, and open JupyterLab",
        "tour.open_tour",
        _arguments_of_tour,
    ),
    Subcommand(
        "completion",
        "print the completion of a shell",
        "completion.print_script",
        _arguments_of_completion,
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
