"""Runs several functions as the phases of one job; imports every other room of ``inside``."""
