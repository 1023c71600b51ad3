"""One attempt on a Dask cluster, as the engine's loop sees it.

Everything here is written in the engine's loop.  The link calls ``frame``, ``value``, ``left``,
``gone``, ``hint`` and ``unbegun`` in the client's; each hands over to its name with an underscore.

=====================  ==========================================  ================================
field                  written by                                  read by
=====================  ==========================================  ================================
``_fence``             ``_frame``, for each run that asks;         all
                       the attempt: the grant, the end
``_where``             ``_frame``: the worker of the run that      the attempt, requests
                       counts
``_last_word``         ``_frame``, once                            ``_result``
``_error``             ``_gone``, ``lost``, ``lost_alone``, once   ``_result``
``_suspicion``         ``_suspect``, once: the error if the        ``lost_alone``
                       cluster turns out to live
``_is_nowhere``        ``_left``, ``_frame``: whether its run      requests
                       has gone, and Dask starts it again
``_has_ended``         set when the result, or an error, is here   all
``_change``            the attempt, when it waits in a task        ``_wake``, at all that it may
                                                                   wait for
=====================  ==========================================  ================================

The user's code runs in worker threads: packing the call, rebuilding a result, an error, an answer.
Control, meter and mailbox are made at the grant: thousands of attempts may wait for theirs.
"""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import trio
from msgspec.structs import replace

from jobactors.engine.ports.runner import Abandoned, AttemptLost
from jobactors.inside.signals.control import StopJob
from jobactors.model.outcome import RaisedElsewhere
from jobactors.model.progress import NO_PROGRESS

from .dask_answers import LINGER, Answers
from .dask_fence import LEFT_BEHIND, REFUSED, Ruling, StartFence
from .dask_hints import cluster_lost, result_lost, task_failed, worker_left
from .dask_order import CallOptions, order_for
from .dask_requests import SentRequests
from .dask_taken import rebuilt_value, show_at, take_report
from .dask_wire import key_for
from .process_mail import Mail
from .process_wire import LAST_WORDS, Kind, unpack_raised

if TYPE_CHECKING:
    from jobactors.engine.ports.runner import Attempt
    from jobactors.inside.signals.control import Control

    from .dask_client import Order, TaskEnd
    from .dask_side import EngineSide

_ENDS: Final = frozenset({*LAST_WORDS, Kind.HELD})


