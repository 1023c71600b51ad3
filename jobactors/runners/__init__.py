"""Executes attempts: as trio tasks, in threads, in processes, in asyncio, as tracked blocks.

Imports the engine's ``ports``, for blocks also its ``api``, and the rooms below the engine.
"""
