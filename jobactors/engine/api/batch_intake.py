"""``MappedBatch``: the batch of one ``map``, and the intake of its input.

**Where the input is iterated.**  It is the user's: a generator that reads a disk, a database's
cursor.  In the loop's thread that would stop every job.  So each stretch of it is taken in by a
thread: by the one that calls ``map``, unless that is the loop's own, and by a worker thread for
what is taken in as jobs end.  Lists, tuples and ranges run no code of the user, and are taken in by
the loop, without a thread, some hundreds in one turn of it.  The length of an input is asked for in
the same place.
"""

from __future__ import annotations

import contextvars
import itertools
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, final

import trio

from jobactors.engine.records.batch_place import BatchPlace
from jobactors.engine.records.batch_tally import BatchTally
from jobactors.model.error_text import ErrorText
from jobactors.model.errors import JobsClosed
from jobactors.model.identity import type_name_of
from jobactors.model.job_type import job_type_named, job_type_of
from jobactors.model.last_references import drop_elsewhere

from .batch import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from jobactors.engine.system.job_system import JobSystem
    from jobactors.model.batch_snapshot import BatchSnapshot
    from jobactors.model.states import JobState

    from .job import Job

T = TypeVar("T")

_WITHOUT_CODE: Final = frozenset(map(id, (list, tuple, range, set, frozenset, dict, str)))
"""Iterables that run no code of the user when they are iterated."""
AT_ONCE: Final = 200
"""Inputs that the loop takes in in one turn: a job's submit costs it a tenth of a millisecond."""
_ENDLESS: Final = (itertools.count, itertools.cycle, itertools.repeat)


@final
class MappedBatch(Batch[T]):
    """The jobs of one ``map``, submitted as earlier ones end.

    Args:
        system: The job system.
        submit: Submits one job, given its place and its items.
        inputs: Where the arguments come from; the shortest one ends it.
        intake: The number of jobs that may be under way.
        batch_id: The id of this batch.
        name: Its label.
        group: The id of the group that its jobs belong to; empty for none.
        names_by_code: Whether the user's code names its jobs.
        shared: The names of arguments that all jobs have in common.
    """

    def __init__(
        self,
        system: JobSystem,
        submit: Callable[..., Job[T]],
        inputs: tuple[Iterable[Any], ...],
        intake: int,
        *,
        batch_id: str,
        name: str,
        group: str,
        names_by_code: bool,
        shared: tuple[str, ...],
    ) -> None:
        tallies = system.parts.registry.batches
        super().__init__(system, tallies.open(group or batch_id, group or name), takes_all=False)
        self._own_id = batch_id
        self._own_name = name
        self._submit = submit
        self._iterables: tuple[Iterable[Any], ...] = inputs
        self._inputs: Iterator[tuple[Any, ...]] | None = None
        self._intake = intake
        runs_no_code = all(id(type(items)) in _WITHOUT_CODE for items in inputs)
        self._in_loop = runs_no_code and not names_by_code
        """Whether the input runs no code of the user, so that the loop takes it in."""
        self._place = BatchPlace(group or batch_id, is_named=names_by_code, shared=shared)
        self._context = contextvars.copy_context()
        """The context variables of the caller, as a submit there would copy them."""
        # Written by the thread that takes input in, one at a time:
        self._size: int | None = size_of_all(inputs) if runs_no_code else None
        self._taken = 0
        # Written in the loop's thread:
        self._found = 0
        """The inputs whose key led to a job that was there."""
        self._taking = False
        """Whether input is being taken in, by the loop or a thread."""

    @property
    def id(self) -> str:
        """The batch's id, which is in the ``info.batch`` of its jobs, unless a group's is."""
        return self._own_id

    def _snapshot(self) -> BatchSnapshot:
        if self._own_id == self._tally.id:
            return super()._snapshot()
        own = BatchTally(self._own_id, self._own_name)  # a part of a group
        own.sizes[self._own_id] = self._tally.sizes[self._own_id]
        if self._open:
            own.open_inputs[self._own_id] = self._stop_intake
        for job in self._jobs:
            own.add(job._record)
        own.is_paused = self._tally.is_paused
        return own.snapshot(self._core.clock.now(), is_asked=True)

    def _counts(self) -> Mapping[JobState, int]:
        return super()._counts() if self._own_id == self._tally.id else self._snapshot().by_state

    # -- taking input in

    def _begin(self) -> None:
        """Take the first input in; from any thread."""
        self._portal.call(self._open_intake)
        if self._in_loop or self._portal.is_home:
            self._portal.call(self._take_in)
            while not self._portal.is_home and self._portal.call(self._takes_in):
                pass  # elsewhere than in the loop, the first jobs are there when this returns
        elif self._portal.call(self._claim):
            self._take_in_here(self._intake)

    def _open_intake(self) -> None:
        self._follow()
        self._open = True
        self._tally.open_inputs[self._own_id] = self._stop_intake
        self._note_size()

    def _note_size(self) -> None:
        size = None if self._size is None else self._size - self._found
        self._tally.sizes[self._own_id] = size

    def _claim(self) -> int:
        """Return the number of jobs that may be submitted now; they are the caller's to submit."""
        free = self._intake - len(self._under_way)
        if self._taking or not self._open or free <= 0 or self._tally.is_paused:
            return 0  # one that ends within its own submit asks again
        self._taking = True
        self._core.incoming += 1
        return free

    def _take_in(self) -> None:
        """Submit inputs until enough jobs are under way, or have a thread do so."""
        while number := self._claim():
            if not self._in_loop:
                self._start_thread(number)
                return
            for _ in range(min(number, AT_ONCE)):
                if not (self._open and self._note(self._context.run(self._next))):
                    break
            if number > AT_ONCE:
                self._portal.post_quietly(self._end_stretch)
                return
            self._release()

    def _takes_in(self) -> bool:
        return self._taking

    def _start_thread(self, number: int) -> None:
        work = partial(self._take_in_here, number)
        try:
            trio.lowlevel.start_thread_soon(work, _ignore, "jobactors-map")
        except RuntimeError as exc:  # the interpreter is ending, and starts no thread any more
            self._note(exc)
            self._release()

    def _take_in_here(self, number: int) -> None:
        """Submit so many inputs, in this thread."""
        try:
            for _ in range(number):
                submitted = self._context.run(self._next)
                if not (self._portal.call(self._note, submitted) and self._open):
                    break
        except JobsClosed as exc:  # meanwhile: nothing else writes here any more
            self._error, self._open = exc, False
            self._wake()
        finally:
            self._portal.post_quietly(self._end_stretch)

    def _next(self) -> Job[T] | Exception | None:
        """Submit the next input; returns the job, an error, or None for the end."""
        try:
            if self._inputs is None:
                self._measure()
                # Not strict: as with the built-in map, the shortest one ends it.
                self._inputs = zip(*self._iterables, strict=False)
            items = next(self._inputs)
            if self._size is not None and self._taken >= self._size:
                self._size = None  # it gives more than its length
            place = BatchPlace(
                self._place.batch,
                self._taken,
                self._size,
                self._place.is_named,
                self._place.shared,
            )
            self._taken += 1
            return self._submit(place, *items)
        except StopIteration:
            return None
        except Exception as exc:  # the caller's own iterable, or its arguments
            return exc

    def _measure(self) -> None:
        """Ask the input for its length; that may run code of the user."""
        if self._size is None:
            self._size = size_of_all(self._iterables)
            self._portal.call(self._note_size)

    def _note(self, job: Job[T] | Exception | None) -> bool:
        """Take note of a submitted job, or of the end of the input; returns whether it goes on."""
        if job is None or isinstance(job, Exception):
            self._error = job
            if job is not None and not isinstance(job, JobsClosed):
                self._core.unread_inputs[id(job)] = job
                self._tally.input_error = ErrorText.of(job)
            if not isinstance(job, JobsClosed):
                self._size = self._taken
            self._note_size()
            self._stop_intake()
            return False
        self._found += not job.is_new
        self._tally.given[self._own_id] = len(self._jobs) + 1 - self._found
        self._note_size()
        self._put(job)
        if not self._open:  # it was cancelled while a thread submitted this one
            cancel = self._system.commands.cancel
            self._portal.step(cancel, job._record, "its batch was cancelled")
        return True

    def _end_stretch(self) -> None:
        self._release()
        self._take_in()

    def _release(self) -> None:
        self._taking = False
        self._core.incoming -= 1
        self._core.wake_drains()

    def _note_end(self, place: int, job: Job[T]) -> None:
        super()._note_end(place, job)
        self._take_in()

    def _stop_intake(self) -> None:
        self._open = False
        drop_elsewhere((self._iterables, self._inputs))
        self._iterables, self._inputs = (), iter(())
        self._tally.open_inputs.pop(self._own_id, None)
        self._system.parts.registry.batches.changed(self._tally)
        self._wake()

    def _pause_intake(self, paused: bool) -> None:
        super()._pause_intake(paused)
        if not paused:
            self._take_in()


