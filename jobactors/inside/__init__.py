"""What a job's own code touches: tracking, progress, stages, the current job.

The model and one context variable, and nothing of the engine, so that a child process that runs
jobs loads as little as possible.  Every function here also works outside a job, where it is quiet.
"""
