"""``Snooze``: a job asks to be run again later."""

from __future__ import annotations

from typing import Any, cast

from .checks import Seconds, as_seconds, check_delay, class_name_of
from .pickling import reduced


class Snooze(Exception):
    """Raised by a job to be run again later; it does not count as a failed attempt.

    Args:
        delay: Seconds until the next attempt, from 0 to ten years.

    Raises:
        ValueError: for any other delay.

    Example::

        if response.status_code == 429:
            raise ja.Snooze(float(response.headers["retry-after"]))
    """

    def __init__(self, delay: Seconds) -> None:
        delay = as_seconds(delay)
        check_delay("Snooze takes a delay that", delay)
        super().__init__(f"snoozed for {delay} s")
        self.delay: float = delay
        """Seconds until the next attempt, at least 0."""

    def __reduce__(self) -> tuple[Any, ...]:
        return reduced(self)


def asked_delay(snooze: BaseException) -> float | ValueError:
    """Return the seconds for which a snooze asks, or the error with which its job fails.

    A class derived from :class:`Snooze` may have set no ``delay``, or anything, or have a property
    that raises.
    """
    name = class_name_of(snooze)
    try:
        delay = cast("object", cast("Snooze", snooze).delay)
        check_delay(f"the delay of {name}", delay)
        return float(delay)  # type: ignore[arg-type]
    except AttributeError:
        return ValueError(f"{name} has no delay: call super().__init__(seconds) in its __init__")
    except ValueError as exc:
        return exc.with_traceback(None) if type(exc) is ValueError else _unread(name, exc)
    except BaseException as exc:  # a property's own code, or the number's
        return _unread(name, exc)


def _unread(name: str, exc: BaseException) -> ValueError:
    return ValueError(
        f"reading the delay of {name} raised {class_name_of(exc)}: set self.delay to a number"
    )
