"""Jobs of other processes, shown here: the owner's side of :mod:`.guest_command`.

A store has one owner.  A command that runs as a job while another process owns its store is a guest
there: it works in its own process, and its job is an open one here, so that it stands on the
owner's boards and pages, is stored, and can be cancelled from them.

One connection is one guest.  It says what it has done a few times a second, and each answer tells
whether its job was cancelled here.  A connection that breaks off fails the job: its process has
died.  The owner waits for no guest at its own end, which interrupts the job here and not the
command: its row then says that this goes on alone.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast, final

from jobactors.model.errors import IllegalVerb
from jobactors.runners.block import BlockRunner
from jobactors.runners.opened import open_in

if TYPE_CHECKING:
    from jobactors.engine.api.jobs import Jobs
    from jobactors.runners.opened import OpenJob

VERBS: Final = frozenset({"open", "report", "end"})
MOST_GUESTS: Final = 32
GOES_ON: Final = "the process that showed it has closed its store; the command goes on alone"
_OPTIONS: Final = frozenset({"name", "description", "subject", "tags", "metadata", "icon"})
_MOST_LINES: Final = 1_000


class GuestRunner(BlockRunner):
    """Waits for a guest to end, as a service: the end of the system does not wait for it."""

    name: str = "guest"
    is_service: bool = True
    goes_on: str = GOES_ON


@final
class Reception:
    """Counts the guests of one owner.  Used by the threads that answer commands."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._guests = 0

    def enter(self) -> None:
        """Count one more guest.

        Raises:
            ValueError: if there are as many as are taken.
        """
        with self._lock:
            if self._guests >= MOST_GUESTS:
                raise ValueError(f"{MOST_GUESTS} commands of other processes are shown already")
            self._guests += 1

    def leave(self) -> None:
        """Count one guest less."""
        with self._lock:
            self._guests -= 1


@final
class Guest:
    """The one guest that a connection may bring.

    Args:
        jobs: The job system of the owner.
        reception: Counts the guests of all connections.
    """

    def __init__(self, jobs: Jobs, reception: Reception) -> None:
        self._jobs = jobs
        self._reception = reception
        self._opened: OpenJob | None = None

    def answer(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Answer one message of the guest.

        Raises:
            TypeError, ValueError, IllegalVerb: for one that makes no sense here.
        """
        match command:
            case {"verb": "open", "type": str(kind), **rest} if self._opened is None and kind:
                return self._open(kind, rest.get("options"))
            case {"verb": "report", **told} if self._opened is not None:
                return self._report(self._opened, told)
            case {"verb": "end", "state": str(state), **told} if self._opened is not None:
                self._report(self._opened, told)
                if state == "cancelled" and not self._opened.cancel_requested:
                    self._opened.job.cancel(str(told.get("reason") or "") or None)
                self._end(self._opened, state, told.get("result"), str(told.get("error", "")))
                return {}
            case _:
                raise ValueError("a guest opens one job, reports of it, and ends it")

    def _open(self, kind: str, options: object) -> dict[str, Any]:
        given = _by_name(options)
        self._reception.enter()
        try:
            chosen = {name: given[name] for name in _OPTIONS & given.keys()}
            self._opened = open_in(self._jobs, kind, {}, chosen, GuestRunner(), registered=False)
        except BaseException:
            self._reception.leave()
            raise
        return {"id": self._opened.id}

    def _report(self, opened: OpenJob, told: Mapping[str, Any]) -> dict[str, Any]:
        _pass_on(opened, _by_name(told.get("progress")))
        for line in _each(told.get("lines"))[:_MOST_LINES]:
            match line:
                case [str(source), str(text)]:
                    opened.write_log(f"{text}\n", source)
                case _:
                    raise ValueError("a line is a source and a text")
        if opened.job.state.is_terminal:
            return {"ended": True}
        if not opened.cancel_requested:
            return {}
        reason = opened.job.snapshot().reason or ""
        if reason == GOES_ON:
            opened._stop()
            return {"ended": True}
        return {"cancel": reason}

    def _end(self, opened: OpenJob, state: str, result: object, error: str) -> None:
        with suppress(IllegalVerb):  # the system's own end was first
            match state:
                case "succeeded":
                    opened.complete(result)
                case "cancelled":
                    opened.cancelled(result)
                case _:
                    opened.fail(error or "it failed without a word")

    def close(self) -> None:
        """End the job of a guest whose connection has ended; one that has ended stays as it is."""
        opened, self._opened = self._opened, None
        if opened is None:
            return
        self._reception.leave()
        if not opened.job.state.is_terminal:
            self._end(opened, "failed", None, "its process has ended without a word")


def _pass_on(opened: OpenJob, told: Mapping[str, Any]) -> None:
    """Report the numbers and texts of a guest, as far as they are such."""
    numbers = {name: told.get(name) for name in ("done", "total")}
    words = {name: told.get(name) for name in ("message", "unit")}
    if not all(value is None or _is_number(value) for value in numbers.values()):
        raise ValueError("done and total are numbers")
    if not all(value is None or isinstance(value, str) for value in words.values()):
        raise ValueError("message and unit are texts")
    counters = _by_name(told.get("counters"))
    opened._report(
        numbers["done"],
        numbers["total"],
        words["message"],
        words["unit"] or "",
        {name: value for name, value in counters.items() if _is_number(value)},
    )


def _by_name(given: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {}


def _each(given: object) -> list[Any]:
    return list(cast("Any", given)) if isinstance(given, list) else []


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
