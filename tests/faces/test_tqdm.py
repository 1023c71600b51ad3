"""Progress bars with tqdm's interface, ours and tqdm's own, inside a job and outside."""

from __future__ import annotations

import importlib
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
import trio

import jobactors as ja
from jobactors.inside.verbs.tqdm_bars import capture_tqdm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

# What every class of bars has to do inside a job: ours, and each of tqdm's own.
KINDS = ["jobactors.faces.tqdm", "tqdm", "tqdm.std", "tqdm.auto", "tqdm.notebook", "tqdm.asyncio"]


@pytest.fixture(params=KINDS)
def bars(request: pytest.FixtureRequest) -> Any:
    """A module with `tqdm` and `trange`."""
    capture_tqdm()
    return importlib.import_module(request.param)


def read() -> ja.Progress:
    """The current job's progress at this moment."""
    return ja.current_job()._meter.read()


def in_job(jobs: ja.Jobs, function: Callable[[], Any]) -> Any:
    """Run it as a job."""
    return jobs.submit(function).result(30)


# --- inside a job -----------------------------------------------------------------------------


def test_a_loop_reports_into_its_job_and_draws_nothing(
    jobs: ja.Jobs, bars: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """Before each item, how many are done; afterwards all of them."""

    def work() -> tuple[list[ja.Progress], ja.Progress]:
        seen = [read() for _ in bars.tqdm(range(3), desc="clean", unit="rows")]
        return seen, read()

    seen, last = in_job(jobs, work)
    assert [(progress.done, progress.total) for progress in [*seen, last]] == [
        (0, 3), (1, 3), (2, 3), (3, 3),
    ]  # fmt: skip
    assert (seen[0].stages, seen[0].unit) == (("clean",), "rows")
    assert last.fraction == 1
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""


def test_a_bar_inside_a_loop_counts_as_a_part_of_its_item(jobs: ja.Jobs, bars: Any) -> None:
    """Half of the first of two items is a quarter."""

    def work() -> list[float | None]:
        return [read().fraction for _ in bars.trange(2) for _ in bars.tqdm([1, 2], leave=False)]

    assert in_job(jobs, work) == [0, 0.25, 0.5, 0.75]


def test_a_bar_moved_by_hand_says_what_tqdm_would(jobs: ja.Jobs, bars: Any) -> None:
    """Every way of changing a bar arrives."""

    def work() -> list[Any]:
        seen: list[Any] = []
        with bars.tqdm(total=10, initial=2, unit="B") as bar:
            seen.append((read().done, read().total, read().unit))
            bar.update()
            bar.update(3)
            seen.append((bar.n, read().done))
            bar.n = 9
            bar.refresh()
            seen.append(read().done)
            bar.set_description("load")
            seen.append(read().stages)
            bar.set_postfix(loss=0.123456, step=7, mode="fast")
            seen.append(read().message)
            bar.reset(total=4)
            seen.append((read().done, read().total))
        seen.append(len(ja.current_job()._meter.frames))
        bar.close()  # a second time is no error
        return seen

    assert in_job(jobs, work) == [
        (2, 10, "B"), (6, 6), 9, ("load",), "loss=0.123, mode=fast, step=7", (0, 4), 1,
    ]  # fmt: skip


def test_a_scaled_bar_shows_scaled_numbers(jobs: ja.Jobs, bars: Any) -> None:
    """A number in `unit_scale` multiplies; True only says how to print."""

    def work() -> list[Any]:
        seen = []
        for scale in (True, 512):
            with bars.tqdm(total=8, unit_scale=scale) as bar:
                bar.update(2)
                seen.append((read().done, read().total))
        return seen

    assert in_job(jobs, work) == [(2, 8), (1024, 4096)]


def test_an_unknown_total_stays_unknown(jobs: ja.Jobs, bars: Any) -> None:
    """A generator has none, and an infinite one is none."""

    def work() -> list[Any]:
        seen: list[Any] = [read().total for _ in bars.tqdm(iter([1]))]
        with bars.tqdm(total=float("inf")):
            seen.append(read().total)
        with bars.tqdm(total=0) as bar:  # as thread_map over a generator has it
            bar.update(5)
            seen.append(read().total)
        return seen

    assert in_job(jobs, work) == [None, None, None]


def test_a_disabled_bar_only_counts(jobs: ja.Jobs, bars: Any) -> None:
    """The job shows nothing of it."""

    def work() -> tuple[list[int], int, float | None]:
        items = list(bars.tqdm([1, 2], disable=True))
        return items, len(ja.current_job()._meter.frames), read().total

    assert in_job(jobs, work) == ([1, 2], 1, None)


def test_disable_none_asks_for_a_terminal_and_a_job_is_as_good(jobs: ja.Jobs, bars: Any) -> None:
    """`disable=None` switches tqdm off where nobody can see it."""

    def work() -> float | None:
        with bars.tqdm(total=5, disable=None):
            return read().total

    assert in_job(jobs, work) == 5


def test_a_bar_nobody_holds_any_more_is_closed(jobs: ja.Jobs, bars: Any) -> None:
    """A forgotten one does not stay around what comes later; nor does a loop left with `break`."""

    def work() -> list[int]:
        frames = ja.current_job()._meter.frames
        bar = bars.tqdm(total=3)
        opened = len(frames)
        del bar
        forgotten = len(frames)
        for _ in bars.tqdm(range(5)):
            break
        return [opened, forgotten, len(frames)]

    assert in_job(jobs, work) == [2, 1, 1]


@pytest.mark.parametrize("way", ["loop", "update"])
def test_a_cancel_arrives_at_the_next_item(jobs: ja.Jobs, bars: Any, way: str) -> None:
    """And at the next update, once; the bar is closed, and the next one works."""
    begun = threading.Event()
    frames: list[int] = []

    def work() -> None:
        try:
            if way == "loop":
                for _ in bars.tqdm(iter(int, 1)):
                    begun.set()
            else:
                with bars.tqdm() as bar:
                    while True:
                        bar.update()
                        begun.set()
        finally:
            frames.append(len(ja.current_job()._meter.frames))

    job = jobs.submit(work)
    assert begun.wait(30)
    job.cancel("enough")
    with pytest.raises(ja.JobCancelled):
        job.result(30)
    assert frames == [1]
    assert in_job(jobs, lambda: list(bars.tqdm([1, 2]))) == [1, 2]


def test_a_bar_can_pause(jobs: ja.Jobs, bars: Any) -> None:
    """A job that goes through a bar stands still between two items, and goes on."""
    begun, paused = threading.Event(), threading.Event()
    end = threading.Event()

    def work() -> str:
        for _ in bars.tqdm(iter(int, 1)):
            begun.set()
            if end.is_set():
                return "ended"
        raise AssertionError

    unsubscribe = jobs.on_event(lambda _: paused.set(), ja.JobPaused)
    job = jobs.submit(work)
    assert begun.wait(30)
    paused.clear()
    job.pause()
    assert paused.wait(30)
    end.set()
    job.resume()
    assert job.result(30) == "ended"
    unsubscribe()


def test_write_is_a_line_of_output(
    jobs: ja.Jobs, bars: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a print goes, it goes."""
    in_job(jobs, lambda: bars.tqdm.write("hello"))
    assert capsys.readouterr().out == "hello\n"


async def test_an_asynchronous_loop_reports_and_ends() -> None:
    """Over an asynchronous iterable, in a trio job."""

    async def count() -> AsyncIterator[int]:
        for n in range(3):
            await trio.lowlevel.checkpoint()
            yield n

    async def work() -> list[tuple[int, float, float | None]]:
        bar = ja.tqdm(count(), total=3)
        return [(n, read().done, read().total) async for n in bar]

    async with ja.open_jobs() as jobs:
        assert await jobs.run(work) == [(0, 0, 3), (1, 1, 3), (2, 2, 3)]


# --- derived classes of tqdm's ----------------------------------------------------------------


def test_a_derived_class_stays_what_it_is(jobs: ja.Jobs) -> None:
    """Its own methods work, its overrides are called, and `isinstance` holds."""
    from tqdm import tqdm

    class Download(tqdm):  # type: ignore[misc]
        closed = 0

        def update_to(self, blocks: int, size: int) -> None:
            self.update(blocks * size - self.n)

        def close(self) -> None:
            Download.closed += not self.disable or hasattr(self, "desc")
            super().close()

    def work() -> tuple[bool, float, int]:
        with Download(total=100) as bar:
            bar.update_to(4, 10)
            return isinstance(bar, tqdm), read().done, Download.closed

    assert in_job(jobs, work) == (True, 40, 0)
    assert Download.closed >= 1


def test_capturing_twice_wraps_once() -> None:
    """Every `open_jobs` asks for it."""
    from tqdm.std import tqdm

    capture_tqdm()
    once = tqdm.__init__
    capture_tqdm()
    assert tqdm.__init__ is once


# --- outside a job ----------------------------------------------------------------------------


def test_outside_a_job_it_is_tqdms_own_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """It draws as always, and so does an ordinary one."""
    import tqdm

    capture_tqdm()
    bar: Any = ja.tqdm([1, 2], ascii=True)
    assert isinstance(bar, tqdm.std.tqdm)
    assert list(bar) == [1, 2]
    assert list(tqdm.std.tqdm([1, 2], ascii=True)) == [1, 2]
    assert capsys.readouterr().err.count("2/2") == 2


WITHOUT_TQDM = """
import sys
sys.modules["tqdm"] = None
import jobactors as ja
bar = ja.tqdm([1, 2], desc="x")
print(list(bar), list(ja.trange(2)), len(bar), bool(bar), 1 in bar, list(reversed(bar)))
bar = ja.tqdm(total=3); bar.update(2); bar.set_postfix(a=1); bar.close()
print(bar)
bar.update(); print(bar.n, bar.disable, bar.leave, bar.refresh())
looped = ja.tqdm([1, 2]); list(looped); list(looped); print(looped.n)
ja.tqdm.write("line")
for wrong in ("totl", "nonsense"):
    try:
        ja.tqdm(total=1, **{wrong: 3})
    except TypeError as error:
        print(error)
try:
    ja.tqdm.pandas()
except AttributeError as error:
    print(error)
class Mine(ja.tqdm):
    pass
print(isinstance(Mine(total=1), ja.tqdm), list(Mine([1], colour="red", leave=False)))
"""

LATER = """
import sys, trio
import jobactors as ja

def work():
    from tqdm import tqdm
    for _ in tqdm(range(4)):
        last = ja.current_job()._meter.read()
    return last.total

async def main():
    async with ja.open_jobs() as jobs:
        assert "tqdm" not in sys.modules
        print(await jobs.run(work))
        print([type(finder).__module__ for finder in sys.meta_path if "bars" in repr(finder)])

trio.run(main)
"""


def script(text: str) -> subprocess.CompletedProcess[str]:
    """Run a script of its own, in which nothing is imported yet."""
    return subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=True
    )


def test_without_tqdm_it_only_counts() -> None:
    """No error, no output of its own."""
    run = script(WITHOUT_TQDM)
    assert run.stdout.splitlines() == [
        "[1, 2] [0, 1] 2 True True [2, 1]",
        "<tqdm 2/3>",
        "2 True True None",
        "2",
        "line",
        "tqdm has no argument 'totl': did you mean 'total'?",
        "tqdm has no argument 'nonsense': leave it out",
        "'tqdm' has no attribute 'pandas': if tqdm has it, install that (pip install tqdm)",
        "True [1]",
    ]
    assert run.stderr == ""


def test_tqdm_is_captured_when_it_is_imported_inside_a_job() -> None:
    """Nobody imports it for that, and the one who waits for it then leaves."""
    run = script(LATER)
    assert run.stdout.splitlines() == ["4", "[]"]
    assert run.stderr == ""
