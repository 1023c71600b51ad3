"""A list of values that have names: found by place, or by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Named(Protocol):
    """A value with a name."""

    @property
    def name(self) -> str:
        """The name, unique among those of its kind."""
        ...


T = TypeVar("T", bound=Named)


class NamedList(Sequence[T]):
    """Values in an order, each also found by its name.

    Args:
        values: The values.
        empty: What its ``repr`` says of none.
        unknown: Makes the error for a name that none has, of that name and those that there are.
    """

    def __init__(
        self,
        values: Iterable[T],
        empty: str,
        unknown: Callable[[str, tuple[str, ...]], Exception],
    ) -> None:
        self._values = tuple(values)
        self._empty = empty
        self._unknown = unknown

    @overload
    def __getitem__(self, index: int | str) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T]: ...
    def __getitem__(self, index: int | str | slice) -> T | Sequence[T]:
        """Return one by its place or by its name, or several."""
        if not isinstance(index, str):
            return self._values[index]
        for value in self._values:
            if value.name == index:
                return value
        raise self._unknown(index, tuple(value.name for value in self._values))

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return "\n".join(map(repr, self._values)) or self._empty
