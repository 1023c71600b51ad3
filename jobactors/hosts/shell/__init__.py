"""The command line: ``jobactors list``, ``jobactors run -- make`` and others.

One module a family of subcommands, which is loaded when one of them is used; ``parser`` alone knows
them all.  A store that no process owns is opened here; the owner of any other one is asked.
"""
