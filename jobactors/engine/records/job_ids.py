"""Readable job ids, unique across processes, restarts and kernels."""

from __future__ import annotations

import functools
import itertools
import os
import re
from typing import Final

_ALPHABET: Final = "abcdefghjkmnpqrstvwxyz23456789"  # no letter that is read as a digit
_TAG_LENGTH: Final = 10  # 30**10: two processes in a million share a tag once in a thousand years
_UNSAFE: Final = re.compile(r"[^a-z0-9_]+")
_LONGEST_STEM: Final = 32


class JobIds:
    """Makes ids such as ``train-3-k7m2x9qaef``: type, count and tag of the process."""

    def __init__(self) -> None:
        self._renew()
        # A forked child would go on with its parent's tag and count, and repeat its ids.
        os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self._count = itertools.count(1)  # next() is one C call: safe from any thread
        self._tag = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in os.urandom(_TAG_LENGTH))

    def new(self, type_name: str) -> str:
        """Return a new id, prefixed by the job type."""
        return f"{_stem(type_name)}-{next(self._count)}-{self._tag}"


@functools.lru_cache(maxsize=1_000)
def _stem(type_name: str) -> str:
    return _UNSAFE.sub("_", type_name.lower())[:_LONGEST_STEM].strip("_") or "job"


IDS: Final = JobIds()
