"""Where jobs are kept beyond their process: one protocol (``engine.store.Store``), one suite."""
