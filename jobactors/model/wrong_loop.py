"""The error of a call that belongs in another event loop."""

from __future__ import annotations

from .errors import JobactorsError


class WrongLoop(JobactorsError):
    """An async call was made in an event loop where it cannot work."""

    def __init__(self, call: str, instead: str) -> None:
        super().__init__(f"{call} does not work in this event loop; use {instead}")
