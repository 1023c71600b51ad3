"""Whatever is submitted, cancelled, paused, held and waited for: the engine does as the table says.

`make simulate` plays 10,000 programs and more (`SEEDS=…`); `make test` plays some of them.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, given, settings

from tests.simulation.play import play
from tests.simulation.programs import PROGRAMS, Program

EXAMPLES = int(os.environ.get("JOBACTORS_SEEDS", "200"))


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=EXAMPLES == 200,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)
@given(PROGRAMS)
def test_the_engine_does_what_the_model_says(program: Program) -> None:
    """After every step both stand alike, and every block ends as promised."""
    play(program)
