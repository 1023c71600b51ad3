"""``ja.start(name=…)``: systems that live beside the process's own, and end with it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

import jobactors as ja
from tests.engine.scripts import Script, run_script

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    """No system is left behind."""
    yield
    for name in ("", "films", "letters"):
        ja.stop(name=name)


def test_a_named_system_is_another_one_with_its_own_limits() -> None:
    """Each is found again by its name."""
    own, films = ja.start(max_running=1), ja.start(max_running=2, name="films")
    assert own is not films
    assert (own.name, films.name) == ("", "films")
    assert ja.start() is own
    assert ja.start(name="films") is films
    go = threading.Event()
    handles = [jobs.submit(go.wait) for jobs in (own, films) for _ in range(3)]
    assert own.stats().running == 1
    assert films.stats().running == 2
    assert repr(films).startswith("<Jobs 'films': 3 jobs")
    go.set()
    assert all(job.result() for job in handles)


def test_each_has_its_own_retention() -> None:
    """By age and count."""
    own = ja.start(retention=ja.Retention(jobs=1))
    films = ja.start(retention=ja.Retention(jobs=10), name="films")
    for jobs in (own, films):
        for n in range(3):
            jobs.submit(abs, n).wait().result()
    assert (len(own), len(films)) == (1, 3)


def test_other_arguments_are_refused_with_the_stop_of_that_name() -> None:
    """The stop of the other one would not help."""
    ja.start(max_running=2, name="films")
    with pytest.raises(ja.AlreadyStarted, match=r"max_running=2, not 3.*ja.stop\(name='films'\)"):
        ja.start(max_running=3, name="films")


def test_a_stop_ends_the_named_one_and_leaves_the_others() -> None:
    """A stop without a name ends the process's own."""
    own, films, letters = ja.start(), ja.start(name="films"), ja.start(name="letters")
    ja.stop(name="films")
    with pytest.raises(ja.JobsClosed):
        films.submit(abs, 1)
    ja.stop()
    with pytest.raises(ja.JobsClosed):
        own.submit(abs, 1)
    assert letters.submit(abs, -1).result() == 1
    assert ja.start(name="films") is not films


def test_a_block_ends_its_own_system_alone() -> None:
    """``with ja.start(name=…)``."""
    own = ja.start()
    with ja.start(name="films") as films:
        job = films.submit(abs, -1)
    assert job.result() == 1
    assert own.submit(abs, -2).result() == 2


@pytest.mark.parametrize("name", [3, None, "two\nlines", "x" * 101])
def test_a_name_is_a_line_of_text(name: object) -> None:
    """For both functions."""
    with pytest.raises((TypeError, ValueError), match="name of a job system"):
        ja.start(name=name)  # type: ignore[arg-type]
    with pytest.raises((TypeError, ValueError), match="name of a job system"):
        ja.stop(name=name)  # type: ignore[arg-type]


def test_a_block_in_a_job_belongs_to_the_system_of_that_job() -> None:
    """Elsewhere to the process's own; and to a named one if that is the only one."""

    def track() -> str:
        with ja.tracked("inner") as block:
            return block.id

    films = ja.start(name="films")
    assert track() in films
    own = ja.start()
    inner = films.submit(track).result()
    assert inner in films
    assert inner not in own
    assert track() in own


def test_each_has_its_own_store(tmp_path: Path) -> None:
    """Two systems never share a file."""
    own = ja.start(store=tmp_path / "own.db")
    films = ja.start(store=tmp_path / "films.db", name="films")
    for job in (own.options(name="a").submit(abs, 1), films.options(name="b").submit(abs, 2)):
        job.result()
        job.stored().result()  # as it has ended: the history has no others
    with pytest.raises(ja.StoreBusy):
        ja.start(store=tmp_path / "own.db", name="letters")
    assert [job.info.name for job in own.history()] == ["a"]
    assert [job.info.name for job in films.history()] == ["b"]


def test_a_script_waits_at_its_end_for_the_jobs_of_all() -> None:
    """Also for those that the jobs of one submit to another."""
    ended = run_script(
        """
        def first():
            threading.main_thread().join()
            time.sleep(0.2)  # the other one has long nothing to do
            films.submit(print, "second")

        own, films = ja.start(), ja.start(name="films")
        films.submit(print, "begun").result()
        own.submit(first)
        """
    )
    assert ended.said == ["begun", "second"]
    assert (ended.code, ended.errors) == (0, "")


def test_failures_of_all_are_told_and_change_the_status() -> None:
    """A line each."""
    ended = run_script(
        """
        def fail(text):
            raise ValueError(text)

        ja.start(unread_failures="ignore").submit(fail, "ignored")
        ja.start(name="films").submit(fail, "of films")
        ja.start(name="letters").submit(fail, "of letters")
        """
    )
    assert ended.code == 1
    assert "of films" in ended.errors
    assert "of letters" in ended.errors
    assert "ignored" not in ended.errors


def test_a_ctrl_c_at_the_end_stops_the_jobs_of_all() -> None:
    """One press for all."""
    with Script(
        """
        async def work(started):
            started.set()
            try:
                await trio.sleep_forever()
            finally:
                print("cancelled")

        def speak():
            threading.main_thread().join()
            for event in started:
                event.wait()
            print("both at work")

        started = [threading.Event(), threading.Event()]
        ja.start().submit(work, started[0])
        ja.start(name="films").submit(work, started[1])
        threading.Thread(target=speak).start()
        """
    ) as script:
        script.wait_for("both at work")
        script.interrupt()
        ended = script.end()
    assert ended.said.count("cancelled") == 2


def test_a_signal_to_end_stops_the_jobs_of_all() -> None:
    """Within its bound, and then the process ends by it."""
    ended = run_script(
        """
        async def work():
            ready.set()
            try:
                await trio.sleep_forever()
            finally:
                print("cancelled")

        for name in ("", "films"):
            ready = threading.Event()
            ja.start(name=name).submit(work)
            ready.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        """
    )
    assert ended.said == ["cancelled", "cancelled"]
    assert ended.code == -15
