"""A program that keeps its jobs is killed at every moment, and goes on: see `workload.py`."""
