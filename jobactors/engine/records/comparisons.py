"""Comparisons of users' objects, made in the thread of the submit that needs them.

Whether a key is taken, and whether two jobs do the same, is decided in the loop, in one step.  But
``__hash__`` and ``__eq__`` of keys and arguments are code of the user, which may take any time,
and no job's loop may wait for it.  So a step that finds a comparison to be made raises
:class:`CompareFirst`, before it has changed anything; the submitter's thread makes the comparison,
and has the step tried again.  A verdict holds for that submit alone, by the identity of the key,
or the id of the job, that was compared.

A submit from the loop's own thread compares there: it is its caller's thread.

``Comparisons`` is written by the submitter's thread between two steps, and read in a step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from jobactors.engine.loop.portal import StepLeft
from jobactors.model.checks import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Comparisons:
    """The verdicts of one submit."""

    __slots__ = ("_known", "_may_ask")

    def __init__(self) -> None:
        self._known: list[tuple[object, str, bool]] = []
        self._may_ask = True

    def decide(self, other: object, about: str, compare: Callable[[], bool]) -> bool:
        """Return a verdict about ``other``.

        Raises:
            CompareFirst: if there is none yet, and the submitter can make it.
        """
        for known, what, verdict in self._known:
            if what == about and (known is other or _is_same_id(known, other)):
                return verdict
        if self._may_ask:
            raise CompareFirst(self, other, about, compare)
        return compare()

    def add(self, other: object, about: str, *, verdict: bool) -> None:
        """Add a verdict."""
        self._known.append((other, about, verdict))

    def close(self) -> None:
        """Ask for no comparison any more: the submit has been answered."""
        self._may_ask = False


def _is_same_id(one: object, other: object) -> bool:
    return type(one) is str and type(other) is str and one == other


class CompareFirst(StepLeft):
    """Leaves a step that needs a comparison; only a submit that waits for its answer meets it."""

    def __init__(
        self, asked: Comparisons, other: object, about: str, compare: Callable[[], bool]
    ) -> None:
        super().__init__(about)
        self._asked = asked
        self._other = other
        self._about = about
        self._compare = compare

    def make(self) -> None:
        """Compare, in the submitter's thread."""
        self._asked.add(self._other, self._about, verdict=self._compare())


def decide(
    comparisons: Comparisons | None, other: object, about: str, compare: Callable[[], bool]
) -> bool:
    """Return whether something equals ``other``, compared here if no submit is asked for it."""
    return compare() if comparisons is None else comparisons.decide(other, about, compare)


def are_equal(one: object, other: object) -> bool:
    """Whether two values are equal, and of the same types: ``1``, ``True`` and ``1.0`` differ.

    Arrays and frames are compared by value.  Values that cannot be compared count as different.
    """
    try:
        return _are_equal(one, other)
    except Exception:  # an __eq__ of the user's
        return False


def _are_equal(one: Any, other: Any) -> bool:
    kind = _class_of(one)
    if one is other:
        return True
    if kind is not _class_of(other):
        return False
    if kind is list or kind is tuple:
        return len(one) == len(other) and all(map(_are_equal, one, other))
    if kind is dict:
        return _typed(one).keys() == _typed(other).keys() and all(
            _are_equal(value, other[key]) for key, value in one.items()
        )
    if kind is set or kind is frozenset:
        return _typed(one).keys() == _typed(other).keys()
    if callable(getattr(kind, "equals", None)):  # a frame, or a column of one
        return bool(one.equals(other))
    if hasattr(kind, "dtype") and hasattr(kind, "shape") and hasattr(kind, "all"):  # an array
        if one.shape != other.shape or one.dtype != other.dtype:
            return False
        return bool(((one == other) | _are_nan(one, other)).all())
    return bool(one == other) or bool(_are_nan(one, other))


def _class_of(value: object) -> Any:
    return type(value)  # not __class__, which a class can override


def _are_nan(one: Any, other: Any) -> Any:
    """Return whether both are no number, of arrays one by one."""
    return (one != one) & (other != other)  # noqa: PLR0124 - only a NaN differs from itself


def _typed(values: Iterable[object]) -> dict[tuple[type, object], None]:
    """Return values with their types, so that ``1`` is not found as ``True``."""
    return dict.fromkeys((type(value), value) for value in values)


_PLAIN: Final = frozenset(map(id, (str, int, float, bool, bytes, type(None))))


def as_table_key(key: object) -> object:
    """Return a unique key as one of a table: a plain one is its own.

    In the submitter's thread, where the hash of any other one is taken.
    """
    return key if _is_plain(key) else CustomKey(key)


def _is_plain(key: object) -> bool:
    if type(key) is tuple:
        return all(map(_is_plain, cast("tuple[object, ...]", key)))
    return id(type(key)) in _PLAIN


class CustomKey:
    """A key of a class of the user's, hashed once, and compared by the submit that asks."""

    __slots__ = ("_hash", "_text", "comparisons", "key")

    def __init__(self, key: object) -> None:
        self.key: object = key
        self.comparisons: Comparisons | None = None
        """The verdicts of its own submit."""
        self._hash = hash(key)
        self._text = shown(key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        key = other.key if isinstance(other, CustomKey) else other
        if key is self.key:
            return True
        asks = self.comparisons
        if isinstance(other, CustomKey) and other.comparisons is not None:
            asks, key = other.comparisons, self.key
            return decide(asks, key, "keys", lambda: are_equal(other.key, key))
        return decide(asks, key, "keys", lambda: are_equal(self.key, key))

    def __repr__(self) -> str:
        return self._text
