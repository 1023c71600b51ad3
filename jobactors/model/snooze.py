"""``Snooze``: a job asks to be run again later."""

from __future__ import annotations

from .checks import check_delay


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

    def __init__(self, delay: float) -> None:
        check_delay("Snooze takes a delay that", delay)
        super().__init__(f"snoozed for {delay} s")
        self.delay: float = delay
        """Seconds until the next attempt, at least 0."""
