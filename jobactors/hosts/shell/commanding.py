"""``cancel``, ``pause``, ``resume``, ``discard``, ``submit``: sent to the owner, or done here.

A process that owns the store is asked over its socket.  Otherwise the store is opened here for the
time of the command, as any other program would.  A batch stands for those of its jobs that the
command is for.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final, Literal

from jobactors.engine.api.outside_commands import perform, submit_by_name, submit_template
from jobactors.hosts.terminal_text import safe
from jobactors.hosts.trio_block import open_jobs
from jobactors.model.argument_problem import ArgumentsInvalid
from jobactors.model.errors import JobactorsError, NotResumable, UnknownJobType
from jobactors.model.job_type import types_known_as
from jobactors.model.states import JobState, Waiting
from jobactors.model.unknown_names import UnknownTemplate
from jobactors.stores.read_only import StoreView

from .interrupts import run_jobs
from .modules import import_all
from .owner_call import calling_owner
from .reading import resolve, snapshots_of, unfinished_of_batch
from .statuses import NO_SENSE, REFUSED, Complaint, complain, explained, status_of
from .store_choice import chosen_store
from .tables import is_for_people, put, put_json

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from jobactors.engine.api.job import Job
    from jobactors.model.snapshot import JobSnapshot

    Order = Callable[[str], dict[str, Any]]
    """Gives one command about a job, and returns that job as plain values."""

_IMPORT: Final = "here that is --module"
"""The cure, on a command line, for a job type that no imported module has declared."""


@explained
def cancel(given: argparse.Namespace) -> int:
    """Ask jobs to end."""
    return _command(given, "cancel", given.reason)


@explained
def pause(given: argparse.Namespace) -> int:
    """Ask jobs to stand still."""
    return _command(given, "pause")


@explained
def discard(given: argparse.Namespace) -> int:
    """End interrupted jobs for good."""
    return _command(given, "discard")


@explained
def resume(given: argparse.Namespace) -> int:
    """Let jobs go on: with their owner, or here until they have ended."""
    verbs, owner, path = _meant(given, "resume")
    with StoreView(path) as view:
        left = {row.job_id for row in view.checkpoints()}
        ended = {one.id for one in snapshots_of(view.get(verbs)) if one.state.is_terminal}
    # As `resumable` lists them: what has ended goes on as a job that continues it.
    verbs |= dict.fromkeys(left & ended & verbs.keys(), "restart")
    if owner is not None:
        with calling_owner(path, owner) as call:
            return _each(given, verbs, lambda one: call.ask({"verb": verbs[one], "id": one})["job"])
    import_all(given.module)
    return run_jobs(_resume_here, given, path, verbs)


def _command(given: argparse.Namespace, verb: str, reason: str | None = None) -> int:
    verbs, owner, path = _meant(given, verb)
    if owner is None:
        return run_jobs(_command_here, given, path, verbs, reason)
    with calling_owner(path, owner) as call:

        def order(job_id: str) -> dict[str, Any]:
            told = {"verb": verbs[job_id], "reason": reason, "id": job_id}
            answer: dict[str, Any] = call.ask(told)["job"]
            return answer

        return _each(given, verbs, order)


def _meant(given: argparse.Namespace, verb: str) -> tuple[dict[str, str], str | None, Path]:
    """Return the command for each whole id that was meant, the store's owner, and its path."""
    with StoreView(chosen_store(given)) as view:
        verbs: dict[str, str] = {}
        for one in given.id:
            verbs |= _of_batch(view, one, verb) or {resolve(view, one): verb}
        return verbs, view.owner, view.path


def _of_batch(view: StoreView, beginning: str, verb: str) -> dict[str, str]:
    """Return the command for each job of a batch, or nothing if a job's id begins so.

    Raises:
        Complaint: if none of the batch's jobs is in a state for it.
    """
    if view.ids_like(beginning) or not (jobs := unfinished_of_batch(view, beginning)):
        return {}
    verbs = {one.id: found for one in jobs if (found := _for_item(one, verb)) is not None}
    if not verbs:
        states = ", ".join(sorted({str(one.state) for one in jobs}))
        raise Complaint(f"no job of the batch {beginning} can {verb}: they are {states}", REFUSED)
    # Held before others are paused, whose slots they would take.
    return dict(sorted(verbs.items(), key=lambda each: each[1] != "hold"))


def _for_item(job: JobSnapshot, verb: str) -> str | None:
    """Return the command for a batch's job that one for the batch is: as `batch.pause()` does."""
    if verb == "cancel":
        return verb
    if job.waiting is Waiting.HOLD:
        return "release" if verb == "resume" else None
    if job.state is JobState.QUEUED:
        return "hold" if verb == "pause" else None
    if verb == "pause":
        return verb if job.state is JobState.RUNNING else None
    rest = {JobState.INTERRUPTED} if verb == "discard" else {JobState.INTERRUPTED, JobState.PAUSED}
    return verb if job.state in rest else None


