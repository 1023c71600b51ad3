"""The engine: takes jobs from their submit to their terminal state.

Everything here belongs to one trio loop.  Only that loop's thread writes; other threads enter
through the :mod:`~jobactors.engine.loop.portal`.  Its rooms import in one direction::

    api > system > attempt > storage, checkpoints > records > loop, queue, ports
"""
