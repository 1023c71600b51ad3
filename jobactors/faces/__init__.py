"""Other libraries' shapes for the same jobs: an executor, a progress bar."""
