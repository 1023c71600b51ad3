"""Holds the functions that a job's code calls: ``track``, ``progress``, ``stage`` and the like.

Imports ``context``, ``signals`` and ``report``.
"""
