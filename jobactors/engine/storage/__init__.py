"""The store's side of the engine: the journal that writes, and the codecs of rows and submits.

May import ``records``, ``loop``, ``queue`` and ``ports``.
"""
