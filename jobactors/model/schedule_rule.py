"""Rules of time: the moments at which a schedule is due.

=====================  ==========================================================================
the rule is            and is due
=====================  ==========================================================================
cron text              on the calendar of a zone: what a clock on the wall there shows
``ja.every(…)``        in elapsed seconds from an anchor, whatever the clocks on the walls do
``ja.at(moment)``      once
=====================  ==========================================================================

A cron text follows Debian's cron across a change of the clocks, as the library cronsim does:
a fixed time that is missing that day is due once, when the clock has jumped; one that comes twice
is due the first time; what is due every hour, or more often, goes on in elapsed time.

Pure: a moment goes in, later moments come out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

from .checks import Field, as_seconds, check_moment, is_number, named, shown
from .field_docs import documented

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

NICKNAMES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
SHORTEST: Final = 0.1
"""Seconds between two occurrences of an interval, at least."""
_LONGEST: Final = 100 * 365.25 * 86400.0
_LONGEST_TEXT: Final = 200
_UNITS: Final = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@cache
def zone_named(key: str) -> ZoneInfo:
    """Return a time zone by its IANA key.

    Raises:
        ValueError: if there is none here; the message has the cure.
    """
    from zoneinfo import ZoneInfo  # for a program with schedules alone

    try:
        return ZoneInfo(key)
    except (LookupError, ValueError, OSError):
        raise ValueError(
            f'zone is an IANA key, such as "Europe/Berlin", not {shown(key)}; where the system '
            "has no zones: pip install tzdata"
        ) from None


def check_zone(value: object) -> ZoneInfo:
    """Return the time zone of a key.

    Raises:
        TypeError, ValueError: for what is no key; the message has the cure.
    """
    if isinstance(value, str):
        return zone_named(value)
    from zoneinfo import ZoneInfo

    if not isinstance(value, ZoneInfo) or not value.key:
        raise TypeError(f'zone is an IANA key, such as "Europe/Berlin", not {shown(value)}')
    return zone_named(value.key)


def _cron_text(cron: Cron, field: Field, value: Any) -> None:
    del field
    check_zone(cron.zone)
    if not isinstance(value, str):
        raise TypeError(f'a rule is a cron text, such as "30 2 * * *", not {shown(value)}')
    if len(value) > _LONGEST_TEXT:
        raise ValueError(f"a cron text has at most {_LONGEST_TEXT} characters, not {len(value)}")
    if next(cron.after(0.0), None) is None:
        raise ValueError(f"the cron text {shown(value)} is never due")


def _one_line(value: Any) -> Any:
    return " ".join(value.split()) if isinstance(value, str) else value


@documented
@frozen
class Cron:
    """A cron text, on the calendar of a zone.

    Raises:
        TypeError, ValueError: for what is no cron text, is never due, or no zone.
        ImportError: without the library cronsim; the message has the cure.
    """

    text: str = field(converter=_one_line, validator=_cron_text)
    """Five fields (minute, hour, day of month, month, day of week), six with seconds in front, or
    "@hourly", "@daily", "@weekly", "@monthly", "@yearly".  Days of the month and of the week that
    are both given are alternatives, unless one of them begins with a star."""
    zone: str = "UTC"
    """The IANA key of the time zone."""

    def after(self, moment: float) -> Iterator[float]:
        """Iterate over the moments at which it is due, after ``moment``, in order."""
        simulated = _cronsim(self.text, datetime.fromtimestamp(moment, zone_named(self.zone)))
        latest = moment
        for due in simulated:
            at = due.timestamp()
            if at > latest:  # it may begin before: an hour comes twice
                yield at
                latest = at

    @property
    def in_words(self) -> str:
        """The rule for a person: "At 02:30 every day"."""
        return _explained(self.text)

    def __str__(self) -> str:
        return self.text


def _cronsim(text: str, start: datetime) -> Any:
    """Return cronsim's iterator.

    Raises:
        ImportError, ValueError: the message has the cure.
    """
    try:
        from cronsim import CronSim, CronSimError
    except ImportError:
        raise ImportError(
            "cron texts need cronsim: pip install 'jobactors[schedule]'; "
            "ja.every(…) and ja.at(…) need nothing"
        ) from None
    try:
        return CronSim(NICKNAMES.get(text, text), start)
    except CronSimError as exc:
        reason = str(exc)[:1].lower() + str(exc)[1:]
        raise ValueError(
            f"{shown(text)} is no cron text ({reason}): write minute, hour, day of month, month "
            f'and day of week, such as "30 2 * * *", or {", ".join(NICKNAMES)}'
        ) from None


@lru_cache(maxsize=1_000)
def _explained(text: str) -> str:
    words: str = _cronsim(text, datetime(2000, 1, 1)).explain()  # noqa: DTZ001 - any day will do
    return words


def _epoch(value: float | datetime) -> float:
    """Return a point in time as seconds since the epoch; one without a time zone is local."""
    return value.timestamp() if isinstance(value, datetime) else value


def _interval(interval: Interval, field: Field, value: Any) -> None:
    if not is_number(value):
        raise TypeError(f"{named(interval, field)} is a number of seconds, not {shown(value)}")
    if not SHORTEST <= value <= _LONGEST:
        raise ValueError(
            f"an interval is from {SHORTEST} s to 100 years long, not {shown(value)} s: "
            "ja.every(minutes=5)"
        )


def _anchor(interval: Interval, field: Field, value: Any) -> None:
    check_moment(named(interval, field), value)


@documented
@frozen
class Interval:
    """Equal intervals of elapsed time; made by :func:`every`.

    Raises:
        TypeError, ValueError: for what is no interval, or no moment.
    """

    seconds: float = field(converter=as_seconds, validator=_interval)
    """Seconds from one occurrence to the next."""
    anchor: float = field(default=0.0, converter=_epoch, validator=_anchor)
    """One of its moments, in seconds since the epoch: the others lie whole intervals from it."""

    def after(self, moment: float) -> Iterator[float]:
        """Iterate over the moments at which it is due, after ``moment``, in order."""
        number = int((moment - self.anchor) // self.seconds)
        while self.anchor + number * self.seconds <= moment:
            number += 1  # the quotient is rounded
        while True:
            yield self.anchor + number * self.seconds
            number += 1

    @property
    def in_words(self) -> str:
        """The rule for a person: "Every 5 minutes"."""
        for size, unit in _UNITS:
            number = self.seconds / size
            if number == int(number):
                return f"Every {unit}" if number == 1 else f"Every {int(number):,} {unit}s"
        return f"Every {self.seconds:g} seconds"

    def __str__(self) -> str:
        return self.in_words[:1].lower() + self.in_words[1:]


def _at(moment: Moment, field: Field, value: Any) -> None:
    del moment, field
    check_moment("ja.at(…)", value)


@documented
@frozen
class Moment:
    """One moment; made by :func:`at`.

    Raises:
        TypeError, ValueError: for what is no moment.
    """

    at: float = field(converter=_epoch, validator=_at)
    """Seconds since the epoch."""

    def after(self, moment: float) -> Iterator[float]:
        """Iterate over the moment, if it comes after ``moment``."""
        return iter((self.at,) if self.at > moment else ())

    @property
    def in_words(self) -> str:
        """The rule for a person: "Once, at 2026-11-29 08:00:00"."""
        return f"Once, at {datetime.fromtimestamp(self.at).astimezone():%Y-%m-%d %H:%M:%S}"

    def __str__(self) -> str:
        return self.in_words[:1].lower() + self.in_words[1:]


Rule = Cron | Interval | Moment


def every(
    *,
    seconds: float = 0,
    minutes: float = 0,
    hours: float = 0,
    days: float = 0,
    anchor: datetime | float | None = None,
) -> Interval:
    """Return a rule that is due at equal intervals of elapsed time, as ``timedelta`` counts it.

    A change of the clocks does not move it: for a time of day, write a cron text.

    Args:
        seconds: Seconds of the interval; all units are added up.
        minutes: Minutes of it.
        hours: Hours of it.
        days: Days of 24 hours of it.
        anchor: A moment at which it is due, aware, or local without a zone; the others lie whole
            intervals from it.  Default: midnight UTC of 1970-01-01, so that five minutes are those
            of the clock, and the same after a restart.

    Raises:
        TypeError, ValueError: for what is no length of time, below a tenth of a second, or no
            moment.

    Example::

        jobs.schedule("sync", ja.every(minutes=5)).submit("sync")
    """
    for name, value in (
        ("seconds", seconds),
        ("minutes", minutes),
        ("hours", hours),
        ("days", days),
    ):
        if not is_number(value):
            raise TypeError(f"ja.every({name}=…) is a number, not {shown(value)}")
    try:
        length = timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)
    except (OverflowError, ValueError):
        raise ValueError("ja.every(…) is at most 100 years long") from None
    return Interval(length.total_seconds(), 0.0 if anchor is None else anchor)


def at(moment: datetime | float) -> Moment:
    """Return a rule that is due once.

    Args:
        moment: An aware datetime; one without a zone is local time; or seconds since the epoch.

    Raises:
        TypeError, ValueError: for what is no moment.

    Example::

        jobs.schedule("release", ja.at(datetime(2026, 12, 1, 9, tzinfo=UTC))).submit("release")
    """
    return Moment(moment)


def as_rule(value: object, zone: str) -> Rule:
    """Return the rule that a user has written.

    Args:
        value: A cron text, or a rule.
        zone: The zone of a cron text.

    Raises:
        TypeError, ValueError, ImportError: if it is none; the message names the kinds.
    """
    if isinstance(value, str):
        return Cron(value, zone)
    if isinstance(value, Cron | Interval | Moment):
        return value
    cure = ": ja.every(seconds=…)" if is_number(value) or isinstance(value, timedelta) else ""
    cure = ": ja.at(…)" if isinstance(value, datetime) else cure
    raise TypeError(
        'a rule is a cron text such as "30 2 * * *", ja.every(minutes=5) or ja.at(moment), '
        f"not {shown(value)}{cure}"
    )