def _each(given: argparse.Namespace, ids: Iterable[str], order: Order) -> int:
    """Give an order about each job, and print what has become of it; one refusal stops no other."""
    status = 0
    for job_id in ids:
        try:
            _put_job(given, order(job_id))
        except (Complaint, JobactorsError) as exc:
            complain(str(exc))
            status = status or status_of(exc)
    return status


def _put_job(given: argparse.Namespace, job: dict[str, Any]) -> None:
    if not is_for_people(given):
        put_json(job)
        return
    asked = f", asked to {job['request']}" if job.get("request") else ""
    put(safe(f"{job['id']}: {job['state']}{asked}"))


async def _command_here(
    given: argparse.Namespace, path: Path, verbs: dict[str, str], reason: str | None
) -> int:
    async with open_jobs(store=path, unread_failures="ignore") as jobs:
        status = _each(given, verbs, lambda one: perform(jobs, verbs[one], one, reason).to_dict())
        await jobs.close()
    return status


async def _resume_here(given: argparse.Namespace, path: Path, verbs: dict[str, str]) -> int:
    """Resume jobs and wait for them; a Ctrl-C interrupts them, to go on another day."""
    shown: Literal["terminal"] | None = "terminal" if is_for_people(given) else None
    async with open_jobs(store=path, unread_failures="ignore", display=shown) as jobs:
        resumed: list[Job[Any]] = []

        def order(job_id: str) -> dict[str, Any]:
            try:
                resumed.append(perform(jobs, verbs[job_id], job_id))
            except NotResumable as exc:
                if types_known_as(jobs.get(job_id).snapshot().type):
                    raise
                raise Complaint(f"{exc}; {_IMPORT}", status_of(exc)) from None
            return resumed[-1].to_dict()

        status = _each(given, verbs, order)
        try:
            for job in resumed:
                await job.wait()
        except KeyboardInterrupt:
            await jobs.close()
            raise
        await jobs.close()
    failed = any(job.state is not JobState.SUCCEEDED for job in resumed)
    return status or (REFUSED if failed else 0)


# -- submit


@explained
def submit(given: argparse.Namespace) -> int:
    """Submit a job to the owner of the store, or store it for the next worker."""
    arguments, options = _arguments(given), _options(given)
    path = chosen_store(given, new=True)
    owner = None
    if path.exists():
        with StoreView(path) as view:
            owner, path = view.owner, view.path
    if owner is not None:
        kind = "template" if given.template else "type"
        order = {"verb": "submit", kind: given.type, "arguments": arguments, "options": options}
        with calling_owner(path, owner) as call:
            _put_job(given, call.ask(order)["job"])
        return 0
    import_all(given.module)
    try:
        return run_jobs(_store_for_a_worker, given, path, arguments, options)
    except UnknownJobType as exc:
        raise Complaint(f"{exc}; {_IMPORT}", NO_SENSE) from None
    except (ArgumentsInvalid, UnknownTemplate, TypeError, ValueError) as exc:
        raise Complaint(str(exc), NO_SENSE) from None


async def _store_for_a_worker(
    given: argparse.Namespace, path: Path, arguments: object, options: object
) -> int:
    async with open_jobs(store=path, unread_failures="ignore") as jobs:
        jobs._system.core.dispatch.starts = (
            False  # it starts in a worker; one that is held would not
        )
        by = submit_template if given.template else submit_by_name
        job = by(jobs, given.type, arguments, options)
        await job.stored()
        job_id = job.id
        await jobs.close()
        if is_for_people(given):
            where = f"{job_id}: stored in {path}"
            put(safe(f"{where}; `jobactors worker` starts it, or `jobactors resume {job_id}`"))
        else:
            put_json(job.to_dict())
    return 0


def _arguments(given: argparse.Namespace) -> object:
    text = sys.stdin.read() if given.arguments == "-" else given.arguments
    try:
        return json.loads(text)
    except ValueError as exc:
        raise Complaint(f"the arguments are no JSON: {exc}", NO_SENSE) from None


def _options(given: argparse.Namespace) -> dict[str, object]:
    options: dict[str, object] = {}
    for one in given.option:
        name, is_set, text = one.partition("=")
        if not is_set:
            raise Complaint(f"an option is NAME=VALUE, not {one}", NO_SENSE)
        try:
            options[name] = json.loads(text)
        except ValueError:
            options[name] = text
    return options
