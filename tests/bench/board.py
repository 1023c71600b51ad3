"""A board of 1,000 rows in a notebook, changing ten times a second, beside bare widgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.board_cells import BARE, DRIVER, DRIVING, JOBS, WIDGETS
from tests.bench.harness import Measure, Numbers, Program, Variant
from tests.bench.notebook import (
    fresh_kernel,
    hear,
    payload,
    processor_seconds,
    run_and_hear,
)

if TYPE_CHECKING:
    from tests.kernel.client import Kernel


IN_SIGHT = 26
"""Rows in a page of 800 pixels: 17 in the list's 62 hundredths of it, and 8 to spare below."""


def watch(code: str, *levels: str, rows: int) -> Numbers:
    """Measure a board in a fresh kernel, with a part of its rows changing, or all."""
    with fresh_kernel(DRIVER + code.format(rows=rows)) as kernel:
        found: Numbers = {}
        if code is JOBS:
            show_the_top(kernel)
        for level in levels:
            part = rows // 10 if level == "10 %" else rows
            a_frame = part if code is WIDGETS else 1  # messages
            numbers = idle(kernel, part, a_frame, rows / 250)
            numbers |= busy(kernel, part, a_frame, rows / 250)
            found |= {f"{level}, {name}": number for name, number in numbers.items()}
    return found


def show_the_top(kernel: Kernel) -> None:
    """Have the first rows of the board in sight, as its page says of itself."""
    opened = [m["content"] for m in kernel.messages if m["msg_type"] == "comm_open"]
    [board] = [one for one in opened if "rows" in one["data"].get("state", {})]
    ids = [row["id"] for row in board["data"]["state"]["rows"][:IN_SIGHT]]
    content = {"kind": "sight", "place": "page", "ids": ids}
    kernel.send_comm(board["comm_id"], {"method": "custom", "content": content})
    hear(kernel, 2)


def idle(kernel: Kernel, part: int, a_frame: int, seconds: float) -> Numbers:
    """Measure while no cell runs."""
    kernel.run(f"changing = range({part})")
    hear(kernel, 0.3)
    used = processor_seconds(kernel)
    messages = hear(kernel, seconds)
    used = processor_seconds(kernel) - used
    kernel.run("changing = range(0)")
    hear(kernel, 0.3)
    return {
        "processor": used / seconds * 100,
        "messages": len(messages) / seconds,
        "payload": payload(messages) / seconds / 1e3,
        "a frame": interval(len(messages) / a_frame, seconds),
    }


def busy(kernel: Kernel, part: int, a_frame: int, seconds: float) -> Numbers:
    """Measure while a cell computes, half of the time without changes."""
    messages = run_and_hear(kernel, f"compute({seconds}, range({part}))")
    frames, is_changing, printed = 0, False, ""
    for message in messages:
        if message["msg_type"] == "stream":
            printed = message["content"]["text"].strip()
            is_changing = printed == "changing"
        else:
            frames += is_changing
    return {
        "a frame in a busy cell": interval(frames / a_frame, seconds),
        "cell slowed": float(printed) * 100,
    }


def drive_alone(rows: int) -> Numbers:
    """Measure what the changes cost before anything is done with them."""
    numbers = watch(DRIVING, "10 %", "all", rows=rows)
    return {name: number for name, number in numbers.items() if "processor" in name}


def interval(frames: float, seconds: float) -> float:
    """Milliseconds from one frame to the next; very long if there were none."""
    return seconds * 1e3 / max(frames, 1e-3)


def measures(name: str, processor: float) -> tuple[Measure, ...]:
    """What is measured with so many rows changing, and the bar for the kernel's processor time."""
    return (
        Measure(f"{name}, processor", "% of a core", at_most=processor),
        Measure(f"{name}, messages", "a second", at_most=10, absolute=True),
        Measure(f"{name}, payload", "kB a second", at_most=2),
        Measure(f"{name}, a frame", "ms", at_most=1.05),
        Measure(f"{name}, a frame in a busy cell", "ms", at_most=1.05),
        Measure(f"{name}, cell slowed", "%", at_most=3, absolute=True),
    )


PROGRAM = Program(
    title="a board of 1,000 rows",
    measures=(*measures("10 %", 1.5), *measures("all", 4)),
    variants=(
        Variant("one anywidget, binary frames", lambda n: watch(BARE, "10 %", "all", rows=n)),
        Variant("jobactors", lambda n: watch(JOBS, "10 %", "all", rows=n)),
        Variant("empty calls in the jobs' loop", drive_alone),
        Variant("ipywidgets rows", lambda n: watch(WIDGETS, "10 %", rows=n)),
    ),
    size=1_000,
    smoke_size=50,
    rounds=3,
)
