"""What a user reads of a bar inside a job is what tqdm says outside of one.

Each probe is asked of tqdm's own class, outside a job, and then of every class of bars.
"""

from __future__ import annotations

import importlib
import io
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

import jobactors as ja
from jobactors.inside.verbs.tqdm_bars import capture_tqdm

if TYPE_CHECKING:
    from collections.abc import Callable

    Probe = Callable[[Any], Any]


def looks() -> dict[str, Any]:
    """Arguments with which a bar writes nowhere, and shows every step."""
    return {"file": io.StringIO(), "mininterval": 0, "miniters": 1}


def moved(cls: Any, n: float = 3, total: float | None = 10) -> Any:
    """Return a bar moved by hand."""
    bar = cls(total=total, desc="d", **looks())
    bar.update(n)
    return bar


def after(bar: Any, *calls: Callable[[Any], Any]) -> Any:
    """Call each with the bar; return what the last one returns."""
    return [call(bar) for call in calls][-1]


def n_after_an_error(cls: Any) -> float:
    """Leave a loop by an exception."""
    bar = cls([1, 2, 3], **looks())
    with suppress(KeyError):
        for _ in bar:
            raise KeyError
    return float(bar.n)


def set_n(bar: Any) -> Any:
    """Set the count by hand, and show it."""
    bar.n = 7
    return bar.refresh()


PROBES: dict[str, Probe] = {
    "disable": lambda cls: moved(cls).disable,
    "update": lambda cls: moved(cls).update(2),
    "update by less than nothing": lambda cls: after(
        moved(cls), lambda b: b.update(-1), lambda b: b.n
    ),
    "update after the end": lambda cls: after(
        moved(cls), lambda b: b.close(), lambda b: b.update(1), lambda b: (b.n, b.disable)
    ),
    "refresh": lambda cls: after(moved(cls), set_n),
    "format_dict": lambda cls: [moved(cls).format_dict[key] for key in ("n", "total", "prefix")],
    "rate": lambda cls: moved(cls).format_dict["rate"] > 0,
    "elapsed": lambda cls: moved(cls).format_dict["elapsed"] >= 0,
    "str": lambda cls: str(moved(cls))[:14],
    "description": lambda cls: after(
        moved(cls), lambda b: b.set_description(None), lambda b: b.desc
    ),
    "postfix": lambda cls: after(
        moved(cls),
        lambda b: b.set_postfix(loss=0.123456, z=123456789.0, s="x"),
        lambda b: b.postfix,
    ),
    "postfix text": lambda cls: after(
        moved(cls), lambda b: b.set_postfix_str("hi"), lambda b: b.postfix
    ),
    "reset": lambda cls: after(moved(cls), lambda b: b.reset(total=5), lambda b: (b.n, b.total)),
    "looks": lambda cls: [
        getattr(moved(cls), name) for name in ("leave", "miniters", "mininterval", "ncols")
    ],
    "clock": lambda cls: after(moved(cls), lambda b: b.unpause(), lambda b: b.start_t > 0),
    "nothing to draw on": lambda cls: after(
        moved(cls), lambda b: b.clear(), lambda b: b.moveto(1), lambda b: b.display()
    ),
    "colour": lambda cls: after(
        moved(cls), lambda b: setattr(b, "colour", "red"), lambda b: b.colour
    ),
    "last_print_n": lambda cls: moved(cls).last_print_n,
    "len of a list": lambda cls: len(cls([1, 2], **looks())),
    "len of an iterator": lambda cls: len(cls(iter([1]), **looks())),
    "len of a total": lambda cls: len(cls(total=7, **looks())),
    "bool": lambda cls: [bool(cls(x, **looks())) for x in ([], [1])],
    "bool of a total": lambda cls: [bool(cls(total=n, **looks())) for n in (0, 2)],
    "bool of nothing": lambda cls: bool(cls(**looks())),
    "in": lambda cls: 2 in cls([1, 2], **looks()),
    "reversed": lambda cls: list(reversed(cls([1, 2], **looks()))),
    "a second loop": lambda cls: after(cls([1, 2], **looks()), list, list, lambda b: b.n),
    "a loop that is left": lambda cls: after(
        cls([1, 2], **looks()), lambda b: next(iter(b)), lambda b: b.n
    ),
    "an error in a loop": n_after_an_error,
    "the iterable": lambda cls: cls([5, 6], **looks()).iterable,
    "positions of arguments": lambda cls: after(
        cls(None, "q", 9, False, io.StringIO()), lambda b: (b.desc, b.total, b.leave)
    ),
    "an unknown argument": lambda cls: cls(total=1, nonsense=3, **looks()),
    "no end": lambda cls: cls(total=math.inf, **looks()).total,
    "hash": lambda cls: isinstance(hash(moved(cls)), int),
    "isinstance": lambda cls: isinstance(moved(cls), cls),
    "isinstance of tqdm's": lambda cls: isinstance(
        moved(cls), importlib.import_module("tqdm").tqdm
    ),
    "a derived class": lambda cls: type(
        "Mine", (cls,), {"update": lambda self, n=1: super(type(self), self).update(2 * n)}
    )(total=9, **looks()).update(1),
    "methods of the class": lambda cls: [
        cls.format_sizeof(12345),
        cls.format_interval(61),
        cls.format_num(0.12345),
        cls.format_meter(1, 2, 1, ncols=30),
        cls.monitor_interval,
        cls.get_lock() is not None,
        callable(cls.set_lock),
        callable(cls.pandas),
        callable(cls.status_printer),
    ],
    "wrapattr": lambda cls: after(
        cls.wrapattr(io.BytesIO(b"abc"), "read", total=3, **looks()),
        lambda made: made.__enter__().read(),
    ),
    "write": lambda cls: after(
        io.StringIO(), lambda f: cls.write("x", file=f), io.StringIO.getvalue
    ),
}


