"""The runners: one conformance suite, and a module for the particulars of each."""
