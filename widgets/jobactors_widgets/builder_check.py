"""Problems of a document, as the cards of a builder show them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypedDict

import jobactors as ja

from .wire import LONGEST_MESSAGE, safe_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

_OF_PHASE: Final = re.compile(r"phase (?P<number>\d+): ")


class WireProblem(TypedDict):
    """One problem, as `static/builder/form.js` reads it."""

    severity: str
    text: str
    path: str
    """The argument, and the way inside it; empty for all of it."""
    places: list[int]
    """The places of the phases that it is about; empty for the whole chain."""


def problems_of(document: Mapping[str, Any]) -> tuple[ja.Chain | None, list[WireProblem]]:
    """Return the chain that a document describes, if it is one, and all its problems.

    The ``validate`` of its types is called: code of the user, in this thread.
    """
    try:
        chain = ja.chain.from_json(document)
    except (TypeError, ValueError) as error:
        return None, [_of_document(str(error))]
    return chain, [wire_problem(one) for one in chain.check()]


def _of_document(text: str) -> WireProblem:
    found = _OF_PHASE.match(text)
    places = [] if found is None else [int(found["number"]) - 1]
    said = text if found is None else text[found.end() :]
    return {
        "severity": "error",
        "text": safe_text(said, LONGEST_MESSAGE),
        "path": "",
        "places": places,
    }


def wire_problem(problem: ja.ChainProblem) -> WireProblem:
    """Return a problem of a chain for the wire."""
    return {
        "severity": problem.severity,
        "text": safe_text(problem.text, LONGEST_MESSAGE),
        "path": safe_text(problem.path, LONGEST_MESSAGE),
        "places": list(problem.places),
    }


def argument_problems(problems: Sequence[ja.ArgumentProblem]) -> list[WireProblem]:
    """Return problems of one job's arguments for the wire."""
    return [
        {
            "severity": one.severity,
            "text": safe_text(one.text, LONGEST_MESSAGE),
            "path": safe_text(one.path, LONGEST_MESSAGE),
            "places": [],
        }
        for one in problems
    ]
