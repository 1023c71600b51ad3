"""The pickler of calls, results and messages: cloudpickle, and what that leaves out.

* Exceptions, wherever they are in a value, are rebuilt without their constructors.
* Functions of a cell or of ``__main__`` behind ``functools.lru_cache``, ``cached_property`` and
  ``singledispatch`` are sent with their functions, and begin with an empty cache.
* Job types, which functions of a cell have with them, are sent without their runner and their hook.
* The ``multiprocessing`` of a job's own process finds functions and classes of the program's
  ``__main__``.  That process has another ``__main__``, in which plain pickle looks for them by
  name; so there they are sent whole, as they came.
"""

from __future__ import annotations

import copyreg
import functools
import pickle
import sys
from functools import cache
from io import BytesIO
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec.structs import replace

from jobactors.model.pickling import has_standard_way, is_of_tracebacks, reduced

if TYPE_CHECKING:
    from collections.abc import Callable

_DISPATCHES: Final = {"registry", "dispatch", "_clear_cache"}
"""The attributes by which a function of ``functools.singledispatch`` is known."""
_ATOMS: Final = frozenset({type(None), bool, int, float, str, bytes})
_FEW: Final = 20
"""Items of a container that are looked at one by one."""
_SHORT: Final = 10_000
"""Characters, bytes or bits of an atom that is pickled in a moment."""
_Cached: Final = type(cache(lambda: None))


def pickled(value: object) -> bytes:
    """Pickle a value, functions and classes of ``__main__`` included.

    Raises:
        ModuleNotFoundError: if cloudpickle is not installed.
        Exception: whatever the value's classes raise.
    """
    base = pickler_class()
    if is_plain(value):
        return pickle.dumps(value)  # the same in a tenth of the time
    with BytesIO() as file:
        base(file).dump(value)
        return file.getvalue()


def is_plain(value: object) -> bool:
    """Whether any pickler treats a value alike: atoms, and tuples, lists and dictionaries of a few.

    Functions that both sides find by their name are as plain.
    """
    kind = type(value)
    if kind in _ATOMS:
        return True
    if kind is tuple or kind is list:
        several: Any = value
        return len(several) <= _FEW and all(map(is_plain, several))
    if kind is dict:
        named: Any = value
        return len(named) <= _FEW and all(map(is_plain, named)) and is_plain(list(named.values()))
    return kind is FunctionType and _is_of_a_package(cast("FunctionType", value))


def is_short(value: object, depth: int = 2) -> bool:
    """Whether pickling and rebuilding a value takes a moment, and runs no code of the program.

    So it is for atoms, and for tuples, lists and dictionaries of a few of them.
    """
    kind = type(value)
    if kind is str or kind is bytes:
        return len(cast("str | bytes", value)) <= _SHORT
    if kind is int:
        return cast("int", value).bit_length() <= _SHORT
    if kind in _ATOMS:
        return True
    if kind is dict:
        named = cast("dict[object, object]", value)
        value = [*named, *named.values()]
    elif kind is not tuple and kind is not list:
        return False
    items = cast("tuple[object, ...]", value)
    return depth > 0 and len(items) <= _FEW and all(is_short(item, depth - 1) for item in items)


def is_called_by_name(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bool:
    """Whether a call is pickled in a moment, by plain pickle, without code of the program."""
    return (
        "cloudpickle" in sys.modules  # else its absence is still to be told
        and is_short(args)
        and is_short(kwargs)
        and type(function) is FunctionType
        and _is_of_a_package(function)
    )


def _is_of_a_package(function: FunctionType) -> bool:
    """Whether cloudpickle sends a function by its name: all but those it was told to send whole."""
    name, module = function.__qualname__, function.__module__
    if not isinstance(module, str) or module == "__main__" or not name.isidentifier():
        return False
    by_value: Any = getattr(
        sys.modules.get("cloudpickle.cloudpickle"), "list_registry_pickle_by_value", set
    )
    found = getattr(sys.modules.get(module), "__dict__", {}).get(name)
    return found is function and not function.__dict__ and not by_value()


def pickler_class() -> Any:
    """Return the class of the picklers.

    Raises:
        ModuleNotFoundError: if cloudpickle is not installed.
    """
    try:
        import cloudpickle
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            'runner="process" needs cloudpickle: pip install "jobactors[process]"'
        ) from None
    untyped: Any = cloudpickle
    return _pickler(untyped.Pickler)


