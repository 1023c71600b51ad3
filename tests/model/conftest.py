"""No test of this room is about time."""

from __future__ import annotations

from hypothesis import settings

# On a busy machine an example takes what it takes.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
