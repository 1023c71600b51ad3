"""Tests that talk to a real ipykernel, as a front end does."""
