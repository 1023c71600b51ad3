"""What a simulation does: a list of plain steps, drawn by Hypothesis or read from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

CORPUS = Path(__file__).parent / "corpus"

Step = tuple[str, Any]
Program = dict[str, Any]
"""`max_running`, `retention` ("plenty" or "little"), `store` (whether there is one), `end` (how the
block is left), `steps`."""

_NEEDS: list[dict[str, int]] = [
    {},
    {},
    {"gpu": 1},
    {"gpu": 2},
    {"mutex": 1},
    {"disk": 2},
    {"disk": 1, "gpu": 1},
    {"mutex": 1, "gpu": 2},
]
_which = st.integers(0, 9)
_seconds = st.integers(1, 9)


_submit = st.fixed_dictionaries(
    {},
    optional={
        "priority": st.sampled_from([-10, 5, 10]),
        "needs": st.sampled_from(_NEEDS),
        "on_busy": st.sampled_from(["wait", "wait", "raise"]),
        "too_much": st.just(True),
        "key": st.sampled_from(["a", "b"]),
        "on_duplicate": st.sampled_from(["return", "raise", "replace"]),
        "flavour": st.integers(0, 1),
        "after": st.lists(
            st.tuples(_which, st.sampled_from(["succeeded", "finished"])), min_size=1, max_size=2
        ),
        "argument": _which,
        "held": st.just(True),
        "start_in": _seconds,
        "attempts": st.integers(2, 3),
        "delay": _seconds,
        "timeout": _seconds,
        "start_deadline": _seconds,
        "grace": _seconds,
    },
).map(lambda options: {k: v for k, v in options.items() if k != "too_much" or len(options) < 4})

_plain_submit = st.fixed_dictionaries(
    {}, optional={"needs": st.sampled_from(_NEEDS), "priority": st.sampled_from([-10, 5])}
)


def _weighted(**weights: int) -> st.SearchStrategy[str]:
    return st.sampled_from([name for name, weight in weights.items() for _ in range(weight)])


_needs = st.sampled_from(_NEEDS)
_LINES: dict[str, st.SearchStrategy[Any]] = {
    "return": st.integers(0, 99),
    "finish": st.integers(0, 99),
    "partial": st.integers(0, 99),
    "fail": st.just("as planned"),
    "snooze": _seconds,
    "shield": st.sampled_from([True, True, False]),
    "on_cancel": st.sampled_from(["return", "finish", "fail", "raise"]),
    "await": _which,
    "acquire": st.sampled_from(
        [
            [{"gpu": 1}],
            [{"gpu": 2}],
            [{"mutex": 1}],
            [{"disk": 2}],
            [{"mutex": 1, "disk": 1}],
            [{"mutex": 1}, {"gpu": 1}],
        ]
    ),
}
# fmt: off
_line_names = _weighted(**{
    "return": 6, "finish": 1, "partial": 1, "fail": 3, "snooze": 1, "shield": 3, "on_cancel": 1,
    "await": 6, "acquire": 5, "release": 1, "read": 2, "check": 1, "poll": 2,
})
_ARGUMENTS: dict[str, st.SearchStrategy[Any]] = {
    "submit": _submit | _plain_submit,
    "line": _line_names.flatmap(
        lambda name: st.tuples(_which, st.tuples(st.just(name), _LINES.get(name, st.none())))
    ),
    "tick": _seconds,
    "priority": st.tuples(_which, st.sampled_from([-10, 0, 5, 10])),
    "needs": st.tuples(_which, _needs),
    "start_in": st.tuples(_which, _seconds),
    "scale": st.integers(1, 4) | st.none(),
    "dispatch": st.sampled_from([True, False, False]),
    "look": st.none(),
}
_step_names = _weighted(**{
    "submit": 9, "line": 14, "cancel": 4, "pause": 1, "pause and reach": 3, "reach": 1, "resume": 3,
    "hold": 1, "release": 2, "tick": 4, "priority": 1, "needs": 1, "start_in": 1, "scale": 1,
    "dispatch": 1, "wait": 2, "take": 1, "delete": 1, "restart": 2, "tell": 1, "ask": 1, "look": 1,
    "die": 2,
})
# fmt: on
STEPS: st.SearchStrategy[Step] = _step_names.flatmap(
    lambda name: st.tuples(st.just(name), _ARGUMENTS.get(name, _which))
)

PROGRAMS: st.SearchStrategy[Program] = st.fixed_dictionaries(
    {
        "max_running": st.integers(1, 3) | st.none(),
        "retention": st.sampled_from(["plenty", "plenty", "little"]),
        "store": st.booleans(),
        "end": st.sampled_from(["normally", "by an error", "by a cancel"]),
        "steps": st.lists(STEPS, min_size=1, max_size=20)
        | st.lists(STEPS, min_size=20, max_size=60),
    }
)


def corpus() -> dict[str, Program]:
    """Return the programs that once failed, by the name of their file."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(CORPUS.glob("*.json"))}
