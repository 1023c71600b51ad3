"""The call of a job, packed for a cluster: results that are there already do not travel.

A future of the cluster among the arguments, at any depth, is packed as its number alone.  Dask
brings the value to the worker, or the task to the value, and the worker's unpacking puts it in.
"""

from __future__ import annotations

import pickle
from io import BytesIO
from typing import TYPE_CHECKING, Any

from .process_pickler import pickler_class

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def pack_call(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    future: type | tuple[()] = (),
) -> tuple[bytes, list[Any]]:
    """Pickle a call; return it and the futures in it, in the order of their numbers.

    In a worker thread: it runs the code of the pickled classes.

    Args:
        function: The function.
        args: Its positional arguments.
        kwargs: Its named arguments.
        future: The class of the cluster's futures; default: there are none.

    Raises:
        TypeError: if something in it cannot be pickled; the message names it.
        ModuleNotFoundError: if cloudpickle is not installed.
    """
    held: dict[str, Any] = {}
    numbers: dict[str, int] = {}

    class Pickler(pickler_class()):  # type: ignore[misc]
        def persistent_id(self, value: Any) -> int | None:
            if not issubclass(type(value), future):
                return None
            key = str(value.key)
            held.setdefault(key, value)
            return numbers.setdefault(key, len(numbers))

    try:
        with BytesIO() as file:
            Pickler(file).dump((function, args, kwargs))
            return file.getvalue(), list(held.values())
    except ModuleNotFoundError:
        raise
    except Exception as exc:  # pickling runs the code of the pickled classes
        raise TypeError(
            f"this call cannot be sent to a cluster: {exc}; give it what can be pickled (a path "
            'instead of an open file), or use runner="thread"'
        ) from exc


def unpack_call(content: bytes, held: Sequence[Any]) -> Any:
    """Rebuild a call, with the values of its futures; raises whatever its classes raise."""

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, number: int) -> Any:
            return held[number]

    with BytesIO(content) as file:
        return Unpickler(file).load()
