"""Answers the messages of a front end about one job system; a panel and the sidebar share it.

Every message arrives here, except ``hello``, which is about frames:

* ``act``: a button, for the job ``id``, or for all ``ids`` that are in one of ``states``, if any
  are given; answered by one ``answer``;
* ``schedule``: a button of the schedule ``name``; answered by one ``answer`` if it is refused;
* ``details``, ``log``, ``result``: more of one job; answered by the same kind;
* ``types``, ``check_new``, ``start_new``: the form of a new job, :mod:`.new_job`.

Messages arrive in a thread of ipykernel's.  Commands are posted to the jobs' loop.  Details are
read and answered in the arriving thread: reading a job needs no turn on the loop.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import trio

import jobactors as ja

from .button_commands import BulkCommand, answer, perform
from .details import ResultTexts, details_of, log_piece
from .new_job import KINDS, answer_form
from .schedule_rows import act_on_schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STOPPED: Final = "this job system has stopped"

_log = logging.getLogger(__name__)


class FrontEndConversation:
    """Answers front ends about one job system, until that has ended.

    Args:
        jobs: The job system.
        reply: Sends one message to the front end; called from any thread.
    """

    def __init__(self, jobs: ja.Jobs, reply: Callable[[Mapping[str, object]], object]) -> None:
        # Cleared by the jobs' loop, read by any thread: always through a local variable.
        self._jobs: ja.Jobs | None = jobs
        self._reply = reply
        self._results = ResultTexts()

    @property
    def jobs(self) -> ja.Jobs | None:
        """The job system; None when it has ended."""
        return self._jobs

    def end(self) -> None:
        """Release the job system: buttons are refused from now on.  On the jobs' loop only."""
        self._jobs = None

    def post(self, fn: Callable[..., object], *args: object) -> bool:
        """Run ``fn`` on the jobs' loop soon; return False if there is no loop any more."""
        jobs = self._jobs
        try:
            if jobs is not None:
                ja.lowlevel.post(jobs, fn, *args)
                return True
        except ja.JobactorsError:  # closed meanwhile, or this is a forked child
            pass
        return False

    def hear(self, message: Any) -> None:
        """Take one message of a front end; in any thread.  Never raises for its content."""
        match message:
            case {"kind": "act", "verb": verb, "id": job_id}:
                self._act(verb, job_id)
            case {"kind": "act", "verb": verb, "ids": [*job_ids]}:
                self._act_on_many(verb, job_ids, message.get("states"))
            case {"kind": "schedule", "verb": verb, "name": name}:
                if not self.post(self._act_on_schedule, verb, name):
                    self._reply(answer(str(verb), "", STOPPED))
            case {"kind": str(kind)} if kind in KINDS:
                self._answer_form(message)
            case {"kind": "details" | "log" | "result" as kind, "id": str(job_id)}:
                self._look(kind, job_id, message.get("since"))
            case _:
                _log.warning("a front end sent a message of a kind that is not known here")

    def _act(self, verb: object, job_id: object) -> None:
        if not self.post(self._perform, verb, job_id):
            self._reply(answer(str(verb), str(job_id), STOPPED))

    def _act_on_many(self, verb: object, job_ids: list[object], states: object) -> None:
        jobs = self._jobs
        command = None if jobs is None else BulkCommand(jobs, verb, job_ids, states)
        if command is None or not self.post(self._perform_some, command):
            self._reply(answer(str(verb), "", STOPPED))

    def _answer_form(self, message: Mapping[str, Any]) -> None:
        jobs = self._jobs
        if jobs is not None:
            self._reply(answer_form(jobs, message))

    def _look(self, kind: str, job_id: str, since: object) -> None:
        jobs = self._jobs
        try:
            if jobs is None:
                return
            job = jobs.get(job_id)
        except ja.JobactorsError:  # removed meanwhile: its row disappears as well
            return
        if kind == "result":
            self._results.ask(job, self._reply)
        else:
            self._reply(details_of(job) if kind == "details" else log_piece(job, since))

    # On the jobs' loop.

    def _perform(self, verb: object, job_id: object) -> None:
        if self._jobs is not None:
            self._reply(perform(self._jobs, verb, job_id))

    def _act_on_schedule(self, verb: object, name: object) -> None:
        why = "" if self._jobs is None else act_on_schedule(self._jobs, verb, name)
        if why:
            self._reply(answer(str(verb), "", why))

    def _perform_some(self, command: BulkCommand) -> None:
        """Run a part of ``command``; the rest has later turns, so that jobs go on meanwhile."""
        if command.perform_some() and self._jobs is not None:
            trio.lowlevel.current_trio_token().run_sync_soon(self._perform_some, command)
        else:
            self._reply(command.answer)
