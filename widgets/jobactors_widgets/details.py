"""Returns what unfolds below a row: facts, log and result, only when a browser asks.

No code of a job runs for an answer, with one exception: the text of a result, which is requested by
hand and made by a bounded ``repr``, or by the function that a launcher was given for it, in a
thread of its own because that code may do anything.
"""

from __future__ import annotations

import re
import reprlib
import threading
from typing import TYPE_CHECKING, Any, Final

from .wire import LONGEST_MESSAGE, LONGEST_NAME, safe_text

if TYPE_CHECKING:
    from collections.abc import Callable

    import jobactors as ja

    Message = dict[str, object]

MOST_LINES: Final = 400
MOST_CHARACTERS: Final = 60_000
LONGEST_LINE: Final = 2_000
LONGEST_TRACEBACK: Final = 20_000
LONGEST_RESULT: Final = 2_000
MOST_ENTRIES: Final = 30
PATIENCE: Final = 3.0
"""Seconds to wait for the ``repr`` of a result."""

_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
_PLAIN: Final = (str, int, float, bool, type(None))
_CLASS_NAME: Final = type.__dict__["__qualname__"]


def details_of(job: ja.Job[Any]) -> Message:
    """Return the facts about a job that are not in its row."""
    snapshot = job.snapshot()
    info, error, outcome = snapshot.info, snapshot.error, snapshot.outcome
    metadata = [[_word(key), _word(value)] for key, value in list(info.metadata.items())]
    facts: Message = {
        "kind": "details",
        "id": info.id,
        "type": safe_text(info.type, LONGEST_NAME),
        "description": safe_text(info.description, LONGEST_RESULT),
        "tags": [safe_text(tag, LONGEST_NAME) for tag in info.tags[:MOST_ENTRIES]],
        "metadata": metadata[:MOST_ENTRIES],
        "submitted": info.submitted_at,
        "started": snapshot.started_at,
        "finished": snapshot.finished_at,
        "attempt": snapshot.attempt,
        "runner": safe_text(snapshot.runner, LONGEST_NAME),
        "where": safe_text(snapshot.where, LONGEST_NAME),
        "priority": info.priority,
        "continues": info.continues,
        "error": "" if error is None else safe_text(str(error), LONGEST_TRACEBACK),
        "traceback": "" if error is None else _middle_cut(error.traceback, LONGEST_TRACEBACK),
        "reason": safe_text(snapshot.explanation, LONGEST_MESSAGE),
    }
    if outcome is not None and (outcome.state.value == "succeeded" or outcome.value is not None):
        facts["result"] = class_name(outcome.value)
    return facts


def log_piece(job: ja.Job[Any], since: object) -> Message:
    """Return a bounded piece of a job's log.

    Args:
        job: The job.
        since: The number of the first line, among all ever written; -1 for the newest ones.
    """
    snapshot = job.snapshot()
    first = since if isinstance(since, int) and since >= 0 else snapshot.log_lines - MOST_LINES
    first = max(0, first, snapshot.log_cut)
    texts: list[list[str]] = []
    size = 0
    lines = job.log_lines(first)
    for line in lines[:MOST_LINES]:
        text = safe_text(_ANSI.sub("", line.text), LONGEST_LINE)
        size += len(text)
        if size > MOST_CHARACTERS and texts:
            break
        texts.append([safe_text(line.source, LONGEST_NAME), text])
    return {
        "kind": "log",
        "id": job.id,
        "first": first,
        "lines": texts,
        "more": len(lines) > len(texts),
    }


class ResultTexts:
    """Makes the texts of results, one at a time, in threads that may hang without harm."""

    def __init__(self, in_words: Callable[[Any], object] | None = None) -> None:
        """Make the texts by a function; default: a bounded ``repr``."""
        self._in_words = in_words or short_text
        self._busy = threading.Lock()

    def ask(self, job: ja.Job[Any], reply: Callable[[Message], object]) -> None:
        """Call ``reply`` with the text of a job's result, soon, from another thread."""
        outcome = job.snapshot().outcome
        message: Message = {"kind": "result", "id": job.id, "text": "", "why": ""}
        if outcome is None:
            reply(message | {"why": "it has not ended"})
        elif not self._busy.acquire(blocking=False):
            reply(message | {"why": "another result is still being put into words"})
        else:
            self._make(outcome.value, _once(lambda found: reply(message | found)))

    def _make(self, value: object, reply: Callable[[Message], object]) -> None:
        def make() -> None:
            try:
                reply(_text_of(value, self._in_words))
            finally:
                self._busy.release()

        name = _name_of(self._in_words)
        late = threading.Timer(PATIENCE, reply, args=[{"why": f"{name} takes too long"}])
        late.daemon = True
        late.start()
        threading.Thread(target=make, name="jobactors-repr", daemon=True).start()


def _once(reply: Callable[[Message], object]) -> Callable[[Message], None]:
    """Return a function that hands on its first call alone: the text and the limit race."""
    first = threading.Lock()

    def reply_once(message: Message) -> None:
        if first.acquire(blocking=False):
            reply(message)

    return reply_once


def class_name(value: object) -> str:
    """Return the name of a value's class, whatever its metaclass returns for it."""
    name: str = _CLASS_NAME.__get__(type(value))
    return safe_text(name, LONGEST_NAME)


def short_text(value: object) -> str:
    """Return a bounded ``repr``; raises whatever a hostile one raises."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = LONGEST_RESULT
    short.maxlist = short.maxtuple = short.maxset = short.maxdict = MOST_ENTRIES
    return safe_text(short.repr(value), LONGEST_RESULT)


def _text_of(value: object, in_words: Callable[[Any], object]) -> Message:
    try:
        return {"text": safe_text(str(in_words(value)), LONGEST_RESULT)}
    except BaseException as error:  # it is the user's code: it may raise anything
        return {"why": f"{_name_of(in_words)} raised {class_name(error)}"}


def _name_of(in_words: Callable[[Any], object]) -> str:
    return "its repr" if in_words is short_text else "result_text"


def _word(value: object) -> str:
    """Return a metadata key or value as text, without calling any code of it."""
    if type(value) is str:
        return safe_text(value, LONGEST_NAME)
    if type(value) is int and value.bit_length() > LONGEST_NAME:
        return "int"
    if type(value) in _PLAIN:
        return repr(value)
    if type(value) in {list, tuple, set, dict}:
        return f"{class_name(value)} of {len(value)}"  # type: ignore[arg-type]
    return class_name(value)


def _middle_cut(text: str, longest: int) -> str:
    if len(text) > longest:
        half = longest // 2 - 20
        text = f"{text[:half]}\n… {len(text) - 2 * half} characters cut …\n{text[-half:]}"
    return safe_text(text, longest)
