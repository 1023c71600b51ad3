"""Classes of features that a program may never use.

Where a feature's module was not loaded, there is no object of its classes either: to ask whether
something is one needs no import.
"""

from __future__ import annotations

import sys
from typing import Any


def loaded_class(module: str, name: str) -> type[Any] | tuple[()]:
    """Return a class for ``isinstance``; an empty tuple if it is not loaded.

    Args:
        module: The name of its module.
        name: The name of the class.
    """
    found = sys.modules.get(module)
    # Another thread may be loading it: then there is no class yet, and no object of it.
    return getattr(found, name, ())
