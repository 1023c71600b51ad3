"""Carries what reaches a running job from outside: cancel, pause, messages.

Imports ``report``.
"""
