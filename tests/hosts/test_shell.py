"""The command line on a store: what is read, who is asked, and what a script gets."""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import jobactors as ja
from jobactors.__main__ import main
from jobactors.hosts.owner_address import address_of
from jobactors.hosts.shell.completion import script_for
from jobactors.hosts.shell.parser import SUBCOMMANDS
from jobactors.hosts.shell.statuses import explained
from jobactors.hosts.shell.tables import fact_lines, job_lines, width_of
from tests.isolation import isolated_environment

from .pty_screen import OnTerminal

if TYPE_CHECKING:
    from collections.abc import Iterator

TYPES = """
import os
import time
import jobactors as ja

@ja.job("count", label="Count")
def count(n: int, who: str = "wiki") -> int:
    done = 0
    for _ in ja.track(range(n), unit="pages"):
        done += 1
    ja.current_job().write_log(f"counted {n}\\n", "out")
    return done

@ja.job("pass gate")
def pass_gate(gate: str) -> str:
    while os.path.exists(gate):
        ja.progress(0)
        time.sleep(0.01)
    return gate

@ja.job("fail")
def fail() -> None:
    raise ValueError("no date in row 7")

@ja.job("steps")
def steps(give_up_at: str) -> list[int]:
    done = []
    for step in ja.track(range(4), resumable=True):
        if os.path.exists(give_up_at) and step == 2:
            raise ValueError("not yet")
        done.append(step)
    return done
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to stand in, with a module of job types; nothing is running before and after."""
    (tmp_path / "shell_types.py").write_text(TYPES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOBACTORS_STORE", raising=False)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    ja.stop(0)
    sys.modules.pop("shell_types", None)


@pytest.fixture
def owner(folder: Path) -> ja.Jobs:
    """A job system that owns `jobs.db`, in another thread than the command line's."""
    return ja.start(store=folder / "jobs.db", display=None, unread_failures="ignore")


def called(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """Call the command line; return its status, and its lines of JSON."""
    status = main([*arguments, "--json"])
    lines = capsys.readouterr().out.splitlines()
    return status, [json.loads(line) for line in lines if line.startswith("{")]  # jobs print, too


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Call the command line for a person; return what it prints."""
    main([*arguments, "--table"])
    return capsys.readouterr().out


def test_a_store_is_read_while_its_owner_works(
    owner: ja.Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    """The list says who owns it; nothing is locked, and nothing waits."""
    held = owner.options(hold=True, name="later", subject="wiki", tags="a").submit(print)
    ended = owner.submit(len, "abc")
    ended.result()
    ended.stored().result(60)
    status, jobs = called(capsys, "list")
    assert status == 0
    assert [(job["name"], job["state"]) for job in jobs] == [
        ("later", "queued"),
        ("len", "succeeded"),
    ]
    text = shown(capsys, "list")
    assert f"jobs.db belongs to process {os.getpid()}" in text
    assert held.id in text
    assert called(capsys, "list", "--state", "finished")[1][0]["name"] == "len"
    assert called(capsys, "list", "--tag", "a")[1] == called(capsys, "list", "--subject", "wiki")[1]
    assert called(capsys, "list", "--limit", "0") == (0, [])
    assert called(capsys, "history")[1][0]["name"] == "len"


def test_a_store_that_no_process_owns_shows_its_jobs_at_rest(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A job that was at work when its process was killed does not run any more."""
    program = (
        "import jobactors as ja, os, time, shell_types\n"
        "jobs = ja.start(store='jobs.db', display=None)\n"
        "def work():\n"
        "    ja.progress(3, 10); ja.save_checkpoint({'at': 3})\n"
        "    while True: ja.progress(3, 10); time.sleep(0.01)\n"
        "job = jobs.options(name='work').submit(work)\n"
        "while job.snapshot().progress.done < 3: pass\n"
        "job.stored().result(); os.kill(os.getpid(), 9)\n"
    )
    killed = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, check=False, capture_output=True, timeout=120
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    status, jobs = called(capsys, "list", "jobs.db")
    assert (status, jobs[0]["state"], jobs[0]["reason"]) == (
        0,
        "interrupted",
        "its process has ended",
    )
    (work,) = called(capsys, "resumable")[1]
    assert work["name"] == "work"
    text = shown(capsys, "resumable")
    assert "no process works on jobs.db" in text
    # Its event log is what is left of its output.
    assert main(["logs", work["id"][:6], "--json"]) == 0
    kinds = [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    assert kinds[:2] == ["JobQueued", "JobStarted"]
    assert called(capsys, "discard", work["id"]) == (0, [{**work_ended(capsys, work["id"])}])


def work_ended(capsys: pytest.CaptureFixture[str], job_id: str) -> dict[str, Any]:
    """The job as it is shown after its end."""
    (job,) = called(capsys, "show", job_id)[1]
    assert job["state"] == "cancelled"
    return {name: value for name, value in job.items() if name != "traceback"}


def test_commands_go_to_the_owner_and_are_answered(
    owner: ja.Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cancel, pause, submit: the owner does it, and says what it has done."""
    job = owner.options(hold=True).submit(print)
    status, (told,) = called(capsys, "cancel", job.id[:-2], "--reason", "enough")
    assert (status, told["state"], told["reason"]) == (0, "cancelled", "enough")
    assert job.state is ja.JobState.CANCELLED
    # An ended job, and one that there is not: refused, each with its status.
    assert called(capsys, "cancel", job.id) == (1, [])
    assert called(capsys, "cancel", "nothing") == (3, [])
    assert called(capsys, "pause", job.id) == (1, [])

    import shell_types  # type: ignore[import-not-found]  # the owner's, made by the fixture

    del shell_types
    wanted = ["submit", "count", '{"n": 3}', "-o", "name=three", "-o", "priority=high"]
    status, (made,) = called(capsys, *wanted)
    assert (status, made["name"], made["priority"]) == (0, "three", 10)
    assert owner.get(made["id"]).result(60) == 3
    assert called(capsys, "logs", made["id"])[1][0]["text"] == "counted 3"
    assert called(capsys, "logs", made["id"], "--follow")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["count", '{"n": "x"}'], "n: Expected `int`, got `str`"),
        (["count", '{"n": 1, "m": 2}'], "m: there is no such argument"),
        (["count", "[1]"], "arguments are an object"),
        (["count", "{"], "no JSON"),
        (["count", '{"n": 1}', "-o", "colour=red"], "unknown option"),
        (["count", '{"n": 1}', "-o", "runner=process"], "unknown option"),
        (["count", '{"n": 1}', "-o", "priority"], "NAME=VALUE"),
        (["nothing", "{}"], "no job type 'nothing'"),
    ],
)
def test_a_submit_that_makes_no_sense_is_refused_with_the_reason(
    owner: ja.Jobs, capsys: pytest.CaptureFixture[str], arguments: list[str], why: str
) -> None:
    """By the owner, or here: the same status, the same sentence."""
    import shell_types

    del shell_types
    assert main(["submit", *arguments]) == 2
    assert why in capsys.readouterr().err
    ja.stop(0)
    assert main(["submit", *arguments, "-m", "shell_types"]) == 2
    assert why in capsys.readouterr().err
    assert len(owner) == 0


def test_a_log_is_followed_into_a_pipe_until_a_ctrl_c(owner: ja.Jobs, folder: Path) -> None:
    """Line by line; the signal itself ends it, as an exception would strike anywhere."""
    go_on = threading.Event()

    def work() -> None:
        ja.current_job().write_log("at it\n", "out")
        go_on.wait()

    job = owner.submit(work)
    program = [sys.executable, "-m", "jobactors", "logs", job.id, "--follow"]
    with subprocess.Popen(
        program, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout is not None
        assert "at it" in following.stdout.readline()
        following.send_signal(signal.SIGINT)
        _, errors = following.communicate(timeout=60)
    go_on.set()
    assert (following.returncode, errors) == (-signal.SIGINT, "")


def test_a_job_that_is_submitted_to_nobody_waits_for_a_worker(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stored; a worker starts it and ends when there is nothing left."""
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"n": 4}'))
    status, (made,) = called(capsys, "submit", "count", "-", "-m", "shell_types.py")
    assert (status, made["state"]) == (0, "interrupted")
    assert called(capsys, "submit", "fail", "-m", "shell_types")[0] == 0
    assert main(["worker", "-m", "shell_types", "--until-idle"]) == 1  # one of them fails
    assert "fail ValueError: no date in row 7" in capsys.readouterr().err
    assert main(["worker", "-m", "shell_types", "--until-idle"]) == 0  # that was another one's
    assert "no date" not in capsys.readouterr().err
    ended = {job["type"]: job["state"] for job in called(capsys, "history")[1]}
    assert ended == {"count": "succeeded", "fail": "failed"}
    text = shown(capsys, "show", called(capsys, "list", "--type", "fail")[1][0]["id"])
    assert "ValueError: no date in row 7" in text
    assert (folder / "jobs.db").stat().st_mode & 0o777 == 0o600


def test_a_job_without_an_owner_is_resumed_here(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without its module it is refused, with it the command runs it to its end."""
    (made,) = called(capsys, "submit", "count", '{"n": 2}', "-m", "shell_types")[1]
    program = [sys.executable, "-m", "jobactors", "resume", made["id"]]
    refused = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert "job type 'count' is not registered" in refused.stderr
    assert refused.stderr.endswith("that declares it; here that is --module\n")
    assert called(capsys, "resume", made["id"], "-m", "shell_types")[0] == 0
    assert called(capsys, "show", made["id"])[1][0]["state"] == "succeeded"


def wait_at(gate: Path, jobs: ja.Jobs) -> ja.Batch[Any]:
    """Submit a batch of three jobs that end once a file has gone; one of them runs."""
    importlib.import_module("shell_types")
    gate.touch()
    jobs.scale(1)
    batch = jobs.map("pass gate", [{"gate": str(gate)}] * 3, intake=3)
    while [str(job.state) for job in batch.jobs] != ["running", "queued", "queued"]:
        time.sleep(0.01)
    for job in batch.jobs:
        job.stored().result(60)
    return batch


def test_a_batch_is_resumed_by_its_id(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All its jobs at rest go on, here or with the owner; the beginning of the id will do."""
    gate = folder / "gate"
    batch = wait_at(gate, ja.start(store=folder / "jobs.db", display=None))
    ja.stop(0)
    gate.unlink()
    status, jobs = called(capsys, "resume", batch.id[:-2], "-m", "shell_types")
    assert (status, len(jobs)) == (0, 3)
    ended = called(capsys, "history")[1]
    assert [(job["id"] in {j["id"] for j in jobs}, job["state"]) for job in ended] == [
        (True, "succeeded")
    ] * 3
    assert main(["resume", batch.id]) == 3
    assert "none that is unfinished a batch" in capsys.readouterr().err


def test_commands_for_a_batch_reach_the_jobs_that_they_are_for(
    folder: Path, owner: ja.Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    """As those of its row do."""
    batch = wait_at(folder / "gate", owner)
    assert main(["discard", batch.id]) == 1
    assert "can discard: they are queued, running" in capsys.readouterr().err
    assert main(["show", batch.id]) == 3
    assert f"is a batch; its jobs are {batch.jobs[0].id}, " in capsys.readouterr().err
    assert called(capsys, "pause", batch.id)[0] == 0
    while str(batch.jobs[0].state) != "paused":
        time.sleep(0.01)
    assert [job.snapshot().waiting for job in batch.jobs] == [None, "hold", "hold"]
    assert called(capsys, "resume", batch.id)[0] == 0
    assert [job.snapshot().waiting for job in batch.jobs] == [None, "slot", "slot"]
    assert len(called(capsys, "cancel", batch.id)[1]) == 3
    assert [str(job.wait().result(60).state) for job in batch.jobs] == ["cancelled"] * 3


def test_what_ended_with_a_checkpoint_goes_on_as_it_is_listed(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a new job, here or with the owner; the line about it fits a narrow terminal."""
    mark = folder / "mark"
    mark.touch()
    given = ["steps", json.dumps({"give_up_at": str(mark)}), "-m", "shell_types"]
    for _ in range(2):
        assert called(capsys, "submit", *given, "-o", f"subject={mark}{len(given)}")[0] == 0
        given += ["-o", "priority=low"]
    assert main(["worker", "-m", "shell_types", "--until-idle"]) == 1
    capsys.readouterr()
    first, second = called(capsys, "resumable")[1]
    assert [(one["state"], one["has_checkpoint"]) for one in (first, second)] == [
        ("failed", True),
        ("failed", True),
    ]
    monkeypatch.setenv("COLUMNS", "40")
    assert all(width_of(line) <= 40 for line in shown(capsys, "resumable").splitlines())
    mark.unlink()
    status, (here,) = called(capsys, "resume", first["id"], "-m", "shell_types")
    assert (status, here["continues"]) == (0, first["id"])
    jobs = ja.start(store=folder / "jobs.db", display=None, unread_failures="ignore")
    status, (there,) = called(capsys, "resume", second["id"])
    assert (status, there["continues"]) == (0, second["id"])
    assert jobs.get(there["id"]).result(60) == [2, 3]


def test_a_worker_lets_its_jobs_rest_at_a_ctrl_c_and_at_sigterm(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both leave work that goes on another day."""
    slow = "import jobactors as ja, time\n@ja.job('slow')\ndef slow():\n    print('at it')\n"
    slow += "    for _ in ja.track(range(10**6)): time.sleep(0.01)\n"
    (folder / "slow_types.py").write_text(slow)
    assert main(["submit", "slow", "-m", "slow_types.py"]) == 0
    for number, expected in ((signal.SIGINT, 0), (signal.SIGTERM, -signal.SIGTERM)):
        worker = subprocess.Popen(
            [sys.executable, "-m", "jobactors", "worker", "-m", "slow_types"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert worker.stdout is not None
        assert "at it" in worker.stdout.readline()
        worker.send_signal(number)
        worker.communicate(timeout=120)
        assert worker.returncode == expected
        capsys.readouterr()
        (rested,) = called(capsys, "resumable")[1]
        assert rested["state"] == "interrupted"


def test_an_owner_that_takes_no_commands_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A store that a program has opened by itself has an owner, and no socket."""
    ja.start(store=folder / "jobs.db", display=None).submit(print).result()
    ja.stop()
    store = ja.SqliteStore(folder / "jobs.db")
    store.open()
    try:
        (job,) = called(capsys, "list")[1]
        assert main(["cancel", job["id"]]) == 5
        assert f"belongs to process {os.getpid()}" in capsys.readouterr().err
    finally:
        store.close()


def test_the_socket_is_for_this_user_alone_and_goes_with_the_owner(owner: ja.Jobs) -> None:
    """Mode 0600, in a folder of mode 0700; what arrives is only data."""
    import socket

    assert owner.store is not None
    address = address_of(Path(owner.store.name).resolve())
    assert stat.S_IMODE(address.stat().st_mode) == 0o600
    assert stat.S_IMODE(address.parent.stat().st_mode) == 0o700
    with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rb") as answers:
        connection.connect(str(address))
        hostile = [b"", b"{", b"[]", b'{"verb": 1}', b'{"verb": "__class__", "id": "x"}', b"\xff"]
        hostile += [b"[" * 100_000, b'{"verb": "cancel", "id": ["x"]}', b'{"verb": "log"}']
        for line in hostile:
            connection.sendall(line + b"\n")
            assert json.loads(answers.readline())["ok"] is False
    ja.stop()
    assert not address.exists()


def test_a_command_says_which_store_it_wants(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an argument, an option, the environment, or the folder it is called in."""
    assert main(["list"]) == 2
    assert "JOBACTORS_STORE" in capsys.readouterr().err
    assert main(["list", "gone.db"]) == 4
    (folder / "notes.db").write_text("shopping")
    assert main(["list", "notes.db"]) == 4
    assert "no SQLite database" in capsys.readouterr().err
    (folder / "notes.db").write_text("")
    assert main(["list", "notes.db"]) == 4
    assert "no job has been stored there yet" in capsys.readouterr().err
    assert main(["list", str(folder)]) == 4
    assert "it is not a file" in capsys.readouterr().err
    assert main(["submit", "count", '{"n": 1}', "-m", "shell_types", "--store", "a.db"]) == 0
    capsys.readouterr()
    (folder / "b.db").hardlink_to("a.db")
    assert main(["list", "b.db"]) == 4
    assert "b.db cannot be read" in capsys.readouterr().err  # nothing was to be written
    (folder / "b.db").unlink()
    monkeypatch.setenv("JOBACTORS_STORE", "a.db")
    assert len(called(capsys, "list")[1]) == 1
    assert main(["list", "a.db", "--store", "b.db"]) == 2
    assert main(["worker", "-m", "no_such_module", "--store", "a.db"]) == 2
    assert "no_such_module cannot be imported" in capsys.readouterr().err


def test_an_id_may_be_short_if_it_means_one_job(
    owner: ja.Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    """Several that begin so are named."""
    first, second = (owner.options(hold=True).submit(print).id for _ in range(2))
    assert main(["show", "print"]) == 3
    told = capsys.readouterr().err
    assert first in told
    assert second in told
    assert called(capsys, "show", first[:-1])[1][0]["id"] == first


@pytest.mark.parametrize("width", [40, 80])
def test_a_table_fits_and_nothing_in_it_acts_on_the_terminal(width: int, owner: ja.Jobs) -> None:
    """Escapes, wide characters and long texts: each line is as wide as the terminal at most."""
    for name in ("plain", "\x1b[2J\x07evil\nline", "漢字" * 40, "e\u0301" * 60, "\u202ereversed"):
        owner.options(hold=True, name=name, subject="s" * 30).submit(print)
    lines = job_lines(owner.list(), 2e9, width)
    assert all(width_of(line) <= width for line in lines), lines
    assert all(line.isprintable() for line in lines)
    assert len(lines) == (10 if width == 40 else 5)


def test_a_long_fact_is_broken_into_lines_and_not_cut() -> None:
    """At words, or in them; a traceback stays as it is, to be copied."""
    lines = fact_lines([("name", "漢字" * 12), ("reason", "so it is " * 9)], 40)
    assert all(width_of(line) <= 40 for line in lines)
    assert "".join(line[8:] for line in lines[:2]) == "漢字" * 12
    assert " ".join(line[8:] for line in lines[2:]) == ("so it is " * 9).strip()
    trace = "  File " + "x" * 60
    assert fact_lines([("error", f"{trace}\nKeyError")], 40) == [
        f"error  {trace}",
        "       KeyError",
    ]


def test_a_ctrl_c_in_a_nursery_has_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    """Which makes a group of it; another error in the group is no Ctrl-C."""

    def give_up(_: object) -> int:
        raise BaseExceptionGroup("", [KeyboardInterrupt()])

    assert explained(give_up)(argparse.Namespace()) == 130
    assert capsys.readouterr().err == ""


def test_each_key_of_the_demo_is_obeyed() -> None:
    """Also those that are typed at once."""
    script = "import sys; from jobactors.__main__ import main; sys.exit(main(sys.argv[1:]))"
    with OnTerminal(script, ["demo"]) as terminal:
        terminal.wait_for(lambda lines: any("download" in line for line in lines))
        terminal.press(b"pxq")
        assert terminal.end() == 0
    assert "paused" in terminal.raw.decode() or "cancelled" in terminal.raw.decode()


def test_every_subcommand_has_help_and_completion(capsys: pytest.CaptureFixture[str]) -> None:
    """The help lists the exit statuses; three shells complete each subcommand."""
    for arguments in ([], *([one.name] for one in SUBCOMMANDS)):
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--help"])
        assert ended.value.code == 0
        text = capsys.readouterr().out
        assert text
        if not arguments:
            assert "exit status:" in text
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out.startswith("jobactors ")
    for shell in ("bash", "zsh", "fish"):
        script = script_for(shell)
        assert all(one.name in script for one in SUBCOMMANDS)
        program = shutil.which(shell)
        if program is not None:  # bash always is; a machine need not have the others
            checked = subprocess.run([program, "-n"], input=script, text=True, check=False)
            assert checked.returncode == 0


def test_bash_completes_subcommands_and_options() -> None:
    """As a person sees it: the function is called with the words typed so far."""
    probe = "{script}\nCOMP_WORDS=({words}); COMP_CWORD={at}; _jobactors; echo ${{COMPREPLY[*]}}"

    def completed(*words: str) -> list[str]:
        quoted = " ".join(f"'{word}'" for word in ("jobactors", *words))
        program = probe.format(script=script_for("bash"), words=quoted, at=len(words))
        ran = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
        return ran.stdout.split()

    assert completed("res") == ["resumable", "resume"]
    assert completed("cancel", "--re") == ["--reason"]
    assert completed("completion", "z") == ["zsh"]


def test_bash_completes_the_names_of_templates(
    owner: ja.Jobs, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As they are: nothing in a name is expanded."""
    import shell_types

    del shell_types
    names = ["night ly", "night $(touch expanded) `touch expanded`", "day", "night\nmare"]
    for name in names:
        owner.add_template(name, "count")
    main(["templates", "-s", "jobs.db", "--names"])
    said = capsys.readouterr().out
    assert said.splitlines() == names[:3]
    (folder / "told").write_text(said)
    program = (
        f"{script_for('bash')}\n"
        'jobactors() { echo "$*" > asked; cat told; }\n'
        "COMP_WORDS=(jobactors submit -s jobs.db -t n); COMP_CWORD=5; _jobactors\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    ran = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == names[:2]
    assert (folder / "asked").read_text() == "templates --names -s jobs.db\n"
    assert not (folder / "expanded").exists()


def test_zsh_and_fish_load_their_completion(folder: Path) -> None:
    """Those of them that are installed: fish is asked what it offers, zsh whom it would ask."""
    for shell, name in (("zsh", "_jobactors"), ("fish", "jobactors.fish")):
        (folder / name).write_text(script_for(shell))

    def told(shell: str, program: str) -> str:
        command = [shell, *(["-f"] if shell == "zsh" else ["-N"]), "-c", program]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        assert not ran.stderr
        return ran.stdout

    if shutil.which("zsh"):
        load = "fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D"
        assert told("zsh", f"{load}; print $_comps[jobactors]") == "_jobactors\n"
    if shutil.which("fish"):
        ask = 'source jobactors.fish; complete -C "jobactors {}"'
        assert [line.split("\t")[0] for line in told("fish", ask.format("res")).splitlines()] == [
            "resumable",
            "resume",
        ]
        assert told("fish", ask.format("cancel --re")).startswith("--reason\t")
        assert told("fish", ask.format("completion z")) == "zsh\n"


def test_a_reader_that_goes_away_early_is_no_error(folder: Path) -> None:
    """`jobactors list | head -1`."""
    with suppress(SystemExit):
        main(["submit", "count", '{"n": 1}', "-m", "shell_types"])
    ran = subprocess.run(  # noqa: S602 - a pipe is the point
        f"{sys.executable} -m jobactors list --json | true",
        shell=True,
        cwd=folder,
        capture_output=True,
        check=False,
    )
    assert ran.returncode == 0
    assert b"Traceback" not in ran.stderr


def test_the_tour_copies_its_notebooks_and_leaves_what_is_there(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A second call overwrites nothing that the user has changed."""
    assert main(["tour", "mine", "--no-browser"]) == 0
    (first, *_) = sorted((folder / "mine").glob("*.ipynb"))
    assert first.name in capsys.readouterr().out
    first.write_text("mine")
    assert main(["tour", "mine", "--no-browser"]) == 0
    assert first.read_text() == "mine"


def test_the_tour_opens_its_first_notebook_in_jupyterlab(folder: Path) -> None:
    """In the browser of the user, also where one is root, as in a container."""
    browser, asked = folder / "browser", folder / "asked"
    browser.write_text(
        f'#!/bin/sh\ncat "${{1#file://}}" > "{asked}.part"; mv "{asked}.part" "{asked}"\n'
    )
    browser.chmod(0o700)
    with subprocess.Popen(
        [sys.executable, "-m", "jobactors", "tour", "mine"],
        env=isolated_environment(folder / "home") | {"BROWSER": str(browser)},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            while not asked.exists() and process.poll() is None:
                time.sleep(0.1)
            if process.poll() is not None:
                assert process.stdout is not None
                pytest.fail(process.stdout.read())
        finally:
            process.terminate()
    assert "/lab/tree/01_first_job.ipynb" in asked.read_text()


def test_metrics_and_schedules_are_told_by_the_owner_or_by_the_store(
    folder: Path, owner: ja.Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same rows either way; Prometheus' text as well.  Without an owner nothing is written."""
    import shell_types

    job = owner.submit("count", {"n": 1})
    job.result(60)
    job.stored().result(60)
    owner.schedule("nightly", ja.every(hours=5)).submit("count", {"n": 2})
    told = called(capsys, "metrics")[1]
    assert [(row["of"], row["succeeded"]) for row in told] == [("count", 1)]
    assert main(["metrics", "--prometheus"]) == 0
    assert 'jobactors_jobs_total{type="count",state="succeeded"} 1' in capsys.readouterr().out
    (nightly,) = called(capsys, "schedules")[1]
    assert (nightly["name"], nightly["standing"]) == ("nightly", "active")
    assert "nightly" in shown(capsys, "schedules")
    ja.stop(0)
    del shell_types
    before = store_files(folder)
    assert called(capsys, "metrics")[1][0]["succeeded"] == 1
    assert called(capsys, "schedules")[1][0] == {**nightly, "standing": "resting", "next": None}
    assert "rests until resume()" in shown(capsys, "schedules")
    assert store_files(folder) == before


def store_files(folder: Path) -> dict[str, bytes]:
    """The contents of the files of the store."""
    return {path.name: path.read_bytes() for path in folder.glob("jobs.db*")}


def test_metrics_are_read_of_a_store_whose_process_was_killed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Jobs that it had not counted yet count from their rows, and the next opening counts them."""
    program = (
        "import os, jobactors as ja, shell_types\n"
        "jobs = ja.start(store='jobs.db', display=None)\n"
        "jobs.submit('count', {'n': 1}).stored().result()\n"
        "job = jobs.submit('count', {'n': 2}); job.result(); job.stored().result()\n"
        "jobs.options(hold=True).submit('count', {'n': 3}).stored().result()\n"
        "jobs.add_template('three', 'count', arguments={'n': 3})\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=folder, check=False, timeout=120)
    told = called(capsys, "metrics")[1]
    assert [(row["of"], row["succeeded"]) for row in told] == [("count", 2)]
    assert called(capsys, "metrics")[1] == told
    (held,) = called(capsys, "list", "--state", "unfinished")[1]
    assert held["state"] == "interrupted"
    assert "interrupted" not in shown(capsys, "history")


def test_templates_are_listed_and_submitted(
    owner: ja.Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the owner, or for the next worker; given arguments go over the template's."""
    import shell_types

    assert "are no templates" in shown(capsys, "templates")
    owner.add_template("three", "count", arguments={"n": 3}, options={"subject": "s"})
    (told,) = called(capsys, "templates")[1]
    assert (told["type"], told["arguments"], told["problem"]) == ("count", {"n": 3}, "")
    assert "three  count(n=3)" in shown(capsys, "templates")
    (job,) = called(capsys, "submit", "-t", "three", '{"who": "me"}')[1]
    assert job["subject"] == "s"
    assert owner.get(job["id"]).result(60) == 3
    assert called(capsys, "submit", "-t", "three", '{"n": "x"}')[0] == 2
    assert called(capsys, "submit", "-t", "four")[0] == 2
    ja.stop(0)
    del shell_types
    assert called(capsys, "templates")[1] == [told]
    status, (stored,) = called(capsys, "submit", "-t", "three", "-m", "shell_types")
    assert (status, stored["subject"]) == (0, "s")


def test_a_submit_of_a_template_whose_type_has_changed_names_the_template(
    owner: ja.Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the cure, as in Python; given arguments that are wrong are listed as ever."""

    def weigh(grams: int) -> int:
        return grams

    def changed(kilos: int = 0) -> int:
        return kilos

    ja.job("shell_weigh")(weigh)
    owner.add_template("bag", "shell_weigh", arguments={"grams": 5})
    assert main(["submit", "-t", "bag", '{"grams": "x"}']) == 2
    assert "template" not in capsys.readouterr().err
    ja.job("shell_weigh")(changed)
    assert main(["submit", "-t", "bag"]) == 2
    said = capsys.readouterr().err
    assert "template 'bag': its job type has changed: grams" in said
    assert "update(arguments=…) it" in said


@pytest.mark.parametrize("width", [40, 80])
def test_schedules_templates_and_metrics_fit_the_terminal(
    width: int, owner: ja.Jobs, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in them acts on it, and nothing is wider than it."""
    import shell_types

    monkeypatch.setenv("COLUMNS", str(width))
    name = "日本語 " * 30 + "\x1b[31m"
    owner.submit("count", {"n": 1}).result(60)
    owner.submit(shell_types.fail).exception(60)
    owner.add_template(name, "count", arguments={"who": name * 3})
    owner.schedule(name, ja.every(hours=5)).submit("count", {"n": 2})
    told = {
        what: shown(capsys, what).splitlines() for what in ("schedules", "templates", "metrics")
    }
    for lines in told.values():
        assert lines
        assert all(width_of(line) <= width and line.isprintable() for line in lines), lines
    assert any(line.startswith("count") for line in told["metrics"])


def test_a_list_of_the_newest_reads_no_more_than_it_shows(
    owner: ja.Jobs, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the order of submission, the unfinished ones first."""
    for number in range(5):
        owner.options(hold=True, name=f"h{number}").submit(print)
    names = [job["name"] for job in called(capsys, "list", "--limit", "2")[1]]
    assert names == ["h3", "h4"]
