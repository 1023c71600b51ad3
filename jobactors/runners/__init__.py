"""How attempts are executed: one module a kind, one protocol (``engine.attempt.Runner``)."""
