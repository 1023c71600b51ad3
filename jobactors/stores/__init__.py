"""Stores, in which jobs outlive their process.  Their protocol is ``engine/ports/store.py``."""
