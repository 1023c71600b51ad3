"""The context variables by which code is known to be a job's own."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Final

CURRENT_CONTEXT: Final[ContextVar[Any]] = ContextVar("jobactors_current_job", default=None)
"""The :class:`~jobactors.JobContext` of the code that runs; None outside any job.

``context/current_job.py`` has it under its full type, for the rooms above this one.
"""

IS_BOUND: Final[ContextVar[bool]] = ContextVar("jobactors_is_bound", default=False)
"""Whether the current job was lent to this thread, by ``bind_context``."""
