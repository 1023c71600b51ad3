"""Stores what a running job reports: progress, checkpoints, errors of items, work files.

Imports the model alone.
"""