class ClusterCall:
    """One attempt and its task; see the module's table.

    Args:
        attempt: The attempt.
        runner: The options with which its task is made.
        side: This loop's end of the link.
    """

    def __init__(self, attempt: Attempt, runner: CallOptions, side: EngineSide) -> None:
        context = attempt.context
        self._attempt = attempt
        self._runner = runner
        self._side = side
        self._link = side.link
        names = context.type, context.id, context.attempt
        self.key: Final = key_for(*names, side.link.epoch, context.part)
        self._fence = StartFence(runner.allow_restart)
        self._where = ""
        self._pid = 0
        self._threads = 1
        self._mail: Mail | None = None
        self._answers: Answers | None = None
        self._change: trio.Event | None = None
        self._has_ended = False
        self._last_word: tuple[Kind, bytes] | None = None
        self._value: Any = None
        self._error: BaseException | None = None
        self._suspicion: BaseException | None = None
        self._requests: SentRequests | None = None
        self._is_nowhere = False
        self._is_ending = False
        self._is_left_behind = False
        self._is_killed = False

    # -- the attempt

    async def run(self) -> Any:
        """Run the attempt to its end, and return its result.

        Raises:
            trio.Cancelled: if it was cancelled before it had begun.
            StopJob: if the cancel unwound it.
            Abandoned: if it was left behind, or ended with its worker's process.
            AttemptLost: if the cluster is out of reach.
            RaisedElsewhere: if the function raised.
            WorkerDied: if its worker left, or Dask has given its task up.
        """
        topic, threads = self._link.topic, self._side.packing
        with self._side.line.place(self.key):
            order = await order_for(self._attempt, self.key, topic, self._runner, threads)
            self._submit(order)
        return await self._to_its_end()

    def _submit(self, order: Order) -> None:
        self._side.add(self, order)

    async def _to_its_end(self) -> Any:
        try:
            await self._hold()
        finally:
            self._close()
        return await self._result()

    def _close(self) -> None:
        """Hear no more, and have the task forgotten."""
        self._fence.is_over = True
        if self._mail is not None:
            self._control.request_hooks.remove(self._hear)
            self._attempt.context.inbox._relay(None)
        self._side.remove(self)
        if self._is_unfinished and self._where:
            self._side.ask(self._link.refuse, self._where, self._fence.run, LEFT_BEHIND)
        self._side.ask(self._link.drop, self.key, self._is_unfinished)

    @property
    def _control(self) -> Control:
        return self._attempt.context._control

    @property
    def _is_going(self) -> bool:
        """Whether a run was told that it may begin."""
        return self._mail is not None

    @property
    def _is_unfinished(self) -> bool:
        """Whether Dask may still be at work on the task."""
        return self._last_word is None

    async def _hold(self) -> None:
        try:
            while not (self._has_ended or self._is_going):
                await (self._begin() if self._fence.run else self._news())
            await self._end()
        except trio.Cancelled:
            if not self._is_going:
                raise  # it never starts, or is told to stop as one that is not wanted
            with trio.CancelScope(shield=True):
                await self._end_it()

    async def _begin(self) -> None:
        """Let the run that asks begin, unless another one asks by then, or none."""
        where = self._where
        await self._attempt.started(where)
        if self._fence.run and self._where == where and not self._has_ended:
            self._grant()

    async def _news(self) -> None:
        self._change = trio.Event()
        await self._change.wait()

    def _wake(self) -> None:
        """Let the attempt look again: a run asks whether it may begin, or all has ended."""
        if self._change is not None:
            self._change.set()

    def _grant(self) -> None:
        self._fence.grant()
        if not self._fence.restarts:
            self._tell(Kind.GRANT)
        inbox, meter = self._attempt.context.inbox, self._attempt.context._meter
        self._mail, self._requests = Mail(inbox, self._tell), SentRequests(self._tell)
        inbox._relay(self._mail.send)
        meter.remote = replace(meter.remote or NO_PROGRESS)
        meter.changed()
        self._control.request_hooks.append(self._hear)
        self._hear()  # a request may have come meanwhile

    async def _end_it(self) -> None:
        """Wait until the function has ended; leave it behind when the system closes."""
        self._is_ending = True
        with self._attempt.abandon():
            with trio.move_on_after(self._attempt.options.grace):
                await self._end()
            if not self._has_ended and self._may_kill():
                self._is_killed = True
                self._side.ask(self._link.restart, self.key, self._where)
            await self._end()
            return
        self._is_left_behind = not self._has_ended

    async def _end(self) -> None:
        while not self._has_ended:
            await self._news()

    def _may_kill(self) -> bool:
        if self._runner.kill_workers and self._threads > 1:
            self._note(f"its worker has {self._threads} threads, and is not killed for one of them")
        return self._runner.kill_workers and self._threads == 1

    # -- requests

    def _tell(self, kind: Kind, content: bytes = b"") -> None:
        self._side.ask(self._link.tell, self._where, self._fence.run, kind, content)

    def _hear(self) -> None:
        """Pass a new request on; called by the control at each of them."""
        if self._requests is None:
            return
        self._requests.pass_on(self._control)
        if self._is_nowhere and self._control.cancel_requested.is_set:
            self._fail(worker_left(self._attempt, self._where))  # it would wait for Dask's restart

    # -- from the link, in the client's loop

    def frame(self, where: str, run: str, kind: Kind, content: bytes) -> None:
        """Take a frame of a run."""
        self._side.post(self._frame, where, run, kind, content)

    def value(self, value: object) -> None:
        """Take the value that the last word has announced."""
        self._side.post(self._arrived, value)

    def left(self, where: str) -> None:
        """Take note that a worker has left the cluster."""
        self._side.post(self._left, where)

    def gone(self, end: TaskEnd) -> None:
        """Take note that Dask is done with the task."""
        self._side.post(self._gone, end)

    def hint(self, text: str) -> None:
        """Take the reason why its worker was not restarted."""
        self._side.post(self._note, text)

    def unbegun(self, why: str) -> None:
        """Take the reason why no worker begins it; empty if one can by now."""
        self._side.post(self._attempt.explain_wait, why)
        self._side.post(self._note, why)

    # -- the same, in the engine's loop

    def _frame(self, where: str, run: str, kind: Kind, content: bytes) -> None:
        if self._has_ended:
            return
        if kind is Kind.BEGUN:
            self._run_begins(where, run, content)
        elif run != self._fence.run:
            pass  # of a run that was refused, or has been left behind
        elif kind in _ENDS:
            self._take_last_word(kind, content)
        else:
            self._take_report(kind, content)

    def _run_begins(self, where: str, run: str, content: bytes) -> None:
        ruling, before = self._fence.ask(run), self._where
        if ruling is Ruling.REFUSE:
            self._side.ask(self._link.refuse, where, run, REFUSED)
            if not self._fence.is_over and self._last_word is None:
                self._suspect(worker_left(self._attempt, before, refused=True))
            return
        described = json.loads(content)
        self._where, self._pid, self._threads = where, described["pid"], described["threads"]
        if ruling is Ruling.GRANT:
            self._tell(Kind.GRANT)
        elif ruling is Ruling.MOVED:
            self._note(f"started again on {where}, since {before} left")
            self._side.spawn(partial(show_at, self._attempt, where))
            self._is_nowhere = False
            if self._mail is not None and self._requests is not None:
                self._requests.forget()
                self._attempt.context.inbox._relay(self._mail.send)  # what that one has not read
            self._hear()
        self._wake()

    def _take_last_word(self, kind: Kind, content: bytes) -> None:
        self._last_word = kind, content
        if not self._control.cancel_requested.is_set and kind is Kind.STOPPED:
            self._last_word = None
            self._suspect(worker_left(self._attempt, self._where))
        elif (content and kind is not Kind.HELD) or kind is Kind.STOPPED:
            self._take_end()

    def _take_end(self) -> None:
        self._has_ended = True
        self._wake()

    def _arrived(self, value: object) -> None:
        is_held = self._last_word is not None and self._last_word[0] is Kind.HELD
        if not is_held and not isinstance(value, bytes):  # an error, or None of a refused run
            self._suspect(result_lost(self._where, value))
            return
        self._value = value
        self._take_end()

    def _take_report(self, kind: Kind, content: bytes) -> None:
        match kind:
            case Kind.SAMPLE | Kind.LOG | Kind.SAVED:
                echo = None if self._pid == os.getpid() else self._side.echo  # it is there already
                take_report(self._attempt.context, kind, content, echo)
            case Kind.REACHED if self._requests is not None:
                self._requests.reached(content)
            case Kind.TAKEN if self._mail is not None:
                self._mail.taken()
            case Kind.ANSWER if self._mail is not None:
                self._answers = self._answers or Answers(self._side, self._mail)
                self._answers.take(content)
            case _:
                pass  # a newer worker's

    def _left(self, where: str) -> None:
        if where != self._where:
            return
        self._fence.withdraw()
        if self._fence.restarts:
            self._is_nowhere = self._last_word is None
            self._hear()
        elif self._fence.is_granted:
            died = result_lost(where) if self._last_word else worker_left(self._attempt, where)
            self._suspect(died)

    def _gone(self, end: TaskEnd) -> None:
        if end.is_connection_lost or not self._link.client.is_connected:
            self.lost()
        elif self._last_word is None:  # that would have come before, on the same stream
            self._suspect(task_failed(end, self._runner.address))

    def _suspect(self, error: BaseException) -> None:
        """Hold an error back until it is known whether the worker is lost, or the whole cluster.

        A cluster that is closed sends its workers away first.
        """
        if self._suspicion is None and not self._has_ended:
            self._suspicion = error
            self._side.look_for(self)

    def lost_alone(self) -> None:
        """Take note that the cluster lives: the attempt was lost alone."""
        if self._suspicion is not None:
            self._fail(self._suspicion)

    def lost(self) -> None:
        """Take note that the whole cluster is out of reach."""
        if self._last_word is None or self._last_word[0] in {Kind.RETURNED, Kind.ANSWERED}:
            self._fail(AttemptLost(cluster_lost(self._runner.address)))

    def _fail(self, error: BaseException) -> None:
        if not self._has_ended:
            self._error = error
            self._take_end()

    def _note(self, text: str) -> None:
        if text:
            self._attempt.context.write_log(f"{text}\n", "WARNING")

    # -- the end

    async def _result(self) -> Any:
        if self._answers is not None:
            await self._answers.arrive()
        where = self._where
        if self._is_left_behind:
            raise Abandoned(f"abandoned: it did not end when asked; it may still run on {where}")
        if self._error is not None:
            if self._is_killed:
                raise Abandoned(f"it did not end when asked; its worker {where} was restarted")
            raise self._error
        assert self._last_word is not None  # noqa: S101 - it has ended, and without an error
        kind, content = self._last_word
        if kind is Kind.STOPPED:
            raise StopJob(self._control.reason)
        if kind is Kind.HELD:
            self._control.answers += bool(json.loads(content)["answered"])
            return self._value
        content = content or self._value
        # Rebuilding runs the code of the job's classes: it may take its time, as a thread may.
        with trio.CancelScope(shield=True), self._rebuilding_scope():
            if kind is Kind.RAISED:
                rebuilt = partial(unpack_raised, self._attempt.context.id)
                raise RaisedElsewhere(await self._side.rebuild(rebuilt, content))
            self._control.answers += kind is Kind.ANSWERED
            return await rebuilt_value(content, self._side.rebuild)
        raise Abandoned

    def _rebuilding_scope(self) -> trio.CancelScope:
        """Return the scope of a rebuilding: until the system closes, or LINGER after a cancel."""
        return trio.move_on_after(LINGER) if self._is_ending else self._attempt.abandon()
