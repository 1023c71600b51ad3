"""The seams of the engine: protocols of runners and stores, and names that are bound late.

Imports no other room of the engine.
"""
