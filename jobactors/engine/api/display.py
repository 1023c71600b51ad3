"""Display hooks: packages that show jobs, found by entry point, so that the core imports none.

A package that can show jobs declares an object under the entry point group ``jobactors.display``.
It is looked for only inside an IPython kernel, when something is to be shown.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any, Protocol

from jobactors.inside.report.guarded_log import LOG


class DisplayHook(Protocol):
    """The object that a package which shows jobs declares."""

    def mimebundle(self, thing: Any) -> dict[str, object] | None:
        """Return the MIME bundle of ``thing``, or None to leave it to the ``repr``."""
        ...

    def started(self, jobs: Any) -> None:
        """Take note of a system that ``ja.start`` has opened inside a kernel; called once."""
        ...


def in_kernel() -> bool:
    """Whether this process is a notebook's kernel; nothing is imported to find out."""
    ipython = sys.modules.get("IPython")
    shell: Any = None if ipython is None else ipython.get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


def mimebundle_of(thing: Any) -> dict[str, object] | None:
    """Return the first MIME bundle of a hook; one that fails is logged and passed over."""
    if not in_kernel():
        return None
    for hook in _hooks():
        try:
            bundle = hook.mimebundle(thing)
        except Exception:
            LOG.exception("a display hook failed; showing the plain text")
            continue
        if bundle is not None:
            return bundle
    return None


def announce(jobs: Any) -> None:
    """Call the hooks of a kernel for a system that has started."""
    if not in_kernel():
        return
    for hook in _hooks():
        try:
            hook.started(jobs)
        except Exception:
            LOG.exception("a display hook failed; jobs run without it")


@cache
def _hooks() -> tuple[DisplayHook, ...]:
    from importlib.metadata import entry_points  # slow, and only needed in a kernel

    hooks: list[DisplayHook] = []
    for entry in entry_points(group="jobactors.display"):
        try:
            hooks.append(entry.load())
        except Exception:
            LOG.exception("the display hook %s could not be loaded", entry.name)
    return tuple(hooks)
