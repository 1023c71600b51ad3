"""Bars with tqdm's interface that report into the current job: ours, and those of tqdm itself.

A tqdm bar made inside a job would draw into a terminal that shows jobs, and the job would show
nothing.  So such a bar draws nothing, and its count goes into the job's meter.  Some methods of one
class, ``tqdm.std.tqdm``, are wrapped for that; bars made outside a job go through the wrappers
unchanged.

To its user the bar stays what it is: enabled, with tqdm's own clock, rate, iterable and answers.
It has no printer, as tqdm's own contract for ``gui=True`` demands, and ``display`` reports it to
the meter; a derived class may override ``display`` as usual.

Classes of tqdm that draw elsewhere (the notebook's, rich's, a chat's) are made *disabled*, by
tqdm's contract for ``disable=True``: a widget or a message is made wherever that is not set.  Their
``n`` and ``total`` are right, and what belongs to drawing is not there.

Why so, and not otherwise: replacing the class would break ``isinstance`` and derived classes;
obeying a cancel in ``display`` is not possible, because tqdm calls it with a lock held that an
exception would leave locked.

tqdm is never imported by this: it is wrapped if it is there when a job system opens, otherwise when
it comes, by a finder in ``sys.meta_path`` that knows this one name and then removes itself.
"""

from __future__ import annotations

import functools
import sys
import weakref
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
_DRAWN_AS_TEXT: Final = frozenset({_MODULE, "tqdm.asyncio", "tqdm.auto", "tqdm.utils"})
"""The modules of tqdm's classes that draw nothing but what ``display`` prints."""


class TqdmBar:
    """One bar in a job: a frame of the job's meter, open from the bar's making to its closing."""

    __slots__ = ("_control", "_frame", "_meter", "counts_alone", "is_open")

    def __init__(self, context: JobContext, *, counts_alone: bool = False) -> None:
        self.counts_alone: bool = counts_alone
        """Whether tqdm takes it for disabled, and does not count."""
        self.is_open: bool = True
        self._control = context._control
        self._meter = context._meter
        self._frame = StageFrame(divisible=False)
        self._meter.open(self._frame)

    def show(self, bar: Any) -> None:
        """Report the values of ``bar``: its n, total, desc, unit and postfix, named as in tqdm."""
        frame = self._frame
        scale: Any = bar.unit_scale or 1  # True is 1: how numbers are shortened is not our matter
        frame.done = bar.n * scale
        # Some give zero for what they do not know, such as thread_map over a generator.
        is_known = bar.total is not None and (bar.total or not bar.n)
        frame.total = bar.total * scale if is_known else None
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
        self.is_open = False
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


class _ImportHook:
    """Waits in ``sys.meta_path`` for the import of tqdm, and wraps it when it has been executed.

    It has the protocol of ``importlib.abc.MetaPathFinder``, which takes long to import.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find nothing, except the one module, by asking all other finders."""
        del path, target
        if fullname != _MODULE:
            return None
        from importlib.util import find_spec  # for a program with tqdm alone

        if self in sys.meta_path:
            sys.meta_path.remove(self)
        spec = find_spec(fullname)
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
    cls.__iter__ = _reporting_iter(cls.__iter__)
    cls.update = _reporting_update(cls.update)
    cls.refresh = _then_show(cls.refresh)
    cls.reset = _then_show(cls.reset)
    cls.close = _closing(cls.close)
    cls.display = _drawing_nothing(cls.display, answer=True)
    cls.clear = _drawing_nothing(cls.clear, answer=None)
    cls.moveto = _drawing_nothing(cls.moveto, answer=None)


def _bar_of(tqdm_bar: Any) -> TqdmBar | None:
    bar: TqdmBar | None = tqdm_bar.__dict__.get(_OURS)
    return bar


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
            _silence(self, TqdmBar(context, counts_alone=_draws_elsewhere(self)))

    setattr(__init__, _OURS, True)
    return __init__


def _draws_elsewhere(tqdm_bar: object) -> bool:
    modules = {base.__module__ for base in type(tqdm_bar).__mro__}
    return any(name.startswith("tqdm.") and name not in _DRAWN_AS_TEXT for name in modules)


def _silence(tqdm_bar: Any, bar: TqdmBar) -> None:
    tqdm_bar.__class__._decr_instances(tqdm_bar)  # its place on the screen is free
    setattr(tqdm_bar, _OURS, bar)
    bar.show(tqdm_bar)
    if bar.counts_alone:
        tqdm_bar.disable = True
        # A bar without further references is closed by its __del__, so this holds none.
        tqdm_bar.close = functools.partial(_close_disabled, bar, weakref.ref(tqdm_bar))


def _close_disabled(bar: TqdmBar, itself: Callable[[], Any]) -> None:
    bar.close()
    tqdm_bar = itself()
    if tqdm_bar is not None:
        tqdm_bar.__class__.close(tqdm_bar)  # only a class derived from tqdm's does anything


def _reporting_iter(original: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    @functools.wraps(original)
    def __iter__(self: Any) -> Iterator[Any]:  # noqa: N807 - it becomes that
        bar = _bar_of(self)
        return original(self) if bar is None or not bar.is_open else _counted(self, bar)

    return __iter__


def _counted(tqdm_bar: Any, bar: TqdmBar) -> Iterator[Any]:
    def moved() -> None:
        tqdm_bar.n += 1
        bar.show(tqdm_bar)

    try:
        yield from bar.counted(tqdm_bar.iterable, moved)
    finally:
        tqdm_bar.close()


def _reporting_update(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def update(self: Any, n: float = 1) -> Any:
        bar = _bar_of(self)
        if bar is None or not bar.is_open:
            return original(self, n)
        shown = original(self, n)
        if bar.counts_alone:
            self.n += n
        bar.show(self)
        bar.obey()
        return shown

    return update


def _then_show(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        bar = _bar_of(self)
        if bar is not None and bar.is_open:
            bar.show(self)
        return result

    return method


def _closing(original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def close(self: Any) -> None:
        original(self)
        bar = _bar_of(self)
        if bar is not None:
            bar.close()

    return close


def _drawing_nothing(original: Callable[..., Any], answer: Any) -> Callable[..., Any]:
    @functools.wraps(original)
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return original(self, *args, **kwargs) if _bar_of(self) is None else answer

    return method
