"""Serves a job's own code: tracking, progress, stages, checkpoints, the current job.

Imports the model and nothing of the engine, so that a process that runs one job loads as little as
possible.  Every function here also works outside a job, where it has no effect.

Its rooms import one way: ``chain`` > ``verbs`` > ``context`` > ``signals`` > ``report``.
"""
