"""The schedules of a job system as rows for the browser, and the news of them in frames."""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING, Final, NotRequired, TypedDict

import jobactors as ja

from .wire import LONGEST_MESSAGE, LONGEST_NAME, safe_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_SCHEDULES: Final = 200
"""Schedules that are shown: those that are due first."""

_log = logging.getLogger(__name__)


class ScheduleRow(TypedDict):
    """Holds one schedule as the browser sees it; `static/scheduled.js` explains the keys."""

    name: str
    words: str
    rule: str
    label: str
    standing: str
    zone: NotRequired[str]
    subject: NotRequired[str]
    next: NotRequired[float]
    missed: NotRequired[int]
    running: NotRequired[int]
    reason: NotRequired[str]
    memory: NotRequired[str]


def schedule_rows(jobs: ja.Jobs | None) -> list[ScheduleRow]:
    """Return the schedules that are due first, by name.  From any thread; never raises.

    They do not change places while they wait: a button must not move away under the mouse.
    """
    rows: list[ScheduleRow] = []
    try:
        schedules = () if jobs is None else jobs.schedules()
        for schedule in itertools.islice(schedules, MOST_SCHEDULES):
            rows += [_row_of(schedule.state())]
    except ja.JobactorsError:  # the system is closing, or one was removed meanwhile
        pass
    except Exception:
        _log.exception("the schedules cannot be shown")
    return sorted(rows, key=lambda row: row["name"])


def _row_of(state: ja.ScheduleState) -> ScheduleRow:
    row: ScheduleRow = {
        "name": safe_text(state.name, LONGEST_NAME),
        "words": safe_text(state.in_words, LONGEST_NAME),
        "rule": safe_text(state.rule, LONGEST_NAME),
        "label": safe_text(state.label, LONGEST_NAME),
        "standing": state.standing,
    }
    if state.zone:
        row["zone"] = state.zone
    if state.subject:
        row["subject"] = safe_text(state.subject, LONGEST_NAME)
    if state.next is not None:
        row["next"] = round(state.next, 3)
    if state.missed:
        row["missed"] = state.missed
    if state.unfinished:
        row["running"] = len(state.unfinished)
    if state.reason:
        row["reason"] = safe_text(state.reason, LONGEST_MESSAGE)
    if state.in_memory:
        row["memory"] = safe_text(state.in_memory, LONGEST_MESSAGE)
    return row


class ScheduleNews:
    """Notes when schedules have changed, and in which frame.  On the jobs' loop only."""

    def __init__(self) -> None:
        self.rows: list[ScheduleRow] = []
        """As last sent."""
        self._changed = True
        self._in_frame = -1
        self._stop: Callable[[], None] | None = None

    def follow(self, jobs: ja.Jobs, wake: Callable[[], None]) -> None:
        """Call ``wake`` after each change from now on."""

        def note() -> None:
            self._changed = True
            wake()

        self._stop = ja.lowlevel.watch_schedules(jobs, note)

    def end(self) -> None:
        """Follow no longer."""
        if self._stop is not None:
            self._stop()
            self._stop = None

    def take(self, jobs: ja.Jobs | None) -> list[ScheduleRow] | None:
        """Return the schedules, if they differ from those that were sent last."""
        if not self._changed:
            return None
        self._changed = False
        rows = schedule_rows(jobs)
        if rows == self.rows:
            return None
        self.rows = rows
        return rows

    def sent_in(self, frame: int) -> None:
        """Take note of the frame that has what was taken."""
        self._in_frame = frame

    def since(self, frame: int, shows_all: bool) -> list[ScheduleRow] | None:
        """Return the schedules for a receiver of all jobs that has a frame; None if it has them."""
        return self.rows if shows_all and self._in_frame > frame else None


def act_on_schedule(jobs: ja.Jobs, verb: object, name: object) -> str:
    """Run the command of a button on a schedule; return the reason why it was not done, or nothing.

    Never raises: a message from a browser is not trusted.
    """
    if not isinstance(verb, str) or not isinstance(name, str) or verb not in SCHEDULE_VERBS:
        return "this message names no verb and no schedule"
    try:
        SCHEDULE_VERBS[verb](jobs.schedules()[name])
    except ja.JobactorsError as error:
        return str(error)
    except Exception as error:  # the board must go on
        return f"{type(error).__name__}: {error}"
    return ""


SCHEDULE_VERBS: Final[Mapping[str, Callable[[ja.Schedule], object]]] = {
    "run": lambda schedule: schedule.run_now(),
    "pause": lambda schedule: schedule.pause("by hand"),
    "resume": lambda schedule: schedule.resume(),
}
"""Every verb that a front end may send for a schedule, and the call that it makes."""
