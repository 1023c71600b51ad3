"""Text and numbers as a terminal shows them.  Pure: no terminal, no clock, no rich."""

from __future__ import annotations

import math
import unicodedata
from typing import Final

LONGEST_LINE: Final = 500
"""Characters of one text that are shown; a screen's line is cut further."""

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86400
_BYTES: Final = frozenset({"B", "bytes"})
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINER: Final = "\u200d"  # holds an emoji of several parts together, and does nothing else


def safe(text: str) -> str:
    r"""Return ``text`` as one line without anything that acts on a terminal.

    Control characters, and those that reverse the direction of writing or are not seen at all, are
    shown as Python writes them: ``\x1b``, ``\n``.  What is too long is cut, with a mark.
    """
    # An escape is longer than its character, so the text is cut before as well.
    text = text[: LONGEST_LINE + 1]
    if not text.isprintable():
        text = "".join(_shown(character) for character in text)
    return text if len(text) <= LONGEST_LINE else f"{text[: LONGEST_LINE - 1]}…"


def _shown(character: str) -> str:
    if character == _JOINER or unicodedata.category(character) not in _UNSEEN:
        return character
    return character.encode("unicode_escape").decode("ascii")


def first_line(text: str) -> str:
    """Return the first line of ``text`` that is not blank, marked if there are more; safe."""
    lines = [line for line in text[: 4 * LONGEST_LINE].splitlines() if line.strip()]
    if not lines:
        return ""
    return safe(lines[0].strip()) + (" …" if len(lines) > 1 else "")


def clock(seconds: float) -> str:
    """Format a running clock: 0:07, 12:05, 3:00:00, 2 d 4 h."""
    days, rest = divmod(int(seconds), _DAY)
    if days:
        return f"{days} d {rest // _HOUR} h"
    hours, rest = divmod(rest, _HOUR)
    minutes, rest = divmod(rest, _MINUTE)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def duration(seconds: float) -> str:
    """Format a measured time: 0.2 s, 34.6 s, 12:05 min, 3:00:00 h, 2 d 4 h."""
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f} s"
    if seconds >= _DAY:
        return clock(seconds)
    return f"{clock(seconds)} {'min' if seconds < _HOUR else 'h'}"


def span(seconds: float) -> str:
    """Format a rough length of time: 8 s, 5 min, 2 h 10 min, 3 d."""
    if seconds < _MINUTE:
        return f"{round(seconds)} s"
    minutes = round(seconds / _MINUTE)
    hours, rest = divmod(minutes, _MINUTE)
    if not hours:
        return f"{minutes} min"
    if rest and seconds < _DAY / 2:
        return f"{hours} h {rest} min"
    return f"{round(seconds / _HOUR)} h" if seconds < 2 * _DAY else f"{round(seconds / _DAY)} d"


def amount(value: float, unit: str = "") -> str:
    """Format a count with its unit: 340, 1.2k rows, 3.4 MB."""
    if not math.isfinite(value):
        return f"{value} {safe(unit)}".strip()
    is_bytes = unit in _BYTES
    number, steps = value, iter("kMGTP")
    step = ""
    limit = 1000 if is_bytes else 10_000  # 9800 reads better than 9.8k
    while abs(float(_digits(number))) >= limit and (following := next(steps, "")):
        number, step, limit = number / 1000, following, 1000
    if is_bytes:
        return f"{_digits(number)} {step}B"
    return f"{_digits(number)}{step} {safe(unit)}".rstrip()


def _digits(number: float) -> str:
    """Format two or three figures: 0.25, 3.4, 34.6, 340; a whole number as it is."""
    for figures in (2, 3):
        if abs(number) < 10 ** (figures - 1) and number != int(number):
            return f"{float(f'{number:.{figures}g}'):g}"
    return str(round(number))


def rate(per_second: float, unit: str) -> str:
    """Format a speed: 120/s, 3.4 MB/s, 12/min."""
    shown = unit if unit in _BYTES else ""
    for value, per in ((per_second, "s"), (per_second * 60, "min")):
        if value >= (0.1 if per == "s" else 1):
            return f"{amount(value, shown)}/{per}"
    return f"{amount(per_second * 3600, shown)}/h"