@cache
def _pickler(base: Any) -> Any:
    class Pickler(base):  # type: ignore[misc]
        def reducer_override(self, value: Any) -> Any:
            if has_standard_way(value):
                return reduced(value)
            given: object = value
            registered = copyreg.dispatch_table.get(type(given))
            if registered is not None and is_of_tracebacks(registered):
                return value.__reduce_ex__(pickle.DEFAULT_PROTOCOL)  # as if it were not
            return _of_functools(value) or _of_job_type(value) or base.reducer_override(self, value)

    return Pickler


def _of_functools(value: Any) -> Any:
    """Reduce what ``functools`` makes of functions; None for anything else."""
    kind = cast("object", type(value))
    if kind is functools.cached_property:
        return _cached_property, (value.func, value.attrname)
    if kind is _Cached and not _is_found_by_name(value):
        return _cached, (value.__wrapped__, value.cache_parameters())
    is_dispatching = kind is FunctionType and value.__dict__.keys() >= _DISPATCHES
    if is_dispatching and not _is_found_by_name(value):
        return _dispatching, (value.__wrapped__, dict(value.registry))
    return None


def _of_job_type(value: Any) -> Any:
    """Reduce a job type, which the function of a cell has with it; None for anything else.

    What its jobs need where they are submitted stays here: their hook, which may hold anything of
    the program, and a runner that is a value, such as one with the client of a cluster.  Its name
    goes along, so that a submit over there does not run the job in another way without a word.
    """
    known = sys.modules.get("jobactors.model.job_type")  # loaded where there are any
    if known is None or type(cast("object", value)) is not known.JobType:
        return None
    runner = value.options.runner
    name = runner if runner is None or isinstance(runner, str) else runner.name
    return replace(value, options=value.options.changed(runner=name, on_done=None)).__reduce__()


def _is_found_by_name(value: Any) -> bool:
    """Whether the other process finds a function by its name; never in ``__main__``."""
    module = getattr(value, "__module__", None)
    if not isinstance(module, str) or module == "__main__":
        return False
    try:
        return pickle.loads(pickle.dumps(value)) is value  # noqa: S301 - by name, in this process
    except Exception:  # a function in a function, or no longer the one of that name
        return False


def _cached(function: Any, parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


def _dispatching(function: Any, registry: dict[type, Any]) -> Any:
    made = functools.singledispatch(function)
    for kind, implementation in registry.items():
        made.register(kind, implementation)
    return made


def _cached_property(function: Any, name: str | None) -> Any:
    made = functools.cached_property(function)
    if name is not None:
        made.__set_name__(object, name)
    return made


# -- a job's own multiprocessing


def teach_multiprocessing() -> None:
    """Let the multiprocessing of this process send what belongs to a ``__main__`` whole."""
    from multiprocessing.reduction import ForkingPickler

    pickler: Any = ForkingPickler
    pickler.reducer_override = _of_main


def _of_main(_: object, value: object) -> Any:
    """Reduce a function or class of ``__main__``; anything else as it is always done."""
    if isinstance(value, FunctionType | type) and value.__module__ == "__main__":
        return _rebuilt, (pickled(value),)
    return NotImplemented


def _rebuilt(content: bytes) -> Any:
    """Rebuild it, in a process that answers with objects of the same classes."""
    teach_multiprocessing()
    return pickle.loads(content)  # noqa: S301 - of this program, through multiprocessing
