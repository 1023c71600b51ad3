"""One running attempt of a job: its actor, its toolbox, and the host that both report to.

May import ``storage``, ``checkpoints``, ``records``, ``loop``, ``queue`` and ``ports``.
"""
