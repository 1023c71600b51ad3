"""The handles that users hold: jobs, batches, selections, subscriptions, history.

May import every other room of the engine.
"""
