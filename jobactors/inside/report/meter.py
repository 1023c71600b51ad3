"""The progress that a running job reports: written by its code without locks, read by the sampler.

A report is an assignment.  The sampler reads ten times a second at most, and has itself woken by
the first report after each reading: ``alert`` is the one flag that a report looks at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from jobactors.model.checks import class_name_of
from jobactors.model.plain_values import (
    LONGEST_LABEL,
    LONGEST_MESSAGE,
    MOST_COUNTERS,
    MOST_LABELS,
    are_plain_counters,
    is_plain_number,
    is_plain_progress,
    plain_number,
    plain_text,
)
from jobactors.model.progress import NO_PROGRESS, Level, Progress, fraction_of, part_of, shown_level

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_COMPLAINTS: Final = 20
"""Complaints about reports that an attempt writes into its job's log."""


class StageFrame:
    """One open level of progress: the job itself, a stage, or a loop.

    Written by the job's code, read by the sampler in another thread.  Each field is stored in one
    step, so a reader sees the old or the new value.
    """

    __slots__ = ("counts", "divisible", "done", "label", "probe", "total", "unit", "worth")

    def __init__(
        self,
        label: str = "",
        total: float | None = None,
        unit: str = "",
        *,
        worth: float = 1,
        counts: bool = True,
        divisible: bool = True,
    ) -> None:
        self.label: str = label
        self.total: float | None = total
        self.unit: str = unit
        self.worth: float = worth
        """Units of the frame around it that this one is."""
        self.counts: bool = counts
        """Whether its unit is one that people count in."""
        self.divisible: bool = divisible
        """Whether stages may turn it into percent; False for a loop, which counts its items."""
        self.done: float = 0
        self.probe: Callable[[], float] | None = None
        """If set, ``done`` is computed, not reported: a tracked sequence costs nothing."""

    def level(self) -> Level:
        """Return the frame as a frozen level."""
        done = self.done if self.probe is None else self.probe()
        counts = self.counts and not self.is_silent
        return Level(done, self.total, self.worth, self.label, self.unit, counts)

    @property
    def is_silent(self) -> bool:
        """Whether the job or a stage reported nothing itself: it is as far as the levels in it."""
        return self.divisible and self.total is None and not self.done

    @property
    def is_plain(self) -> bool:
        """Whether its numbers and texts can be read without running code of the job's objects."""
        numbers = (self.done, self.worth, 0 if self.total is None else self.total)
        return all(map(is_plain_number, numbers)) and type(self.label) is type(self.unit) is str

    def mend(self) -> list[str]:
        """Replace what is no plain number or short text; return complaints about it."""
        wrong: list[str] = []
        done, total, worth = self.done, self.total, self.worth
        if (mended := plain_number(done)) is not done:
            self.done = 0 if mended is None else mended
            wrong += _complaints("done", done, mended)
        if total is not None and (mended := plain_number(total)) is not total:
            self.total = mended
            wrong += _complaints("total", total, mended)
        if (mended := plain_number(worth)) is not worth:
            self.worth = 1 if mended is None else mended
            wrong += _complaints("weight", worth, mended)
        for name in ("label", "unit"):
            text = getattr(self, name)
            if (plain := plain_text(text, LONGEST_LABEL)) is not text:
                setattr(self, name, plain)
                wrong.append(_complaint_of_text(name, text, LONGEST_LABEL))
        return wrong


