"""The call of a job, packed for a cluster: results that are there already do not travel.

A future of the cluster among the arguments, at any depth, is packed as its number alone.  Dask
brings the value to the worker, or the task to the value, and the worker's unpacking puts it in.
"""

from __future__ import annotations

import pickle
import sys
from functools import cache
from io import BytesIO
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, cast

from .process_culprit import why_not_pickled
from .process_pickler import pickler_class

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


SHORT: Final = 4_000
"""Characters, or bytes, of what is packed and rebuilt in the engine's loop."""
_NUMBERS: Final = frozenset({int, float, bool, type(None)})


def is_soon_packed(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bool:
    """Return whether packing a call runs no code of the user, and takes no time.

    So it is for a function that is found by its name, and for numbers and short texts.
    """
    if type(function) is not FunctionType or function.__module__ == "__main__":
        return False
    module = sys.modules.get(function.__module__)
    if module is None or vars(module).get(function.__qualname__) is not function:
        return False
    return all(map(_is_short, args)) and all(map(_is_short, kwargs.values()))


def _is_short(value: object) -> bool:
    kind = type(value)
    return kind in _NUMBERS or (kind is str and len(cast("str", value)) <= SHORT)


def pack_call(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    future: type | tuple[()] = (),
) -> tuple[bytes, list[Any]]:
    """Pickle a call; return it and the futures in it, in the order of their numbers.

    In a worker thread, unless it is soon packed: it runs the code of the pickled classes.

    Args:
        function: The function.
        args: Its positional arguments.
        kwargs: Its named arguments.
        future: The class of the cluster's futures; default: there are none.

    Raises:
        TypeError: if something in it cannot be pickled; the message names it.
        ModuleNotFoundError: if cloudpickle is not installed.
    """
    pickler_for = _pickler_for(pickler_class(), future)

    def dump(value: object) -> tuple[bytes, list[Any]]:
        with BytesIO() as file:
            pickler = pickler_for(file)
            held: dict[str, Any] = {}
            pickler.held, pickler.numbers = held, {}
            pickler.dump(value)
            return file.getvalue(), list(held.values())

    try:
        return dump((function, args, kwargs))
    except ModuleNotFoundError:
        raise
    except Exception as exc:  # pickling runs the code of the pickled classes
        why = why_not_pickled(exc, function, args, kwargs, dump)
        raise TypeError(
            f"this call cannot be sent to a cluster: {why}; give it what can be pickled (a path "
            'instead of an open file), or use runner="thread"'
        ) from exc


def async_refused(function: object) -> TypeError:
    """Return the error of a function that no worker can run."""
    return TypeError(
        f"{function!r:.100} is an async def, and Dask runs plain functions: submit a def "
        "that runs it, with trio.run or asyncio.run"
    )


@cache
def _pickler_for(base: Any, future: type | tuple[()]) -> Any:
    class FuturePickler(base):  # type: ignore[misc]
        held: dict[str, Any]
        numbers: dict[str, int]

        def persistent_id(self, value: Any) -> int | None:
            if not isinstance(value, future):
                return None
            key = str(value.key)  # type: ignore[attr-defined]
            self.held.setdefault(key, value)
            return self.numbers.setdefault(key, len(self.numbers))

    return FuturePickler


def unpack_call(content: bytes, held: Sequence[Any]) -> Any:
    """Rebuild a call, with the values of its futures; raises whatever its classes raise."""

    class Unpickler(pickle.Unpickler):
        def persistent_load(self, number: int) -> Any:
            return held[number]

    with BytesIO(content) as file:
        return Unpickler(file).load()


def unpack_plain(content: bytes) -> Any:
    """Rebuild a short value of built-in types, which runs no code of the user.

    Raises:
        UnpicklingError: if it is long, or of other types: rebuild it in a thread.
    """
    if len(content) > SHORT:
        raise pickle.UnpicklingError("it is long")
    with BytesIO(content) as file:
        return _PlainUnpickler(file).load()


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module_name: str, global_name: str, /) -> Any:
        raise pickle.UnpicklingError(f"{module_name}.{global_name} is code")
