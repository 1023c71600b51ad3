"""The worked systems and the tour."""
