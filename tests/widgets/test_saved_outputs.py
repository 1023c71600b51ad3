"""Tests of what is saved with a notebook in which no browser shows the panels."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import trio
from jobactors_widgets.display_hook import NotebookDisplay
from jobactors_widgets.saved_outputs import JOBS_TYPE, VIEW_TYPE

import jobactors as ja

if TYPE_CHECKING:
    from .conftest import RecordingComm

# The package gives the name to the hook itself.
module = import_module("jobactors_widgets.display_hook")


class FakeShell:
    """Stands in for an IPython shell, and records its messages."""

    def __init__(self) -> None:
        self.ended: list[Any] = []
        self.hooks: list[Any] = []
        self.sent: list[dict[str, Any]] = []
        self.displayhook = SimpleNamespace(msg=None)
        self.events = SimpleNamespace(register=lambda _name, fn: self.ended.append(fn))
        self.display_pub = SimpleNamespace(
            register_hook=self.hooks.append, publish=lambda **message: self.sent.append(message)
        )

    def end_cell(self) -> list[dict[str, Any]]:
        """A cell ends; return what was sent for it."""
        self.sent.clear()
        for each in self.ended:
            each(None)
        return list(self.sent)


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> FakeShell:
    """Make this process look like a notebook's kernel."""
    made = FakeShell()
    monkeypatch.setattr(module, "current_kernel", lambda: SimpleNamespace(shell=made))
    return made


def show(display: NotebookDisplay, shell: FakeShell, thing: object) -> str:
    """The thing is the value of a cell; return its display id."""
    message: dict[str, Any] = {"msg_type": "execute_result", "content": {}}
    shell.displayhook.msg = message
    assert display.mimebundle(thing)  # type: ignore[arg-type]
    shell.displayhook.msg = None
    name: str = message["content"]["transient"]["display_id"]
    return name


async def test_the_last_state_is_sent_when_a_later_cell_ends(
    shell: FakeShell, comms: list[RecordingComm]
) -> None:
    """Once, with both tables, the widget and its state; after that the job is let go of."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(name="train").submit(trio.sleep, 0)
        name = show(display := NotebookDisplay(), shell, job)
        await job
        (update,) = shell.end_cell()
        assert update["transient"] == {"display_id": name}
        assert update["update"] is True
        assert set(update["data"]) == {VIEW_TYPE, "text/html", "text/plain"}
        assert "succeeded" in update["data"]["text/plain"]
        assert "succeeded" in update["data"]["text/html"]
        told = next(each for each in comms if each.comm_id == name).published[-1][1]
        assert [row["state"] for row in told["state"]["rows"]] == ["succeeded"]
        assert shell.end_cell() == []
        assert display._saved is not None
        assert display._saved._outputs == {}


async def test_nothing_is_sent_when_nothing_changed(
    shell: FakeShell, comms: list[RecordingComm]
) -> None:
    """One message an output and cell at most, and none for the time of day."""
    async with ja.open_jobs() as jobs:
        job = jobs.options(hold=True).submit(trio.sleep, 0)
        show(display := NotebookDisplay(), shell, jobs)
        show(display, shell, jobs)
        show(display, shell, job)
        assert shell.end_cell() == []
        job.cancel()
        assert len(shell.end_cell()) == 2


async def test_panels_in_a_browser_are_left_to_it(
    shell: FakeShell, comms: list[RecordingComm]
) -> None:
    """Drawing an output anew would take the focus from its user."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(trio.sleep, 0)
        name = show(NotebookDisplay(), shell, job)
        heard = next(each for each in comms if each.comm_id == name)
        heard.receive({"kind": "hello", "frame": 0})
        await job
        assert shell.end_cell() == []


async def test_the_board_ends_with_every_job_after_the_system_has_ended(
    shell: FakeShell, comms: list[RecordingComm]
) -> None:
    """`ja.stop()` in the last cell ends the jobs; the saved tables show it."""
    display = NotebookDisplay()
    async with ja.open_jobs() as jobs:
        show(display, shell, jobs)
        jobs.options(name="one").submit(trio.sleep, 0)
        jobs.options(name="two").submit(trio.sleep_forever).cancel()
    (update,) = shell.end_cell()
    assert "2 jobs" in update["data"]["text/plain"]
    assert update["data"]["text/plain"].count("\none  succeeded") == 1
    assert shell.end_cell() == []


async def test_displayed_by_hand_it_gets_its_id_as_well(
    shell: FakeShell, comms: list[RecordingComm]
) -> None:
    """`display(job)` sends a message of another kind; others' messages are left alone."""
    async with ja.open_jobs() as jobs:
        bundle = NotebookDisplay().mimebundle(jobs.submit(trio.sleep, 0))
        (mark,) = shell.hooks
        ours = {"msg_type": "display_data", "content": {"data": bundle}}
        view: Any = (bundle or {})[VIEW_TYPE]
        assert mark(ours)["content"]["transient"] == {"display_id": view["model_id"]}
        other = {"msg_type": "display_data", "content": {"data": {"text/plain": "5"}}}
        assert mark(other)["content"] == {"data": {"text/plain": "5"}}


async def test_an_output_that_cannot_be_updated_is_left_as_it_was(
    shell: FakeShell, comms: list[RecordingComm], caplog: pytest.LogCaptureFixture
) -> None:
    """A cell never fails for what it did not do."""
    async with ja.open_jobs() as jobs:
        job = jobs.submit(trio.sleep, 0)
        show(NotebookDisplay(), shell, job)
        await job

        def refuse(**_: object) -> None:
            raise OSError("no socket")

        shell.display_pub.publish = refuse
        shell.end_cell()
        assert "left as it was" in caplog.text


async def test_outputs_of_a_started_system_name_their_jobs(
    shell: FakeShell, comms: list[RecordingComm], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The labextension shows them where there is no widget; later states are sent with it."""
    sidebar = import_module("jobactors_widgets.sidebar")
    monkeypatch.setattr(sidebar, "current_kernel", SimpleNamespace)
    monkeypatch.setattr(sidebar, "open_fixed_comm", lambda *_: lambda *_: None)
    monkeypatch.setattr(sidebar, "hears_while_busy", lambda _: True)
    display = NotebookDisplay()
    async with ja.open_jobs() as jobs:
        job = jobs.submit(trio.sleep, 0)
        assert JOBS_TYPE not in (display.mimebundle(jobs) or {})  # nothing serves them
        display.started(jobs)
        named: Any = (display.mimebundle(jobs) or {})[JOBS_TYPE]
        assert named["job"] is None
        show(display, shell, job)
        await job
        sent = [each["data"][JOBS_TYPE] for each in shell.end_cell()]
        assert named | {"job": job.id} in sent
