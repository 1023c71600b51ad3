"""A real ipykernel and a client of it, as plain as a front end: what is sent, what comes back."""

from __future__ import annotations

import contextlib
import queue
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from tests.isolation import isolated_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jupyter_client.blocking.client import BlockingKernelClient

Message = dict[str, Any]

KERNELS = Path(__file__).resolve().parents[2] / ".kernels"

IPYKERNELS: Mapping[str, str | None] = {
    "installed": None,
    "7.3": "ipykernel-7.3.0",
    "6": "ipykernel-6.31.0",
}
"""The ipykernels a test can ask for, and the folder of `.kernels/` each is in."""

READY_SECONDS = 60
ANSWER_SECONDS = 30
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class CellError(AssertionError):
    """A cell raised; the message is its traceback."""


@dataclass
class Outcome:
    """Holds the outputs of one cell as messages, and the usual readings of them."""

    messages: list[Message] = field(default_factory=list)
    """The iopub messages of this cell alone, in order."""
    reply: Message | None = None

    @property
    def stdout(self) -> str:
        """The text that the cell printed."""
        return self._stream("stdout")

    @property
    def stderr(self) -> str:
        """The text that the cell printed to standard error."""
        return self._stream("stderr")

    @property
    def result(self) -> str | None:
        """The text of the cell's last expression, if it had one."""
        for data in self.displays("execute_result"):
            return str(data["text/plain"])
        return None

    @property
    def error(self) -> str | None:
        """The cell's traceback without colours, if it raised."""
        for message in self._of("error"):
            return ANSI.sub("", "\n".join(message["content"]["traceback"]))
        return None

    def displays(self, kind: str = "display_data") -> list[dict[str, Any]]:
        """Return the mime bundles the cell showed."""
        return [message["content"]["data"] for message in self._of(kind)]

    def _stream(self, name: str) -> str:
        contents = (message["content"] for message in self._of("stream"))
        return "".join(content["text"] for content in contents if content["name"] == name)

    def _of(self, kind: str) -> Iterator[Message]:
        return (message for message in self.messages if message["msg_type"] == kind)


