"""One trio loop, without jobs: its portal, its timers and clock, and the threads beside it.

Imports no other room of the engine.
"""
