"""The words: states, events, snapshots and the decisions over them.

Pure Python and msgspec's structs.  Nothing here reads a clock, opens a file or knows of an event
loop, so every rule of this room can be tried over its whole product of cases.
"""
