"""Options are known by name to ``help()``, to completion, and to whoever asks for a signature."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

import jobactors as ja
from jobactors.model.options import OPTION_NAMES, UPDATABLE

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (ja.Jobs.options, OPTION_NAMES),
        (ja.Submitter.options, OPTION_NAMES),
        (ja.job, OPTION_NAMES - {"name"}),
        (ja.tracked, OPTION_NAMES - {"name"}),
        (ja.Job.update, UPDATABLE),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_every_option_is_a_named_parameter(
    function: Callable[..., Any], names: frozenset[str]
) -> None:
    """Each with its default."""
    parameters = inspect.signature(function).parameters
    assert names <= parameters.keys()
    assert parameters["timeout"].default is None
    assert parameters["timeout"].kind is inspect.Parameter.KEYWORD_ONLY
    assert "ForwardRef" not in str(inspect.signature(function))
    assert parameters["description"].annotation is str


async def test_a_notebook_completes_options() -> None:
    """IPython offers them after Tab."""
    from IPython.core.completer import provisionalcompleter
    from IPython.core.interactiveshell import InteractiveShell

    async with ja.open_jobs() as jobs:
        shell = InteractiveShell()  # type: ignore[no-untyped-call]
        shell.user_ns["jobs"] = jobs
        shell.Completer.use_jedi = False
        with provisionalcompleter():
            found = shell.Completer.completions("jobs.options(time", len("jobs.options(time"))
            offered = {completion.text for completion in found}
    assert "timeout=" in offered
