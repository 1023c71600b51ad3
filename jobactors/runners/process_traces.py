"""Find what a job has left behind in its process: only a clean one serves another job.

Compared is what a job could change for the next one, at two moments.

* *Before the first job*: threads, environment, working directory, umask, limits, priority, signals,
  timers, ``sys.path``, levels of the log, locale, and settings of the interpreter.
* *Once the call is rebuilt*, its modules imported: open files, threads of libraries, functions for
  the exit, streams and hooks of ``sys``, builtins, handlers of the log, filters of warnings, the
  values of the program's own modules, memory.  Those an import may change, which is no trace of a
  job; a module of the program's own that is imported later, in the call, is one.

A process in which a child process was waited for, or is left, is never clean: what that one may
have started is in its group, and ends with it.

Why so much, and no fork of a clean process instead: a fork takes milliseconds, this a tenth of one.
Not seen: what packages hold in their modules (options, caches), and values deep in the program's
own.  ``fresh=True`` is for jobs to which that matters.

The random numbers of ``random`` and ``numpy`` are seeded anew, as in a fresh process.
"""

from __future__ import annotations

import atexit
import builtins
import gc
import logging
import operator
import os
import resource
import signal
import socket
import sys
import threading
import time
import warnings
import weakref
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from .process_counts import SystemCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from types import ModuleType

MOST_GROWTH: Final = 32 * 2**20
"""Bytes that a clean process may have grown by since its call was rebuilt."""
LARGEST: Final = 1_000
"""Items of a container in a module that are compared; of a larger one, only their number."""
_CONTAINERS: Final = frozenset({dict, list, set, bytearray})
_GONE_SOON: Final = 0.1
"""Seconds in which a thread that was joined, ours or one of the job's, is gone from the system."""
_getsignal: Final[Callable[[int], object]] = import_module("_signal").getsignal
"""Without the enum of ``signal.getsignal``, which takes longer than all the rest."""
_LOCALE: Final = import_module("_locale")
"""Without the module ``locale``, which is large."""
_SIGNALS: Final = tuple(map(int, sorted(signal.valid_signals() - {signal.SIGTERM})))
"""All but the one whose handler is set for each job anew."""
_LIMITS: Final = tuple(getattr(resource, name) for name in dir(resource) if name[:7] == "RLIMIT_")


