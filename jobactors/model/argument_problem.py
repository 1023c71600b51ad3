"""The problems of arguments that do not fit a job type, and the error that lists them."""

from __future__ import annotations

from collections.abc import Iterable

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

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text


class ArgumentsInvalid(JobactorsError, ValueError):
    """Arguments do not fit their job type; ``problems`` lists everything that is wrong."""

    def __init__(self, type: str, problems: Iterable[ArgumentProblem]) -> None:
        self.type: str = type
        self.problems: tuple[ArgumentProblem, ...] = tuple(problems)
        super().__init__(f"arguments of {type}: {'; '.join(map(str, self.problems))}")
