"""Gives jobs the shapes of other libraries: an executor, a progress bar.

Imports the engine's ``api`` and ``ports``, and the rooms below the engine.
"""