class Traces:
    """Compares the process of one job after another with what it was; in the main thread."""

    def __init__(self) -> None:
        self._settings = _settings()
        self._signals = _signals()
        self._objects: list[object] = []
        self._children = _children()
        self._count = 0
        """Modules of any kind, when they were looked at last."""
        self._own: dict[str, tuple[ModuleType, _Values]] = {}
        """The program's own modules and their values."""
        self._sources: list[tuple[str, int, int]] = []
        """Their files: path, time of change, size."""
        self._counts = SystemCounts()
        self._open: tuple[object, ...] = ()
        self._memory = 0
        self._sees_all = True
        self._collections: list[int] = []
        """How often each generation had been collected when all objects were frozen; perhaps less,
        if one was in between."""
        self._collect()
        gc.freeze()  # the next collection visits nothing that is there now

    def begin(self, size: int) -> None:
        """Note what is there before the call of a job, which has been rebuilt.

        Args:
            size: The bytes that it was rebuilt from, which it need not give back.
        """
        try:
            self._begin(size)
        except Exception:  # there is no /proc, or no further file can be opened
            self._sees_all = False

    def _begin(self, size: int) -> None:
        _seed()
        if len(sys.modules) != self._count:
            self._look_at_new_modules()
            self._objects = _objects()
            self._children = _children()
            self._counts.look()
            self._open = self._opened()
            self._memory = max(0, self._counts.memory() - size)

    def left(self) -> str:
        """Return what the job has left behind, in a word or two; empty if nothing."""
        try:
            return self._left()
        except Exception as exc:  # as above
            return f"what cannot be seen: {exc}"

    def _left(self) -> str:
        if not self._sees_all:
            return "what cannot be seen"
        _forget_classes()
        self._collect()
        for what, is_clean in (
            ("a child process", self._has_no_children),
            ("settings, hooks or threads", self._is_as_before),
            ("files, threads of libraries or functions for the exit", self._has_nothing_open),
            ("values in modules", self._are_modules_as_before),
            ("memory", lambda: self._counts.memory() - self._memory <= MOST_GROWTH),
        ):
            if not is_clean():
                return what
        gc.freeze()
        return ""

    def _collect(self) -> None:
        """Collect the garbage that the job has left."""
        # If nothing was collected meanwhile, all that is not frozen is in the first generation.
        now = _collections()
        is_young = now == self._collections
        gc.collect(0 if is_young else 2)
        now[0 if is_young else 2] += 1
        self._collections = now

    def are_sources_unedited(self) -> bool:
        """Whether a process that was started now would import the same modules."""
        return all(map(_is_unedited, self._sources))

    def _has_no_children(self) -> bool:
        with suppress(ChildProcessError):
            _look_at_children()
            return False
        return _children() == self._children

    def _has_nothing_open(self) -> bool:
        deadline = time.monotonic() + _GONE_SOON
        while self._opened() != self._open:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.0002)
        return True

    def _opened(self) -> tuple[object, ...]:
        """Return the open files, the system's threads, and what is to be called at the exit."""
        return (
            self._counts.files(),
            self._counts.threads(),
            getattr(atexit, "_ncallbacks", int)(),
            len(getattr(threading, "_threading_atexits", ())),
            len(getattr(weakref.finalize, "_registry", ())),
        )

    def _is_as_before(self) -> bool:
        return (
            _settings() == self._settings
            and _are_the_same(_signals(), self._signals)
            and _are_the_same(_objects(), self._objects)
        )

    # -- modules

    def _look_at_new_modules(self) -> None:
        for name, module in list(sys.modules.items()):
            if name not in self._own and _is_own(name, module):
                self._own[name] = module, _Values(module)
                self._note_source(module)
        self._count = len(sys.modules)

    def _note_source(self, module: ModuleType) -> None:
        path = getattr(module, "__file__", None)
        if isinstance(path, str):
            with suppress(OSError):
                found = Path(path).stat()
                self._sources.append((path, found.st_mtime_ns, found.st_size))

    def _are_modules_as_before(self) -> bool:
        if len(sys.modules) != self._count:
            for name, module in list(sys.modules.items()):
                if name not in self._own and _is_own(name, module):
                    return False
        return all(
            sys.modules.get(name) is module and values.are_as_before()
            for name, (module, values) in self._own.items()
        )


def _signals() -> list[object]:
    return list(map(_getsignal, _SIGNALS))


def _settings() -> tuple[object, ...]:
    """Return what is compared by value, and no import may change."""
    umask = os.umask(0o77)
    os.umask(umask)
    data = getattr(os.environ, "_data", None)
    return (
        dict(os.environ if data is None else data),
        _directory(),
        umask,
        threading.active_count(),
        signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        signal.getitimer(signal.ITIMER_REAL),
        signal.getitimer(signal.ITIMER_VIRTUAL),
        signal.getitimer(signal.ITIMER_PROF),
        list(map(resource.getrlimit, _LIMITS)),
        os.getpriority(os.PRIO_PROCESS, 0),
        os.sched_getaffinity(0) if sys.platform == "linux" else None,
        list(sys.path),
        list(sys.argv),
        sys.getrecursionlimit(),
        sys.getswitchinterval(),
        gc.isenabled(),
        gc.get_threshold(),
        logging.root.level,
        logging.root.disabled,
        logging.root.manager.disable,
        _LOCALE.setlocale(_LOCALE.LC_ALL, None),
        socket.getdefaulttimeout(),
    )


