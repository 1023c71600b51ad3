"""Decides which jobs start, which go on, and which must not wait: pure, without a clock."""
