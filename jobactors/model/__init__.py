"""The words: states, events, snapshots, options, and the decisions over them.

Nothing here reads a clock, opens a file or knows of an event loop, so every rule of this room can
be tried over its whole product of cases.

Two libraries make values, by one rule.  A value that a *person* writes, and that is checked where
it is written (``Options``, ``Retry``, ``Retention``, ``Limits``, ``Every``, ``Keep``, ``Phase``),
is a frozen **attrs** class: its fields convert and validate, once, in the constructor.  A value
that the *engine* makes, some by the thousand a second (events, snapshots, progress, rows), is a
frozen **msgspec** struct: it is made in a fifth of the time, checked by the type checker alone,
and encoded without code of ours.
"""
