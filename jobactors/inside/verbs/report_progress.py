"""``progress``: reports the progress of the current job in numbers."""

from __future__ import annotations

from typing import Final

from jobactors.inside.context.current_job import CURRENT

_current: Final = CURRENT.get  # once: looking up a method costs more than calling it


def progress(
    done: float | None = None,
    total: float | None = None,
    message: str | None = None,
    unit: str = "",
    **counters: float,
) -> None:
    """Report the progress of the current job, or of its innermost open stage.

    Cheap enough for a hot loop: the system takes samples, and the last value always arrives; those
    in between are replaced.  It takes ten a second while a display or a subscription shows the job,
    and one otherwise; a snapshot that is asked for has the newest report.  An argument that is left
    out stays as it was, so that ``ja.progress(message="saving")`` changes no number, also inside a
    tracked loop.  Outside a job it does nothing.  In a thread it is also a point where the job can
    be cancelled or paused.

    Args:
        done: Units done so far, not since the last call; default: as before.
        total: Units there are; 0, or -1 as some libraries have it, means that this is unknown;
            default: as before.
        message: A short text for people; default: as before; "" takes the last one back.
        unit: The noun for units: "rows", "B"; default: as before.
        **counters: Further numbers to show, by name.

    Example::

        ja.progress(message="reading the rows")
        for i, row in enumerate(rows, 1):
            ja.progress(i, len(rows), unit="rows", broken=broken)
    """
    # Called millions of times a second: what is rare is behind one test each.
    context = _current()
    if context is None:
        return
    meter = context._known_meter
    if meter is None:
        meter = context._meter
    frame = meter.top
    if done is not None:
        frame.done = done
    if total is not None:
        try:
            frame.total = total if total > 0 else None
        except Exception:  # no number: the next sample leaves it out, and says so in the log
            frame.total = total
    if message is not None or unit or counters:
        meter.describe(message, unit, counters)
    if meter.alert:
        context._control.attend(meter)
