"""Other libraries' shapes for the same jobs."""
