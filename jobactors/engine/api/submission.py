"""Makes the record of a submit: all that can be checked is checked here, at once."""

from __future__ import annotations

import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, cast

from jobactors.engine.attempt.chain_type import is_chain, run_chain
from jobactors.engine.ports.late_binding import choose_runner
from jobactors.engine.records.checkpoint_key import part_among
from jobactors.engine.records.job_ids import IDS
from jobactors.engine.records.record import Record
from jobactors.engine.records.submit_context import submitter_context
from jobactors.model.call_signature import call_signature
from jobactors.model.events import JobQueued
from jobactors.model.fold import fold
from jobactors.model.identity import type_name_of
from jobactors.model.info import JobInfo
from jobactors.model.job_type import JobType, check_private, job_type_named, job_type_of
from jobactors.model.options import DEFAULTS, Options
from jobactors.model.states import Waiting

from .dependencies import check_phases, find_edges, referring

_OF_A_GENERATOR: Final = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR

_AHEAD: Final = 3
"""Jobs of a map for each place of a runner that has its own: one runs, others are on their way."""
_MANY: Final = 1_000
"""Jobs of a map where nothing limits them."""

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from jobactors.engine.ports.runner import KnownRunner
    from jobactors.engine.records.batch_place import BatchPlace


def make_record(
    work: Callable[..., Any] | str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    changes: Mapping[str, Any],
    now: float,
    runner: KnownRunner | None = None,
    *,
    to_keep: bool = False,
    place: BatchPlace | None = None,
) -> Record:
    """Make the record of a job that is not admitted yet.

    Args:
        work: A function, or the name of a job type (with one dictionary of arguments).
        args: The function's positional arguments.
        kwargs: Its keyword arguments.
        changes: The options that were given, over the job type's own.
        now: The present moment.
        runner: Used instead of the one that options or function ask for.
        to_keep: Whether a store will hold it, so that its arguments are encoded now.
        place: Its place in a batch; None outside one.

    Raises:
        TypeError, ValueError: for work that cannot be a job; the message states what can.
        UnknownJobType: for a name that is not registered.
    """
    if is_chain(work):
        from jobactors.engine.attempt.chain_job import chain_arguments

        check_phases(work.phases)
        changes = {**work.options, **changes}
        kwargs = chain_arguments(work, args, kwargs)
        work, args = run_chain, ()
    given: dict[str, Any] | None = None
    if isinstance(work, str):
        kind: JobType | None = job_type_named(work)
        function = job_type_named(work).function
        args, kwargs = (), _named_arguments(work, args, kwargs)
        if function is not run_chain and kwargs:
            from jobactors.model.argument_check import converted_where_it_fits

            given, kwargs = kwargs, converted_where_it_fits(job_type_named(work), kwargs)
    else:
        function = _checked(work)
        kind = job_type_of(function)
    options = _options(kind, changes)
    _check_arguments(function, args, kwargs)
    if options.private:
        check_private(function, options.private)
    if function is run_chain:
        from jobactors.engine.attempt.chain_job import check_chain

        check_chain(**kwargs, runner=(runner or choose_runner(function, options)).name)
    type_name = type_name_of(function) if kind is None else kind.name
    name = options.name or (kind and kind.label_for(*args, **kwargs)) or type_name
    key = options.key if kind is None else _key(kind, options)
    info = _info(type_name, name, key, options, now)
    is_named = kind is not None and callable(kind.label) and not options.name
    if place is not None:
        private = options.private
        info = place.placed(info, function, args, kwargs, private, is_named=is_named)
    elif not is_named and part_among(args, kwargs):
        from jobactors.engine.records.batch_place import with_part

        info = with_part(info, function, args, kwargs, options.private)
    queued = JobQueued(info.id, now, info, _first_wait(options, now))
    args, kwargs = referring(args, kwargs)
    if given is not None and to_keep:
        given = referring((), given)[1]
    edges = find_edges(options.after, args, kwargs) if options.after or args or kwargs else ()
    submit = None
    if to_keep:
        from jobactors.engine.storage.submit_codec import describe_submit  # loaded by the journal

        submit = describe_submit(function, args, kwargs, options, edges, given)
    return Record(
        fold(None, queued),
        function,
        args,
        kwargs,
        options,
        runner or choose_runner(function, options),
        context=submitter_context(),
        edges=edges,
        submit=submit,
    )


