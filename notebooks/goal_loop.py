"""An agent's loop in its plainest form: look, decide, act, note it down, until the goal is met.

The goal here is to understand a function: to find what has to be read for it.  Each step reads one
function in an index of code (:func:`task_work.index_code`), notes it, and learns of others that it
calls.  How many steps that takes is not known before.  Where a real agent asks a language model
what to do next, this one takes the name that is nearest to the goal.

As applications have it, the loop is handed all it needs: it *emits* each step, it *hears* what it
is told meanwhile, it *checks* whether to end, and it *saves* a state from which it goes on later.
"""

import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from task_work import opened

Step = dict[str, Any]
State = dict[str, Any]


def pursue(
    database: str | Path,
    goal: str,
    *,
    emit: Callable[[Step], object],
    hear: Callable[[], Iterable[dict[str, Any]]],
    check: Callable[[], object],
    save: Callable[[State], object],
    state: State | None = None,
    think: Callable[[], object] = lambda: None,
    depth: int = 2,
) -> dict[str, Any]:
    """Find what has to be read to understand a function.

    Args:
        database: The application's file, with an index of code.
        goal: The function's name.
        emit: Called with each step.
        hear: Returns what the loop was told since the last step: ``{"skip": name}`` leaves a
            function out, ``{"also": name}`` adds one, ``{"depth": n}`` looks further or less far,
            ``{"enough": True}`` ends the loop.
        check: Raises if the loop is to end.
        save: Called after each step with the state to go on from.
        state: What an earlier run has saved.
        think: Called before each step; a real agent asks its model here.
        depth: How many calls away from the goal it looks.

    Returns:
        The number of steps, and what is left to look at.
    """
    state = state or {"step": 0, "depth": depth, "next": [[0, goal, "the goal"]], "seen": [goal]}
    with opened(database) as db:
        while state["next"]:
            check()
            if not all(_obey(state, message) for message in hear()) or not state["next"]:
                break
            think()
            distance, name, because = state["next"].pop(0)
            found = _look(db, name)
            state["step"] += 1
            step = {"step": state["step"], "name": name, "because": because, "found": found[:2]}
            with db:
                row = (goal, state["step"], name, *found[:2], because)
                db.execute("REPLACE INTO steps VALUES (?, ?, ?, ?, ?, ?)", row)
            if distance < state["depth"]:
                _learn(db, state, distance + 1, name, found[2].split())
            save(state)
            emit(step)
    return {"steps": state["step"], "left": [name for _, name, _ in state["next"]]}


def _look(db: sqlite3.Connection, name: str) -> tuple[str, int, str]:
    """Return where a function is, and what it calls; nowhere, if the index does not have it."""
    row = db.execute(
        "SELECT path, line, calls FROM symbols WHERE name = ? ORDER BY path, line", (name,)
    ).fetchone()
    return row or ("", 0, "")


def _learn(
    db: sqlite3.Connection, state: State, distance: int, because: str, names: Iterable[str]
) -> None:
    """Put what was not seen yet at the end: it is further away than all before it."""
    for name in names:
        if name not in state["seen"] and _look(db, name)[0]:
            state["seen"].append(name)
            state["next"].append([distance, name, f"{because} calls it"])


def _obey(state: State, message: dict[str, Any]) -> bool:
    """Follow a message; returns whether the loop goes on."""
    match message:
        case {"skip": name}:
            state["seen"].append(name)
            state["next"] = [one for one in state["next"] if one[1] != name]
        case {"also": name}:
            state["seen"].append(name)
            state["next"].insert(0, [0, name, "it was asked for"])
        case {"depth": int(depth)}:
            state["depth"] = depth
        case {"enough": True}:
            return False
        case _:
            raise ValueError(f"a message is skip, also, depth or enough, not {message!r:.100}")
    return True
