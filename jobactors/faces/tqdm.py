"""``ja.tqdm``: a job's progress with tqdm's interface.

For code that is written for tqdm and is to run anywhere: inside a job the bar is a level of the
job's progress, outside it is tqdm's own bar, and without tqdm it only counts.

Ordinary ``from tqdm import tqdm`` bars need none of this: those made inside a job report into that
job by themselves, see :mod:`jobactors.inside.verbs.tqdm_bars`.
"""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from numbers import Number
from typing import IO, TYPE_CHECKING, Any, Generic, TypeVar, cast

from jobactors.inside.context.current_job import CURRENT
from jobactors.inside.verbs.tqdm_bars import Bar
from jobactors.inside.verbs.track import Track

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")


class tqdm(Generic[T]):  # noqa: N801 - the name that its callers write
    """A progress bar with tqdm's arguments, attributes and methods.

    Inside a job it reports into the job's row, from its making until it is closed or its loop ends;
    in a thread, each item and each ``update`` is a point where the job can be cancelled or paused.
    A bar inside another one's loop counts as a part of the outer one's present item.  Arguments
    about where and how to draw are accepted and have no meaning here, ``leave`` included: a job has
    one row.

    Outside a job the name stands for tqdm's own class, if that is installed.

    Args:
        iterable: Any iterable; default: none, for a bar moved by ``update``.
        desc: A name for the bar; default: none.
        total: The number of items; default: the length of ``iterable``, if it has one.
        disable: Whether to count without showing anything; default: no.
        unit: The noun for items; default: "it".
        unit_scale: A factor for the numbers shown; default: 1.
        initial: The count to begin with; default: 0.
        postfix: Values as for ``set_postfix``, or a text; default: none.

    Example::

        for row in ja.tqdm(rows, desc="clean", unit="rows"):
            ...
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Make a bar here, or one of tqdm's outside a job."""
        if cls is tqdm and CURRENT.get() is None:
            real = _real()
            if real is not None:
                return real(*args, **kwargs)
        return super().__new__(cls)

    def __init__(
        self,
        iterable: Iterable[T] | None = None,
        desc: str | None = None,
        total: float | None = None,
        *_looks: object,
        disable: bool | None = False,
        unit: str = "it",
        unit_scale: bool | float = False,
        initial: float = 0,
        postfix: Mapping[str, object] | str | None = None,
        **_more_looks: object,
    ) -> None:
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
        self._bar = None if context is None or disable else Bar(context)
        if isinstance(postfix, Mapping):
            self.set_postfix(postfix)
        elif postfix:
            self.postfix = postfix
        self.refresh()

    def __iter__(self) -> Iterator[T]:
        if self.iterable is None:
            raise TypeError("this bar has no iterable: it is moved by update()")
        if self._bar is None:
            return iter(self.iterable)
        return self._bar.counted(self.iterable, self._moved)

    def _moved(self) -> None:
        self.n += 1
        self.refresh()

    def __aiter__(self) -> AsyncIterator[T]:
        self.close()  # the loop is a level of its own
        unit = "" if self.unit == "it" else self.unit
        items: Any = self.iterable
        return aiter(Track(items, self.total, self.desc.removesuffix(": "), unit))

    def update(self, n: float = 1) -> None:
        """Move the bar ``n`` further; in a job's thread, obey a cancel or pause.

        Args:
            n: Units, which may be negative; default: 1.
        """
        self.n += n
        self.refresh()
        if self._bar is not None:
            self._bar.obey()

    def refresh(self, *_: object, **__: object) -> None:
        """Show attributes that were set by hand, such as ``bar.n = 5``."""
        if self._bar is not None:
            self._bar.show(self)

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
        """End the bar; a second time does nothing."""
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
            raise TypeError("a bar without iterable and total is neither true nor false")
        return bool(self.iterable)

    def __contains__(self, item: object) -> bool:
        return item in cast("Any", self.iterable)

    def __reversed__(self) -> Iterator[T]:
        items: Any = reversed(cast("Any", self.iterable))
        return iter(items) if self._bar is None else self._bar.counted(items, self._moved)

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
    if not isinstance(value, Number) or isinstance(value, complex):
        return plain
    short = f"{value:.3g}".replace("e+0", "e+").replace("e-0", "e-")
    return short if len(short) < len(plain) else plain