def names_of_map(function: Callable[..., Any] | str) -> tuple[str, str]:
    """Return the type of a batch's jobs, and the name of its row where none is given."""
    if isinstance(function, str):
        kind = job_type_named(function)
    elif (found := job_type_of(function)) is not None:
        kind = found
    else:
        return type_name_of(function), type_name_of(function)
    return kind.name, kind.options.name or kind.title


def check_map(iterables: tuple[object, ...], intake: object, name: object) -> None:
    """Refuse what no input can be taken in from; the iterables' own code is not run here.

    Raises:
        TypeError, ValueError: the message states what can.
    """
    if not iterables:
        raise TypeError("map takes a function and at least one iterable")
    for items in iterables:
        kind = type(items)
        if not any(hasattr(kind, way) for way in ("__iter__", "__getitem__")):
            shown = f"{kind.__name__} is none: {items!r:.100}"
            raise TypeError(f"map takes iterables of arguments, and {shown}")
    if intake is not None and (isinstance(intake, bool) or not isinstance(intake, int)):
        raise TypeError(f"intake is a number of jobs, not {intake!r:.100}")
    if intake is not None and intake < 1:
        raise ValueError(f"intake is at least 1, not {intake}")
    if name is not None and not (isinstance(name, str) or callable(name)):
        raise TypeError(f"name is a text, or a function of the items, not {name!r:.100}")


def size_of_all(iterables: tuple[Any, ...]) -> int | None:
    """Return how many items iterables give together, if that is known; the shortest ends it."""
    lengths = [_length(items) for items in iterables if not isinstance(items, _ENDLESS)]
    known = [length for length in lengths if length is not None]
    return min(known) if known and len(known) == len(lengths) else None


def _length(items: Any) -> int | None:
    try:
        return len(items)
    except Exception:  # it has none, or its own code raises
        return None


def _ignore(_: object) -> None:
    """Discard a thread's return value: it has reported all by itself."""
