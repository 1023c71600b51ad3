"""One job system: admission, commands and recovery, above the core that moves jobs.

May import every room of the engine but ``api``.
"""
