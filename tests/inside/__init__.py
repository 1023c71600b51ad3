"""The functions that a job's own code calls, without an engine."""
