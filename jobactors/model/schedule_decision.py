"""The decision of a schedule: what is submitted, skipped and missed, and when to look again.

Pure: ``decide`` reads no clock, and the same arguments give the same decision.  It may be asked at
any time, late, twice, or with a clock that was set back: what was settled once is never due again.
"""

from __future__ import annotations

import hashlib
import math
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from .schedule_policy import MOST_CAUGHT_UP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .schedule_policy import SchedulePolicy
    from .schedule_rule import Rule

MOST_COUNTED: Final = 200
"""Occurrences that are counted and decided one by one; of more, only the newest are."""
_FEW: Final = 20
"""Occurrences that are due in ordinary life, at most."""
_FIRST_SPAN: Final = 60.0
_FASTEST_GROWTH: Final = 4.0
_MOST_LEFT: Final = 10_000
"""Runs that are left, for which those before a moment are counted one by one."""


class Decision(Struct, frozen=True):
    """The fate of the occurrences that are due."""

    submit: tuple[float, ...]
    """The moments for which a job is submitted, oldest first."""
    skipped: tuple[float, ...]
    """Those that are left out because a run is unfinished."""
    missed: tuple[float, ...]
    """Those that are left out because they are late, or one later run stands for them."""
    more_missed: bool
    """Whether there were more than :data:`MOST_COUNTED`, so that not all are named."""
    settled: float
    """The moment up to which all is settled: never earlier than before."""
    wake: float
    """When the next one is due, jitter included; infinite if none is."""
    followed: int = 0
    """The moments of the rule that were gone through: what the decision has cost."""


def put_off(name: str, moment: float, jitter: float) -> float:
    """Return when an occurrence is due, jitter included; the same for the same name and moment."""
    if not jitter:
        return moment
    digest = hashlib.blake2b(f"{name}\0{moment!r}".encode("utf-8", "replace"), digest_size=6)
    return moment + jitter * int.from_bytes(digest.digest()) / 2**48


def moments_after(rule: Rule, policy: SchedulePolicy, moment: float) -> Iterator[float]:
    """Iterate over the moments of a rule up to its last one."""
    until = math.inf if policy.until is None else policy.until
    return takewhile(lambda at: at <= until, rule.after(moment))


def decide(
    name: str,
    rule: Rule,
    policy: SchedulePolicy,
    settled: float,
    now: float,
    *,
    running: bool = False,
    runs: int = 0,
) -> Decision:
    """Decide what becomes of the occurrences of a schedule that are due.

    Args:
        name: The schedule's name, which decides its jitter.
        rule: When it is due.
        policy: What it does where plan and world differ.
        settled: The moment up to which all was decided before, in seconds since the epoch.
        now: The present moment.
        running: Whether one of its runs is unfinished.
        runs: The number of runs that it had.
    """
    left = math.inf if policy.runs is None else policy.runs - runs
    if left <= 0:
        return Decision((), (), (), False, settled, math.inf)
    due, upcoming, more, followed = _due(name, rule, policy, settled, now)
    chosen, skipped = _choose(name, policy, due, now, running)
    submit = chosen if left == math.inf else chosen[: int(left)]
    gone = {*submit, *skipped}
    ended = len(submit) >= left or upcoming is None
    return Decision(
        submit=tuple(submit),
        skipped=tuple(skipped),
        missed=tuple(at for at in due if at not in gone),
        more_missed=more,
        settled=due[-1] if due else settled,
        wake=math.inf if ended or upcoming is None else put_off(name, upcoming, policy.jitter),
        followed=followed,
    )


def _due(
    name: str, rule: Rule, policy: SchedulePolicy, settled: float, now: float
) -> tuple[list[float], float | None, bool, int]:
    """Return the occurrences that are due, the next one, whether more are, and those followed."""
    followed = 0

    def gather(start: float, at_most: int | None) -> tuple[list[float], float | None]:
        nonlocal followed
        due: list[float] = []
        for moment in moments_after(rule, policy, start):
            followed += 1
            # A later one with less jitter waits for it: they keep their order.
            if put_off(name, moment, policy.jitter) > now or len(due) == at_most:
                return due, moment
            due.append(moment)
        return due, None

    due, upcoming = gather(settled, _FEW)
    if len(due) < _FEW:
        return due, upcoming, False, followed
    span = _FIRST_SPAN + policy.jitter
    while True:  # backwards in growing steps: a rule is followed forwards only
        start = max(settled, now - span)
        newest, upcoming = gather(start, None)
        is_enough = len(newest) >= MOST_COUNTED
        if is_enough or start == settled:
            return newest, upcoming, is_enough, followed
        # Just so far that it is enough, if they are as frequent there: each costs some 20 µs.
        wanted = 1.1 * MOST_COUNTED / max(1, len(newest))
        span *= min(_FASTEST_GROWTH, max(1.25, wanted))


def _choose(
    name: str, policy: SchedulePolicy, due: list[float], now: float, running: bool
) -> tuple[list[float], list[float]]:
    """Return which of the due occurrences are submitted, and which are skipped."""
    in_time: list[float] = []
    late: list[float] = []
    for at in due:  # jitter may be longer than an interval: an early one may be due last
        is_late = now - put_off(name, at, policy.jitter) > policy.late
        (late if is_late else in_time).append(at)
    skips = policy.overlap == "skip"
    if policy.catch_up != "all":
        chosen = due[-1:] if policy.catch_up == "latest" else in_time[-1:]
        return ([], chosen) if skips and running else (chosen, [])
    if not skips:
        return due[-MOST_CAUGHT_UP:], []
    first = 0 if running or late else 1
    return [*late, *in_time[:first]][-MOST_CAUGHT_UP:], in_time[first:]


def upcoming(
    name: str,
    rule: Rule,
    policy: SchedulePolicy,
    now: float,
    count: int,
    *,
    after: float | None = None,
    settled: float = 0.0,
    runs: int = 0,
) -> list[float]:
    """Return the next moments at which a schedule is due, jitter included.

    Args:
        name: Its name.
        rule: When it is due.
        policy: Its policy.
        now: The present moment.
        count: So many at most.
        after: Only moments after this one, also those of the past, whatever became of them;
            default: those to come.
        settled: The moment up to which all is settled.
        runs: The number of runs that it had.
    """
    begin = now if after is None else after
    start = begin - policy.jitter
    left = math.inf if policy.runs is None else policy.runs - runs
    if after is None:
        start = max(start, settled)
    elif left <= _MOST_LEFT:  # those before `after` take some of the runs that are left
        start = min(start, max(settled, now - policy.jitter))
    found: list[float] = []
    for moment in moments_after(rule, policy, max(start, 0.0)):
        at = put_off(name, moment, policy.jitter)
        if moment > settled and at > now:
            left -= 1
        if left < 0 or count <= 0:
            break
        if at > begin:
            found.append(at)
            if len(found) == count:
                break  # the one after it may be years of calendar away
    return found
