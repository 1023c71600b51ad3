"""The worker's half of a Dask job: one run of one attempt, in a thread of a Dask worker.

Only the model and the inside of a job are loaded here, as in a process job: no engine, no trio.

* :func:`run_attempt` is called by the task.  It asks whether it may begin, calls the function with
  the job as the current one, and reports its last word.
* :func:`obey` is called by ``Client.run`` on the worker's event loop: requests for runs that hold
  its threads.
* The reporter's thread samples, see :mod:`~jobactors.runners.dask_reporter`.

``_RUNS`` is written by the threads of the runs, and read by the loop; each step is one operation of
a dictionary.
"""

from __future__ import annotations

import inspect
import json
import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid4

from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.context.job_context import JobContext
from jobactors.inside.context.own_trace import in_trace
from jobactors.inside.context.toolbox import ReadyToolbox
from jobactors.inside.signals.control import Control, StopJob
from jobactors.inside.verbs.output_capture import capturing
from jobactors.inside.verbs.tqdm_bars import capture_tqdm
from jobactors.model.error_text import ErrorText
from jobactors.model.exception_tree import release_frames
from jobactors.model.outcome import Partial, Succeeded

from .dask_kept import kept_result_lost
from .dask_modules import add_cure
from .dask_packing import async_refused, unpack_call
from .dask_reporter import Reporter, reporter_of
from .dask_reports import RunReports
from .dask_wire import INLINE
from .process_mail import SentInbox
from .process_speaker import SentLog
from .process_wire import Kind, pack_error, pack_result, unpack_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LOOK: Final = 1.0
"""Seconds between two looks whether Dask still wants a run that waits for its grant."""
_WANTED: Final = frozenset({"executing", "long-running"})
_RUNS: Final[dict[str, Run]] = {}


def run_attempt(begin: bytes, work: bytes, *held: Any) -> Any:
    """Run one attempt of a job; called by the task, see :mod:`~jobactors.runners.dask_task`.

    Returns:
        The result, where it stays on the cluster; a long one, pickled, to be gathered; else None.

    Raises:
        WorkerDied: if the result is to stay and there is none, for those who hold its future: a run
            that may not begin, as the attempt has begun before; one that may, and has failed.
    """
    from distributed import get_worker

    order = json.loads(begin)
    worker = get_worker()
    run = Run(order, worker, reporter_of(worker))
    _RUNS[run.id] = run
    try:
        return run.execute(work, held)
    finally:
        del _RUNS[run.id]


def obey(commands: Iterable[Sequence[Any]]) -> None:
    """Obey commands for runs of this process; those of a run that has ended are ignored.

    Args:
        commands: The id of the run, the kind, and the content of each.
    """
    for run_id, kind, content in commands:
        run = _RUNS.get(run_id)
        if run is not None:
            run.obey(Kind(kind), content)


