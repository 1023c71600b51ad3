"""Whatever is submitted, cancelled, paused, held and waited for: the engine does as the table says.

`make simulate` plays 10,000 programs, others each time (SEEDS=… plays more); `make test` plays the
same few each time.  A program of `make simulate` that fails is shortened and put into `corpus/`, to
be committed with the cure.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.simulation.play import play
from tests.simulation.programs import PROGRAMS, Program, corpus
from tests.simulation.reduce import keep, reduce

SEEDS = int(os.environ.get("JOBACTORS_SEEDS", "0"))
FEW = 100
LONGEST = 60
CORPUS = corpus()


@settings(
    max_examples=SEEDS or FEW,
    deadline=None,
    database=None,
    derandomize=not SEEDS,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],  # `reduce` is quicker than Hypothesis at making a program shorter
)
@given(PROGRAMS)
def test_the_engine_does_what_the_model_says(program: Program) -> None:
    """After every step both stand alike, and every block ends as promised."""
    failed = _failure(program)
    if failed is None:
        return
    short = reduce(program, lambda other: type(_failure(other)) is type(failed))
    text = json.dumps(short)
    if SEEDS:
        keep(short, f"found-{hashlib.sha256(text.encode()).hexdigest()[:8]}")
    pytest.fail(f"{_failure(short)!r} in the program {text}")


def _failure(program: Program) -> BaseException | None:
    signal.signal(signal.SIGALRM, _hangs)
    signal.alarm(LONGEST)
    try:
        play(program)
    except Exception as exc:
        inner: BaseException = exc
        while isinstance(inner, BaseExceptionGroup):
            inner = inner.exceptions[0]
        return inner
    finally:
        signal.alarm(0)
    return None


def _hangs(*_: object) -> None:
    raise TimeoutError(f"the program has not ended within {LONGEST} s of real time")


@pytest.mark.parametrize("name", CORPUS)
def test_what_once_failed_goes_well(name: str) -> None:
    """The programs that have found something; `keep` in `reduce.py` writes new ones."""
    play(CORPUS[name])
