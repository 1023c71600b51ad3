"""Tests that drive JupyterLab and Notebook 7 in a real Chromium."""
