"""The runners: one conformance suite, and what each does alone."""
