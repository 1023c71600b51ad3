"""A program loads what it uses: the modules of a feature come with the first use of it.

Each program runs in an interpreter of its own, for this one has loaded everything.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from itertools import chain
from typing import TYPE_CHECKING, Final

import pytest

from tests.test_layers import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

OPENED: Final = """
import sys, trio, jobactors as ja

def loaded(*names):
    return sorted(
        name for name in sys.modules if any(f"{name}.".startswith(f"{one}.") for one in names)
    )

def double(x):
    print(x)
    return 2 * x

async def treble(x):
    return 3 * x

async def main():
    async with ja.open_jobs(max_running=2, resources={"gpu": 1}) as jobs:
        first = jobs.submit(double, 1)
        assert await jobs.options(after=[first], resources="gpu").run(treble, 2) == 6
        await use(jobs)
"""
CHAINS: Final = (
    "jobactors.inside.chain",
    "jobactors.model.phases",
    "jobactors.model.chain_document",
    "jobactors.engine.attempt.chain_job",
    "jobactors.engine.attempt.phase_elsewhere",
    "jobactors.engine.records.chain_phases",
    "jobactors.engine.system.stored_phases",
)
STORE: Final = (
    "jobactors.engine.storage",
    "jobactors.engine.system.opening",
    "jobactors.engine.system.revival",
    "jobactors.stores",
    "sqlite3",
    "json",
)
CHECKPOINTS: Final = (
    "jobactors.inside.report.checkpoint_buffer",
    "jobactors.engine.attempt.checkpoint_writer",
    "jobactors.model.keep",
)
RANGES: Final = ("jobactors.inside.verbs.ranges", "jobactors.engine.api.range_files")
BATCHES: Final = (
    "jobactors.engine.api.batch_intake",
    "jobactors.engine.api.batch",
    "jobactors.engine.api.group",
    "jobactors.model.batch_snapshot",
)
METRICS: Final = ("jobactors.engine.api.metrics_rows", "jobactors.model.metrics")
TEMPLATES: Final = ("jobactors.engine.api.templates", "jobactors.engine.storage.template_codec")
SCHEDULES: Final = ("jobactors.engine.api.schedule", "jobactors.engine.system.schedule_table")
ARGUMENTS: Final = ("jobactors.model.argument_check", "jobactors.model.parameters")
RESTART: Final = ("jobactors.engine.system.restart",)
BROKER: Final = ("jobactors.engine.attempt.resource_broker",)
SELECTION: Final = ("jobactors.engine.api.selection",)
PLAIN_VALUES: Final = ("jobactors.model.plain_snapshot",)
FACES: Final = ("jobactors.faces", "jobactors.hosts.terminal", "jobactors.hosts.start")
FEATURES: Final = (
    *(CHAINS, STORE, CHECKPOINTS, RANGES, BATCHES, METRICS, TEMPLATES, SCHEDULES, ARGUMENTS),
    *(RESTART, BROKER, SELECTION, PLAIN_VALUES, FACES),
)


def run(use: str, folder: Path, names: Iterable[str]) -> None:
    """Run a program that opens a system, and does something with its jobs, in an interpreter.

    Args:
        use: The lines of ``use(jobs)``.
        folder: The folder that it runs in.
        names: The modules and packages that ``NAMES`` has.
    """
    begin = f"import sys\nsys.path.insert(0, {str(ROOT)!r})\nNAMES = {tuple(names)!r}\n"
    body = textwrap.indent(textwrap.dedent(use), "    ")
    code = f"{begin}{OPENED}\nasync def use(jobs):\n{body}\ntrio.run(main)\n"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=folder)


def test_a_program_that_only_runs_jobs_loads_no_feature_that_it_does_not_use(
    tmp_path: Path,
) -> None:
    """Jobs in threads and on trio, their results, order, output and resources are all there."""
    run("assert not loaded(*NAMES), loaded(*NAMES)", tmp_path, chain.from_iterable(FEATURES))


def test_a_program_that_tracks_loads_no_more_than_the_checkpoints_of_its_loops(
    tmp_path: Path,
) -> None:
    """A loop goes on where it stopped, which takes a look at what was saved."""
    use = """
        def track():
            return sum(ja.track(range(3)))
        assert await jobs.run(track) == 3
        assert not loaded(*NAMES), loaded(*NAMES)
    """
    run(use, tmp_path, chain.from_iterable(set(FEATURES) - {CHECKPOINTS}))


FIRST_USES: Final = {
    "a chain": (
        CHAINS[:-1],
        """
        result = await jobs.run(ja.chain(ja.phase("One", double, {"x": 1})))
        assert result.results["One"] == 2
        """,
    ),
    "a chain by its name": (
        CHAINS[:-1],
        """
        ja.job("double")(double)
        phases = {"phases": [{"type": "double", "arguments": {"x": 1}}]}
        assert (await jobs.run("chain", phases)).success
        """,
    ),
    "a range": (
        RANGES[:1],
        """
        def tag(part):
            with part.open() as out:
                out.writelines(f"{i} " for i in part.track())
        for part in ja.ranges(4, 2):
            await jobs.submit(tag, part)
        assert jobs.merge("tag", into="all").read_text() == "0 1 2 3 "
        """,
    ),
    "a checkpoint": (
        CHECKPOINTS,
        """
        def save():
            ja.save_checkpoint({"at": 7})
            raise ValueError
        try:
            await jobs.run(save)
        except ValueError:
            pass
        assert jobs.checkpoints()[0].value == {"at": 7}
        """,
    ),
    "a batch": (BATCHES[:2], "assert await jobs.map(abs, [-1, -2]) == [1, 2]"),
    "a group": (
        BATCHES[1:],
        """
        group = jobs.group("mine")
        await group.submit(abs, -1)
        assert group.snapshot().submitted == 1
        """,
    ),
    "metrics": (METRICS, 'assert len(jobs.metrics(by="all")) == 1'),
    "a template": (
        TEMPLATES,
        """
        ja.job("treble")(treble)
        jobs.add_template("mine", "treble", arguments={"x": 2})
        assert await jobs.template("mine").submit() == 6
        """,
    ),
    "a schedule": (SCHEDULES, 'jobs.schedule("soon", ja.every(hours=1)).submit(treble, 1)'),
    "arguments by name": (
        ARGUMENTS,
        """
        ja.job("treble")(treble)
        assert await jobs.run("treble", {"x": 2}) == 6
        """,
    ),
    "a restart": (
        RESTART,
        """
        job = jobs.submit(treble, 1)
        await job
        assert await job.restart() == 3
        """,
    ),
    "a resource that a running job asks for": (
        BROKER,
        """
        async def hold():
            async with ja.current_job().acquire("gpu"):
                return jobs.resources().is_busy("gpu")
        assert await jobs.run(hold)
        """,
    ),
    "a selection": (SELECTION, 'jobs.select(tag="none").cancel()'),
    "plain values": (PLAIN_VALUES, 'assert dict(jobs.list()[0])["state"] == "succeeded"'),
    "a store": (
        STORE[:2],
        """
        async with ja.open_jobs(store="jobs.db") as others:
            assert await others.run(treble, 2) == 6
        """,
    ),
}


@pytest.mark.parametrize("feature", FIRST_USES)
def test_the_first_use_of_a_feature_loads_it(feature: str, tmp_path: Path) -> None:
    """Nothing of it was there before, though jobs had run."""
    names, use = FIRST_USES[feature]
    before = "assert not loaded(*NAMES), loaded(*NAMES)"
    after = "assert all(name in sys.modules for name in NAMES), loaded(*NAMES)"
    run(f"{before}\n{textwrap.dedent(use)}\n{after}", tmp_path, names)
