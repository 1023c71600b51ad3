"""What a job's own code touches, tried without an engine."""
