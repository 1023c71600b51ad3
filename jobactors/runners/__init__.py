"""Executes attempts: as trio tasks, in threads, in processes, in asyncio, as tracked blocks.

Imports ``engine.ports`` and what is below the engine.
"""
