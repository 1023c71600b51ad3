"""Tests of the places a job system runs in."""
