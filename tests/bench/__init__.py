"""How fast jobactors is: one small program a question, each against the bare thing.

A program is a module with a ``PROGRAM``.  Its first variant is the *floor*, what the work costs
without any library; its second is jobactors; the rest are peers on the same work.  Every variant
runs in a process of its own, in turns with the others, several times, and what counts is the ratio
to the floor of the same turn: absolute times mean nothing on a shared machine.

    make bench                                          everything, as one table
    .venv/bin/python -m tests.bench progress cancel     some of it
    .venv/bin/python -m tests.bench --smoke             the smallest sizes: does it run at all?
"""
