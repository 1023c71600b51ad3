"""Encodes a job as one small JSON row that is safe to show as text.

A key without a value is left out, so that a thousand rows stay small.  `static/format.js`
reads the same keys; `tests/widgets/golden_rows.json` holds both halves to them.

A row is sent whole when a job is new or its state changes.  While the job only progresses, which is
ten times a second, its *numbers* are sent, in :data:`MOVED` bytes a row, and its *words* if they
differ from those before.  `static/frames.js` puts them into the row.

Times are *instants*, in seconds since the epoch by the kernel's clock: a number of seconds would be
out of date as soon as it is sent.  `static/kernel_clock.js` reads that clock in the browser.

=============  ==========================================================================
key            meaning (always there: ``id``, ``name``, ``state``)
=============  ==========================================================================
``id``         the job's id
``number``     its number among the feed's jobs, which addresses numbers and words
``name``       its name for people, at most 200 characters
``state``      the value of :class:`jobactors.JobState`
``type``       the job's type, where that is not its name; at most 200 characters
``subject``    its subject, at most 200 characters
``tags``       words to filter by, at most 8 of 40 characters
``priority``   larger runs first; left out if 0
``icon``       a short text such as an emoji, at most 8 characters
``batch``      of an item: the id of its batch, which has a row of its own
``index``      of an item: its place in the input, from 0
``item``       of an item: a short text of its arguments, at most 60 characters
``continues``  of an item: the job that it continues, whose place it takes if that was the same item
``counts``     of a batch: the number of its jobs in each state that any is in
``cut_off``    of a batch: what of its input was lost with its process, in words
``waiting``    why it has not started, or waits in its own code: a :class:`jobactors.Waiting`
``waits_for``  the jobs or resources it waits for, at most 3 of 200 characters
``due``        when the next attempt may start
``request``    requested and not done yet: a :class:`jobactors.Request`
``stuck``      true: asked to stop, and silent past its grace
``attempt``    the present attempt, from the second on
``where``      the worker of a cluster that runs it, while it does; at most 200 characters
``goes_on``    the job from whose checkpoint it goes on, while it has not ended; at most 200
               characters
``fraction``   0 to 1, when it is known
``done``       units done
``total``      units there are, when that is known
``unit``       the unit that is counted, at most 20 characters
``rate``       units a second
``eta``        when it ends at the present speed
``began``      when its time at work began, later by as much as it was paused
``stopped``    when its time at work stopped, since it is paused, interrupted or ended
``message``    the last message, at most 500 characters
``stages``     the open stages, outermost first, at most 200 characters
``counters``   named counters, at most 6 of them
``error``      the error's type and message, at most 500 characters
``reason``     why it was asked to stop, and how it answered; of a job that waits for a cluster, why
               no worker begins it; at most 500 characters
``pausable``   true: it has passed a point where it can pause
``lines``      lines it has written to its log
``obstacle``   why an interrupted job cannot go on here and now, or an ended one not start again; of
               a batch why none of it can go on; at most 500 characters
``changed``    true: its type's source has changed since it was submitted
``unread``     true: it has succeeded or failed, and its outcome has not been read; of a batch the
               number of its failed jobs of which that is so
=============  ==========================================================================
"""

from __future__ import annotations

import logging
import math
import struct
from typing import TYPE_CHECKING, Final, NotRequired, TypedDict

if TYPE_CHECKING:
    import jobactors as ja

LONGEST_NAME: Final = 200
LONGEST_MESSAGE: Final = 500
LONGEST_UNIT: Final = 20
LONGEST_ICON: Final = 8
LONGEST_WORD: Final = 40
MOST_TAGS: Final = 8
MOST_AWAITED: Final = 3
MOST_COUNTERS: Final = 6
STAGE_SEPARATOR: Final = " \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} "
LARGEST_WHOLE: Final = 2**53  # beyond it a JavaScript number is not exact
LARGEST: Final = 1e300  # JSON has no infinity, and a JavaScript number ends near 1.8e308

_MOVED: Final = struct.Struct("<IfHffI")
MOVED: Final = _MOVED.size
"""Bytes for each job that progressed: number, done, fraction, rate, left, lines."""
_NONE: Final = math.nan
_NO_FRACTION: Final = 65535
_FRACTIONS: Final = 10_000

_log = logging.getLogger(__name__)


_CODE_ELSEWHERE: Final = frozenset({"block", "guest"})
"""The runners of jobs that no restart can start again."""


