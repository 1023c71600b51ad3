"""What a cell or a script defines reaches a process whole, and that process's own processes."""

# ruff: noqa: D103 - a test's name is its sentence

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.engine.scripts import run_script

SCRIPT = """
import functools, multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
import jobactors as ja

@functools.lru_cache(maxsize=7)
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)

class Squares:
    def __init__(self, n):
        self.n = n
    @functools.cached_property
    def all(self):
        return [i * i for i in range(self.n)]
    @functools.cache
    def sum(self):
        return sum(self.all)

@functools.singledispatch
def kind(x):
    return "any"

@kind.register
def _(x: int):
    return "int"

def square(x):
    return x * x

def squares(n):
    return Squares(square(n))

def cached():
    return fib(20), fib.cache_info().maxsize, Squares(3).all, Squares(3).sum(), kind(1), kind("")

def pooled(method):
    with multiprocessing.get_context(method).Pool(1) as pool:
        made = pool.map(squares, range(3))
        return pool.map(square, range(3)), [type(one) is Squares and one.n for one in made]

def executed():
    with ProcessPoolExecutor(1) as pool:
        return list(pool.map(square, range(3)))

if __name__ == "__main__":
    jobs = ja.start(display=None).options(runner="process")
    work, *args = sys.argv[1:]
    print(jobs.submit(globals()[work], *map(eval, args)).result(60))
"""


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["fib", "20"], "6765"),
        (["cached"], "(6765, 7, [0, 1, 4], 5, 'int', 'any')"),
        (["pooled", "'fork'"], "([0, 1, 4], [0, 1, 4])"),
        (["pooled", "'spawn'"], "([0, 1, 4], [0, 1, 4])"),
        (["executed"], "[0, 1, 4]"),
    ],
)
def test_what_a_script_defines_works_in_a_process(
    tmp_path: Path, arguments: list[str], printed: str
) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == (printed, 0), done.stderr


def test_the_hook_of_a_job_type_stays_where_its_jobs_are_submitted() -> None:
    """It may hold what cannot be pickled, and is called there; the function goes without it."""
    ended = run_script("""
        import threading

        seen = threading.Event()

        def note(job, seen=seen):
            seen.set()

        @ja.job("double", runner="process", on_done=note)
        def double(number):
            return 2 * number

        print(ja.start().submit(double, 4).result(timeout=60))
        print(seen.wait(60))
    """)
    assert ended.said == ["8", "True"]


def test_what_cannot_be_sent_is_named() -> None:
    """Pickle itself names a type that is somewhere inside it."""
    ended = run_script("""
        import threading

        lock = threading.Lock()

        def helper():
            return lock

        def outer():
            return [helper() for _ in range(2)]

        def closing(inner):
            return lambda: inner

        def why(*call, **named):
            error = on.submit(*call, **named).exception(timeout=60)
            print(str(error).partition(";")[0].removeprefix("this call cannot be sent to a "))

        on = ja.start().options(runner="process")
        why(outer)
        why(closing(threading.Lock()))
        why(print, 1, threading.Lock())
        why(dict, sep=threading.Lock())
    """)
    cause = "cannot be: cannot pickle '_thread.lock' object"
    assert ended.said == [
        f"process: 'lock', which 'helper' uses, {cause}",
        f"process: 'inner', which '<lambda>' uses, {cause}",
        f"process: argument 2 {cause}",
        f"process: argument 'sep' {cause}",
    ]
