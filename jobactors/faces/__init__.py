"""Gives jobs the shapes of other libraries: an executor, a progress bar.

Imports the engine's ``api`` and ``ports``, its loan of slots, and the rooms below the engine.
"""
