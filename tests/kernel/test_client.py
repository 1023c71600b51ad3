"""Tests of the harness itself: kernels of every version start, answer, and handle comms."""

from __future__ import annotations

from importlib.metadata import version

import pytest

from tests.kernel import client
from tests.kernel.client import IPYKERNELS, CellError, Kernel, run_kernel

LISTEN = """
import comm, threading
heard = []
def target(opened, message):
    opened.on_msg(lambda m: heard.append((m["content"]["data"], threading.current_thread().name)))
comm.get_comm_manager().register_target("test", target)
"""


@pytest.mark.parametrize("kernel", IPYKERNELS, indirect=True)
def test_the_ipykernel_is_the_one_asked_for(kernel: Kernel, request: pytest.FixtureRequest) -> None:
    """Each version runs as itself, in an empty folder and with the tests' own packages."""
    asked = request.node.callspec.params["kernel"]
    expected = version("ipykernel") if asked == "installed" else asked
    ran = kernel.run("import ipykernel, os, trio; print(ipykernel.__version__); os.listdir()")
    assert (ran.stdout + ".").startswith(expected)
    assert ran.result == "[]"


def test_a_cell_that_raises_raises_here(kernel: Kernel) -> None:
    """An error in a cell is not overlooked, and output before it is still there to be read."""
    with pytest.raises(CellError, match="ZeroDivisionError"):
        kernel.run("print('before'); 1 / 0")
    assert kernel.wait_for(lambda m: m["msg_type"] == "stream")["content"]["text"] == "before\n"


def test_comm_messages_are_heard_on_the_subshell_they_name(kernel: Kernel) -> None:
    """A message that names a subshell is heard there, in the middle of a busy cell."""
    kernel.run(LISTEN)
    kernel.open_comm("c1", "test", {})
    subshell = kernel.create_subshell()
    busy = kernel.start(
        "import time\nuntil = time.monotonic() + 60\n"
        "while len(heard) < 1 and time.monotonic() < until: time.sleep(0.01)\n"
        "during = list(heard)"
    )
    kernel.wait_begun(busy)
    kernel.send_comm("c1", {"n": 1}, subshell=subshell)
    assert kernel.finish(busy).error is None
    kernel.send_comm("c1", {"n": 2})
    assert kernel.run("[data for data, _ in during]").result == "[{'n': 1}]"
    threads = kernel.run("[name.split('-')[0] for _, name in heard]").result
    assert threads == "['subshell', 'MainThread']"


def test_an_ipykernel_that_is_not_prepared_is_named(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing version is an error with its cure, never a skipped test."""
    monkeypatch.setattr(client, "KERNELS", tmp_path_factory.mktemp("empty"))
    with (
        pytest.raises(FileNotFoundError, match="make test"),
        run_kernel(tmp_path_factory.mktemp("kernel"), "7.3"),
    ):
        pass
