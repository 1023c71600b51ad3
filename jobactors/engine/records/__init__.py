"""The facts about jobs: the record of each, their registry and ids, events to subscribers.

May import ``loop``, ``queue`` and ``ports``.
"""
