"""``Submitter``: submits jobs, one or many, that share their options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, Unpack, overload

import trio

from jobactors.engine.ports.late_binding import load_module, runner_from
from jobactors.engine.records.job_ids import IDS
from jobactors.inside.signals.event_loop import in_trio, is_cancellation
from jobactors.model.option_types import JobOptions, names_options
from jobactors.model.options import DEFAULTS

from .offer import offer
from .submission import check_work, default_intake

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from concurrent.futures import Executor

    from jobactors.engine.records.batch_place import BatchPlace
    from jobactors.engine.system.job_system import JobSystem
    from jobactors.inside.chain.chain import Chain
    from jobactors.model.chain_result import ChainResult

    from .batch import Batch
    from .job import Job

T = TypeVar("T")
P = ParamSpec("P")
A1 = TypeVar("A1")
A2 = TypeVar("A2")
A3 = TypeVar("A3")


class Submitter:
    """Submits jobs with the same options: what ``jobs.options(…)`` returns."""

    def __init__(
        self, system: JobSystem, changes: Mapping[str, Any], *, group: BatchPlace | None = None
    ) -> None:
        self._system = system
        self._changes = changes
        self._group = group
        """The place of the jobs in their group; None for none."""

    @overload
    def submit(self, work: Chain, /) -> Job[ChainResult]: ...
    @overload
    def submit(
        self, work: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> Job[T]: ...
    @overload
    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Job[T]: ...
    @overload
    def submit(self, work: Callable[[A1], Awaitable[T]], a1: A1 | Job[A1], /) -> Job[T]: ...
    @overload
    def submit(self, work: Callable[[A1], T], a1: A1 | Job[A1], /) -> Job[T]: ...
    @overload
    def submit(
        self, work: Callable[[A1, A2], Awaitable[T]], a1: A1 | Job[A1], a2: A2 | Job[A2], /
    ) -> Job[T]: ...
    @overload
    def submit(
        self, work: Callable[[A1, A2], T], a1: A1 | Job[A1], a2: A2 | Job[A2], /
    ) -> Job[T]: ...
    @overload
    def submit(
        self,
        work: Callable[[A1, A2, A3], Awaitable[T]],
        a1: A1 | Job[A1],
        a2: A2 | Job[A2],
        a3: A3 | Job[A3],
        /,
    ) -> Job[T]: ...
    @overload
    def submit(
        self,
        work: Callable[[A1, A2, A3], T],
        a1: A1 | Job[A1],
        a2: A2 | Job[A2],
        a3: A3 | Job[A3],
        /,
    ) -> Job[T]: ...
    @overload
    def submit(self, work: str, /, arguments: Mapping[str, Any] = ...) -> Job[Any]: ...
    def submit(self, work: Any, /, *args: Any, **kwargs: Any) -> Job[Any]:
        """Accept a job and return its handle at once.

        The job belongs to the system, not to the caller: it is waited for when the system closes.
        It sees a copy of the caller's context variables.

        Args:
            work: A function (``async def`` runs in trio, ``def`` in a thread), or the name of a job
                type followed by one dictionary of arguments: JSON becomes what is annotated.
            *args: Its arguments; options are given through :meth:`options`, never mixed with these.
                A job among them, or inside a list, tuple, dictionary or dataclass among them, is
                waited for, and its result takes its place; see :func:`~jobactors.handle`.
            **kwargs: Its keyword arguments.

        Raises:
            TypeError, ValueError: for something that cannot be called so.
            DuplicateJob: depending on the options ``key`` and ``on_duplicate``; an unfinished job
                that is returned instead says so by :attr:`Job.is_new`.
            JobsClosed: when the system takes no more jobs.
        """
        return self._offer(work, args, kwargs)

    def _offer(self, work: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Job[Any]:
        return offer(self._system, work, args, kwargs, self._changes, place=self._group)

    @overload
    async def run(self, work: Chain, /) -> ChainResult: ...
    @overload
    async def run(
        self, work: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...
    @overload
    async def run(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    async def run(self, work: Callable[[A1], Awaitable[T]], a1: A1 | Job[A1], /) -> T: ...
    @overload
    async def run(self, work: Callable[[A1], T], a1: A1 | Job[A1], /) -> T: ...
    @overload
    async def run(
        self, work: Callable[[A1, A2], Awaitable[T]], a1: A1 | Job[A1], a2: A2 | Job[A2], /
    ) -> T: ...
    @overload
    async def run(
        self, work: Callable[[A1, A2], T], a1: A1 | Job[A1], a2: A2 | Job[A2], /
    ) -> T: ...
    @overload
    async def run(
        self,
        work: Callable[[A1, A2, A3], Awaitable[T]],
        a1: A1 | Job[A1],
        a2: A2 | Job[A2],
        a3: A3 | Job[A3],
        /,
    ) -> T: ...
    @overload
    async def run(
        self,
        work: Callable[[A1, A2, A3], T],
        a1: A1 | Job[A1],
        a2: A2 | Job[A2],
        a3: A3 | Job[A3],
        /,
    ) -> T: ...
    @overload
    async def run(self, work: str, /, arguments: Mapping[str, Any] = ...) -> Any: ...
    async def run(self, work: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Submit a job and wait for its result, in trio or asyncio.

        The caller owns the job: if the caller is cancelled, the job is cancelled, its end is waited
        for, and then the caller's cancellation goes on, as with any trio call.  In asyncio a second
        cancellation ends that wait.

        Raises:
            Exception: what the job raised; see :meth:`Job.result`.
        """
        job = self._offer(work, args, kwargs)
        try:
            return await job
        except BaseException as exc:
            # A job that was there before, with the same key, belongs to another caller.
            if job.is_new and is_cancellation(exc):
                job.cancel("its caller was cancelled")
                await _outlived_by_caller(job)
            raise

    @overload
    def map(
        self,
        function: Callable[[A1], Awaitable[T]],
        a1: Iterable[A1 | Job[A1]],
        /,
        *,
        intake: int | None = None,
        name: str | Callable[[A1], str] | None = None,
    ) -> Batch[T]: ...
    @overload
    def map(
        self,
        function: Callable[[A1], T],
        a1: Iterable[A1 | Job[A1]],
        /,
        *,
        intake: int | None = None,
        name: str | Callable[[A1], str] | None = None,
    ) -> Batch[T]: ...
    @overload
    def map(
        self,
        function: Callable[[A1, A2], Awaitable[T]],
        a1: Iterable[A1 | Job[A1]],
        a2: Iterable[A2 | Job[A2]],
        /,
        *,
        intake: int | None = None,
        name: str | Callable[[A1, A2], str] | None = None,
    ) -> Batch[T]: ...
    @overload
    def map(
        self,
        function: Callable[[A1, A2], T],
        a1: Iterable[A1 | Job[A1]],
        a2: Iterable[A2 | Job[A2]],
        /,
        *,
        intake: int | None = None,
        name: str | Callable[[A1, A2], str] | None = None,
    ) -> Batch[T]: ...
    @overload
    def map(
        self,
        function: Callable[[A1, A2, A3], Awaitable[T]],
        a1: Iterable[A1 | Job[A1]],
        a2: Iterable[A2 | Job[A2]],
        a3: Iterable[A3 | Job[A3]],
        /,
        *,
        intake: int | None = None,
        name: str | Callable[[A1, A2, A3], str] | None = None,
    ) -> Batch[T]: ...
    @overload
    def map(
        self,
        function: Callable[[A1, A2, A3], T],
        a1: Iterable[A1 | Job[A1]],
        a2: Iterable[A2 | Job[A2]],
        a3: Iterable[A3 | Job[A3]],
        /,
        *,
        intake: int | None = None,
        name: str | Callable[[A1, A2, A3], str] | None = None,
    ) -> Batch[T]: ...
    @overload
    def map(
        self,
        function: Callable[Concatenate[A1, ...], Awaitable[T]],
        a1: Iterable[A1 | Job[A1]],
        /,
        *,
        intake: int | None = None,
        name: str | Callable[[A1], str] | None = None,
        **kwargs: Any,
    ) -> Batch[T]: ...
    @overload
    def map(
        self,
        function: Callable[Concatenate[A1, ...], T],
        a1: Iterable[A1 | Job[A1]],
        /,
        *,
        intake: int | None = None,
        name: str | Callable[[A1], str] | None = None,
        **kwargs: Any,
    ) -> Batch[T]: ...
    @overload
    def map(
        self,
        function: Callable[Concatenate[A1, A2, ...], Awaitable[T]],
        a1: Iterable[A1 | Job[A1]],
        a2: Iterable[A2 | Job[A2]],
        /,
        *,
        intake: int | None = None,
        name: str | Callable[[A1, A2], str] | None = None,
        **kwargs: Any,
    ) -> Batch[T]: ...
    @overload
    def map(
        self,
        function: Callable[Concatenate[A1, A2, ...], T],
        a1: Iterable[A1 | Job[A1]],
        a2: Iterable[A2 | Job[A2]],
        /,
        *,
        intake: int | None = None,
        name: str | Callable[[A1, A2], str] | None = None,
        **kwargs: Any,
    ) -> Batch[T]: ...
    @overload
    def map(
        self,
        function: str,
        arguments: Iterable[Mapping[str, Any]],
        /,
        *,
        intake: int | None = None,
        name: str | Callable[[Mapping[str, Any]], str] | None = None,
    ) -> Batch[Any]: ...
    def map(
        self,
        function: Any,
        /,
        *iterables: Iterable[Any],
        intake: int | None = None,
        name: str | Callable[..., str] | None = None,
        **kwargs: Any,
    ) -> Batch[Any]:
        """Submit ``function(*items, **kwargs)`` for each tuple of items; return them as one batch.

        An iterable of your own, such as a generator, may block: in trio code it is iterated in
        a worker thread, and this returns at once; elsewhere the first items are taken here.

        Args:
            function: What to run.
            *iterables: Where its arguments come from; the shortest one ends it.
            intake: How many jobs may be under way before more input is taken, of which a kill loses
                the rest; default: twice ``max_running`` or 1,000; three a thread of a cluster.
            name: The name of the jobs that a person reads, beside which each has its index and a
                short text of its items; or a function of the items that returns the name of their
                job; default: as for a submit.
            **kwargs: Further arguments by name, the same for each job.  For those that are called
                ``intake`` or ``name``, pass ``functools.partial(function, name=…)``.

        Raises:
            TypeError, ValueError: for something that cannot be called so, an intake below 1, or no
                iterable.
            UnknownJobType: for a name that is not registered.

        Example::

            for job in jobs.map(resize, pictures, width=640, name=lambda path: path.stem):
                print(job.result())
        """
        from .batch_intake import MappedBatch, check_map, names_of_map  # for batches alone

        check_work(function)
        check_map(iterables, intake, name)
        limit = self._system.parts.queue.max_running
        width = intake or default_intake(function, self._changes, limit)
        kind, label = names_of_map(function)

        def submit(place: BatchPlace, *items: Any) -> Job[Any]:
            changes = self._changes
            if name is not None:
                changes = {**changes, "name": name(*items) if callable(name) else name}
            return offer(self._system, function, items, kwargs, changes, waits=False, place=place)

        batch: MappedBatch[Any] = MappedBatch(
            self._system,
            submit,
            iterables,
            width,
            batch_id=IDS.new(f"{kind}-map"),
            name=name if isinstance(name, str) else self._changes.get("name") or label,
            group="" if self._group is None else self._group.batch,
            names_by_code=callable(name),
            shared=tuple(kwargs),
        )
        batch._begin()
        return batch

    @names_options
    def options(self, **changes: Unpack[JobOptions]) -> Submitter:
        """Return something to submit jobs with: ``jobs.options(name="…").submit(fn, *args)``.

        Args:
            **changes: See :class:`~jobactors.Options` for names, units and defaults.  Those of an
                earlier ``options`` hold as well; later ones win.  A ``runner`` of your own is known
                by its name from now on: stored jobs of that name can be resumed.

        Raises:
            TypeError, ValueError: at once, for an unknown option or a wrong value.
        """
        merged = {**self._changes, **changes}
        runner = DEFAULTS.changed(**merged).runner
        if runner is not None:
            runner_from(runner)
        return Submitter(self._system, merged, group=self._group)

    def as_executor(self) -> Executor:
        """Return these jobs as a :class:`concurrent.futures.Executor`, for libraries that take one.

        Its futures are real ones; shutting it down leaves the job system alone.

        Example::

            with jobs.options(tags="thumbnails").as_executor() as pool:
                pages = list(pool.map(render, numbers))
        """
        executor: Executor = load_module("executor").JobsExecutor(self._system, self._changes)
        return executor

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r:.60}" for name, value in self._changes.items())
        return f"<Submitter with {options or 'no options'}>"


async def _outlived_by_caller(job: Job[Any]) -> None:
    """Wait for the end of a job whose caller was cancelled; its cancellation goes on after it."""
    if in_trio():
        with trio.CancelScope(shield=True):
            await job.wait()
    else:
        await job.wait()  # asyncio has delivered its cancellation, and does so once
