"""How attempts are executed: one module a kind, one protocol (:class:`jobactors.engine.attempt.Runner`)."""
