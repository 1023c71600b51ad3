"""The time zone of this machine, by its IANA key."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCALTIME: Final = Path("/etc/localtime")
_TIMEZONE: Final = Path("/etc/timezone")
_DATABASE: Final = "zoneinfo/"


def host_zone(localtime: Path = _LOCALTIME, timezone: Path = _TIMEZONE) -> str:
    """Return the key of this machine's time zone.

    Args:
        localtime: The link to the zone's file.
        timezone: The file with the zone's name, where there is one.

    Raises:
        ValueError: if the zone has no name here, and is not UTC; the message has the cure.
    """
    for name in _names(localtime, timezone):
        if _is_known(name):
            return name
    if not time.daylight and time.timezone == 0:
        return "UTC"
    raise ValueError(
        f"the time zone of this machine ({time.tzname[0]}) has no IANA key here: name one, such as "
        'zone="Europe/Berlin", or set the environment variable TZ to it'
    )


def _names(localtime: Path, timezone: Path) -> Iterator[str]:
    """Yield the names that the machine has for its zone, the one that counts most first."""
    yield os.environ.get("TZ", "").removeprefix(":")
    if os.environ.get("TZ"):
        return  # it counts alone, as the C library has it
    try:
        target = str(localtime.resolve(strict=True))
    except OSError:
        target = ""
    yield target.rpartition(_DATABASE)[2] if _DATABASE in target else ""
    try:
        yield timezone.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return


def _is_known(name: str) -> bool:
    from zoneinfo import ZoneInfo  # for a program with schedules alone

    try:
        return bool(name) and ZoneInfo(name).key == name
    except (LookupError, ValueError, OSError):
        return False