def _info(type_name: str, name: str, key: object, options: Options, now: float) -> JobInfo:
    return JobInfo(
        id=IDS.new(type_name),
        type=type_name,
        name=name,
        submitted_at=now,
        description=options.description,
        subject=options.subject,
        tags=options.tags,
        metadata=options.metadata,
        icon=options.icon,
        priority=options.priority,
        key=key,
    )


def _checked(work: Any) -> Callable[..., Any]:
    if type(work) is FunctionType and not work.__code__.co_flags & _OF_A_GENERATOR:
        return work  # the common case
    if inspect.iscoroutine(work):
        name = work.__name__
        work.close()
        raise TypeError(
            f"submit takes the function itself, not what it returns: submit({name}, …) "
            f"instead of submit({name}(…))"
        )
    if inspect.isgeneratorfunction(work) or inspect.isasyncgenfunction(work):
        raise TypeError(
            f"{type_name_of(work)} is a generator function: calling it runs none of it; submit "
            "a function that iterates over it"
        )
    if not callable(work):
        raise TypeError(
            f"submit takes a function or the name of a job type, not {type(work).__name__}: "
            f"{work!r:.100}"
        )
    return work  # type: ignore[no-any-return]


def check_work(work: Any) -> None:
    """Refuse what can be no job, before any of many is submitted.

    Raises:
        TypeError: the message states what can.
        UnknownJobType: for a name that is not registered.
    """
    if isinstance(work, str):
        job_type_named(work)
    elif not is_chain(work):
        _checked(work)


def _named_arguments(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    if kwargs or len(args) > 1 or (args and not isinstance(args[0], dict)):
        raise TypeError(
            f"a job type submitted by name takes its arguments as one dictionary: "
            f'submit("{name}", {{"folder": "wiki/"}})'
        )
    arguments = cast("dict[Any, Any]", args[0]) if args else {}
    for key in arguments:
        if not isinstance(key, str):
            raise TypeError(f"argument names are text, not {key!r:.100}")
    return dict(arguments)


def _check_arguments(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Refuse a call that cannot work now, rather than as a failed job later."""
    if _takes(function, args, kwargs):
        return
    code = getattr(function, "__code__", None)
    if code is not None and not (args or kwargs or code.co_argcount or code.co_kwonlyargcount):
        return  # the common case, without the cost of a signature
    signature = call_signature(function)
    if signature is None:
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as exc:
        raise TypeError(f"{type_name_of(function)}{signature} cannot be called so: {exc}") from None


def _takes(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether a plain function takes arguments by their place; a signature takes ten times as long.

    False may as well mean that it is not as plain.
    """
    if type(function) is not FunctionType or kwargs or function.__dict__:
        return False
    code = function.__code__
    least = code.co_argcount - len(function.__defaults__ or ())
    return least <= len(args) <= code.co_argcount and not code.co_kwonlyargcount


def _options(kind: JobType | None, changes: Mapping[str, Any]) -> Options:
    base = DEFAULTS if kind is None else kind.options
    return base.changed(**changes) if changes else base


def _key(kind: JobType, options: Options) -> object:
    if options.key is None and kind.unique:
        return (kind.name, options.subject)
    return options.key


def default_intake(work: Any, changes: Mapping[str, Any], max_running: int | None) -> int:
    """Return how many jobs of a ``map`` are under way at once, where its caller does not say.

    Args:
        work: What it runs.
        changes: The options that were given.
        max_running: The limit of the system; None for none.
    """
    kind = job_type_named(work) if isinstance(work, str) else job_type_of(work)
    capacity: object = getattr(_options(kind, changes).runner, "capacity", None)
    places = capacity() if callable(capacity) else None
    if isinstance(places, int) and places > 0:
        return _AHEAD * places
    return _MANY if max_running is None else 2 * max_running


def _first_wait(options: Options, now: float) -> Waiting:
    if options.hold:
        return Waiting.HOLD
    if options.start_at is not None and options.start_at > now:
        return Waiting.START_TIME
    return Waiting.SLOT
