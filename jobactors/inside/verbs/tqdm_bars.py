"""Bars with tqdm's interface that report into the current job: ours, and those of tqdm itself.

A tqdm bar made inside a job would draw into a terminal that shows jobs, and the job would show
nothing.  So such a bar is made *silent*, by tqdm's own contract for ``disable=True``, which all of
its classes fulfil (std, auto, notebook, rich, and those that users derive), and its count goes into
the job's meter.  Four methods of one class are wrapped: ``tqdm.std.tqdm.__init__``,
``update``, ``refresh`` and ``reset``.  Bars made outside a job go through the wrappers unchanged.

Why so, and not otherwise: replacing the class would break ``isinstance`` and derived classes;
wrapping ``display`` would miss the notebook's bar, and could neither cancel nor pause, because tqdm
calls it with a lock held that an exception would leave locked.

tqdm is never imported by this: it is wrapped if it is there when a job system opens, otherwise when
it comes, by a finder in ``sys.meta_path`` that knows this one name and then removes itself.
"""

from __future__ import annotations

import functools
import importlib.util
import sys
import weakref
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any, Final

from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.report.meter import StageFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from jobactors.inside.context.job_context import JobContext

_MODULE: Final = "tqdm.std"
_OURS: Final = "_jobactors_bar"


class Bar:
    """One bar in a job: a frame of the job's meter, open from the bar's making to its closing."""

    __slots__ = ("_control", "_frame", "_meter")

    def __init__(self, context: JobContext) -> None:
        self._control = context._control
        self._meter = context._meter
        self._frame = StageFrame(divisible=False)
        self._meter.open(self._frame)

    def show(self, bar: Any) -> None:
        """Report the values of ``bar``: its n, total, desc, unit and postfix, named as in tqdm."""
        frame = self._frame
        scale = bar.unit_scale or 1  # True is 1: how numbers are shortened is not our matter
        frame.done = bar.n * scale
        frame.total = None if bar.total is None else bar.total * scale
        frame.label = (bar.desc or "").removesuffix(": ")
        frame.unit = "" if bar.unit == "it" else bar.unit
        if bar.postfix:
            self._meter.message = str(bar.postfix)
        if self._meter.quiet:
            self._meter.changed()

    def obey(self) -> None:
        """Obey a cancel or pause, in the job's own thread; another one only moves the bar."""
        control, meter = self._control, self._meter
        if not meter.pausable and control.is_own:
            meter.pausable = True
            meter.changed()
        if control.asked:
            control.obey()

    def counted(self, iterable: Iterable[Any], moved: Callable[[], None]) -> Iterator[Any]:
        """Iterate over ``iterable``; obey before each item, and call ``moved()`` after it."""
        try:
            for item in iterable:
                self.obey()
                yield item
                moved()
        finally:
            self.close()

    def close(self) -> None:
        """Close the frame; a second time does nothing."""
        self._meter.close(self._frame)


def capture_tqdm() -> None:
    """Make tqdm bars inside jobs report into these, now or as soon as tqdm is imported.

    Called by ``open_jobs`` and in processes of jobs; a second call does nothing.
    """
    module = sys.modules.get(_MODULE)
    if module is not None:
        _wrap(module)
    elif not any(isinstance(finder, _ImportHook) for finder in sys.meta_path):
        sys.meta_path.insert(0, _ImportHook())


class _ImportHook(MetaPathFinder):
    """Waits in ``sys.meta_path`` for the import of tqdm, and wraps it when it has been executed."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find nothing, except the one module, by asking all other finders."""
        del path, target
        if fullname != _MODULE:
            return None
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        loader: Any = None if spec is None else spec.loader
        execute = getattr(loader, "exec_module", None)
        if execute is not None:
            loader.exec_module = functools.partial(_execute, execute)
        return spec


def _execute(execute: Callable[[ModuleType], None], module: ModuleType) -> None:
    try:
        execute(module)
    except BaseException:
        sys.meta_path.insert(0, _ImportHook())  # it may be imported again
        raise
    _wrap(module)


def _wrap(module: ModuleType) -> None:
    cls = getattr(module, "tqdm", None)  # None while another thread is importing it
    if cls is None or hasattr(cls.__init__, _OURS):
        return
    cls.__init__ = _reporting_init(cls.__init__)
    cls.update = _reporting_update(cls.update)
    cls.refresh = _then_show(cls.refresh)
    cls.reset = _then_show(cls.reset)


def _reporting_init(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807 - it becomes that
        context = CURRENT.get()
        if context is None:
            original(self, *args, **kwargs)
            return
        if kwargs.get("disable", False) is None:
            kwargs["disable"] = False  # None asks for a terminal, and a job's row is as good
        # To tqdm, "gui" means that another class draws: nothing is written from here on.
        original(self, *args, **{**kwargs, "gui": True})
        if not self.disable:
            _silence(self, Bar(context))

    setattr(__init__, _OURS, True)
    return __init__


def _silence(tqdm_bar: Any, bar: Bar) -> None:
    tqdm_bar.disable = True
    tqdm_bar.__class__._decr_instances(tqdm_bar)  # its place on the screen is free
    setattr(tqdm_bar, _OURS, bar)
    bar.show(tqdm_bar)
    itself = weakref.ref(tqdm_bar)  # a bar without further references is closed by its __del__
    tqdm_bar.close = functools.partial(_close, bar, itself)
    if tqdm_bar.iterable is not None:
        tqdm_bar.iterable = _Counted(tqdm_bar.iterable, bar, itself)


def _close(bar: Bar, itself: Callable[[], Any]) -> None:
    bar.close()
    tqdm_bar = itself()
    if tqdm_bar is not None:
        tqdm_bar.__class__.close(tqdm_bar)  # of a silent bar, only a derived class does anything


class _Counted:
    """The iterable of a silent bar, counted."""

    def __init__(self, iterable: Any, bar: Bar, itself: Callable[[], Any]) -> None:
        self._iterable = iterable
        self._bar = bar
        self._itself = itself

    def __iter__(self) -> Iterator[Any]:
        tqdm_bar = self._itself()

        def moved() -> None:
            tqdm_bar.n += 1
            self._bar.show(tqdm_bar)

        return self._bar.counted(self._iterable, moved)

    def __len__(self) -> int:
        return len(self._iterable)

    def __contains__(self, item: object) -> bool:
        return item in self._iterable

    def __reversed__(self) -> _Counted:
        return _Counted(reversed(self._iterable), self._bar, self._itself)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._iterable, name)


def _reporting_update(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def update(self: Any, n: float = 1) -> Any:
        bar = self.__dict__.get(_OURS)
        if bar is None:
            return original(self, n)
        self.n += n
        bar.show(self)
        bar.obey()
        return None

    return update


def _then_show(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)  # of a silent bar, it only changes attributes
        bar = self.__dict__.get(_OURS)
        if bar is not None:
            bar.show(self)
        return result

    return method