class Run:
    """One run; made by its own thread, obeys in the worker's loop."""

    def __init__(self, order: dict[str, Any], worker: Any, reporter: Reporter) -> None:
        self.id: str = uuid4().hex
        self.key: str = order["key"]
        self.topic: str = order["topic"]
        self._fenced: bool = order["fenced"]
        self._holds: bool = order["holds"]
        self._worker = worker
        self._reporter = reporter
        self._answered = threading.Event()
        self._refusal: str | None = None
        self._control = Control(loop_thread=0)
        self._control.own_thread = threading.get_ident()
        self.reports: RunReports = RunReports(reporter.wake, order["buffer"], order["shared"])
        self._log = SentLog(self.reports)
        self._inbox = SentInbox(order["job"]["id"], self.reports.send, self._log)
        self._inbox._attend(self._control)
        toolbox = ReadyToolbox(
            self._control, self.reports.meter, self._inbox, self._log, self.reports.buffer
        )
        self._context = JobContext(toolbox, **order["job"])
        self._trace: dict[str, str] = order.get("trace", {})  # an older client sends none

    # -- the run's own thread

    def execute(self, work: bytes, held: Sequence[Any]) -> Any:
        """Ask, call the function, and report; see :func:`run_attempt`."""
        self._reporter.send(self, [(Kind.BEGUN, self._described())])
        if self._fenced and not self._may_begin():
            return None
        self._reporter.add(self)
        token = CURRENT.set(self._context)
        try:
            capture_tqdm()
            with in_trace(self._trace), capturing(echo=False):  # the attempt's side echoes
                kind, content, value = self._last_word(work, held)
        finally:
            CURRENT.reset(token)
            self._reporter.remove(self)
        self._log.finish(0)
        self._reporter.send(self, [*self.reports.take_last(), (kind, content)])
        if self._remakes and kind is Kind.RAISED:
            _, text = unpack_error(content)
            raise kept_result_lost(self._context.id, str(text))
        return value

    @property
    def _remakes(self) -> bool:
        """Whether this may be a run for those who hold the future, long after the job's end."""
        return self._holds and not self._fenced

    def _described(self) -> bytes:
        return json.dumps({"pid": os.getpid(), "threads": self._worker.state.nthreads}).encode()

    def _may_begin(self) -> bool:
        """Wait for the grant, or for the refusal; ask again if neither comes for a while.

        An error of a task is one that Dask logs.  A run that was refused raises one only where its
        value is to stay on the cluster, and has been lost there: None would pass for the value.
        """
        while not self._answered.wait(LOOK):
            if not self.is_wanted:
                self._refusal = "this run is not wanted any more, and has not begun"
                break
            self._reporter.send(self, [(Kind.BEGUN, self._described())])
        if self._refusal is not None and self._holds:
            raise kept_result_lost(self._context.id)
        return self._refusal is None

    def _last_word(self, work: bytes, held: Sequence[Any]) -> tuple[Kind, bytes, Any]:
        """Call the function; return the last word, its content, and the value of the task."""
        try:
            value = self._call(work, held)
            if self._holds and type(value) is not Partial and type(value) is not Succeeded:
                return Kind.HELD, self._description_of(value), value
            content = pack_result(value, "worker")
        except StopJob as exc:
            if self._control.cancel_requested.is_set:
                return Kind.STOPPED, b"", None
            return Kind.RAISED, _packed(exc), None
        except BaseException as exc:  # a job may raise anything
            return Kind.RAISED, _packed(exc), None
        kind = Kind.ANSWERED if self._control.answers else Kind.RETURNED
        return (kind, b"", content) if len(content) > INLINE else (kind, content, None)

    def _description_of(self, value: object) -> bytes:
        from dask import sizeof

        sizes: Any = sizeof
        try:
            size = int(sizes.sizeof(value))
        except Exception:  # the value's own code
            size = 0
        named = {
            "type": type(value).__qualname__,
            "size": size,
            "answered": self._control.answers > 0,
        }
        return json.dumps(named).encode()

    def _call(self, work: bytes, held: Sequence[Any]) -> Any:
        try:
            function, args, kwargs = unpack_call(work, held)
        except Exception as exc:
            add_cure(exc)
            exc.add_note("raised when the job's worker rebuilt its function and arguments")
            raise
        value = function(*args, **kwargs)
        if inspect.iscoroutine(value):
            value.close()
            raise async_refused(function)
        return value

    # -- the worker's loop, or the reporter's thread; is_wanted from the run's own as well

    def obey(self, kind: Kind, content: bytes) -> None:
        """Obey one command."""
        match kind:
            case Kind.GRANT:
                self._answered.set()
            case Kind.REFUSE:
                self._refusal = content.decode()
                self._answered.set()
                if self._remakes:  # it goes on, and nothing sends it a message any more
                    self._inbox._close()
            case Kind.CANCEL if self._refusal is not None and self._remakes:
                pass  # nothing hears it, but Dask wants the value; see `is_wanted` for the rest
            case Kind.CANCEL:
                self._control.cancel(content.decode("utf-8", "surrogatepass") or None)
            case Kind.PAUSE:
                self._control.pause(partial(self.reports.send, Kind.REACHED, content))
            case Kind.RESUME:
                self._control.resume()
            case Kind.TELL:
                self._inbox._receive_frame(bytearray(content))
            case _:
                pass  # a newer client's

    @property
    def is_wanted(self) -> bool:
        """Whether Dask still waits for this task: for its client, which has not cancelled it."""
        task = self._worker.state.tasks.get(self.key)
        return task is not None and task.state in _WANTED

    def leave(self, why: str) -> None:
        """Ask the function to stop, since its task is none any more."""
        if not self._control.cancel_requested.is_set:
            self._control.cancel(why)


def _packed(exc: BaseException) -> bytes:
    text = ErrorText.of(exc)
    release_frames(exc)
    return pack_error(exc, text)
