"""``ja.tqdm``: a job's progress with tqdm's interface.

For code that is written for tqdm and is to run anywhere.  Where tqdm is installed, ``ja.tqdm`` is
tqdm: outside a job it makes tqdm's own bar for the present environment; inside a job, a bar of
``tqdm.std`` that draws nothing and is a level of the job's progress, see
:mod:`jobactors.inside.verbs.tqdm_bars`.  Without tqdm it makes a bar that only counts and reports.

The class itself stands for tqdm's, too: its metaclass hands ``isinstance``, derived classes and
class attributes (``ja.tqdm.pandas``, ``ja.tqdm.wrapattr``, …) on to that.

Ordinary ``from tqdm import tqdm`` bars need none of this: those made inside a job report into that
job by themselves.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import math
import sys
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from numbers import Number
from typing import IO, TYPE_CHECKING, Any, Final, Generic, Self, TypeVar, cast, overload

from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.verbs.tqdm_bars import TqdmBar, capture_tqdm
from jobactors.inside.verbs.track import Track
from jobactors.model.checks import is_one_of

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")

# fmt: off
_LOOKS: Final = frozenset({
    "ascii", "bar_format", "colour", "delay", "dynamic_ncols", "file", "gui", "leave", "lock_args",
    "maxinterval", "mininterval", "miniters", "ncols", "nrows", "position", "smoothing",
    "unit_divisor", "write_bytes",
})
"""tqdm's arguments about where, when and how to draw."""
_MEANT: Final = frozenset({
    "desc", "disable", "initial", "iterable", "postfix", "total", "unit", "unit_scale",
})
"""Its other ones."""
# fmt: on


class _StandsForTqdm(type):
    """Looks up in tqdm's own class the attributes that the class ``ja.tqdm`` lacks."""

    def __new__(
        mcs, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **kwargs: Any
    ) -> Any:
        """Make a class; one derived from ``ja.tqdm`` derives from tqdm's, if that is installed."""
        face: Any = next((base for base in bases if type(base) is mcs), None)
        real = None if face is None else _real()
        if real is None:
            return super().__new__(mcs, name, bases, namespace, **kwargs)
        own = tuple(real if base is face else base for base in bases)
        return type(real)(name, own, namespace, **kwargs)

    def __instancecheck__(cls, instance: object) -> bool:
        real = None if cls is not tqdm else _base()
        return super().__instancecheck__(instance) or (
            real is not None and isinstance(instance, real)
        )

    def __subclasscheck__(cls, subclass: type) -> bool:
        real = None if cls is not tqdm else _base()
        return super().__subclasscheck__(subclass) or (
            real is not None and issubclass(subclass, real)
        )

    def __getattr__(cls, name: str) -> Any:
        real = None if name.startswith("__") else _real()
        if real is None:
            raise AttributeError(
                f"'tqdm' has no attribute {name!r}: if tqdm has it, install that (pip install tqdm)"
            )
        return getattr(real, name)


