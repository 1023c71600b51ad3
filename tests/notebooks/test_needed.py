# ruff: noqa: D103 (the name of a test is its sentence)
"""What the notebooks say where a package is missing that others do not need."""

from __future__ import annotations

import runpy
import sys

import pytest

from tests.notebooks.executed import NOTEBOOKS, cells_of


@pytest.mark.parametrize(
    ("module", "missing", "package"),
    [
        ("document_index.py", "faiss", "faiss-cpu"),
        ("document_vectors.py", "threadpoolctl", "threadpoolctl"),
        ("letter_page.py", "ipywidgets", "jobactors[notebook]"),
        ("ollama_stand_in.py", "hypercorn", "jobactors[http]"),
        ("site_commands.py", "typer", "typer"),
        ("site_page.py", "starlette.applications", "jobactors[http]"),
        ("site_work.py", "numpy", "numpy"),
    ],
)
def test_a_module_whose_package_is_missing_says_what_to_install(
    module: str, missing: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ModuleNotFoundError) as caught:
        runpy.run_path(str(NOTEBOOKS / module))
    assert f'is not installed: run %pip install "{package}" in a cell' in str(caught.value)


def test_the_cell_that_needs_dask_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = cells_of("03_from_this_kernel_to_a_cluster.ipynb")["cluster"]
    monkeypatch.setitem(sys.modules, "dask.distributed", None)
    with pytest.raises(ModuleNotFoundError, match=r'%pip install "jobactors\[dask\]"'):
        exec(cell, {})  # noqa: S102 - as its notebook does
