"""The functions of jobs on Dask: found by name on the workers, which are other processes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from threading import Lock
from typing import Any

import jobactors as ja

HIDES_JOBACTORS = """
import sys

class Hides:
    def find_spec(self, name, path=None, target=None):
        if name == "jobactors":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hides())
"""
"""The source of a process that has no jobactors."""


def add(a: int, b: int = 0) -> int:
    """Add."""
    return a + b


def plus(a: int, b: int = 0) -> int:
    """Add as well, and stay no job type in any test."""
    return a + b


def mark(path: str) -> None:
    """Add one line to a file: a start that can be counted."""
    with Path(path).open("a") as file:
        file.write(f"{os.getpid()}\n")


def starts(path: str) -> list[int]:
    """Return the processes in which a function has started, once for each start."""
    return [int(line) for line in Path(path).read_text().split()] if Path(path).exists() else []


def fail_once(path: str) -> str:
    """Mark the start, and fail the first time."""
    mark(path)
    if len(starts(path)) == 1:
        raise ValueError("the first time")
    return "the second time"


def parent_of_a_new_span() -> int:
    """Begin a span, as a library below a job would; return the id of its parent, or 0."""
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

    span = TracerProvider(shutdown_on_exit=False).get_tracer("a library").start_span("query")
    assert isinstance(span, ReadableSpan)
    return 0 if span.parent is None else span.parent.span_id


def squares(upto: int) -> int:
    """Add up squares, each of which is a task of Dask's own."""
    from distributed import get_client

    client = get_client()
    return sum(client.gather(client.map(pow, range(upto), [2] * upto)))


def counted(folder: str) -> dict[str, int]:
    """Return how often each function that marks in a folder has started, by the file's name."""
    return {path.name: len(starts(str(path))) for path in Path(folder).iterdir()}


def until_stopped(path: str, steps: int = 100_000) -> str:
    """Mark the start, and go on until it is cancelled."""
    mark(path)
    for _ in ja.track(range(steps), unit="steps"):
        time.sleep(0.01)
    return "done"


def until_file(path: str, release: str) -> str:
    """Mark the start, and hear of nothing until a file is there, or the folder has gone."""
    mark(path)
    while Path(path).exists() and not Path(release).exists():
        time.sleep(0.01)
    return "released"


def save_and_go_on(path: str, upto: int) -> list[int]:
    """Count from the checkpoint on, saving each number; wait at the first one of the first run."""
    mark(path)
    job = ja.current_job()
    first = job.checkpoint or 0
    for number in range(first, upto):
        ja.save_checkpoint(number + 1)
        ja.progress(number + 1, upto)
        if not first and number == upto // 2:
            for _ in ja.track(range(100_000)):
                time.sleep(0.01)
    return [first, upto]


def large(size: int) -> bytes:
    """Return that many bytes."""
    return bytes(size)


def size_of(value: Any) -> tuple[int, int]:
    """Return the size of a value, and the process in which it is."""
    return len(value), os.getpid()


def chat(lines: int) -> int:
    """Print, log progress, and return at once."""
    for i in range(lines):
        print("line", i)
        ja.progress(i + 1, lines)
    return lines


def answer_questions() -> int:
    """Answer until told to stop."""
    answered = 0
    for message in ja.current_job().inbox:
        if isinstance(message, ja.Question):
            message.reply(message.message * 2)
            answered += 1
        else:
            return answered
    return answered


def make_slowly(path: str, size: int, runs: int = 9) -> bytes:
    """Mark the start, work for a second, and return that many bytes; fail if begun too often."""
    mark(path)
    for _ in ja.track(range(50)):
        time.sleep(0.02)
    if len(starts(path)) > runs:
        raise ValueError("once too often")
    return bytes(size)


class SlowAnswer:
    """An answer that takes a moment to be rebuilt."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Be rebuilt as what comes after the moment."""
        return after_a_moment, (42,)


def after_a_moment(value: int) -> int:
    """Return it then."""
    time.sleep(0.2)
    return value


def answer_and_return(is_sendable: bool) -> str:
    """Answer one question, and return at once."""
    for message in ja.current_job().inbox:
        message.reply(SlowAnswer() if is_sendable else Lock())
        break
    return "done"


def mark_and_return(path: str, size: int) -> bytes:
    """Mark the start, and return that many bytes."""
    mark(path)
    return bytes(size)


def pid_if_at_work() -> int:
    """Return this process if a run has begun in it, granted or not; else 0."""
    from jobactors.runners import dask_worker

    return os.getpid() if dask_worker._RUNS else 0


def sizes(values: list[Any]) -> list[int]:
    """Return the sizes of values inside a list."""
    return [len(values[0]), len(values[1]["again"])]


def lengths(values: Any) -> list[int]:
    """Return the sizes of values that are in a list."""
    return [len(value) for value in values]


def joined(one: bytes, other: bytes) -> bytes:
    """Return both."""
    return one + other


def write_part(part: ja.Range, pids: str) -> int:
    """Write the numbers of a part into its file, slowly; return how many it is."""
    mark(pids)
    with part.open() as out:
        for number in part.track(unit="numbers"):
            out.write(f"{number}\n")
            time.sleep(0.02)
    return len(part)


def write_or_merge(part: ja.Range | None, into: str, total: int = 40) -> int:
    """Write the numbers of a part into its file, or join the files of all parts; return the pid."""
    if part is None:
        ja.merge(ja.ranges(total, 4), into)
    else:
        with part.open() as out:
            for number in part.track():
                out.write(f"{number}\n")
    return os.getpid()


def mark_attempt(folder: str, seconds: float) -> None:
    """Mark the start of this attempt, and work for a while."""
    job = ja.current_job()
    mark(str(Path(folder) / f"{job.id} {job.attempt}"))
    for _ in ja.track(range(max(1, int(seconds * 50)))):
        time.sleep(0.02)


def lend_thread(path: str, release: str) -> str:
    """Give the worker's thread to other tasks until a file is there, and take it back."""
    from distributed import rejoin, secede

    secede()
    until_file(path, release)
    rejoin()
    ja.progress(1, 1, message="back again")
    return ja.current_job().id


def fork_and_report(path: str) -> int:
    """Fork a child, which reports as if it were the job, and report something else."""
    mark(path)
    child = os.fork()
    if child == 0:
        try:
            ja.progress(99, 100, message="of the child")
            print("printed by the child")
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    print("printed by the job")
    ja.progress(1, 2)
    return os.waitstatus_to_exitcode(status)


def fill_memory(path: str, step: int) -> int:
    """Take more and more memory, until the worker is ended for it."""
    mark(path)
    held = list[bytes]()
    for _ in ja.track(range(100)):
        held.append(b"x" * step)
        time.sleep(0.05)
    return len(held)
