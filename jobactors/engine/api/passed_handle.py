"""``Handle``: a job's handle among arguments, which is passed as it is."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct


class Handle(Struct, frozen=True):
    """A job handle that is passed to a function as it is; made by :func:`~jobactors.handle`."""

    job: Any
    """The job whose handle is passed."""


PASSED: Final[set[type]] = {Handle}
"""The types of handles that are looked for among arguments; each class adds itself."""
