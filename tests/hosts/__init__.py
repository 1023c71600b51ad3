"""Where a system lives: a thread beside the program."""