class WireRow(TypedDict):
    """Holds one job as the browser sees it; the table of the module explains the keys."""

    id: str
    name: str
    state: str
    number: NotRequired[int]
    type: NotRequired[str]
    subject: NotRequired[str]
    tags: NotRequired[list[str]]
    priority: NotRequired[int]
    icon: NotRequired[str]
    batch: NotRequired[str]
    index: NotRequired[int]
    item: NotRequired[str]
    continues: NotRequired[str]
    counts: NotRequired[dict[str, int]]
    cut_off: NotRequired[str]
    waiting: NotRequired[str]
    waits_for: NotRequired[list[str]]
    due: NotRequired[float]
    request: NotRequired[str]
    stuck: NotRequired[bool]
    attempt: NotRequired[int]
    where: NotRequired[str]
    goes_on: NotRequired[str]
    fraction: NotRequired[float]
    done: NotRequired[float]
    total: NotRequired[float]
    unit: NotRequired[str]
    rate: NotRequired[float]
    eta: NotRequired[float]
    began: NotRequired[float]
    stopped: NotRequired[float]
    message: NotRequired[str]
    stages: NotRequired[str]
    counters: NotRequired[dict[str, float]]
    error: NotRequired[str]
    reason: NotRequired[str]
    pausable: NotRequired[bool]
    lines: NotRequired[int]
    obstacle: NotRequired[str]
    changed: NotRequired[bool]
    unread: NotRequired[bool | int]


class ProgressWords(TypedDict, total=False):
    """Holds the texts of a row about progress, and its total; an absent key has no value."""

    total: float
    unit: str
    message: str
    stages: str
    counters: dict[str, float]
    pausable: bool


def moved(number: int, progress: ja.Progress, lines: int, age: float = 0) -> bytes | None:
    """Return the numbers of a job that progressed; None if only a whole row can hold them.

    Four bytes hold every digit that is shown.  They hold no instant, so the time left is counted
    from the frame, ``age`` seconds after its progress was sampled.
    """
    fraction, rate, left = progress.fraction, progress.rate, progress.time_left
    try:
        return _MOVED.pack(
            number,
            progress.done,
            _NO_FRACTION if fraction is None else round(fraction * _FRACTIONS),
            _NONE if rate is None else rate,
            _NONE if left is None else left - age,
            lines,
        )
    except Exception:  # a job may count in anything
        return None


def same_words(one: ja.Progress, other: ja.Progress) -> bool:
    """Return whether the two differ in nothing but numbers."""
    try:
        return bool(
            one.message == other.message
            and one.total == other.total
            and one.counters == other.counters
            and one.stages == other.stages
            and one.unit == other.unit
            and one.pausable is other.pausable
        )
    except Exception:  # texts and numbers of hostile subclasses
        return False


def words_of(progress: ja.Progress) -> ProgressWords | None:
    """Return the texts about progress; None if only a whole row can hold them."""
    words: ProgressWords = {}
    try:
        if (total := plain_number(progress.total)) is not None:
            words["total"] = total
        _add_words(words, progress)
    except Exception:
        return None
    return words


def row_of(
    snapshot: ja.JobSnapshot,
    sampled: float,
    number: int | None = None,
    resting: ja.Resumable | None = None,
) -> WireRow:
    """Return the row of a job.

    Args:
        snapshot: The job.
        sampled: When its progress was sampled, in seconds since the epoch.
        number: Its number in the feed.
        resting: What is known about its resumption, if it rests.

    Never raises for the name, message or numbers of a job: text is cut and made valid Unicode, a
    number that JSON cannot carry is left out, and a hostile text (a subclass that raises) costs the
    row everything but its state.
    """
    row: WireRow = {"id": snapshot.id, "name": "?", "state": snapshot.state.value}
    if number is not None:
        row["number"] = number
    try:
        row["name"] = safe_text(snapshot.name, LONGEST_NAME)
        _add_labels(row, snapshot)
        _add_place(row, snapshot.info)
        _add_goes_on(row, snapshot)
        _add_where(row, snapshot)
        _add_waiting(row, snapshot)
        _add_progress(row, snapshot.progress, sampled)
        _add_times(row, snapshot)
        if snapshot.state.value == "interrupted":
            _add_obstacle(row, resting)
        elif snapshot.runner in _CODE_ELSEWHERE and snapshot.state.is_terminal:
            row["obstacle"] = "it was a block of code, or a command: run that again"
    except Exception:
        _log.debug("a row is incomplete: a text or number of its job raised", exc_info=True)
    return row


def _add_times(row: WireRow, snapshot: ja.JobSnapshot) -> None:
    began = snapshot.started_at
    if began is not None and (began := plain_number(began + snapshot.paused_for, 2)) is not None:
        row["began"] = began
    if (stopped := _stopped(snapshot)) is not None:
        row["stopped"] = stopped
    if snapshot.state.is_terminal and not snapshot.read and snapshot.state.value != "cancelled":
        row["unread"] = True


def _stopped(snapshot: ja.JobSnapshot) -> float | None:
    if snapshot.state.is_terminal:
        return plain_number(snapshot.finished_at, 2)
    if snapshot.state.value in {"paused", "interrupted"}:
        return plain_number(snapshot.changed_at, 2)
    return None


def _add_obstacle(row: WireRow, resting: ja.Resumable | None) -> None:
    if resting is not None and resting.obstacle:
        row["obstacle"] = safe_text(resting.obstacle, LONGEST_MESSAGE)
    if resting is not None and resting.changed:
        row["changed"] = True


