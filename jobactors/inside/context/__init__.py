"""Finds the current job, and shows it to the job's own code.

Imports ``signals`` and ``report``.
"""
