"""``ja.command``: one flag that makes a function of a command-line program a job.

Without the flag the function runs as it always did, and nothing of this package is loaded for it.
With it the function runs where it stands, in the thread that has called it, inside a tracked block:
what it finds of its program there (click's context, signal handlers, ``sys.exit``) is as before.

The flag is put where the program's library looks for options: among click's parameters, into the
signature that typer reads, into a parser of argparse.
"""

from __future__ import annotations

import argparse
import functools
import inspect
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast, overload

from jobactors.engine.ports.store import Store

if TYPE_CHECKING:
    from collections.abc import Generator

P = ParamSpec("P")
R = TypeVar("R")

FLAG: Final = "--as-job"
VARIABLE: Final = "JOBACTORS_AS_JOB"
"""The environment variable that does the same: "1", or the path of a store."""
_OFF: Final = frozenset({"", "0", "no", "off", "false"})
_ON: Final = frozenset({"1", "yes", "on", "true"})
_STATUS_BITS: Final = 0xFF
"""All that a system tells of a status."""
_NAME: Final = "as_job"
_HELP: Final = "Run as a job: with bars, in a store, to be seen and cancelled from elsewhere."


@overload
def command(function: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def command(
    *,
    name: str | None = None,
    metadata: Mapping[str, object] | None = None,
    store: str | os.PathLike[str] | Store | None = None,
    parser: argparse.ArgumentParser | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...
def command(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    metadata: Mapping[str, object] | None = None,
    store: str | os.PathLike[str] | Store | None = None,
    parser: argparse.ArgumentParser | None = None,
) -> Any:
    """Decorate a function of a command-line program, so that ``--as-job`` makes it a job.

    See :func:`track_as_job`, which it calls.  Below click's or typer's own decorators.

    Example::

        @click.command()
        @click.argument("folder")
        @ja.command
        def index(folder):
            for page in ja.track(pages(folder)):
                add(page)
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        return track_as_job(function, name=name, metadata=metadata, store=store, parser=parser)

    return decorate if function is None else decorate(function)


def track_as_job(
    function: Callable[P, R],
    *,
    name: str | None = None,
    metadata: Mapping[str, object] | None = None,
    store: str | os.PathLike[str] | Store | None = None,
    parser: argparse.ArgumentParser | None = None,
) -> Callable[P, R]:
    """Return a function that is a job if its program was called with ``--as-job``.

    As a job it has bars on ``sys.stderr``, is stored, and can be listed and cancelled by
    ``jobactors list`` and ``jobactors cancel`` meanwhile.  If another process owns the store, a
    notebook or ``jobactors serve``, the command stands among the jobs there, and is cancelled from
    there, from a board or a page; should that process end first, the command goes on alone, and its
    job there rests interrupted.

    The function runs in the thread that calls it, and returns and raises as before; a cancel ends
    the program with status 1 at its next ``ja.track``, ``ja.progress`` or ``check``.  An exit with
    status 0 is a success, and with any other a failure.

    The environment variable ``JOBACTORS_AS_JOB`` does the same as the flag: "1", or the path of a
    store.

    Args:
        function: A plain function; one that is async is refused.
        name: The job's name; default: the function's.
        metadata: Values that go along with the job.
        store: Where it is stored; default: what the environment variable names, else
            ``$JOBACTORS_STORE``, else a file for all commands below the user's data folder.
        parser: The parser of argparse that gets the flag; the function's argument is then its
            namespace.

    Raises:
        TypeError: for what is no plain function.

    Example::

        parser = argparse.ArgumentParser()
        parser.add_argument("folder")
        main = ja.track_as_job(index, name="index", parser=parser)
        main(parser.parse_args())
    """
    _check_plain(function)
    if parser is not None:
        parser.add_argument(FLAG, dest=_NAME, action="store_true", help=_HELP)
    called = name or str(getattr(function, "__name__", "command"))

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        flagged = kwargs.pop(_NAME, False) or any(_is_flagged(value) for value in args)
        given = os.environ.get(VARIABLE, "")
        if not flagged and given.lower() in _OFF:
            return function(*args, **kwargs)
        named = given if given.lower() not in _OFF | _ON else None
        ending: BaseException | None = None
        failure: Exception | None = None
        result = None
        try:
            with _as_job(called, dict(metadata or {}), store or named) as block:
                try:
                    result = function(*args, **kwargs)
                    block.set_result(result)
                except BaseException as exc:
                    if not _is_exit(exc):
                        raise
                    ending, failure = exc, _failure_of(exc)
                if failure is not None:
                    raise failure  # noqa: TRY301 - for the job alone: the caller gets the exit
        except Exception as exc:
            if exc is not failure:
                raise
        if ending is not None:
            raise ending
        return result

    _offer_to_click(run)
    _offer_to_typer(run, function)
    return cast("Callable[P, R]", run)


def _check_plain(function: object) -> None:
    if not callable(function):
        raise TypeError(
            f"a command is a function, not {function!r:.100}: put this below @click.command"
        )
    if inspect.iscoroutinefunction(function):
        raise TypeError("a command is a plain function: call trio.run(…) in it")


def _is_flagged(value: object) -> bool:
    """Whether an argument is a namespace of argparse with the flag set."""
    argparse = sys.modules.get("argparse")
    is_namespace = argparse is not None and isinstance(value, argparse.Namespace)
    return is_namespace and getattr(value, _NAME, False) is True


def _is_exit(exc: BaseException) -> bool:
    """Whether an exception only ends the program, with a status: of ``sys.exit``, or click's."""
    is_of_click = type(exc).__name__ == "Exit" and isinstance(getattr(exc, "exit_code", None), int)
    return isinstance(exc, SystemExit) or is_of_click


def _failure_of(exit: BaseException) -> Exception | None:
    """Return the failure of a command that has ended with a status; None if that was 0."""
    from .command_line import CommandFailed

    status: Any = exit.code if isinstance(exit, SystemExit) else getattr(exit, "exit_code", None)
    if isinstance(status, int):
        return CommandFailed(status & _STATUS_BITS) if status else None
    return None if status is None else CommandFailed(1, str(status))  # as the interpreter does


def _offer_to_click(run: Any) -> None:
    """Add the flag to the options that click collects from the function it is given."""
    click = sys.modules.get("click")
    if click is not None:
        option = click.Option([FLAG, _NAME], is_flag=True, help=_HELP)
        # A list of its own: the decorators below have put theirs on the function itself.
        run.__click_params__ = [option, *getattr(run, "__click_params__", [])]


def _offer_to_typer(run: Any, function: Callable[..., Any]) -> None:
    """Add the flag to the signature that typer reads, if it can read that.

    That typer is loaded does not mean that it will: the program may be one of click or argparse.
    """
    typer = sys.modules.get("typer")
    if typer is None:
        return
    try:
        signature = inspect.signature(function, eval_str=True)
    except Exception:  # an annotation names what is imported for type checkers alone
        return
    parameters = [*signature.parameters.values()]
    names_any = bool(parameters) and parameters[-1].kind is inspect.Parameter.VAR_KEYWORD
    flag = inspect.Parameter(
        _NAME,
        inspect.Parameter.KEYWORD_ONLY,
        default=typer.Option(False, FLAG, help=_HELP),
        annotation=bool,
    )
    parameters.insert(len(parameters) - names_any, flag)
    run.__signature__ = signature.replace(parameters=parameters)
    run.__annotations__ = {**getattr(function, "__annotations__", {}), _NAME: bool}


@contextmanager
def _as_job(
    name: str, metadata: Mapping[str, object], store: str | os.PathLike[str] | Store | None
) -> Generator[Any]:
    """Track the block as a job of the process's own system, which is started if need be."""
    from jobactors.engine.api.current import current_jobs
    from jobactors.model.errors import JobCancelled, NoJobSystem
    from jobactors.runners.block import tracked
    from jobactors.runners.main_blocks import MAIN_BLOCKS

    # Not the arguments of the program: there may be a password among them.
    block = tracked(name, type=name, metadata=metadata)
    own: Any = nullcontext()
    guest: Any = nullcontext()
    # A signal that ends the program lets it say first how it has ended: around all of them.
    with MAIN_BLOCKS.standing():
        try:
            current_jobs("ja.command")
        except NoJobSystem:
            own, guest = _started(store or _default_store(), name, metadata)
        try:
            with own, guest as visit, block as context:
                if visit is not None:
                    visit.follow(own.get(context.id))
                yield context
        except JobCancelled as exc:
            raise SystemExit(f"{name}: {exc}") from None


def _started(
    store: str | os.PathLike[str] | Store, name: str, metadata: Mapping[str, object]
) -> tuple[Any, Any]:
    """Start the jobs of this process, in memory if another process owns the store.

    Returns:
        The jobs, and what has the command shown and stored by that owner.
    """
    from jobactors.model.errors import StoreBusy

    from .start import start

    try:
        return start(display="terminal", store=store), nullcontext()
    except StoreBusy as exc:
        guest: Any = nullcontext()
        try:
            guest = _guest(store, name, metadata)
        except Exception as refusal:
            print(f"jobactors: {exc}; this one is not stored ({refusal})", file=sys.stderr)  # noqa: T201
        return start(display="terminal", store=None), guest


def _guest(store: Any, name: str, metadata: Mapping[str, object]) -> object:
    from .guest_command import GuestCommand

    path: str | os.PathLike[str] = getattr(store, "path", store)
    return GuestCommand(path, name, {"name": name, "metadata": dict(metadata)})


def _default_store() -> str:
    import platformdirs

    folder = platformdirs.user_data_dir("jobactors", appauthor=False)
    return os.environ.get("JOBACTORS_STORE") or f"{folder}/commands.db"
