"""Tests of the stores: contents, ownership, and every kind of damage."""
