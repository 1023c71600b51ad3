"""`python -m jobactors run command`: any command as a job, its status and output unchanged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .pty_screen import OnTerminal

if TYPE_CHECKING:
    from pathlib import Path

RUN = [sys.executable, "-m", "jobactors", "run"]
ON_TERMINAL = "import jobactors.__main__ as m; import sys; sys.exit(m.main(sys.argv[1:]))"

STUBBORN = """
import signal, sys, time
def told(number, frame):
    print("told", signal.Signals(number).name, flush=True)
signal.signal(signal.SIGINT, told)
signal.signal(signal.SIGTERM, told)
print("begun", flush=True)
while True:
    time.sleep(60)
"""


def run(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run it as a shell would, in a pipe."""
    return subprocess.run(
        [*RUN, *arguments], input=given, capture_output=True, timeout=60, check=False
    )


def test_output_and_status_are_passed_through() -> None:
    """Each stream to its own, and a line of ours before and after in stderr."""
    ended = run("--name", "hello", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert ended.returncode == 3
    assert ended.stdout == b"out\n"
    assert sorted(ended.stderr.decode().splitlines()) == [
        "err",
        "▸ hello started",
        "✗ hello CommandFailed: exit status 3",
    ]


def test_success_is_a_job_that_succeeded_named_after_the_command() -> None:
    """Without a name, the command is the name."""
    ended = run("sh", "-c", "exit 0")
    assert ended.returncode == 0
    assert "✓ sh -c 'exit 0' " in ended.stderr.decode()


def test_bytes_stay_as_they_are() -> None:
    """A pipe in the middle of a pipeline changes nothing, text or not."""
    given = bytes(range(256)) * 5000
    assert run("cat", given=given).stdout == given


def test_options_of_the_command_are_its_own() -> None:
    """An argument that looks like an option of ours belongs to the command once that has begun."""
    assert run("echo", "--name", "-h").stdout == b"--name -h\n"


@pytest.mark.parametrize(
    ("command", "status"),
    [(["no-such-command"], 127), (["/"], 126), (["sh", "-c", "kill -9 $$"], 137)],
)
def test_the_status_is_what_a_shell_would_say(command: list[str], status: int) -> None:
    """Not found, not runnable, ended by a signal."""
    assert run(*command).returncode == status


def test_no_command_is_refused_with_the_usage() -> None:
    """As every program does."""
    ended = run()
    assert ended.returncode == 2
    assert b"which command?" in ended.stderr


def test_what_a_child_of_the_command_leaves_behind_is_not_waited_for() -> None:
    """A background process that holds the pipe does not hold us."""
    ended = run("sh", "-c", "sleep 600 & echo $!")
    os.kill(int(ended.stdout), signal.SIGKILL)
    assert ended.returncode == 0


def test_an_interrupt_is_handed_on_and_each_further_one_goes_a_rung_higher(tmp_path: Path) -> None:
    """SIGINT, SIGTERM, SIGKILL; each reaches the command once, and its whole family."""
    script = tmp_path / "stubborn.py"
    script.write_text(STUBBORN)
    with subprocess.Popen(
        [*RUN, "--name", "x", sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"begun\n"
        program.send_signal(signal.SIGINT)
        assert program.stdout.readline() == b"told SIGINT\n"
        program.send_signal(signal.SIGINT)
        assert program.stdout.readline() == b"told SIGTERM\n"
        program.send_signal(signal.SIGINT)
        assert program.stdout.read() == b""
        assert program.stderr is not None
        assert "⊘ x cancelled: Ctrl-C" in program.stderr.read().decode()
    assert program.returncode == 128 + signal.SIGKILL


def test_a_termination_is_handed_on_as_itself() -> None:
    """A signal that ends us ends the command, in the same way."""
    with subprocess.Popen(
        [*RUN, "sh", "-c", "echo begun; exec sleep 600"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"begun\n"
        program.terminate()
    assert program.returncode == 128 + signal.SIGTERM


def test_ctrl_c_on_a_terminal_interrupts_the_command_and_leaves_a_clean_screen() -> None:
    """The row shows the last line; afterwards there is the output and how it ended."""
    command = ["sh", "-c", "echo one; echo two; exec sleep 600"]
    with OnTerminal(ON_TERMINAL, ["run", "--name", "wait", *command]) as terminal:
        screen = terminal.wait_for(lambda lines: any("2 lines" in line for line in lines))
        assert screen[-1].startswith("wait ━")
        assert screen[-1].endswith("two")
        terminal.press(b"\x03")
        assert terminal.end() == 128 + signal.SIGINT
        assert terminal.lines == ["one", "two", "⊘ wait cancelled: Ctrl-C"]
        assert not terminal.cursor_hidden


def test_a_command_that_is_given_the_terminal_reads_what_is_typed() -> None:
    """With -i the terminal is its own; without it there is nothing to read."""
    asks = (
        "import sys; print('tty', sys.stdin.isatty()); print('got', sys.stdin.readline().strip())"
    )
    arguments = ["run", "-i", "--", sys.executable, "-c", asks]
    with OnTerminal(ON_TERMINAL, arguments) as terminal:
        terminal.wait_for(lambda lines: "tty True" in lines)
        terminal.press(b"hello\n")
        terminal.wait_for(lambda lines: "got hello" in lines)
        assert terminal.end() == 0


def test_a_terminal_that_is_none_is_not_given_away() -> None:
    """The reason is said; a pipe is passed on without the flag."""
    ended = run("-i", "--", "cat", given=b"x")
    assert ended.returncode == 2
    assert b"the input is no terminal" in ended.stderr
