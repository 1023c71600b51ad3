"""The tests: one module for each module, and the rooms that need a kernel or a browser."""
