"""The engine: what happens to a job between submit and its terminal state.

Everything here belongs to one trio loop.  Only that loop's thread writes; other threads enter
through the :mod:`~jobactors.engine.portal`.
"""