class Meter:
    """The open frames of one attempt, its message and its counters."""

    __slots__ = (
        "_quiet",
        "alert",
        "closed",
        "counters",
        "floor",
        "frames",
        "has_turned",
        "message",
        "odd",
        "pausable",
        "remote",
        "top",
        "wake",
    )

    def __init__(self, wake: Callable[[], None]) -> None:
        # The outermost frame is the job itself.  Frames are added and removed by the job's code.
        self.top: StageFrame = StageFrame()
        """The innermost open frame, to which reports go."""
        self.frames: list[StageFrame] = [self.top]
        self.closed: tuple[StageFrame, Level] | None = None
        """The level closed last, and the frame it was in: shown while that one has nothing else to
        show, so that 100 % stays 100 %."""
        self.floor: float | None = None
        """The fraction below which none is shown: that of a stage which was left by an exception,
        or of the checkpoint that a chain goes on from."""
        self.message: str = ""
        self.counters: dict[str, float] = {}
        self.odd: list[str] = []
        """Complaints, not yet read, about reports that were no plain numbers or short texts."""
        self.pausable: bool = False
        """Whether the job has passed a point where it can be paused."""
        self.alert: bool = True
        """Whether the next report has more to do than be stored: wake the sampler, or obey.  The
        one flag a hot loop looks at; set by the sampler, and by each request to the job."""
        self._quiet = True
        self.has_turned: bool = False
        """Whether a stage, or a loop with a name, has begun or ended since the last sample."""
        self.remote: Progress | None = None
        """The last report of a job in another process; then nothing is reported here.  Of a phase
        in another process it is the innermost level: the chain's stages are open here."""
        self.wake: Callable[[], None] = wake
        """Wakes the sampler; called once a sample at most, in the thread that reports."""

    @property
    def quiet(self) -> bool:
        """Whether nothing was reported since the last sample; the sampler sets it, then reads."""
        return self._quiet

    @quiet.setter
    def quiet(self, quiet: bool) -> None:
        self._quiet = quiet
        # After the other, so that a report in between wakes once too often rather than not at all.
        self.alert = quiet or self.alert

    def arm(self) -> None:
        """Make the next report obey: a request was made to the job."""
        self.alert = True

    def changed(self) -> None:
        """Wake the sampler, unless it is awake already."""
        if self._quiet:
            self._quiet = False
            self.wake()

    @property
    def polled(self) -> bool:
        """Whether a level is open, such as a tracked loop, that may advance without a report."""
        return len(self.frames) > 1

    def report(self, done: float | None, total: float | None) -> None:
        """Store how far the innermost level is; a total of 0 or less is unknown, None as before."""
        frame = self.top
        if done is not None:
            frame.done = done
        if total is not None:
            try:
                frame.total = total if total > 0 else None
            except Exception:  # no number: the next sample leaves it out, and says so in the log
                frame.total = total

    def describe(self, message: str | None, unit: str, counters: dict[str, float]) -> None:
        """Store the message, the unit and the counters of a report."""
        if message is not None:
            self.message = message
        if unit:
            self.top.unit = unit
        if counters:
            self.counters.update(counters)

    def open(self, frame: StageFrame) -> None:
        """Add a level inside the present one."""
        self.frames.append(frame)
        self.top = frame
        self._turned(frame)

    def hold(self) -> None:
        """Show no less than now: a level is about to be left by an exception.

        What was done stays done, though no level counts it any more.
        """
        try:
            fraction = self.read().fraction
            if fraction is not None and not fraction <= (self.floor or 0.0):
                self.floor = fraction
        except Exception:  # the job's own objects may raise anything; the sampler mends them
            return

    def close(self, frame: StageFrame) -> None:
        """Remove a level, wherever it is: a job's own tasks may close theirs in any order."""
        try:
            self.frames.remove(frame)
        except ValueError:
            return  # closed before
        self.top = self.frames[-1]
        self.odd += frame.mend()  # what is read once more is read for ever
        self.closed = (self.top, frame.level())
        self._turned(frame)

    def _turned(self, frame: StageFrame) -> None:
        if frame.label and not self.has_turned:
            self.has_turned, self._quiet = True, True  # it is not waited for as a number is
        self.changed()

    def read_plain(self) -> Progress:
        """Take a sample of plain numbers and short texts; a bad value is replaced alone.

        Reports are too many to be looked at; so their values are, ten times a second.  What was
        wrong is added to :attr:`odd`.
        """
        try:
            progress = self.read()
            if is_plain_progress(progress):
                return progress
        except BaseException:  # noqa: S110 - the job's own objects may raise anything
            pass
        self._mend()
        return self.read()

    def peek(self) -> Progress | None:
        """Return a sample, and change nothing; None if it is not all plain.  From any thread.

        No code of the job's objects is run: the thread is that of whoever asks.
        """
        if all(frame.is_plain for frame in self.frames.copy()):
            progress = self.read()
            if is_plain_progress(progress):
                return progress
        return None

    def counted_on(self, last: Progress) -> float | None:
        """Return the units done, if nothing but their number can have changed since ``last``.

        None if that is not certain; most samples are of this kind, and need no second look.
        """
        job = self.frames[0]
        done = job.done
        is_alone = self.closed is None and self.remote is None and len(self.frames) == 1
        if (
            is_alone
            and self.floor is None
            and is_plain_number(done)
            and job.total is last.total
            and job.unit is last.unit
            and self.message is last.message
            and self.pausable is last.pausable
            and not (self.counters or last.counters or last.stages or self.odd)
        ):
            return done
        return None

    def take_complaints(self, told: set[str]) -> list[str]:
        """Return the complaints that are not in ``told`` yet, and add them to it."""
        if not self.odd:
            return []
        odd, self.odd = self.odd, []
        news = [complaint for complaint in dict.fromkeys(odd) if complaint not in told]
        news = news[: max(0, MOST_COMPLAINTS - len(told))]
        told.update(news)
        return news

    def _mend(self) -> None:
        """Replace all that is no plain number or short text by the nearest that is one."""
        # A report that comes meanwhile may be lost.
        odd = self.odd
        if self.remote is not None:
            self.remote = NO_PROGRESS
            odd.append("what it reported from elsewhere could not be read")
        for frame in self.frames.copy():
            odd += frame.mend()
        for frame in self.frames[MOST_LABELS:]:
            frame.label = ""
        message = self.message
        if (plain := plain_text(message, LONGEST_MESSAGE)) is not message:
            self.message = plain
            odd.append(_complaint_of_text("message", message, LONGEST_MESSAGE))
        if not are_plain_counters(self.counters):
            self._mend_counters()

    def _mend_counters(self) -> None:
        mended: dict[str, float] = {}
        for name, value in self.counters.copy().items():
            number, label = plain_number(value), plain_text(name, LONGEST_LABEL)
            if number is not None:
                mended[label] = number
            if number is not value:
                self.odd += _complaints(f"counter {label}", value, number)
        if len(mended) > MOST_COUNTERS:
            self.odd.append(f"only its last {MOST_COUNTERS:,} counters are shown")
            mended = dict(list(mended.items())[-MOST_COUNTERS:])
        self.counters = mended

    def read(self) -> Progress:
        """Take a sample; ``rate`` and ``time_left`` are the sampler's to fill in."""
        remote = self.remote
        if remote is not None:
            return remote if len(self.frames) == 1 else self._of_phase(remote)
        if self.closed is None and len(self.frames) == 1:
            return self._of_job_alone(self.frames[0])
        levels = self._levels()
        shown = shown_level(levels)
        stages = tuple([level.label for level in levels if level.label])
        return self._progress(shown.done, shown.total, fraction_of(levels), shown.unit, stages)

    def _of_job_alone(self, job: StageFrame) -> Progress:
        """Read a job that has no levels open, by a shorter way; most have none."""
        done, total = job.done, job.total
        fraction = None if total is None or total < 0 else part_of(done, total)
        return self._progress(done, total, fraction, job.unit)

    def _of_phase(self, remote: Progress) -> Progress:
        """Read a chain whose phase runs in another process: its stages, and what is inside them."""
        root, *inside = self.frames
        levels = [] if root.is_silent else [root.level()]
        levels += [frame.level() for frame in inside]
        fraction = fraction_of([*levels, Level(remote.fraction or 0.0, 1)])
        labels = tuple([frame.label for frame in self.frames if frame.label])
        mine = self._progress(
            remote.done, remote.total, fraction, remote.unit, labels + remote.stages
        )
        return replace(
            mine,
            message=remote.message or mine.message,
            counters={**mine.counters, **remote.counters},
            pausable=remote.pausable,
        )

    def _progress(
        self,
        done: float,
        total: float | None,
        fraction: float | None,
        unit: str,
        stages: tuple[str, ...] = (),
    ) -> Progress:
        if self.floor is not None and fraction is not None and fraction < self.floor:
            fraction = self.floor
        return Progress(
            done,
            total,
            fraction,
            unit,
            self.message,
            self.counters.copy(),
            stages,
            pausable=self.pausable,
        )

    def _levels(self) -> list[Level]:
        (root, *inside), closed = self.frames, self.closed
        innermost = inside[-1] if inside else root
        # The job itself counts only if it reported; otherwise it is one unit made of what is open.
        levels = [] if root.is_silent else [root.level()]
        levels += [frame.level() for frame in inside]
        if innermost.is_silent and closed is not None and closed[0] is innermost:
            levels.append(closed[1])
        return levels or [root.level()]


def _complaints(name: str, value: object, mended: float | None) -> list[str]:
    """Return the complaint that a number was left out; none if only its class has changed."""
    if mended is not None:
        return []
    what = "too large a number" if type(value) is int else f"no number but a {class_name_of(value)}"
    return [f"its {name} was {what}, and was left out"]


def _complaint_of_text(name: str, value: object, longest: int) -> str:
    if issubclass(type(value), str):
        return f"its {name} was longer than {longest:,} characters, and was cut"
    return f"its {name} was no text but a {class_name_of(value)}"