def _add_labels(row: WireRow, snapshot: ja.JobSnapshot) -> None:
    info = snapshot.info
    if info.type != info.name:
        row["type"] = safe_text(info.type, LONGEST_NAME)
    if snapshot.subject:
        row["subject"] = safe_text(snapshot.subject, LONGEST_NAME)
    if info.tags:
        row["tags"] = [safe_text(tag, LONGEST_WORD) for tag in info.tags[:MOST_TAGS]]
    if info.priority and abs(info.priority) < LARGEST_WHOLE:
        row["priority"] = info.priority
    if snapshot.log_lines:
        row["lines"] = snapshot.log_lines
    if snapshot.info.icon:
        row["icon"] = safe_text(snapshot.info.icon, LONGEST_ICON)
    if snapshot.attempt > 1:
        row["attempt"] = snapshot.attempt
    if snapshot.error is not None:
        row["error"] = safe_text(str(snapshot.error), LONGEST_MESSAGE)
    if snapshot.explanation:
        row["reason"] = safe_text(snapshot.explanation, LONGEST_MESSAGE)


def _add_place(row: WireRow, info: ja.JobInfo) -> None:
    if info.batch:
        row["batch"] = info.batch
    if info.index is not None:
        row["index"] = info.index
    if info.item:
        row["item"] = safe_text(info.item, LONGEST_NAME)
    if info.batch and info.continues:
        row["continues"] = info.continues


def _add_where(row: WireRow, snapshot: ja.JobSnapshot) -> None:
    if snapshot.where and snapshot.state.is_active:
        row["where"] = safe_text(snapshot.where, LONGEST_NAME)


def _add_goes_on(row: WireRow, snapshot: ja.JobSnapshot) -> None:
    info = snapshot.info
    if info.from_checkpoint and info.continues and not snapshot.state.is_terminal:
        row["goes_on"] = safe_text(info.continues, LONGEST_NAME)


def _add_waiting(row: WireRow, snapshot: ja.JobSnapshot) -> None:
    if snapshot.waiting is not None:
        row["waiting"] = snapshot.waiting.value
        names = snapshot.waits_for[:MOST_AWAITED]
        if names:
            row["waits_for"] = [safe_text(name, LONGEST_NAME) for name in names]
    if (due := plain_number(snapshot.due, 1)) is not None:
        row["due"] = due
    if snapshot.request is not None:
        row["request"] = snapshot.request.value
    if snapshot.stuck:
        row["stuck"] = True


def _add_progress(row: WireRow, progress: ja.Progress, sampled: float) -> None:
    done, total = plain_number(progress.done), plain_number(progress.total)
    if done:
        row["done"] = done
    if total is not None:
        row["total"] = total
    if (fraction := plain_number(progress.fraction, 4)) is not None:
        row["fraction"] = fraction
    if (rate := plain_number(progress.rate, 4)) is not None:
        row["rate"] = rate
    if (left := plain_number(progress.time_left, 1)) is not None:
        row["eta"] = round(sampled + left, 1)
    _add_words(row, progress)


def _add_words(row: WireRow | ProgressWords, progress: ja.Progress) -> None:
    if progress.unit:
        row["unit"] = safe_text(progress.unit, LONGEST_UNIT)
    if progress.message:
        row["message"] = safe_text(progress.message, LONGEST_MESSAGE)
    if stages := STAGE_SEPARATOR.join(filter(None, progress.stages)):
        row["stages"] = safe_text(stages, LONGEST_NAME)
    if counters := _counters(progress):
        row["counters"] = counters
    if progress.pausable:
        row["pausable"] = True


def _counters(progress: ja.Progress) -> dict[str, float]:
    numbers = ((name, plain_number(value, 4)) for name, value in progress.counters.items())
    known = [(name, value) for name, value in numbers if value is not None]
    return {safe_text(name, LONGEST_WORD): value for name, value in known[:MOST_COUNTERS]}


def safe_text(text: str, longest: int) -> str:
    """Cut ``text`` to ``longest`` characters and make it valid Unicode without NUL.

    A lone surrogate or a NUL would make the whole message unreadable for some front end, and with
    it every other job's row.
    """
    if len(text) > longest:
        text = text[: longest - 1] + "…"
    if text.isascii():
        return text.replace("\0", "\N{REPLACEMENT CHARACTER}")
    valid = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return valid.replace("\0", "\N{REPLACEMENT CHARACTER}")


def plain_number(value: float | None, digits: int = 6) -> float | None:
    """Return ``value`` rounded; None if JSON cannot carry it."""
    try:
        if value is None or not math.isfinite(value) or abs(value) > LARGEST:
            return None
        number = round(value, digits)
        return int(number) if number == int(number) else float(number)
    except (TypeError, ValueError, OverflowError):  # a job may count in anything
        return None