def answer(probe: Probe, cls: Any) -> str:
    """Return what a probe says, or raises, in words."""
    try:
        return repr(probe(cls))
    except Exception as exc:
        return f"{type(exc).__name__}: {exc}"


@pytest.mark.parametrize("kind", ["tqdm.std", "tqdm.auto", "jobactors.faces.tqdm"])
@pytest.mark.parametrize("name", PROBES)
def test_a_bar_says_inside_a_job_what_tqdm_says_outside(
    jobs: ja.Jobs, name: str, kind: str
) -> None:
    """Its user need not know that nothing is drawn."""
    probe, cls = PROBES[name], importlib.import_module(kind).tqdm
    outside = answer(probe, importlib.import_module("tqdm.std").tqdm)
    assert jobs.submit(answer, probe, cls).result(30) == outside


@pytest.mark.parametrize("name", PROBES)
def test_outside_a_job_it_says_what_tqdm_says(name: str) -> None:
    """It makes tqdm's own bars there, and the class stands for tqdm's."""
    capture_tqdm()
    assert answer(PROBES[name], ja.tqdm) == answer(
        PROBES[name], importlib.import_module("tqdm.std").tqdm
    )


def test_pandas_reports_into_its_job(jobs: ja.Jobs) -> None:
    """`ja.tqdm.pandas()` does what tqdm's does."""
    import pandas as pd

    def work() -> tuple[list[int], float]:
        ja.tqdm.pandas()
        doubled = pd.Series([1, 2, 3]).progress_map(lambda x: 2 * x)
        return list(doubled), ja.current_job()._meter.read().done

    assert jobs.submit(work).result(30) == ([2, 4, 6], 3)


def test_a_class_of_tqdm_s_that_draws_elsewhere_makes_nothing_to_draw(jobs: ja.Jobs) -> None:
    """The notebook's bar makes no widget; it counts and reports all the same."""
    from tqdm.notebook import tqdm as notebook_bar

    def work() -> tuple[bool, float, float, float]:
        with notebook_bar(total=4) as bar:
            bar.update(3)
            seen = ja.current_job()._meter.read().done
            bar.close()
            bar.update(1)
        return hasattr(bar, "container"), bar.n, seen, ja.current_job()._meter.read().done

    assert jobs.submit(work).result(30) == (False, 3, 3, 3)
