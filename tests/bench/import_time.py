"""``import jobactors`` and the first name used of it, in an interpreter that has loaded nothing."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from tests.bench.harness import ROOT, Measure, Numbers, Program, Variant

TIMED = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"


def best_of(statement: str, times: int) -> Numbers:
    """Milliseconds the statement takes, the best of so many fresh interpreters."""
    command = [sys.executable, "-c", TIMED.format(statement)]
    seconds = [float(subprocess.check_output(command, cwd=ROOT)) for _ in range(times)]
    return {"import": min(seconds) * 1e3}


PROGRAM = Program(
    title="`import jobactors; jobactors.open_jobs`",
    measures=(Measure("import", "ms", at_most=1.5),),
    variants=(
        Variant("import trio", partial(best_of, "import trio")),
        Variant("jobactors", partial(best_of, "import jobactors; jobactors.open_jobs")),
        Variant("without open_jobs", partial(best_of, "import jobactors")),
        Variant("import trio, msgspec", partial(best_of, "import trio, msgspec")),
        Variant("import asyncio", partial(best_of, "import asyncio")),
    ),
    size=5,
    smoke_size=1,
    rounds=5,
)
