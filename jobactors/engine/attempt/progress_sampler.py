"""Samples a job's reports and publishes them: ten times a second at most, the last included."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from jobactors.engine.loop.timers import INTERVAL
from jobactors.model.events import JobLogged, JobProgressed
from jobactors.model.progress import NO_PROGRESS, Progress, Speed, part_of
from jobactors.model.states import JobState

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobactors.engine.loop.clock import LoopClock
    from jobactors.engine.loop.timers import Timer, Timers
    from jobactors.inside.report.meter import Meter
    from jobactors.model.log import Log
    from jobactors.model.snapshot import JobSnapshot

SLOWEST: Final = 1.0
"""Seconds between two samples of a tracked loop that does not move, at most."""
_MOVING: Final = frozenset({JobState.RUNNING, JobState.CANCELLING})


class Sampler:
    """Reads one attempt's meter.  Written by the loop's thread only.

    A job that reports joins the next of the system's ticks; where it is not seen, one of the next
    ten.  It stays in them until one has found nothing new: to be woken by a report costs as much
    as a look.  A job whose reports have not shown yet whether it can be paused is woken by each,
    and so finds out.  A tracked sequence reports nothing at all, so while one is open the
    sampler looks by itself: in every such tick while it moves, less often when it does not.
    """

    __slots__ = (
        "_clock",
        "_closed",
        "_emit",
        "_interval",
        "_last",
        "_log",
        "_logged",
        "_meter",
        "_share",
        "_ticks",
        "_timer",
        "_timers",
        "_told",
        "_units",
        "job_id",
    )

    def __init__(
        self,
        meter: Meter,
        job_id: str,
        clock: LoopClock,
        timers: Timers,
        log: Log,
        emit: Callable[[JobProgressed | JobLogged], None],
    ) -> None:
        self._meter = meter
        self.job_id: str = job_id
        """The job whose attempt it is."""
        self._clock = clock
        self._timers = timers
        self._ticks = timers.ticks
        self._emit = emit
        self._log = log
        self._logged = log.total
        self._timer: Timer | None = None
        """The time of the next look at a tracked loop that does not move."""
        self._interval = INTERVAL
        self._last = NO_PROGRESS
        self._closed = False
        self._told: set[str] = set()
        """The complaints about reports in the job's log, each once an attempt."""
        self._units = Speed()
        self._share = Speed()

    def wake(self) -> None:
        """Sample in the next tick: the job has reported."""
        if not self._closed:  # a thread of the job goes on after its attempt has ended
            self._ticks.join(self, at_once=self._meter.has_turned)

    @property
    def _has_news(self) -> bool:
        """Whether there may be reports that were not published."""
        meter = self._meter
        return not meter.quiet or meter.polled or self._log.total != self._logged

    def newest(self, snapshot: JobSnapshot) -> JobSnapshot:
        """Return a snapshot of the job with all its reports, and publish nothing.

        From any thread: what a job that nobody watches has reported since its last sample must not
        wait a second for the next one when somebody asks.  Of a job in sight the snapshot stays the
        one that its events have told.
        """
        log, units, share = self._log, self._units, self._share  # these are older than the meter
        if self._ticks.shows(self.job_id) or self._closed or snapshot.state not in _MOVING:
            return snapshot
        if not self._has_news:
            return snapshot
        if log.total != snapshot.log_lines:
            snapshot = replace(snapshot, log_lines=log.total, log_cut=log.cut)
        try:
            progress = self._meter.peek()
            if progress is None or not _differs(progress, snapshot.progress):
                return snapshot
            units, share = _speeds_after(units, share, progress, self._clock.now())
            return replace(snapshot, progress=_at_speed(progress, units, share))
        except Exception:  # the job has just changed what is being read
            return snapshot

    def sample(self) -> None:
        """Read the meter and publish changes at once; look no more by itself."""
        self._meter.quiet = True  # the next report wakes the sampler
        self.look(self._clock.now())
        self.stop()

    def catch_up(self) -> None:
        """Publish what was reported since the last sample: a checkpoint takes it along."""
        if self._has_news and not self._closed:
            self.look(self._clock.now())

    def look(self, now: float) -> None:
        """Read the meter and publish changes; called in a tick."""
        meter, log = self._meter, self._log
        meter.has_turned = False
        progress = self._news(now) if meter.pausable and not meter.quiet else None
        if progress is None:
            meter.quiet = True  # before reading: a report that comes meanwhile wakes the sampler
            progress = self._news(now)
        elif not meter.polled:
            self._ticks.join(self)  # while it moves, its reports need not wake the sampler
        if progress is not None:
            self._last = progress
            self._emit(JobProgressed(self.job_id, now, progress))
        if log.total != self._logged:
            self._logged = log.total
            self._emit(JobLogged(self.job_id, now, log.total, log.cut))
        if meter.polled:
            self._look_again(now, moved=progress is not None)

    def close(self) -> None:
        """Publish the last value at the attempt's end, and nothing after it."""
        if self._has_news:
            self.sample()
        self.stop()
        self._closed = True

    def stop(self) -> None:
        """Sample no more by itself."""
        self._ticks.leave(self)
        self._cancel_timer()

    def restate(self) -> None:
        """Publish the present value, even if it was published before the attempt counted."""
        self._last = NO_PROGRESS
        self.look(self._clock.now())

    def resumed(self) -> None:
        """Leave the time of a pause that has ended out of the job's speed."""
        now = self._clock.now()
        self._units, self._share = self._units.resumed(now), self._share.resumed(now)
        self.wake()

    def _look_again(self, now: float, *, moved: bool) -> None:
        """Arrange the next look at a tracked loop, which advances without a report."""
        self._cancel_timer()
        if moved:
            self._interval = INTERVAL
            self._ticks.join(self)
        else:
            self._interval = min(SLOWEST, self._interval * 2)
            self._timer = self._timers.set(now + self._interval, self.wake)

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _news(self, now: float) -> Progress | None:
        """Return the meter's progress; None if it is the last one, or cannot be had."""
        # The numbers come from the job: they may be texts, or arrays that cannot be compared.
        try:
            done = None if self._units.at == 0 else self._meter.counted_on(self._last)
            if done is None:
                progress = self._with_speed(self._meter.read_plain(), now)
                is_news = _differs(progress, self._last)
            else:
                progress, is_news = self._moved_on(done, now), done != self._last.done
        except BaseException:  # NaN has no speed; and a report may have come meanwhile
            progress, is_news = NO_PROGRESS, False
        for complaint in self._meter.take_complaints(self._told):
            self._log.add(f"progress: {complaint}", "WARNING", now)
        return progress if is_news else None

    def _moved_on(self, done: float, now: float) -> Progress:
        """Return the last progress with another number of units; as :meth:`_with_speed`, faster."""
        last = self._last
        total, fraction, time_left = last.total, None, None
        self._units = units = self._units.sample(done, now)
        if total is not None and total >= 0:
            fraction = part_of(done, total)
            self._share = share = self._share.sample(fraction, now)
            time_left = share.time_to(1.0)
        return Progress(
            done,
            total,
            fraction,
            last.unit,
            last.message,
            last.counters,
            last.stages,
            units.per_second,
            time_left,
            last.pausable,
        )

    def _with_speed(self, progress: Progress, now: float) -> Progress:
        self._units, self._share = _speeds_after(self._units, self._share, progress, now)
        return _at_speed(progress, self._units, self._share)


def _speeds_after(
    units: Speed, share: Speed, progress: Progress, now: float
) -> tuple[Speed, Speed]:
    """Return the speeds, of the units done and of the fraction, after a sample."""
    done, fraction = progress.done, progress.fraction
    if units.at == 0:
        return Speed(done, now), Speed(fraction or 0, now)
    return units.sample(done, now), share if fraction is None else share.sample(fraction, now)


def _at_speed(progress: Progress, units: Speed, share: Speed) -> Progress:
    time_left = None if progress.fraction is None else share.time_to(1.0)
    return progress._at_speed(units.per_second, time_left)


def _differs(new: Progress, old: Progress) -> bool:
    """Whether progress has changed; a speed that fades while nothing moves is no change."""
    if new.done is not old.done and new.done != old.done:
        return True  # the case of nearly all reports
    return _compared(new) != _compared(old)


_compared: Final = attrgetter(
    *(name for name in Progress.__struct_fields__ if name not in {"rate", "time_left"})
)
