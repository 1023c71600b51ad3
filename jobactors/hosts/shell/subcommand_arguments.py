"""The arguments of each subcommand of the command line."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Parser = argparse.ArgumentParser


def of_run(parser: Parser) -> None:
    """Add those of ``run``."""
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


def of_list(parser: Parser) -> None:
    """Add those of ``list``."""
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


def of_history(parser: Parser) -> None:
    """Add those of ``history``."""
    _store(parser, positional=True)
    parser.add_argument(
        "--days", type=float, default=7.0, metavar="D", help="ended in the last so many days (7)"
    )
    _filters(parser)
    _output(parser)


def of_resumable(parser: Parser) -> None:
    """Add those of ``resumable``."""
    _store(parser, positional=True)
    _output(parser)


def of_templates(parser: Parser) -> None:
    """Add those of ``templates``."""
    _store(parser, positional=True)
    _output(parser)
    parser.add_argument(
        "--names", action="store_true", help="print the names alone, one a line, as for completion"
    )


def of_metrics(parser: Parser) -> None:
    """Add those of ``metrics``."""
    of_resumable(parser)
    parser.add_argument("--prometheus", action="store_true", help="print Prometheus' text format")


def of_show(parser: Parser) -> None:
    """Add those of ``show``."""
    parser.add_argument("id", metavar="ID", help="the job's id, or its beginning")
    _store(parser)
    _output(parser)


def of_logs(parser: Parser) -> None:
    """Add those of ``logs``."""
    of_show(parser)
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


def of_command(parser: Parser) -> None:
    """Add those of commands about jobs."""
    means = "ids of jobs, or of batches: all their jobs; or their beginnings"
    parser.add_argument("id", nargs="+", metavar="ID", help=means)
    _store(parser)
    _output(parser)


def of_cancel(parser: Parser) -> None:
    """Add those of ``cancel``."""
    of_command(parser)
    parser.add_argument("--reason", default="cancelled on the command line", help="shown with it")


def of_resume(parser: Parser) -> None:
    """Add those of ``resume``."""
    of_command(parser)
    _modules(parser)


def of_submit(parser: Parser) -> None:
    """Add those of ``submit``."""
    parser.add_argument("type", metavar="TYPE", help="the name of a job type, or of a template")
    parser.add_argument(
        "-t",
        "--template",
        action="store_true",
        help="TYPE names a template; arguments and options go over those that it has",
    )
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


def of_worker(parser: Parser) -> None:
    """Add those of ``worker``."""
    _store(parser, positional=True)
    _modules(parser)
    parser.add_argument(
        "--max-running", type=int, default=4, metavar="N", help="jobs at the same time (4)"
    )
    parser.add_argument(
        "--until-idle", action="store_true", help="end when there is nothing left to do"
    )


def of_serve(parser: Parser) -> None:
    """Add those of ``serve``."""
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


def of_tour(parser: Parser) -> None:
    """Add those of ``tour``."""
    parser.add_argument(
        "folder", nargs="?", default="jobactors-tour", metavar="FOLDER", help="where it is copied"
    )
    parser.add_argument(
        "--no-browser", action="store_true", help="copy, and do not open JupyterLab"
    )


def of_completion(parser: Parser) -> None:
    """Add those of ``completion``."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter  # a broken path is no path
    parser.epilog = (
        "bash  jobactors completion bash > ~/.local/share/bash-completion/completions/jobactors\n"
        "zsh   jobactors completion zsh > _jobactors    # in a folder of $fpath\n"
        "fish  jobactors completion fish > ~/.config/fish/completions/jobactors.fish"
    )


def none(parser: Parser) -> None:
    """Add nothing."""
    del parser