class tqdm(Generic[T], metaclass=_StandsForTqdm):  # noqa: N801 - the name that its callers write
    """A progress bar with tqdm's arguments, attributes and methods.

    Inside a job it reports into the job's row, from its making until it is closed or its loop ends;
    in a thread, each item and each ``update`` is a point where the job can be cancelled or paused.
    A bar inside another one's loop counts as a part of the outer one's present item.

    With tqdm installed it is a bar of tqdm's own class, with all its methods and attributes, and
    ``isinstance``, derived classes and ``tqdm.pandas()`` work.  Three things differ inside a job:
    nothing is drawn, whatever the arguments for drawing are, ``file`` included; bars have no places
    on a screen, so that any two compare as equal; and ``async for`` is a level of its own.

    Without tqdm it counts and reports, and has what is described here.

    Args:
        iterable: Any iterable; default: none, for a bar moved by ``update``.
        desc: A name for the bar; default: none.
        total: The number of items; default: the length of ``iterable``, if it has one.
        leave: Without meaning inside a job, which has one row.
        disable: Whether to count without showing anything; default: no.
        unit: The noun for items; default: "it".
        unit_scale: A factor for the numbers shown; default: 1.
        initial: The count to begin with; default: 0.
        postfix: Values as for ``set_postfix``, or a text; default: none.

    Raises:
        TypeError: for an argument that tqdm does not have; tqdm's own error where it is installed.

    Example::

        for row in ja.tqdm(rows, desc="clean", unit="rows"):
            ...
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Make a bar of tqdm's; one of ours where that is not installed."""
        real = _real() if cls is tqdm else None
        if real is None:
            return super().__new__(cls)
        if CURRENT.get() is None:
            return cast("Self", real(*args, **kwargs))
        capture_tqdm()
        return cast("Self", _reporting(_base())(*args, **kwargs))

    @overload
    def __init__(
        self, iterable: Iterable[T] | AsyncIterable[T], *args: Any, **kwargs: Any
    ) -> None: ...
    @overload
    def __init__(self: tqdm[Any], iterable: None = None, *args: Any, **kwargs: Any) -> None: ...
    def __init__(
        self,
        iterable: Any = None,
        desc: str | None = None,
        total: float | None = None,
        leave: bool | None = True,
        *_looks: object,
        disable: bool | None = False,
        unit: str = "it",
        unit_scale: bool | float = False,
        initial: float = 0,
        postfix: Mapping[str, object] | str | None = None,
        **more_looks: object,
    ) -> None:
        _refuse_unknown(more_looks)
        self.leave: bool | None = leave
        self.iterable: Iterable[T] | None = iterable
        self.desc: str = desc or ""
        self.total: float | None = _total(iterable) if total is None else _finite(total)
        self.disable: bool = bool(disable)
        self.unit: str = unit
        self.unit_scale: bool | float = unit_scale
        self.initial: float = initial
        self.n: float = initial
        self.postfix: object = None
        context = CURRENT.get()
        self._bar = None if context is None or disable else TqdmBar(context)
        if isinstance(postfix, Mapping):
            self.set_postfix(postfix)
        elif postfix:
            self.postfix = postfix
        self.refresh()

    def __iter__(self) -> Iterator[T]:
        if self.iterable is None:
            raise TypeError("this bar has no iterable: it is moved by update()")
        return iter(self.iterable) if self.disable else self._counted(self.iterable)

    def _counted(self, items: Iterable[T]) -> Iterator[T]:
        bar = self._bar
        try:
            if bar is not None:
                yield from bar.counted(items, self._moved)
            else:
                for item in items:
                    yield item
                    self.n += 1
        finally:
            self.close()

    def _moved(self) -> None:
        self.n += 1
        self.refresh()

    def __aiter__(self) -> AsyncIterator[T]:
        return _asynchronous(self)

    def update(self, n: float = 1) -> bool | None:
        """Move the bar ``n`` further; in a job's thread, obey a cancel or pause.

        A disabled or closed bar does nothing.

        Args:
            n: Units, which may be negative; default: 1.

        Returns:
            True if it is shown.
        """
        if self.disable:
            return None
        self.n += n
        shown = self.refresh()
        if self._bar is not None:
            self._bar.obey()
        return shown

    def refresh(self, *_: object, **__: object) -> bool | None:
        """Show attributes that were set by hand, such as ``bar.n = 5``."""
        if self._bar is None:
            return None
        self._bar.show(self)
        return True

    def reset(self, total: float | None = None) -> None:
        """Go back to 0.

        Args:
            total: The new number of items; default: as before.
        """
        self.n = 0
        if total is not None:
            self.total = _finite(total)
        self.refresh()

    def set_description(self, desc: str | None = None, refresh: bool = True) -> None:
        """Name the bar."""
        self.set_description_str(f"{desc}: " if desc else "", refresh)

    def set_description_str(self, desc: str | None = None, refresh: bool = True) -> None:
        """Name the bar, without a colon after it."""
        self.desc = desc or ""
        if refresh:
            self.refresh()

    def set_postfix(
        self,
        ordered_dict: Mapping[str, object] | None = None,
        refresh: bool = True,
        **kwargs: object,
    ) -> None:
        """Show further values behind the bar: the job's message."""
        values = {**(ordered_dict or {}), **dict(sorted(kwargs.items()))}
        text = ", ".join(f"{name}={_short(value).strip()}" for name, value in values.items())
        self.set_postfix_str(text, refresh)

    def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
        """Show a text behind the bar: the job's message."""
        self.postfix = s
        if refresh:
            self.refresh()

    def close(self) -> None:
        """End the bar, which is disabled from then on; a second time does nothing."""
        self.disable = True
        bar, self._bar = getattr(self, "_bar", None), None
        if bar is not None:
            bar.show(self)
            bar.close()

    def clear(self, *_: object, **__: object) -> None:
        """Do nothing: nothing is drawn here."""

    def unpause(self) -> None:
        """Do nothing: the job system measures the time."""

    display = refresh

    @classmethod
    def write(
        cls, s: str, file: IO[str] | None = None, end: str = "\n", nolock: bool = False
    ) -> None:
        """Print a line beside the bars; inside a job it is a line of the job's output."""
        del nolock
        real = _real() if CURRENT.get() is None else None
        if real is not None:
            real.write(s, file=file, end=end)
        else:
            print(s, end=end, file=file or sys.stdout)

    def __enter__(self) -> tqdm[T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def __len__(self) -> int:
        if self.iterable is not None:
            return len(cast("Any", self.iterable))
        if self.total is None:
            raise TypeError("a bar without iterable and total has no length")
        return int(self.total)

    def __bool__(self) -> bool:
        if self.total is not None:
            return self.total > 0
        if self.iterable is None:
            raise TypeError("bool() undefined when iterable == total == None")
        return bool(self.iterable)

    def __contains__(self, item: object) -> bool:
        return item in cast("Any", self.iterable)

    def __reversed__(self) -> Iterator[T]:
        items: Any = reversed(cast("Any", self.iterable))
        return iter(items) if self.disable else self._counted(items)

    def __repr__(self) -> str:
        of = "" if self.total is None else f"/{self.total:g}"
        return f"<tqdm {self.desc}{self.n:g}{of}>"


def trange(*args: int, **kwargs: Any) -> tqdm[int]:
    """Return a bar over ``range(*args)``; the keyword arguments are :class:`tqdm`'s."""
    return tqdm(range(*args), **kwargs)


def _real() -> Any:
    """Return tqdm's own class for this environment, or None if it is not installed."""
    try:
        return importlib.import_module("tqdm.auto").tqdm
    except ImportError:
        return None


def _base() -> Any:
    """Return the class from which all of tqdm's are derived, or None if it is not imported."""
    module = sys.modules.get("tqdm.std")
    return getattr(module, "tqdm", None)


@functools.cache
def _reporting(base: Any) -> Any:
    """Return the class of a bar inside a job: tqdm's own, and an ``async for`` that obeys."""
    namespace = {
        "__aiter__": _asynchronous,
        "__doc__": base.__doc__,
        "__module__": __name__,
        "__qualname__": "tqdm",
    }
    return type(base)("tqdm", (base,), namespace)


def _asynchronous(bar: Any) -> AsyncIterator[Any]:
    bar.close()  # the loop is a level of its own
    unit = "" if bar.unit == "it" else bar.unit
    return aiter(Track(bar.iterable, bar.total, bar.desc.removesuffix(": "), unit))


def _refuse_unknown(keywords: Mapping[str, object]) -> None:
    """Raise TypeError for keyword arguments that tqdm does not have, with the nearest name."""
    for name in keywords.keys() - _LOOKS:
        meant = difflib.get_close_matches(name, _LOOKS | _MEANT, 1)
        cure = f"did you mean {meant[0]!r}?" if meant else "leave it out"
        raise TypeError(f"tqdm has no argument {name!r}: {cure}")


def _total(iterable: object) -> float | None:
    try:
        return len(cast("Any", iterable))
    except Exception:  # it has none, or a __len__ of the user's that raises
        return None


def _finite(total: float) -> float | None:
    return None if total == math.inf else total


def _short(value: object) -> str:
    """Write a value as tqdm does: a number in three digits where that is shorter."""
    plain = str(value)
    if not is_one_of(value, Number) or isinstance(value, complex):
        return plain
    short = f"{value:.3g}".replace("e+0", "e+").replace("e-0", "e-")
    return short if len(short) < len(plain) else plain
