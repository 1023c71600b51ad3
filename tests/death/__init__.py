"""What is promised when the program around the jobs is struck: `situations.py` has the table."""