def _objects() -> list[object]:
    """Return what is compared by identity, and an import may change."""
    return [
        os.environ,
        sys.stdin,
        sys.stdout,
        sys.stderr,
        sys.excepthook,
        sys.displayhook,
        sys.unraisablehook,
        sys.breakpointhook,
        sys.gettrace(),
        sys.getprofile(),
        threading.excepthook,
        *sys.path_hooks,
        *filter(_is_of_others, sys.meta_path),
        *vars(builtins).values(),
        *gc.callbacks,
        *logging.root.handlers,
        *logging.root.filters,
        warnings.showwarning,
        *warnings.filters,
    ]


def _is_of_others(finder: object) -> bool:
    # Ours waits for the import of tqdm, and goes then.
    return not type(finder).__module__.startswith("jobactors")


def _collections() -> list[int]:
    return [each["collections"] for each in gc.get_stats()]


def _children() -> object:
    """Return what child processes have used that were waited for: it changes with each of them."""
    return resource.getrusage(resource.RUSAGE_CHILDREN)


def _is_unedited(source: tuple[str, int, int]) -> bool:
    path, at, size = source
    try:
        found = os.stat(path)  # noqa: PTH116 - before each job: a Path takes longer
    except OSError:
        return False
    return (found.st_mtime_ns, found.st_size) == (at, size)


def _look_at_children() -> None:
    """Raise ChildProcessError if there are none."""
    if hasattr(os, "waitid"):
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    else:  # macOS before Python 3.13; one that is reaped here has been left as well
        os.waitpid(-1, os.WNOHANG)


def _directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 - at each job: a Path takes longer
    except OSError:  # it was removed
        return None


def _is_own(name: str, module: object) -> bool:
    """Whether a module is the program's own, neither Python's nor of an installed package."""
    root = name.partition(".")[0]
    if root in sys.stdlib_module_names or root in {"jobactors", "jobactors_widgets"}:
        return name == "__main__"
    path = str(getattr(module, "__file__", None) or "")
    return "site-packages" not in path and "dist-packages" not in path


class _Values:
    """The values of a module, and those in its containers."""

    def __init__(self, module: ModuleType) -> None:
        self._seen: list[tuple[Collection[object], int, list[object]]] = []
        """Each collection as it is now, and the size and the items that it had."""
        named: dict[str, object] = getattr(module, "__dict__", {})
        self._note(named.values(), len(named))
        for value in list(named.values()):
            if type(value) in _CONTAINERS:
                container = cast("Collection[object]", value)
                named_items = cast("dict[object, object]", value)
                self._note(named_items.values() if type(value) is dict else container)

    def _note(self, items: Collection[object], largest: int = LARGEST) -> None:
        is_compared = len(items) <= largest and type(items) is not bytearray
        self._seen.append((items, len(items), list(items) if is_compared else []))

    def are_as_before(self) -> bool:
        """Whether the module has these and no others."""
        # The values come first: if they are the same, so are the containers.
        return all(
            len(items) == size and all(map(operator.is_, items, before))
            for items, size, before in self._seen
        )


def _are_the_same(now: list[object], before: list[object]) -> bool:
    # Nothing of the user's is asked whether it is equal to another one.
    return len(now) == len(before) and all(map(operator.is_, now, before))


def _seed() -> None:
    """Let random numbers begin anew, as in a fresh process."""
    loaded: Any = sys.modules.get("random")
    if loaded is not None:
        # 256 bits: to read all 20,000 of its state from the system takes five times as long.
        loaded.seed(int.from_bytes(os.urandom(32), "big"))
    loaded = sys.modules.get("numpy.random")
    if loaded is not None:
        loaded.seed()


def _forget_classes() -> None:
    """Have classes that come by value made anew for each job, without what this one has set."""
    sent: Any = sys.modules.get("cloudpickle.cloudpickle")
    for name in ("_DYNAMIC_CLASS_TRACKER_BY_ID", "_DYNAMIC_CLASS_TRACKER_BY_CLASS"):
        known = getattr(sent, name, None)
        if known is not None:
            known.clear()
