"""What a notebook says if a package is missing that only some of the notebooks need."""

from collections.abc import Generator
from contextlib import contextmanager

PACKAGES = {
    "dask": "jobactors[dask]",
    "distributed": "jobactors[dask]",
    "faiss": "faiss-cpu",
    "hypercorn": "jobactors[http]",
    "ipywidgets": "jobactors[notebook]",
    "starlette": "jobactors[http]",
}
"""What pip installs for a module; any other module has its package's name."""


@contextmanager
def needing() -> Generator[None]:
    """Say what to install if an import of the block fails."""
    try:
        yield
    except ModuleNotFoundError as error:
        module = (error.name or "").partition(".")[0]
        cure = f'%pip install "{PACKAGES.get(module, module)}"'
        raise ModuleNotFoundError(
            f"{module} is not installed: run {cure} in a cell, then this cell again",
            name=error.name,
        ) from None
