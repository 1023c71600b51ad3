"""The older ipykernels as kernels of the tests' own servers, beside the newest one.

A server for each of them would cost as much as all that its one test does.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from tests.kernel.client import IPYKERNELS, KERNELS

if TYPE_CHECKING:
    from pathlib import Path


def install_older_kernels(share: Path) -> None:
    """Describe them below `share`, where a server looks for its kernels."""
    for name in filter(None, IPYKERNELS.values()):
        path = os.pathsep.join([str(KERNELS / name), os.environ.get("PYTHONPATH", "")])
        described = {
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": name,
            "language": "python",
            "env": {"PYTHONPATH": path},
        }
        where = share / "kernels" / name / "kernel.json"
        where.parent.mkdir(parents=True)
        where.write_text(json.dumps(described))


def older_kernel(version: str) -> str:
    """Return the kernel's name for `open_notebook`.

    Args:
        version: "7.3" or "6".
    """
    name = str(IPYKERNELS[version])
    assert (KERNELS / name).is_dir(), "`make test` prepares the older ipykernels"
    return name
