"""Checkpoints of unfinished work: their rows, the leases on them, and their work files.

May import ``records``, ``loop``, ``queue`` and ``ports``.
"""
