"""The problems of arguments that do not fit a job type, and the error that lists them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from msgspec import Struct

from .errors import JobactorsError
from .field_docs import documented


@documented
class ArgumentProblem(Struct, frozen=True):
    """One problem of the arguments of a job type."""

    path: str
    """The argument's name, and the way inside it, such as "filters[0].field"; empty for all."""
    text: str
    """The problem in words."""
    severity: Literal["error", "warning"] = "error"
    """An "error" prevents the start, a "warning" does not."""

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


Validate = Callable[[Mapping[str, Any]], Iterable[ArgumentProblem | str] | None]
"""Takes the arguments of a job, converted, and returns what is wrong with them."""


def problem(severity: Literal["error", "warning"], path: str, text: str) -> ArgumentProblem:
    """Describe one problem of a job type's arguments, for its ``validate``.

    Args:
        severity: An "error" prevents the start, a "warning" does not.
        path: The argument, and the way inside it, such as "filters[0].field"; empty for all.
        text: The problem in words, and its cure.

    Raises:
        TypeError, ValueError: for anything else.

    Example::

        ja.problem("warning", "batch", "slow above 500")
    """
    if severity not in ("error", "warning"):
        raise ValueError(
            f'the severity of a problem is "error" or "warning", not {severity!r:.100}'
        )
    if not isinstance(path, str) or not isinstance(text, str):
        raise TypeError('a problem has its path and its text: ja.problem("error", "folder", "…")')
    return ArgumentProblem(path, text, severity)


class ArgumentsInvalid(JobactorsError, ValueError):
    """Arguments do not fit their job type; ``problems`` lists everything that is wrong."""

    def __init__(self, type: str, problems: Iterable[ArgumentProblem]) -> None:
        self.type: str = type
        self.problems: tuple[ArgumentProblem, ...] = tuple(problems)
        super().__init__(f"arguments of {type}: {'; '.join(map(str, self.problems))}")
