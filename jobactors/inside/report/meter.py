"""What a running job has reported: written by its code without locks, read by the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobactors.model.progress import Level, Progress, fraction_of, part_of, shown_level

if TYPE_CHECKING:
    from collections.abc import Callable


class StageFrame:
    """One open level of progress.  Written by the job's code, read by whoever samples it.

    Each field is stored in one step, so a reader in another thread sees the old or the new value.
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
        self.label = label
        self.total = total
        self.unit = unit
        self.worth = worth
        self.counts = counts
        self.divisible = divisible
        """Whether stages may turn it into percent; False for a loop, which counts its items."""
        self.done: float = 0
        self.probe: Callable[[], float] | None = None
        """Where set, ``done`` is asked for, not reported: a tracked sequence costs nothing."""

    def level(self) -> Level:
        """The frame as a frozen level."""
        done = self.done if self.probe is None else self.probe()
        counts = self.counts and not self.is_silent
        return Level(done, self.total, self.worth, self.label, self.unit, counts)

    @property
    def is_silent(self) -> bool:
        """Whether the job or a stage has said nothing of its own: it is as far as what is in it."""
        return self.divisible and self.total is None and not self.done


class Meter:
    """The open frames of one attempt, the message and the counters."""

    __slots__ = (
        "_quiet",
        "alert",
        "closed",
        "counters",
        "frames",
        "message",
        "pausable",
        "remote",
        "top",
        "wake",
    )

    def __init__(self, wake: Callable[[], None]) -> None:
        # The outermost frame is the job itself.  Frames are added and removed by the job's code.
        self.top = StageFrame()
        """The innermost open frame, to which reports go."""
        self.frames: list[StageFrame] = [self.top]
        self.closed: tuple[StageFrame, Level] | None = None
        """The level closed last, and the frame it was in: shown while that one has nothing else to
        show, so that 100 % stays 100 %."""
        self.message = ""
        self.counters: dict[str, float] = {}
        self.pausable = False
        self.alert = True
        """Whether a report has to do more than be stored: the one thing a hot loop looks at.  Set
        by whoever wants to hear of the next report, or has asked something of the job."""
        self._quiet = True
        self.remote: Progress | None = None
        """What a job in another process has reported last; then nothing is reported here."""
        self.wake = wake
        """Tells the sampler that there is something to see; called once a sample at most."""

    @property
    def quiet(self) -> bool:
        """Whether nothing was reported since the last sample; the sampler sets it, then reads."""
        return self._quiet

    @quiet.setter
    def quiet(self, quiet: bool) -> None:
        self._quiet = quiet
        # After the other, so that a report in between is told once too often rather than not.
        self.alert = quiet or self.alert

    def arm(self) -> None:
        """Make the next report look up: something was asked of the job."""
        self.alert = True

    def changed(self) -> None:
        """Let the sampler know, unless it knows already."""
        if self._quiet:
            self._quiet = False
            self.wake()

    @property
    def polled(self) -> bool:
        """Whether a tracked loop is open that advances without saying so."""
        return len(self.frames) > 1

    def report(self, done: float, total: float | None) -> None:
        """Store how far the innermost level is; a total of 0 or less is unknown."""
        frame = self.top
        frame.done = done
        if total is not None:
            frame.total = total if total > 0 else None

    def describe(self, message: str | None, unit: str, counters: dict[str, float]) -> None:
        """Store what was said beside the numbers."""
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
        self.changed()

    def close(self, frame: StageFrame) -> None:
        """Remove a level, wherever it is: a job's own tasks may close theirs in any order."""
        try:
            self.frames.remove(frame)
        except ValueError:
            return  # closed before
        self.top = self.frames[-1]
        self.closed = (self.top, frame.level())
        self.changed()

    def read(self) -> Progress:
        """Take a sample; ``rate`` and ``time_left`` are the sampler's to fill in."""
        if self.remote is not None:
            return self.remote
        if self.closed is None and len(self.frames) == 1:
            return self._of_job_alone(self.frames[0])
        levels = self._levels()
        shown = shown_level(levels)
        stages = tuple([level.label for level in levels if level.label])
        return self._progress(shown.done, shown.total, fraction_of(levels), shown.unit, stages)

    def _of_job_alone(self, job: StageFrame) -> Progress:
        """What ``read`` comes to for a job that opens no levels; most do not."""
        done, total = job.done, job.total
        fraction = None if total is None or total < 0 else part_of(done, total)
        return self._progress(done, total, fraction, job.unit)

    def _progress(
        self,
        done: float,
        total: float | None,
        fraction: float | None,
        unit: str,
        stages: tuple[str, ...] = (),
    ) -> Progress:
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
        # The job itself counts only if it said so; otherwise it is one unit made of what is open.
        levels = [] if root.is_silent else [root.level()]
        levels += [frame.level() for frame in inside]
        if innermost.is_silent and closed is not None and closed[0] is innermost:
            levels.append(closed[1])
        return levels or [root.level()]
