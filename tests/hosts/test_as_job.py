"""A command of click, typer or argparse as a job, with one flag."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
import typer
from click.testing import CliRunner
from typer.testing import CliRunner as TyperRunner

import jobactors as ja
from jobactors.hosts.shell.reading import snapshots_of
from jobactors.stores.read_only import StoreView

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobactors.model.snapshot import JobSnapshot


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The store of all commands; nothing runs before and after."""
    path = tmp_path / "commands.db"
    monkeypatch.setenv("JOBACTORS_STORE", str(path))
    monkeypatch.delenv("JOBACTORS_AS_JOB", raising=False)
    yield path
    ja.stop(0)


def stored(store: Path) -> list[JobSnapshot]:
    """The jobs that were stored, newest end first."""
    if not store.exists():
        return []
    with StoreView(store) as view:
        assert view.owner is None  # the command has ended what it began
        return snapshots_of(view.finished(10))


def seen() -> tuple[str, bool]:
    """What a function sees of itself: its job, and whether it runs in its caller's thread."""
    try:
        name = ja.current_job().name
    except ja.NoJobSystem:
        name = ""
    return name, threading.current_thread() is threading.main_thread()


@click.command()
@click.argument("folder")
@click.option("--status", type=int, default=None)
@ja.command
def click_index(folder: str, status: int | None) -> None:
    """Index a folder."""
    for _ in ja.track(range(3)):
        pass
    click.echo(f"{folder} {seen()} {click.get_current_context().info_name}")
    if status is not None:
        sys.exit(status)


def test_a_click_command_has_the_flag_and_runs_as_it_did_without(store: Path) -> None:
    """With it the function is a job, in its own thread, with click's context."""
    ran = CliRunner().invoke(click_index, ["wiki"])
    assert "wiki ('', True)" in ran.output
    assert stored(store) == []
    ran = CliRunner().invoke(click_index, ["wiki", "--as-job"])
    assert ran.exit_code == 0, ran.output
    assert "wiki ('click_index', True)" in ran.output
    (job,) = stored(store)
    assert (job.name, job.type, job.state) == ("click_index", "click_index", "succeeded")
    assert "--as-job" in CliRunner().invoke(click_index, ["--help"]).output


def test_an_exit_with_status_0_is_a_success_and_any_other_a_failure(store: Path) -> None:
    """Of ``sys.exit`` as of click and typer; the status is passed on, either way."""
    failed = ("failed", "CommandFailed: exit status 3")
    for status, end in ((0, ("succeeded", "None")), (3, failed)):
        ran = CliRunner().invoke(click_index, ["wiki", "--as-job", "--status", str(status)])
        assert ran.exit_code == status
        assert (stored(store)[0].state, str(stored(store)[0].error)) == end

        app = typer.Typer()

        @app.command()
        @ja.command
        def leave(status: int) -> None:
            raise typer.Exit(status)

        assert TyperRunner().invoke(app, ["--as-job", str(status)]).exit_code == status
        assert (stored(store)[0].state, str(stored(store)[0].error)) == end


def test_an_exit_with_a_message_is_a_failure_that_has_it(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``sys.exit("…")`` writes it, and ends with status 1."""
    monkeypatch.setenv("JOBACTORS_AS_JOB", "1")
    with pytest.raises(SystemExit, match="no such folder"):
        ja.track_as_job(sys.exit, name="leave")("no such folder")
    assert str(stored(store)[0].error) == "CommandFailed: exit status 1: no such folder"


def test_a_typer_command_has_the_flag(store: Path) -> None:
    """Its signature is the function's, with one option more."""
    app = typer.Typer()

    @app.command()
    @ja.command(name="load", metadata={"paper": 7})
    def load(folder: str, times: int = 2) -> None:
        typer.echo(f"{folder} {times} {seen()}")

    ran = TyperRunner().invoke(app, ["wiki", "--times", "3"])
    assert "wiki 3 ('', True)" in ran.output
    ran = TyperRunner().invoke(app, ["wiki", "--as-job"])
    assert "wiki 2 ('load', True)" in ran.output, ran.output
    (job,) = stored(store)
    assert (job.name, dict(job.info.metadata)) == ("load", {"paper": 7})


def test_a_function_that_typer_could_not_read_is_a_command_all_the_same(store: Path) -> None:
    """It may be loaded, and the program be another library's."""

    @click.command()
    @click.argument("folder")
    @ja.command
    def index(**given: Any) -> None:
        click.echo(f"{given} {seen()}")

    ran = CliRunner().invoke(index, ["wiki", "--as-job"])
    assert "{'folder': 'wiki'} ('index', True)" in ran.output
    parser = argparse.ArgumentParser()

    def load(given: OnlyForTypeCheckers) -> tuple[str, bool]:  # type: ignore[name-defined]  # noqa: F821
        return seen()

    assert ja.track_as_job(load, parser=parser)(parser.parse_args(["--as-job"])) == ("load", True)
    assert len(stored(store)) == 2


def test_an_argparse_program_has_the_flag_in_its_namespace(store: Path) -> None:
    """Values come back, errors come out, both as before."""

    def index(given: argparse.Namespace) -> int:
        if given.folder == "none":
            raise ValueError("no such folder")
        return len(given.folder)

    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    main = ja.track_as_job(index, name="index", parser=parser)
    assert main(parser.parse_args(["wiki"])) == 4
    assert stored(store) == []
    assert main(parser.parse_args(["wiki", "--as-job"])) == 4
    assert stored(store)[0].outcome is not None
    with pytest.raises(ValueError, match="no such folder"):
        main(parser.parse_args(["none", "--as-job"]))
    assert [job.state for job in stored(store)] == ["failed", "succeeded"]


def test_the_environment_does_the_same_and_names_a_store(
    store: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """For a program whose command line cannot be changed, as in a crontab."""
    work = ja.track_as_job(seen, name="work")
    monkeypatch.setenv("JOBACTORS_AS_JOB", "0")
    assert work() == ("", True)
    monkeypatch.setenv("JOBACTORS_AS_JOB", "1")
    assert work() == ("work", True)
    assert len(stored(store)) == 1
    monkeypatch.setenv("JOBACTORS_AS_JOB", str(tmp_path / "other.db"))
    assert work() == ("work", True)
    assert len(stored(tmp_path / "other.db")) == 1


def test_a_cancel_from_elsewhere_ends_the_program_with_status_1(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At its next report, with the reason."""

    def endless() -> None:
        for _ in ja.track(iter(int, 1)):
            if ja.current_job().attempt:
                jobs.get(ja.current_job().id).cancel("enough")

    jobs = ja.start(display=None, store=None)
    monkeypatch.setenv("JOBACTORS_AS_JOB", "1")
    with pytest.raises(SystemExit, match="enough"):
        ja.track_as_job(endless)()
    assert jobs.list()[0].state is ja.JobState.CANCELLED


def test_two_commands_at_once_run_both(
    store: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is the first one's; the second says that it is not stored."""
    owner = ja.SqliteStore(store)
    owner.open()
    try:
        monkeypatch.setenv("JOBACTORS_AS_JOB", "yes")
        assert ja.track_as_job(seen, name="second")() == ("second", True)
    finally:
        owner.close()
    assert "this one is not stored" in capsys.readouterr().err


def test_what_is_no_plain_function_is_refused() -> None:
    """A command object of click, and an async function, with what to do instead."""

    async def later() -> None: ...

    anything: Any = later
    with pytest.raises(TypeError, match=r"trio\.run"):
        ja.command(anything)
    anything = 17
    with pytest.raises(TypeError, match=r"below @click\.command"):
        ja.track_as_job(anything)
