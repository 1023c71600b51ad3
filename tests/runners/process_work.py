"""Functions that tests run in processes; apart, so that a child need not import pytest."""

from __future__ import annotations

import os
import time

import jobactors as ja


def loop() -> None:
    """Work that can be cancelled and paused."""
    for n in ja.track(range(10**9)):
        if n == 1:
            ja.progress(1, pid=os.getpid())
        time.sleep(0.001)


def sleep() -> None:
    """Work that cannot, and says so before."""
    meter = ja.current_job()._meter
    meter.counters["pid"] = os.getpid()
    meter.changed()
    time.sleep(1000)