class Kernel:
    """A running ipykernel.

    All iopub messages are stored in `messages`, in order, for whatever request: nothing is lost
    between two calls. One thread uses a Kernel: the test's.
    """

    def __init__(self, manager: KernelManager, client: BlockingKernelClient) -> None:
        self.manager = manager
        self.client = client
        self.messages: list[Message] = []
        self._replies: dict[str, Message] = {}

    # --- code -------------------------------------------------------------------------------

    def run(self, code: str, timeout: float = ANSWER_SECONDS) -> Outcome:
        """Run a cell to its end and return what it left.

        Raises:
            CellError: the cell raised.
            TimeoutError: it did not end in time; it goes on.
        """
        outcome = self.finish(self.start(code), timeout)
        if outcome.error is not None:
            raise CellError(outcome.error)
        return outcome

    def start(self, code: str) -> str:
        """Ask for a cell to be run, and return the id that `finish` wants."""
        msg_id: str = self.client.execute(code)
        return msg_id

    def finish(self, msg_id: str, timeout: float = ANSWER_SECONDS) -> Outcome:
        """Wait for the end of a started cell; an error is in the outcome, not raised."""
        deadline = time.monotonic() + timeout
        self.wait_for(lambda message: _ends(message, msg_id), timeout)
        reply = self._reply(msg_id, deadline)
        ours = [m for m in self.messages if m["parent_header"].get("msg_id") == msg_id]
        return Outcome(ours, reply)

    def _reply(self, msg_id: str, deadline: float) -> Message:
        # Subshells and comms answer on the same channel, in any order.
        while msg_id not in self._replies:
            with contextlib.suppress(queue.Empty):
                reply = self.client.get_shell_msg(timeout=max(0.0, deadline - time.monotonic()))
                self._replies[reply["parent_header"]["msg_id"]] = reply
                continue
            raise TimeoutError("the kernel sent no reply in time")
        return self._replies.pop(msg_id)

    # --- iopub ------------------------------------------------------------------------------

    @property
    def heard(self) -> int:
        """The number of iopub messages so far; `wait_for` takes it as `since`."""
        return len(self.messages)

    def wait_begun(self, msg_id: str) -> None:
        """Wait until a started cell runs."""
        self.wait_for(lambda m: m["parent_header"].get("msg_id") == msg_id)

    def iopub(self, seconds: float) -> Iterator[Message]:
        """Yield the iopub messages from now on, for so many seconds."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(queue.Empty):
            while True:
                yield self._read(deadline)

    def wait_for(
        self, wanted: Callable[[Message], bool], timeout: float = ANSWER_SECONDS, since: int = 0
    ) -> Message:
        """Return the first iopub message that is `wanted`, among those heard or to come.

        Args:
            wanted: a question about a message.
            timeout: seconds to listen for more.
            since: leave out the first so many of `messages`; `kernel.heard` means "new".

        Raises:
            TimeoutError: none came; the text lists those that did.
        """
        deadline = time.monotonic() + timeout
        position = since
        while True:
            for message in self.messages[position:]:
                if wanted(message):
                    return message
            position = len(self.messages)
            try:
                self._read(deadline)
            except queue.Empty:
                heard = [message["msg_type"] for message in self.messages[since:]]
                raise TimeoutError(f"not heard within {timeout} s; heard: {heard}") from None

    def _read(self, deadline: float) -> Message:
        message = self.client.get_iopub_msg(timeout=max(0.0, deadline - time.monotonic()))
        self.messages.append(message)
        return message

    # --- comms, subshells, control ----------------------------------------------------------

    def send_comm(
        self,
        comm_id: str,
        data: Mapping[str, Any],
        *,
        subshell: str | None = None,
        buffers: list[bytes] | None = None,
    ) -> str:
        """Send a comm message as a front end would, and return its id.

        Args:
            comm_id: the comm's.
            data: its payload.
            subshell: the subshell it names; None names none, as VS Code and Colab do.
            buffers: binary parts.
        """
        return self._send("comm_msg", {"comm_id": comm_id, "data": dict(data)}, subshell, buffers)

    def open_comm(
        self, comm_id: str, target: str, data: Mapping[str, Any], *, subshell: str | None = None
    ) -> str:
        """Open a comm from the front end's side, and return the message's id."""
        content = {"comm_id": comm_id, "target_name": target, "data": dict(data)}
        return self._send("comm_open", content, subshell)

    def _send(
        self,
        kind: str,
        content: dict[str, Any],
        subshell: str | None,
        buffers: list[bytes] | None = None,
    ) -> str:
        message = self.client.session.msg(kind, content)
        if subshell is not None:
            message["header"]["subshell_id"] = subshell
        if buffers:
            message["buffers"] = buffers
        self.client.shell_channel.send(message)
        msg_id: str = message["header"]["msg_id"]
        return msg_id

    def create_subshell(self) -> str:
        """Ask for a subshell, as JupyterLab does for each window, and return its id."""
        subshell: str = self.control("create_subshell_request")["subshell_id"]
        return subshell

    def control(
        self,
        kind: str,
        content: Mapping[str, Any] | None = None,
        timeout: float = ANSWER_SECONDS,
    ) -> dict[str, Any]:
        """Ask on the control channel, which a busy cell does not block; return the answer."""
        message = self.client.session.msg(kind, dict(content or {}))
        self.client.control_channel.send(message)
        deadline = time.monotonic() + timeout
        while True:
            try:
                reply = self.client.get_control_msg(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise TimeoutError(f"no answer to {kind} within {timeout} s") from None
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                answer: dict[str, Any] = reply["content"]
                return answer

    # --- life -------------------------------------------------------------------------------

    def interrupt(self) -> None:
        """Interrupt the kernel, as the front end's square button does."""
        self.manager.interrupt_kernel()

    def shutdown(self) -> None:
        """End the kernel as Jupyter does: a request, a few seconds' patience, then SIGKILL."""
        self.manager.shutdown_kernel()

    def kill(self) -> None:
        """End the kernel as a crash does."""
        self.manager.shutdown_kernel(now=True)


def _ends(message: Message, msg_id: str) -> bool:
    return bool(
        message["msg_type"] == "status"
        and message["content"]["execution_state"] == "idle"
        and message["parent_header"].get("msg_id") == msg_id
    )


@contextlib.contextmanager
def run_kernel(
    folder: Path, ipykernel: str = "installed", env: Mapping[str, str] | None = None
) -> Iterator[Kernel]:
    """Run a kernel that reads and writes only below `folder`, until the block ends.

    Args:
        folder: its working directory is `work/` in it.
        ipykernel: a key of IPYKERNELS.
        env: more environment variables.

    Raises:
        FileNotFoundError: that ipykernel has not been prepared.
    """
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    environ = isolated_environment(folder / "home") | dict(env or {})
    if (older := _folder_of(ipykernel)) is not None:
        environ["PYTHONPATH"] = ":".join(filter(None, [str(older), environ.get("PYTHONPATH")]))
    # Without folders to look in there is only the kernel of this very Python.
    specs = KernelSpecManager(kernel_dirs=[])
    manager = KernelManager(kernel_name="python3", kernel_spec_manager=specs)
    manager.start_kernel(cwd=str(work), env=environ)
    client = manager.blocking_client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=READY_SECONDS)
        yield Kernel(manager, client)
    finally:
        client.stop_channels()
        if manager.is_alive():
            manager.shutdown_kernel(now=True)
        manager.context.destroy()


def _folder_of(ipykernel: str) -> Path | None:
    name = IPYKERNELS[ipykernel]
    if name is None:
        return None
    folder = KERNELS / name
    if not folder.is_dir():
        raise FileNotFoundError(
            f".kernels/{name} is not there: `make test` prepares the older ipykernels."
        )
    return folder
