"""An environment in which Jupyter and the browser read and write nothing of the user's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def isolated_environment(home: Path) -> dict[str, str]:
    """Return this environment with every place that Jupyter writes to moved below `home`."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("JUPYTER", "JPY_", "XDG_", "IPYTHON", "PYTEST_"))
    }
    home.mkdir(parents=True, exist_ok=True)
    return inherited | {
        "HOME": str(home),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        # The kernel is the one of this environment, whatever `python3` means elsewhere.
        "JUPYTER_PREFER_ENV_PATH": "1",
    }
